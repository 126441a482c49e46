"""A large site is read in time that grows with it, and not faster."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ffplay.load import load_inventory

SHARDS = 8


def yaml(hosts: int) -> str:
    lines = [f"      db{number}: {{ansible_host: 10.0.0.1, shards: {SHARDS}}}" for number in range(hosts)]
    return "\n".join(["all:", "  children:", "    tntapi:", "     hosts:", *lines])


def ini(hosts: int) -> str:
    lines = [f"db{number} ansible_host=10.0.0.1 shards={SHARDS}" for number in range(hosts)]
    return "\n".join(["[tntapi]", *lines])


def seconds(path: Path, text: str, hosts: int) -> float:
    path.write_text(text)
    begun = time.process_time()
    site = load_inventory([path])
    taken = time.process_time() - begun
    assert (len(site.hosts), sum(len(host.shards) for host in site.hosts)) == (hosts, hosts * SHARDS)
    return taken


@pytest.mark.parametrize("form", [yaml, ini])
def test_four_times_the_hosts_take_about_four_times_as_long(tmp_path: Path, form: Callable[[int], str]) -> None:
    seconds(tmp_path / "first", form(10), 10)  # what is imported once
    small = min(seconds(tmp_path / "small", form(250), 250) for _ in range(3))
    large = min(seconds(tmp_path / "large", form(1000), 1000) for _ in range(3))
    assert large < 9 * small  # sixteen times where each host looks at every other one
    assert large < 2.0  # a quarter of a second of one core of 2024
