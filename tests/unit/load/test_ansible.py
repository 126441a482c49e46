"""Inventories are read as the real `ansible-inventory` reads them.

Each directory of `ansible/` is a site in the shape of a public project's, or one rule seen from all sides.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ffplay.load import Loaded, Sources, load
from ffplay.report import inventory as report
from tests.ansible import ansible

TOP = Path(__file__).parents[3]
HERE = Path(__file__).parent / "ansible"
SITES = {
    "cluster-of-roles": ("inventory.ini",),
    "many-groups": ("hosts.yaml",),
    "deep-directory": ("site",),
    "types": ("inventory",),
    "precedence": ("inventory.yml",),
}


def loaded(site: str, *names: str) -> Loaded:
    return load(Sources(None, tuple(HERE / site / name for name in names or SITES[site])))


def asked(site: str, *words: str, names: tuple[str, ...] = ()) -> str:
    sources = [word for name in names or SITES[site] for word in ("-i", str(HERE / site / name))]
    done = ansible("ansible-inventory", *sources, *words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def listing(found: Loaded) -> Any:
    hosts = {host.name for host in found.site.hosts}
    return json.loads(json.dumps(report.listing(found.site, found.origins, hosts)))


@pytest.mark.parametrize("site", SITES)
def test_a_site_has_the_hosts_groups_and_variables_that_ansible_finds(site: str) -> None:
    ours, theirs = listing(loaded(site)), json.loads(asked(site, "--list"))
    assert ours["_meta"]["hostvars"] == theirs["_meta"]["hostvars"]
    assert ours == theirs


@pytest.mark.parametrize(
    ("site", "group", "words"),
    [
        ("cluster-of-roles", "all", ()),
        ("many-groups", "all", ("--vars",)),
        ("deep-directory", "OSEv3", ("--vars",)),
    ],
)
def test_a_tree_is_drawn_as_ansible_draws_it(site: str, group: str, words: tuple[str, ...]) -> None:
    found = loaded(site)
    ours = report.graph(found.site, found.origins, group, with_variables=bool(words))
    assert ours == asked(site, "--graph", group, *words).rstrip("\n").split("\n")
