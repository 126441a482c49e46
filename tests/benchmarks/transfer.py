"""How fast files travel over loopback: ffplay's own way beside what a person would type (`ssh HOST cat`, tar)."""

from __future__ import annotations

import contextlib
import hashlib
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ffplay.load import Sources, load
from ffplay.model import Host
from ffplay.remote.base import Connection
from ffplay.remote.pool import Pool
from ffplay.resources.file import ABSENT, File, FileState
from tests.benchmarks import race, site
from tests.benchmarks.layout import Layout, Size
from tests.benchmarks.tools import HERE

_PIECE = 1 << 20
_SMALL = 4096


def run(mebibytes: int, files: int, rounds: int, work: Path | None) -> dict[str, Any]:
    """Return the median seconds of each way for one file of that size, and for so many files of 4 KiB."""
    with (
        tempfile.TemporaryDirectory(prefix="ffplay-bench-", dir=work) as directory,
        site.running(Path(directory) / "site", Size(1, 1)) as running,
        _connected(running.layout) as (host, connection),
    ):
        big = Path(directory) / "big"
        big.write_bytes(os.urandom(_PIECE) * mebibytes)
        small = Path(directory) / "small"
        small.mkdir()
        for number in range(files):
            (small / f"{number:05}").write_text(os.urandom(_SMALL // 2).hex())
        ways = _ways(running.layout, host, connection, big, small)
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(rounds):
            for name, way in ways.items():
                started = time.monotonic()
                way()
                seconds[name].append(time.monotonic() - started)
        found = {name: statistics.median(each) for name, each in seconds.items()}
    for name, each in found.items():
        race.say(f"{name}: {each:.2f} s")
    return {"mebibytes": mebibytes, "files": files, "seconds": found}


@contextlib.contextmanager
def _connected(layout: Layout) -> Iterator[tuple[Host, Connection]]:
    """Give a host of the site, connected as ff-play connects to it."""
    (host,) = load(Sources(HERE / "playbooks/ffplay.yml", (layout.client / "inventory.yml",))).site.hosts
    with contextlib.closing(Pool([host], 1)) as pool:
        yield host, pool.connection(host.name)


def _ways(layout: Layout, host: Host, connection: Connection, big: Path, small: Path) -> dict[str, Callable[[], None]]:
    """Return each way by name. Each raises `NotDone` unless all bytes are there in the end."""
    ssh = ["ssh", "-F", str(layout.ssh_config), host.name]
    there = layout.hosts[0].root / "tmp"
    digest = hashlib.sha256(big.read_bytes()).hexdigest()

    def put() -> None:
        with big.open("rb") as file:
            _hold(connection.put(f"{there}/put", iter(lambda: file.read(_PIECE), b"")) == digest)
        (there / "put").unlink()

    def ssh_put() -> None:
        with big.open("rb") as file:
            subprocess.run([*ssh, f"cat > {there}/ssh"], stdin=file, check=True)
        _hold((there / "ssh").stat().st_size == big.stat().st_size)

    def get() -> None:
        seen = hashlib.sha256()
        for piece in connection.get(str(big)):
            seen.update(piece)
        _hold(seen.hexdigest() == digest)

    def ssh_get() -> None:
        with (there / "got").open("wb") as file:
            subprocess.run([*ssh, f"cat {big}"], stdout=file, check=True)
        _hold((there / "got").stat().st_size == big.stat().st_size)

    def write() -> None:
        contents = {f"{there}/many/{each.name}": each.read_bytes() for each in small.iterdir()}
        changes = [(File(path), ABSENT, FileState("file", content)) for path, content in contents.items()]
        reply = connection.run(f"rm -rf {there}/many; mkdir {there}/many; {File.joint(changes)}")
        _hold(reply.code == 0 and _same(small, there / "many"))

    def tar() -> None:
        pack = subprocess.Popen(["tar", "-C", str(small), "-cf", "-", "."], stdout=subprocess.PIPE)
        unpack = f"rm -rf {there}/tar; mkdir {there}/tar; tar -C {there}/tar -xf -"
        subprocess.run([*ssh, unpack], stdin=pack.stdout, check=True)
        _hold(pack.wait() == 0 and _same(small, there / "tar"))

    there.mkdir(exist_ok=True)
    return {"put": put, "ssh put": ssh_put, "get": get, "ssh get": ssh_get, "write": write, "tar": tar}


def _same(one: Path, other: Path) -> bool:
    return {each.name: each.read_bytes() for each in one.iterdir()} == {
        each.name: each.read_bytes() for each in other.iterdir()
    }


def _hold(done: bool) -> None:
    if not done:
        raise race.NotDone("a transfer left other bytes than those that were sent")
