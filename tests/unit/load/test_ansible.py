"""Inventories are read as the real `ansible-inventory` reads them.

Each directory of `ansible/` is a site in the shape of a public project's, or one rule seen from all sides.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ffplay.load import Loaded, Sources, load, select
from ffplay.report import inventory as report
from tests.ansible import ansible
from tests.unit.load.random_inventories import Writer

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


PATTERNS = (
    "all", "*", "osds", "osds_fast:lonely", "osds,mons", "osds:&osds_all_flash", "osds:!osd1", "!osds", "&osds:!osd4",
    "osd*", "*.site.example", "rgw[ab]*", "osd?:!~.*[12]$", "~(mon|osd)[13]", "~osd[12]:&osds", "osds[0]", "osds[-1]",
    "osds[1:2]", "osds[1:]", "mons[0:0]:osds[3]", "rgw*[0]", "ungrouped", "nfss", "monitor", "spare:clients",
    "rgwa.site.example", "all:!clients:!osds", "cold,&osds", "mdss:mdss",
)  # fmt: skip
# What Ansible's own library answers, all patterns in one process.
ASKING = """
import json, sys
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
manager = InventoryManager(loader=DataLoader(), sources=[sys.argv[1]])
print(json.dumps([[host.name for host in manager.get_hosts(pattern)] for pattern in json.load(sys.stdin)]))
"""


def test_a_pattern_names_the_hosts_that_ansible_finds() -> None:
    source = str(HERE / "many-groups" / "hosts.yaml")
    done = ansible("python", "-c", ASKING, source, stdin=json.dumps(PATTERNS))
    assert done.returncode == 0, done.stderr
    site = loaded("many-groups").site
    ours = {pattern: {host.name for host in select(site, pattern)} for pattern in PATTERNS}
    assert ours == {pattern: set(found) for pattern, found in zip(PATTERNS, json.loads(done.stdout), strict=True)}
    assert all(ours[pattern] for pattern in PATTERNS if pattern not in {"nfss", "cold,&osds"})


RANDOM = 60
# What Ansible's own library makes of each inventory, all of them in one process.
READING = """
import json, sys
from ansible import constants
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.vars.manager import VariableManager
found = []
for source in json.load(sys.stdin):
    loader = DataLoader()
    inventory = InventoryManager(loader=loader, sources=[source])
    variables = VariableManager(loader=loader, inventory=inventory)
    own = {*variables.get_vars(include_hostvars=False), *constants.INTERNAL_STATIC_VARS}
    hosts = {}
    for host in inventory.hosts.values():
        values = variables.get_vars(host=host, include_hostvars=False, stage="all")
        hosts[host.name] = {name: value for name, value in values.items() if name not in own}
    groups = [
        [group.name, [host.name for host in group.hosts], [child.name for child in group.child_groups]]
        for group in inventory.groups.values()
    ]
    found.append([groups, hosts])
print(json.dumps(found))
"""


def test_whatever_is_written_means_what_it_means_to_ansible(tmp_path: Path) -> None:
    sources = [Writer(seed).site(tmp_path / str(seed)) for seed in range(RANDOM)]
    done = ansible("python", "-c", READING, stdin=json.dumps([str(source) for source in sources]))
    assert done.returncode == 0, done.stderr
    for source, theirs in zip(sources, json.loads(done.stdout), strict=True):
        found = load(Sources(None, (source,)))
        groups = [
            [name, list(group.hosts), list(group.children)] for name, group in found.origins.inventory.groups.items()
        ]
        hosts = {host.name: report.masked(found.origins.levels.written(host.name)) for host in found.site.hosts}
        assert [groups, hosts] == theirs, source
