"""What an inventory says: groups, their children and hosts, and variables as they were written, by whom and where.

How the files of each form are read is in `inventory_yaml`, `inventory_ini` and `inventory_script`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ffplay.load.findings import Findings
from ffplay.load.marked import Dict, Place, value_place

# Letters of patterns and of shells could not be told from those of a group's name.
_GROUP_NAME = re.compile(r"[^\s,:&!~@\[\]*?/#'\"]+")
# Set the order of groups of one depth; like Ansible, it is no variable of the hosts.
_PRIORITY = "ansible_group_priority"


@dataclass
class Group:
    """A group while inventories are read.

    `hosts` and `children` are in the order in which they were given, a child with where its name was written.
    `written` are its variables, one mapping a place that gives some, the later ones stronger.
    """

    name: str
    hosts: dict[str, None] = field(default_factory=dict)
    children: dict[str, Place | None] = field(default_factory=dict)
    written: list[Dict] = field(default_factory=list)

    def priority(self, findings: Findings) -> int:
        """Return what decides between groups of one depth: the higher number wins."""
        for given in reversed(self.written):
            if _PRIORITY in given:
                try:
                    return int(given[_PRIORITY])
                except (TypeError, ValueError):
                    findings.add(value_place(given, _PRIORITY), f"`{_PRIORITY}` must be an integer")
        return 1


@dataclass
class HostEntry:
    """A host while inventories are read: where it was first named, and its variables as those of a group."""

    place: Place | None
    written: list[Dict] = field(default_factory=list)


@dataclass
class Inventory:
    """The inventory as written: groups and hosts by name, in order; nothing rendered yet."""

    groups: dict[str, Group] = field(default_factory=lambda: {"all": Group("all"), "ungrouped": Group("ungrouped")})
    hosts: dict[str, HostEntry] = field(default_factory=dict)

    def group(self, name: str, place: Place | None, findings: Findings) -> Group:
        """Return the group of that name, made where it is new."""
        if name not in self.groups:
            if not _GROUP_NAME.fullmatch(name):
                findings.add(place, f"`{name}` cannot be a group's name: letters, digits, `_`, `-` and `.` only")
            self.groups[name] = Group(name)
        return self.groups[name]

    def host(self, name: str, place: Place | None, group: Group, port: int | None = None) -> HostEntry:
        """Return a host, put into a group; the port counts where the host is new, as in Ansible."""
        if name not in self.hosts:
            self.hosts[name] = HostEntry(place)
            if port is not None:
                self.hosts[name].written.append(one("ansible_port", port, place))
        group.hosts[name] = None
        return self.hosts[name]

    def members(self, name: str) -> tuple[str, ...]:
        """Return the hosts of a group and then those of its children, level by level, in the order written."""
        return tuple(dict.fromkeys(host for child in self.descendants(name) for host in self.groups[child].hosts))

    def descendants(self, name: str) -> list[str]:
        """Return a group's name and those of all groups within it, level by level."""
        found, level = {name: None}, [name]
        while level:
            level = [child for parent in level for child in self.groups[parent].children if child not in found]
            found.update(dict.fromkeys(level))
        return list(found)

    def depths(self) -> dict[str, int]:
        """Return how deep each group lies below `all`, by the longest way."""
        found = dict.fromkeys(self.groups, 1)
        found["all"] = 0
        waiting = [name for name in self.groups if name != "all"]
        while waiting:
            name = waiting.pop()
            for child in self.groups[name].children:
                if found[child] <= found[name]:
                    found[child] = found[name] + 1
                    waiting.append(child)
        return found

    def order(self, findings: Findings) -> list[str]:
        """Return the groups below `all`, the weakest first: by depth, then by priority, then by name."""
        depths = self.depths()
        names = (name for name in self.groups if name != "all")
        return sorted(names, key=lambda name: (depths[name], self.groups[name].priority(findings), name))

    def finish(self, findings: Findings) -> None:
        """Put every group below `all` and every host into a group; report groups that contain themselves."""
        for group in self.groups.values():
            for child in [child for child in group.children if group.name in self.descendants(child)]:
                place = group.children.pop(child)
                findings.add(place, f"the group `{group.name}` contains itself, by way of `{child}`")
        every, inner = self.groups["all"], {child for group in self.groups.values() for child in group.children}
        first = [name for name in ("ungrouped",) if name not in inner]
        rest = [name for name in self.groups if name not in inner and name not in {"all", "ungrouped"}]
        every.children = {**dict.fromkeys(first), **every.children, **dict.fromkeys(rest)}
        named = {name for name in self.groups if name not in {"all", "ungrouped"}}
        grouped = {host for name in named for host in self.groups[name].hosts}
        lone = [*self.groups["ungrouped"].hosts, *self.hosts]
        self.groups["ungrouped"].hosts = dict.fromkeys(host for host in lone if host not in grouped)


def one(name: str, value: Any, place: Place | None) -> Dict:
    """Return one variable as a mapping with its place."""
    found = Dict({name: value})
    found.place = place
    if place is not None:
        found.key_places[name] = found.value_places[name] = place
    return found


def merge(into: Dict, other: Mapping[Any, Any]) -> None:
    """Put a mapping's entries over another's, places included."""
    into.update(other)
    into.key_places.update(getattr(other, "key_places", {}))
    into.value_places.update(getattr(other, "value_places", {}))


def joined(layers: Iterable[Mapping[Any, Any]]) -> Dict:
    """Return mappings as one, the later ones stronger."""
    found = Dict()
    for layer in layers:
        merge(found, layer)
    return found


def without_priority(written: Iterable[Dict]) -> Iterator[Dict]:
    """Yield a group's variables without the one that only orders groups."""
    for given in written:
        if _PRIORITY not in given:
            yield given
            continue
        left = joined([given])
        left.place = given.place
        del left[_PRIORITY]
        yield left
