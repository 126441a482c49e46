"""What a lab consists of, where its parts are, and the file in its directory that remembers it."""

from __future__ import annotations

import json
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ffplay import findface
from ffplay.errors import Finding, InputError

# Where sshd listens: that of a whole machine has its usual port, the others share this machine with its own sshd.
SSH_PORT, MACHINE_SSH_PORT = 2222, 22

# The drivers whose hosts are whole machines with an init, users and a file system of their own.
MACHINES = frozenset({"nspawn"})

# Who logs in to a whole machine, and becomes root there.
MACHINE_USER = "deploy"

# Ports of the parts that `ffplay.findface` has no default for.
NTLS_WEB_PORT, UPLOAD_PORT = 3185, 3333

_FILE = "lab.json"
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class LabOptions:
    """What the lab shall be like.

    `shards` counts shards a host; a `standalone` lab has one host with one shard called FindFace. `facen_size` is
    needed for a model that the vendor's table lacks. `directory` None means a new temporary one. `wire_version` is
    what the MongoDB server advertises (5 is MongoDB 3.4). `seed` makes other faces. `driver` is the kind of hosts.
    """

    hosts: int = 2
    shards: int = 2
    faces: int = 2000
    model: str = "apricot_320"
    detector: str = "nnd"
    directory: Path | None = None
    standalone: bool = False
    wire_version: int = 5
    facen_size: int | None = None
    seed: int = 0
    driver: str = "loopback"

    @property
    def size(self) -> int:
        """Return the facen size in floats."""
        return self.facen_size or findface.MODELS[self.model]

    @property
    def shard_count(self) -> int:
        """Return how many shards all hosts have together."""
        return 1 if self.standalone else self.hosts * self.shards

    def findings(self) -> tuple[Finding, ...]:
        """Return what is wrong with the options."""
        found = []
        if not 1 <= self.hosts <= 200:
            found.append(Finding(None, f"a lab has 1 to 200 tntapi hosts, not {self.hosts}"))
        if not 1 <= self.shards <= 64:
            found.append(Finding(None, f"a lab host has 1 to 64 shards, not {self.shards}"))
        if self.faces < 0:
            found.append(Finding(None, f"a lab cannot have {self.faces} faces"))
        if self.facen_size is None and self.model not in findface.MODELS:
            hint = f"give its facen_size, or take one of {', '.join(findface.MODELS)}"
            found.append(Finding(None, f"the facen size of the model {self.model} is not known", hint))
        if self.detector not in findface.DETECTORS:
            hint = f"there are {', '.join(findface.DETECTORS)}"
            found.append(Finding(None, f"no such detector: {self.detector}", hint))
        return tuple(found)


@dataclass(frozen=True, slots=True)
class LabHost:
    """One host of a lab: `root` is its tree as this machine sees it; `shards` counts its shards, 0 on app1.

    `machine` tells that it is a whole machine, which sees that tree as its `/`.
    """

    name: str
    address: str
    root: Path
    shards: int = 0
    machine: bool = False

    @property
    def prefix(self) -> Path:
        """Return the tree as the host's own programs see it."""
        return Path("/") if self.machine else self.root

    @property
    def ssh_port(self) -> int:
        """Return the port of its sshd."""
        return MACHINE_SSH_PORT if self.machine else SSH_PORT

    @property
    def control(self) -> Path:
        """Return the path of the program that is the host's systemctl for this machine, where the host is on."""
        return self.root.parent / "systemctl" if self.machine else self.root / "usr/bin/systemctl"

    @property
    def console(self) -> Path:
        """Return the file with what a whole machine's console shows: what it says as it boots."""
        return self.root.parent / "console.log"

    def systemctl(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the host's systemctl and return what came of it. Raise OSError where the host has none, or is off."""
        return subprocess.run([str(self.control), *arguments], capture_output=True, text=True, check=False)


@dataclass(frozen=True, slots=True)
class LabSite:
    """A lab. `identity` marks its processes; `subnet` (`127.A.B` or `10.A.B`) is what its addresses begin with.

    `complete` tells that it was up once.
    """

    directory: Path
    identity: str
    subnet: str
    options: LabOptions
    complete: bool = False

    @property
    def hosts(self) -> tuple[LabHost, ...]:
        """Return app1, then the tntapi hosts."""
        options = self.options
        count, shards = (1, 1) if options.standalone else (options.hosts, options.shards)
        return (self._host("app1", 0, 0), *(self._host(f"db{n}", n, shards) for n in range(1, count + 1)))

    def _host(self, name: str, number: int, shards: int) -> LabHost:
        directory = self.directory / "hosts" / name
        root = directory / "root" if self.machines else directory
        return LabHost(name, f"{self.subnet}.{11 + number}", root, shards, self.machines)

    @property
    def machines(self) -> bool:
        """Tell whether the hosts are whole machines."""
        return self.options.driver in MACHINES

    def host(self, name: str) -> LabHost:
        """Return the host of that name. Raise KeyError where there is none."""
        return {host.name: host for host in self.hosts}[name]

    @property
    def app(self) -> LabHost:
        """Return the host of everything but the shards."""
        return self.hosts[0]

    @property
    def databases(self) -> tuple[LabHost, ...]:
        """Return the tntapi hosts."""
        return self.hosts[1:]

    @property
    def inventory(self) -> Path:
        """Return the path of the inventory."""
        return self.directory / "inventory.yml"

    @property
    def ssh_config(self) -> Path:
        """Return the path of the file for `ssh -F`."""
        return self.directory / "ssh_config"

    @property
    def known_hosts(self) -> Path:
        """Return the path of the file with the hosts' keys."""
        return self.directory / "known_hosts"

    @property
    def key(self) -> Path:
        """Return the path of the private key that every host lets in."""
        return self.directory / "keys" / "client"

    def shards(self) -> list[tuple[str, int]]:
        """Return the HTTP addresses of all shards, in order."""
        base = findface.DEFAULTS["shard_http_base"]
        return [(host.address, base + n) for host in self.databases for n in range(1, host.shards + 1)]

    def save(self) -> None:
        """Write the lab's file."""
        options: dict[str, Any] = asdict(self.options) | {"directory": str(self.directory)}
        content = {
            "format": _FORMAT,
            "identity": self.identity,
            "subnet": self.subnet,
            "complete": self.complete,
            "options": options,
            "hosts": {host.name: {"address": host.address, "root": str(host.root)} for host in self.hosts},
        }
        new = self.directory / f"{_FILE}.new"
        new.write_text(json.dumps(content, indent=2) + "\n")
        new.replace(self.directory / _FILE)


def load(directory: Path) -> LabSite | None:
    """Return the lab of a directory, or None where the directory is not a lab. Raise `InputError` for a broken one."""
    try:
        content = json.loads((directory / _FILE).read_text())
        options = LabOptions(**content["options"] | {"directory": directory})
        return LabSite(directory, content["identity"], content["subnet"], options, content["complete"])
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise InputError([Finding(None, f"{directory / _FILE} is not a lab's file: {error}")]) from error
