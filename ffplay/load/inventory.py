"""Ansible's YAML inventory: groups, children, variables and host ranges, read from files, directories or inline."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ffplay.load.findings import Findings, did_you_mean, hints
from ffplay.load.marked import Dict, Text, key_place, place_of, read, value_place

_GROUP_KEYS = ("hosts", "children", "vars")
# What Ansible, too, leaves out when an inventory is a directory.
_IGNORED = ("~", ".orig", ".ini", ".cfg", ".retry", ".bak", ".swp", ".md", ".txt", ".rst", ".pyc", ".rpm")
_RANGE = re.compile(r"\[(?P<first>\d+|[A-Za-z]):(?P<last>\d+|[A-Za-z])(?::(?P<step>\d+))?\]")
_PORT = re.compile(r"^(?P<name>[^:]+):(?P<port>\d+)$")


@dataclass
class Group:
    """A group while the inventory is read. `key` is where its name was first written."""

    name: str
    key: Any = None
    hosts: dict[str, None] = field(default_factory=dict)
    children: dict[str, Any] = field(default_factory=dict)
    vars: Dict = field(default_factory=Dict)


@dataclass
class Inventory:
    """The inventory as written: groups and hosts by name, in order; nothing rendered yet."""

    groups: dict[str, Group] = field(default_factory=lambda: {"all": Group("all"), "ungrouped": Group("ungrouped")})
    hosts: dict[str, Dict] = field(default_factory=dict)

    def group(self, name: str, key: Any = None) -> Group:
        """Return the group of that name, made where it is new."""
        return self.groups.setdefault(name, Group(name, key))

    def members(self, name: str) -> tuple[str, ...]:
        """Return the hosts of a group and of its children, in the inventory's order."""
        if name == "all":
            return tuple(self.hosts)
        inside = {host for child in self.descendants(name) for host in self.groups[child].hosts}
        return tuple(host for host in self.hosts if host in inside)

    def descendants(self, name: str) -> set[str]:
        """Return a group's name and those of all groups within it."""
        found, waiting = {name}, [name]
        while waiting:
            new = [child for child in self.groups[waiting.pop()].children if child not in found]
            found.update(new)
            waiting.extend(new)
        return found

    def depths(self) -> dict[str, int]:
        """Return how deep each group lies below `all`, by the longest way."""
        found = dict.fromkeys(self.groups, 1)
        found["all"] = 0
        for _ in self.groups:
            for group in self.groups.values():
                for child in group.children:
                    if group.name != "all":
                        found[child] = max(found[child], min(found[group.name] + 1, len(self.groups)))
        return found

    def finish(self, findings: Findings) -> None:
        """Put hosts without a group into `ungrouped`; report groups that contain themselves."""
        for group in self.groups.values():
            for child in [child for child in group.children if group.name in self.descendants(child)]:
                findings.add(
                    place_of(group.children.pop(child)),
                    f"the group `{group.name}` contains itself, by way of `{child}`",
                )
        grouped = {
            host for name, group in self.groups.items() if name not in {"all", "ungrouped"} for host in group.hosts
        }
        self.groups["ungrouped"].hosts = dict.fromkeys(host for host in self.hosts if host not in grouped)


def read_inventory(path: Path, into: Inventory, findings: Findings) -> None:
    """Add what a file, or every file of a directory, says to an inventory."""
    if not path.is_dir():
        if _is_ini(path):
            hint = f"convert it once: ansible-inventory -i {path} --list --yaml --output {path.stem}.yml"
            findings.add(None, f"{path}: this is an INI inventory; inventories are YAML here", hint)
            return
        add(read(path, findings), into, findings)
        return
    for entry in sorted(path.iterdir()):
        if entry.name.startswith(".") or entry.name in {"group_vars", "host_vars"} or entry.name.endswith(_IGNORED):
            continue
        read_inventory(entry, into, findings)


def _is_ini(path: Path) -> bool:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return False
    first = next((line.strip() for line in lines if line.strip() and not line.lstrip().startswith(("#", ";"))), "")
    return bool(re.fullmatch(r"\[[\w:.-]+\]", first)) or bool(re.match(r"^[\w.-]+(\s+\w+=\S+)+$", first))


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
    key = Text(str(name), where)
    group = into.group(str(name), key)
    if not re.fullmatch(r"[\w.-]+", str(name)):
        findings.add(where, f"`{name}` cannot be a group's name: letters, digits, `_`, `-` and `.` only")
    if body is None:
        return
    if not isinstance(body, Dict):
        findings.add(
            value_place(parent, name), f"the group `{name}` must be a mapping", "its keys: hosts, children, vars"
        )
        return
    for word in body:
        if word not in _GROUP_KEYS:
            hint = hints(did_you_mean(str(word), _GROUP_KEYS), "a group has hosts, children and vars")
            findings.add(key_place(body, word), f"the group `{name}` has no use for `{word}`", hint)
    _hosts(body, group, into, findings)
    for child in _mapping(body, "children", findings):
        group.children.setdefault(str(child), Text(str(child), key_place(body["children"], child)))
        _group(body["children"], child, into, findings)
    merge(group.vars, _mapping(body, "vars", findings))


def _mapping(body: Dict, word: str, findings: Findings) -> Dict:
    value = body.get(word)
    if isinstance(value, str) and word == "hosts":
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
        try:
            names = list(expand(str(pattern)))
        except ValueError as error:
            findings.add(key_place(hosts, pattern), f"`{pattern}`: {error}")
            continue
        for name in names:
            port = _PORT.match(name)
            name = port["name"] if port else name  # noqa: PLW2901
            variables = into.hosts.setdefault(name, Dict())
            variables.place = variables.place or key_place(hosts, pattern)
            if port:
                variables["ansible_port"] = int(port["port"])
            merge(variables, given or Dict())
            group.hosts[name] = None


def expand(pattern: str) -> Iterator[str]:
    """Yield the names that a pattern with ranges stands for: `db[1:3]`, `db[01:10:2]`, `db[a:c]`."""
    found = _RANGE.search(pattern)
    if found is None:
        if "[" in pattern:
            raise ValueError("a range is written [1:4], [01:10:2] or [a:c]")
        yield pattern
        return
    first, last, step = found["first"], found["last"], int(found["step"] or 1)
    for value in _range(first, last, step):
        yield from expand(pattern[: found.start()] + value + pattern[found.end() :])


def _range(first: str, last: str, step: int) -> list[str]:
    if step < 1 or first.isdigit() != last.isdigit():
        raise ValueError("a range runs from a number to a number, or from a letter to a letter")
    if not first.isdigit():
        values = [chr(code) for code in range(ord(first), ord(last) + 1, step)]
    else:
        if first.startswith("0") and len(first) > 1 and len(first) != len(last):
            raise ValueError("both ends of a range with leading zeros have the same number of digits")
        width = len(first) if first.startswith("0") else 0
        values = [str(number).zfill(width) for number in range(int(first), int(last) + 1, step)]
    if not values:
        raise ValueError("the range is empty: it ends before it begins")
    return values


def merge(into: Dict, other: Mapping[Any, Any]) -> None:
    """Put a mapping's entries over another's, places included."""
    into.update(other)
    into.key_places.update(getattr(other, "key_places", {}))
    into.value_places.update(getattr(other, "value_places", {}))
