"""Which variables each host has: defaults, groups by depth, hosts, and the files of `group_vars/` and `host_vars/`."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ffplay.findface import DEFAULTS
from ffplay.load.findings import Findings
from ffplay.load.inventory import Inventory, joined, without_priority
from ffplay.load.marked import Dict, Place, Source, Text, parse, place_of, read

_SUFFIXES = ("", ".yml", ".yaml", ".json")


@dataclass(frozen=True, slots=True)
class Level:
    """Variables of one strength, and whose they are: `group west`, `host db1`."""

    title: str
    values: Dict


class VarsFiles:
    """The `group_vars/` and `host_vars/` beside inventories or a playbook; a file is read once."""

    def __init__(self, folders: Iterable[Path], findings: Findings) -> None:
        self._folders = tuple(dict.fromkeys(folders))
        self._findings = findings
        self._read: dict[Path, Dict] = {}

    def of(self, kind: str, names: Iterable[str]) -> Iterator[tuple[str, Dict]]:
        """Yield what files give to groups (`kind` is group_vars) or hosts (host_vars), each with the name, in order.

        A folder that comes later is stronger as a whole, as in Ansible.
        """
        every = list(names)
        for folder in self._folders:
            for name in every if kind in self._kinds[folder] else ():
                for path in _files(folder / kind / name):
                    yield name, self._variables(path)

    @cached_property
    def _kinds(self) -> dict[Path, set[str]]:
        every = ("group_vars", "host_vars")
        return {folder: {kind for kind in every if (folder / kind).is_dir()} for folder in self._folders}

    def _variables(self, path: Path) -> Dict:
        if path not in self._read:
            self._read[path] = variables_file(path, self._findings)
        return self._read[path]


def _files(base: Path) -> list[Path]:
    """Return the files of a name: those in the folder of that name, or else the first that has one of the endings."""
    candidates = (base.with_name(base.name + suffix) for suffix in _SUFFIXES)
    found = next((path for path in candidates if path.exists()), None)
    if found is None:
        return []
    return list(_inside(found)) if found.is_dir() else [found]


def _inside(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.name.endswith("~") or path.suffix not in _SUFFIXES:
            continue
        if not path.is_dir():
            yield path
        elif not path.suffix:
            yield from _inside(path)


def variables_file(path: Path, findings: Findings) -> Dict:
    """Return a file's variables."""
    value = read(path, findings)
    if value is None or isinstance(value, Dict):
        return value if value is not None else Dict()
    findings.add(place_of(value), f"{path}: a file of variables is a mapping of names to values")
    return Dict()


class Levels:
    """Who gives a host its variables, from ffplay's defaults to the host's own files; what is nearer to it wins."""

    def __init__(
        self, inventory: Inventory, beside_inventory: VarsFiles, beside_playbook: VarsFiles, findings: Findings
    ) -> None:
        self._inventory, self._beside = inventory, (beside_inventory, beside_playbook)
        self._groups: dict[str, list[str]] = {host: [] for host in inventory.hosts}
        for name in inventory.order(findings):
            for host in inventory.members(name):
                self._groups[host].append(name)
        self._shared: dict[tuple[str, ...], tuple[list[Level], Dict]] = {}

    def of(self, host: str) -> list[Level]:
        """Return the levels of a host, the weakest first."""
        return [*self._of_groups(host)[0], *self._own(host)]

    def written(self, host: str) -> Dict:
        """Return a host's variables without ffplay's defaults: what Ansible, too, reads in the inventory."""
        return joined(level.values for level in self.of(host)[1:])

    def of_group(self, name: str) -> Dict:
        """Return what a group alone gives its hosts, and its priority where it has one."""
        return joined((*self._inventory.groups[name].written, *(level.values for level in self._in_files([name]))))

    def merged(self) -> dict[str, Dict]:
        """Return every host's variables."""
        found = {}
        for host, entry in self._inventory.hosts.items():
            found[host] = joined([self._of_groups(host)[1], *(level.values for level in self._own(host))])
            found[host].place = entry.place
        return found

    def _of_groups(self, host: str) -> tuple[list[Level], Dict]:
        """Return what all hosts of the same groups have in common: the levels, and their variables merged."""
        names = tuple(self._groups[host])
        if names not in self._shared:
            # Ansible's order: what files say to `all` wins over what the inventory itself says to a smaller group.
            levels = [Level("ffplay's default", defaults()), *self._in_inventory(["all", *names])]
            levels += [*self._in_files(["all"]), *self._in_files(names)]
            self._shared[names] = levels, joined(level.values for level in levels)
        return self._shared[names]

    def _in_inventory(self, groups: Sequence[str]) -> Iterator[Level]:
        for name in groups:
            for given in without_priority(self._inventory.groups[name].written):
                yield Level(f"group {name}", given)

    def _in_files(self, groups: Sequence[str]) -> Iterator[Level]:
        for files in self._beside:
            for name, given in files.of("group_vars", groups):
                yield Level(f"group {name}", given)

    def _own(self, host: str) -> Iterator[Level]:
        for given in self._inventory.hosts[host].written:
            yield Level(f"host {host}", given)
        for files in self._beside:
            for _, given in files.of("host_vars", [host]):
                yield Level(f"host {host}", given)


def defaults() -> Dict:
    """Return ffplay's own defaults."""
    found = Dict()
    for name, value in DEFAULTS.items():
        found[name] = Text(value) if isinstance(value, str) else value
    return found


def extra_variables(given: Iterable[str], findings: Findings) -> list[Dict]:
    """Return the variables of each `-e`, what comes later winning: `k=v k2=v2`, `@file.yml`, `{"json": 1}`."""
    return [_extra(text, findings) for text in given]


def _extra(text: str, findings: Findings) -> Dict:
    if text.startswith("@"):
        return variables_file(Path(text[1:]).expanduser(), findings)
    if not text.lstrip().startswith(("{", "[")):
        return _pairs(text, findings)
    value = parse(text, "-e", findings)
    if value is not None and not isinstance(value, Dict):
        findings.add(place_of(value), "variables are a mapping of names to values")
    return value if isinstance(value, Dict) else Dict()


def _pairs(text: str, findings: Findings) -> Dict:
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
