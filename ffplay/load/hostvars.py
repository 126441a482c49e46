"""Which variables each host has: defaults, groups by depth, hosts, and the files of `group_vars/` and `host_vars/`."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from ffplay.findface import DEFAULTS
from ffplay.load.findings import Findings
from ffplay.load.inventory import Inventory, merge
from ffplay.load.marked import Dict, Place, Source, Text, parse, place_of, read, value_place

_SUFFIXES = ("", ".yml", ".yaml", ".json")


class VarsFiles:
    """The `group_vars/` and `host_vars/` beside an inventory or a playbook; a file is read once."""

    def __init__(self, folders: Iterable[Path], findings: Findings) -> None:
        self._folders = tuple(dict.fromkeys(folders))
        self._findings = findings
        self._read: dict[Path, Dict] = {}

    def of(self, kind: str, name: str) -> Dict:
        """Return the variables that files give to a group (`kind` is group_vars) or a host (host_vars)."""
        found = Dict()
        for folder in self._present(kind):
            for path in _files(folder / kind / name):
                merge(found, self._variables(path))
        return found

    def _present(self, kind: str) -> list[Path]:
        return [folder for folder in self._folders if kind in self._kinds[folder]]

    @cached_property
    def _kinds(self) -> dict[Path, set[str]]:
        every = ("group_vars", "host_vars")
        return {folder: {kind for kind in every if (folder / kind).is_dir()} for folder in self._folders}

    def _variables(self, path: Path) -> Dict:
        if path not in self._read:
            self._read[path] = variables_file(path, self._findings)
        return self._read[path]


def _files(base: Path) -> list[Path]:
    if base.is_dir():
        return sorted(path for path in base.rglob("*") if path.is_file() and path.suffix in _SUFFIXES)
    candidates = (base.with_name(base.name + suffix) for suffix in _SUFFIXES)
    return [path for path in candidates if path.is_file()]


def variables_file(path: Path, findings: Findings) -> Dict:
    """Return a file's variables."""
    value = read(path, findings)
    if value is None or isinstance(value, Dict):
        return value if value is not None else Dict()
    findings.add(place_of(value), f"{path}: a file of variables is a mapping of names to values")
    return Dict()


def merged(
    inventory: Inventory, beside_inventory: VarsFiles, beside_playbook: VarsFiles, findings: Findings
) -> dict[str, Dict]:
    """Return every host's variables; what is nearer to the host wins, as in Ansible."""
    base = defaults()
    for layer in (
        inventory.groups["all"].vars,
        beside_inventory.of("group_vars", "all"),
        beside_playbook.of("group_vars", "all"),
    ):
        merge(base, layer)
    order = _group_order(inventory, findings)
    of_group = {
        name: (
            inventory.groups[name].vars,
            beside_inventory.of("group_vars", name),
            beside_playbook.of("group_vars", name),
        )
        for name in order
    }
    members = {name: set(inventory.members(name)) for name in order}
    found = {}
    for host, own in inventory.hosts.items():
        variables = Dict()
        merge(variables, base)
        groups = [name for name in order if host in members[name]]
        for source in range(3):
            for name in groups:
                merge(variables, of_group[name][source])
        for layer in (own, beside_inventory.of("host_vars", host), beside_playbook.of("host_vars", host)):
            merge(variables, layer)
        variables.place = own.place
        found[host] = variables
    return found


def _group_order(inventory: Inventory, findings: Findings) -> list[str]:
    """Return the groups below `all`, the weakest first: by depth, then by priority, then by name."""
    depths, priorities = inventory.depths(), {}
    for name, group in inventory.groups.items():
        given = group.vars.get("ansible_group_priority", 1)
        try:
            priorities[name] = int(given)
        except (TypeError, ValueError):
            priorities[name] = 1
            findings.add(
                value_place(group.vars, "ansible_group_priority"), "`ansible_group_priority` must be an integer"
            )
    names = (name for name in inventory.groups if name != "all")
    return sorted(names, key=lambda name: (depths[name], priorities[name], name))


def defaults() -> Dict:
    """Return ffplay's own defaults."""
    found = Dict()
    for name, value in DEFAULTS.items():
        found[name] = Text(value) if isinstance(value, str) else value
    return found


def extra_variables(given: Iterable[str], findings: Findings) -> Dict:
    """Return the variables of `-e`, what comes later winning: `k=v k2=v2`, `@file.yml`, `{"json": 1}`."""
    found = Dict()
    for text in given:
        if text.startswith("@"):
            merge(found, variables_file(Path(text[1:]).expanduser(), findings))
        elif text.lstrip().startswith(("{", "[")):
            value = parse(text, "-e", findings)
            if isinstance(value, Dict):
                merge(found, value)
            elif value is not None:
                findings.add(place_of(value), "variables are a mapping of names to values")
        else:
            merge(found, _pairs(text, findings))
    return found


def _pairs(text: str, findings: Findings) -> Mapping[str, Any]:
    source = Source("-e", (text,))
    found = Dict()
    try:
        words = shlex.split(text)
    except ValueError:
        findings.add(Place(source, 1, 1, 1), "a quote is opened and never closed")
        return found
    for word in words:
        name, equals, value = word.partition("=")
        place = Place(source, 1, max(1, text.find(word) + 1), 1)
        if not equals or not name.isidentifier():
            findings.add(place, f"`{word}` sets no variable", "write name=value, @FILE, or JSON")
            continue
        found[name] = Text(value, place)
        found.key_places[name] = found.value_places[name] = place
    return found
