"""A command line of the lab's systemctl, taken apart, and what comes of it."""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from ffplay.lab import unit_files
from ffplay.lab.unit import Unit

_SHORT_FLAGS = {"-p": "property", "-n": "lines", "-t": "type", "-s": "signal", "-l": "full", "-a": "all", "-q": "quiet"}
_WITH_VALUE = {"property", "lines", "type", "signal", "state", "output", "kill-who", "kill-whom", "job-mode"}


class Host(Protocol):
    """What the verbs need of a host's init."""

    root: Path
    units: dict[str, Unit]

    def unit(self, name: str) -> Unit | None:
        """Return a unit by its full name, or None."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What systemctl exits with and prints."""

    code: int = 0
    out: str = ""
    err: str = ""


@dataclass(slots=True)
class Request:
    """A command line: the verb, the units and patterns after it, and the flags by their long names."""

    host: Host
    verb: str = ""
    names: list[str] = field(default_factory=list)
    flags: dict[str, str] = field(default_factory=dict)

    def expanded(self) -> list[str]:
        """Return the full names asked for; a pattern stands for the loaded units that it matches, maybe none."""
        found: list[str] = []
        for name in self.names:
            full = unit_files.full_name(name)
            if any(letter in name for letter in "*?["):
                found += [one for one in sorted(self.host.units) if fnmatch.fnmatchcase(one, full)]
            else:
                found.append(full)
        return list(dict.fromkeys(found))


def parse(host: Host, arguments: list[str]) -> Request:
    """Take a command line apart. Unknown flags are kept and mean nothing."""
    request = Request(host)
    rest = iter(arguments)
    for one in rest:
        if not one.startswith("-") or one == "-":
            if request.verb:
                request.names.append(one)
            else:
                request.verb = one
            continue
        name, equals, value = one.removeprefix("--").partition("=")
        if not one.startswith("--"):
            name, value = _SHORT_FLAGS.get(one[:2], one[1:2]), one[2:]
        if name in _WITH_VALUE and not equals and not value:
            value = next(rest, "")
        joined = f"{request.flags[name]},{value}" if name == "property" and name in request.flags else value
        request.flags[name] = joined
    return request
