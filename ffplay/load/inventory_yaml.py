"""Ansible's YAML inventories: a mapping of groups, each with `hosts`, `children` and `vars`."""

from __future__ import annotations

from typing import Any

from ffplay.load.findings import Findings, did_you_mean, hints
from ffplay.load.hostnames import hosts_of
from ffplay.load.inventory import Group, Inventory
from ffplay.load.marked import Dict, key_place, place_of, value_place

_GROUP_KEYS = ("hosts", "children", "vars")


def add(tree: Any, into: Inventory, findings: Findings) -> None:
    """Add a parsed inventory to another one."""
    if tree is None:
        return
    if not isinstance(tree, Dict):
        hint = "for example: all: {hosts: {db1: {ansible_host: 10.0.0.11}}}"
        findings.add(place_of(tree), "an inventory is a mapping of group names to groups", hint)
        return
    if "plugin" in tree:
        hint = "write what it finds to a file: ansible-inventory --list --yaml"
        findings.add(key_place(tree, "plugin"), "inventory plugins are not run here", hint)
        return
    for name in tree:
        _group(tree, name, into, findings)


def _group(parent: Dict, name: Any, into: Inventory, findings: Findings) -> None:
    body, where = parent[name], key_place(parent, name)
    group = into.group(str(name), where, findings)
    if body is None:
        return
    if not isinstance(body, Dict):
        findings.add(
            value_place(parent, name), f"the group `{name}` must be a mapping", "its keys: hosts, children, vars"
        )
        return
    # In the order written: of two places that give a host a variable, the later one wins.
    for word in body:
        if word == "hosts":
            _hosts(body, group, into, findings)
        elif word == "children":
            _children(body, group, into, findings)
        elif word == "vars":
            given = _mapping(body, "vars", findings)
            group.written += [given] if given else []
        else:
            hint = hints(did_you_mean(str(word), _GROUP_KEYS), "a group has hosts, children and vars")
            findings.add(key_place(body, word), f"the group `{name}` has no use for `{word}`", hint)


def _children(body: Dict, group: Group, into: Inventory, findings: Findings) -> None:
    children = _mapping(body, "children", findings)
    for child in children:
        _group(children, child, into, findings)
        group.children.setdefault(str(child), key_place(children, child))


def _mapping(body: Dict, word: str, findings: Findings) -> Dict:
    value = body.get(word)
    if isinstance(value, str) and word != "vars":
        single = Dict({str(value): None})
        single.place = place_of(value)
        return single
    if value is None or isinstance(value, Dict):
        return value if value is not None else Dict()
    hint = "write each name with a colon after it: `db1:`" if isinstance(value, list) else ""
    findings.add(value_place(body, word), f"`{word}` must be a mapping of names", hint)
    return Dict()


def _hosts(body: Dict, group: Group, into: Inventory, findings: Findings) -> None:
    hosts = _mapping(body, "hosts", findings)
    for pattern, given in hosts.items():
        if given is not None and not isinstance(given, Dict):
            findings.add(value_place(hosts, pattern), f"the variables of `{pattern}` must be a mapping")
            continue
        place = key_place(hosts, pattern)
        try:
            names, port = hosts_of(str(pattern))
        except ValueError as error:
            findings.add(place, f"`{pattern}`: {error}")
            continue
        for name in names:
            entry = into.host(name, place, group, port)
            entry.written += [given] if given else []
