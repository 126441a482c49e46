"""Inventories are read as the real `ansible-inventory` reads them."""

from __future__ import annotations

import json
from pathlib import Path

from tests.ansible import ansible

TOP = Path(__file__).parents[3]


def test_the_real_ansible_is_there_and_reads_a_shipped_inventory() -> None:
    done = ansible("ansible-inventory", "-i", str(TOP / "inventories/cluster.yml"), "--list")
    assert done.returncode == 0, done.stderr
    assert "db1" in json.loads(done.stdout)["_meta"]["hostvars"]
