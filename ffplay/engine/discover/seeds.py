"""The hosts that a discovery begins with and finds on its way, and the inventory by which they are reached."""

from __future__ import annotations

import dataclasses
import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from ffplay.errors import Finding, InputError
from ffplay.load import Loaded, Sources, load

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_HOST = re.compile(
    r"(?:(?P<name>[^=@]*)=)?(?:(?P<user>[^@]*)@)?(?P<address>\[[0-9A-Fa-f:.%]+\]|[^:\[\]]*|[0-9A-Fa-f:]*:[0-9A-Fa-f:]*)"
    r"(?::(?P<port>\d+))?"
)


@dataclass(frozen=True, slots=True)
class Seed:
    """A host to look at.

    `address` is what ssh is given. `source` says what named the host, empty for the command line.
    """

    name: str
    address: str
    port: int | None = None
    user: str | None = None
    source: str = ""

    @property
    def variables(self) -> dict[str, Any]:
        """Return the host's own connection variables."""
        found: dict[str, Any] = {"ansible_host": self.address} if self.address != self.name else {}
        found |= {"ansible_port": self.port} if self.port is not None else {}
        return found | ({"ansible_user": self.user} if self.user else {})


@dataclass(frozen=True, slots=True)
class Reach:
    """How every host is reached: variables of all of them, and those of `-e` with what opens them."""

    variables: Mapping[str, Any] = field(default_factory=dict, hash=False)
    sources: Sources = field(default_factory=lambda: Sources(None))


def seeds_of(words: Iterable[str]) -> tuple[Seed, ...]:
    """Return the hosts of a command line: `host`, `name=address`, `user@host:port`. Raise InputError with every one."""
    findings: list[Finding] = []
    found: dict[str, Seed] = {}
    for word in words:
        match = _HOST.fullmatch(word)
        address = match["address"].strip("[]") if match else ""
        name = (match["name"] if match and match["name"] is not None else address).strip()
        if match is None or not address or match["user"] == "" or not (_NAME.fullmatch(name) or is_address(name)):
            hint = "write HOST, NAME=HOST or USER@HOST:PORT"
            findings.append(Finding(None, f"`{word}` names no host", hint))
        elif name in found:
            findings.append(Finding(None, f"two hosts are called `{name}`", "give one of them a name: NAME=HOST"))
        else:
            port = int(match["port"]) if match["port"] else None
            found[name] = Seed(name, address, port, match["user"])
    if findings:
        raise InputError(findings)
    return tuple(found.values())


def is_address(text: str) -> bool:
    """Tell whether a text is an IP address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def is_loopback(text: str) -> bool:
    """Tell whether each host means itself by an address."""
    return is_wildcard(text) or text in {"localhost", "127.0.0.1", "::1"}


def is_wildcard(text: str) -> bool:
    """Tell whether a server that listens there takes connections at every address of its host."""
    return text in {"", "0.0.0.0", "::", "*"}  # noqa: S104 - compared, not bound


def reached(seeds: Iterable[Seed], reach: Reach) -> Loaded:
    """Return the hosts as a site without groups. Raise InputError."""
    hosts = {seed.name: seed.variables for seed in seeds}
    text = yaml.safe_dump({"all": {"vars": dict(reach.variables), "hosts": hosts}}, sort_keys=False)
    return load(dataclasses.replace(reach.sources, text=text))
