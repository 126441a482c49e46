"""What a benchmark site looks like: its hosts and shards, their files before the job and after it."""

from __future__ import annotations

import hashlib
import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SSH_PORT = 2222
HTTP_BASE = 8000
MONGO_PORT = 27017
FROM_SIZE = 320
TO_SIZE = 480
MODEL = "cherry_480"

# Bytes of a shard's files: enough that a copy is one, and little enough that the disk is not what is measured.
_BYTES = {"snap": 65536, "xlog": 16384, "idx": 4096}

DATA = "opt/ntech/var/lib/tarantool"
INSTANCES = "etc/tarantool/instances.enabled"

_CONF = """\
-- tntapi shard {name} of {host}
box.cfg{{
    listen = '{address}:{port}',
    work_dir = '{data}',
    memtx_dir = '{data}/snapshots',
    wal_dir = '{data}/xlogs',
    memtx_memory = {memory} * 1024 * 1024,
    checkpoint_interval = 3600 * 4,
    checkpoint_count = 3,
    force_recovery = false
}}

FindFace = require("FindFace")
FindFace.start("{address}", {http_port}, {{
    license_ntls_server="{ntls}:3133", facen_size = {size}, log_requests = false
}})
"""


@dataclass(frozen=True, slots=True)
class Size:
    """How many hosts, and shards on each; written 16x4."""

    hosts: int
    shards: int

    def __str__(self) -> str:
        return f"{self.hosts}x{self.shards}"

    @classmethod
    def parse(cls, text: str) -> Size:
        """Return the size that a text says. Raise ValueError."""
        hosts, _, shards = text.partition("x")
        if not 1 <= int(hosts) <= 1000 or not 1 <= int(shards) <= 100:
            raise ValueError(text)
        return cls(int(hosts), int(shards))


@dataclass(frozen=True, slots=True)
class Shard:
    """One shard of a host, with every path absolute."""

    number: int
    host: str
    address: str
    root: Path

    @property
    def name(self) -> str:
        return f"FindFace_shard_{self.number}"

    @property
    def unit(self) -> str:
        return f"tarantool@{self.name}"

    @property
    def conf(self) -> Path:
        return self.root / INSTANCES / f"{self.name}.lua"

    @property
    def data(self) -> Path:
        return self.root / DATA / f"shard_{self.number}"

    @property
    def memory(self) -> int:
        """Return memtx_memory in MiB: what an engineer has set shard by shard, and what must survive."""
        return 64 + 16 * self.number

    def conf_text(self, size: int, ntls: str) -> str:
        """Return the Lua file at a facen size."""
        return _CONF.format(
            name=self.name,
            host=self.host,
            address=self.address,
            port=33000 + self.number,
            http_port=HTTP_BASE + self.number,
            data=self.data,
            memory=self.memory,
            ntls=ntls,
            size=size,
        )

    def files(self) -> dict[str, bytes]:
        """Return the data files before the job by their path below the data directory; each shard's are its own."""
        chance = random.Random(f"{self.host} {self.name}")
        instance = uuid.UUID(int=chance.getrandbits(128), version=4)
        found = {}
        for directory, kind in (("snapshots", "snap"), ("xlogs", "xlog"), ("index", "idx")):
            head = f"{kind.upper()}\n0.13\nVersion: 2.6.0\nInstance: {instance}\nVClock: {{1: 2000}}\n\n".encode()
            body = chance.randbytes(_BYTES[kind] - len(head))
            found[f"{directory}/{2000:020}.{kind}"] = (head if kind != "idx" else b"") + body
        return found


@dataclass(frozen=True, slots=True)
class Host:
    """One host: its address on loopback, the one at which clients reach it, and its directory tree."""

    name: str
    address: str
    reach: str
    root: Path
    shards: int

    def each_shard(self) -> Iterator[Shard]:
        for number in range(1, self.shards + 1):
            yield Shard(number, self.name, self.address, self.root)

    @property
    def markers(self) -> dict[str, Path]:
        """Return what the vendor's tools leave: a line for each time that they ran."""
        return {name: self.root / "var/lib/findface" / name for name in ("regenerated", "copied")}


@dataclass(frozen=True, slots=True)
class Layout:
    """A whole site in a directory. `subnet` (as 127.A) is what its addresses begin with.

    With `far` it is reached by way of a proxy, at other addresses.
    """

    directory: Path
    subnet: str
    size: Size
    far: bool = False

    @property
    def hosts(self) -> list[Host]:
        """Return the hosts; the first of them has MongoDB and the vendor's tools as well."""
        return [self._host(number) for number in range(self.size.hosts)]

    def _host(self, number: int) -> Host:
        name = f"h{number + 1:03}"
        block, last = divmod(number, 250)
        address = f"{self.subnet}.{block}.{last + 1}"
        reach = f"{self.subnet}.{block + 128}.{last + 1}" if self.far else address
        return Host(name, address, reach, self.directory / "hosts" / name, self.size.shards)

    @property
    def client(self) -> Path:
        """Return the directory with what a client reads: inventories, ssh_config, known_hosts, ansible.cfg."""
        return self.directory / ("far" if self.far else "near")

    @property
    def key(self) -> Path:
        return self.directory / "keys/client"

    @property
    def known_hosts(self) -> Path:
        return self.client / "known_hosts"

    @property
    def ssh_config(self) -> Path:
        return self.client / "ssh_config"


def digest(paths: Iterator[Path]) -> str:
    """Return one digest of the names and contents of files."""
    total = hashlib.sha256()
    for path in sorted(paths):
        total.update(str(path).encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()
