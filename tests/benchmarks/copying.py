"""What part of a shard's own capacity for inserts the copy tool reaches; the shard is a real Tarantool of a lab."""

from __future__ import annotations

import contextlib
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ffplay.lab import site as lab
from ffplay.lab.layout import LabHost, LabOptions, LabSite
from ffplay.lab.shards import DATA
from tests.benchmarks import measure, processes, race

_SIZE = 320
_UNIT = "tarantool@FindFace_shard_1"
# So many requests are on their way on one connection before their answers are read.
_AHEAD = 32
_CONNECTIONS = 8
_A_TRANSACTION = 1000

_INSERT = """local first, count, facen = ...
box.begin()
for id = first, first + count - 1 do box.space.faces:replace{99, id, facen, 'linear', false} end
box.commit()"""


def run(faces: int, work: Path | None) -> dict[str, Any]:
    """Return posts a second of the tool and of the load, with what each process used of a core; and Lua's inserts."""
    with tempfile.TemporaryDirectory(prefix="ffplay-bench-", dir=work) as directory, _lab(directory, faces) as site:
        shard, posts = site.databases[0], _served(site)
        found: dict[str, Any] = {"faces": faces, "posts": posts, "size": _SIZE}
        for name, load in (("tool", _tool), ("http", _http), ("lua", _lua)):
            _empty(shard)
            pid = _pid(shard)
            before = processes.cpu_seconds(pid)
            took, used = load(site, posts)
            tarantool = processes.cpu_seconds(pid) - before
            found[name] = {"rate": posts / took, "tarantool": tarantool / took, "client": used / took}
            race.say(f"{name}: {posts / took:.0f} a second")
    return found


@contextlib.contextmanager
def _lab(directory: str, faces: int) -> Iterator[LabSite]:
    options = LabOptions(directory=Path(directory) / "lab", hosts=1, shards=1, faces=faces, model="apricot_320")
    site = lab.up(options)
    try:
        yield site
    finally:
        lab.down(site.directory)


def _served(site: LabSite) -> int:
    """Return how many facens the shard has, one counted once a gallery: what a copy posts."""
    import tarantool

    host = site.databases[0]
    client = tarantool.Connection(host.address, 33001, encoding=None)
    with contextlib.closing(client):
        return int(client.eval("return box.space.faces:len()").data[0])


def _pid(host: LabHost) -> int:
    return int(host.systemctl("show", "-p", "MainPID", _UNIT).stdout.partition("=")[2])


def _empty(host: LabHost) -> None:
    """Have the shard start over without data, and wait until it answers."""
    host.systemctl("stop", _UNIT)
    for path in (host.root / DATA / "shard_1").rglob("*.*"):
        if path.suffix in (".snap", ".xlog"):
            path.unlink()
    host.systemctl("start", _UNIT)
    for port in (8001, 33001):
        while True:
            with contextlib.suppress(OSError), socket.create_connection((host.address, port), timeout=1):
                break
            time.sleep(0.05)


def _tool(site: LabSite, _: int) -> tuple[float, float]:
    """Run the stand-in of mongo2searchapi; return its seconds on the wall and of CPU."""
    config = site.app.root / "etc/findface-facenapi.ini"
    command = [sys.executable, "-m", "ffplay.lab.vendor.mongo2searchapi", f"--config={config}"]
    ran = measure.run(command, {"PATH": "/usr/bin:/bin"})
    if ran.code:
        raise race.NotDone(f"the copy: {ran.output[-3000:]}")
    return ran.wall, ran.cpu


def _http(site: LabSite, posts: int) -> tuple[float, float]:
    """Post as many facens over a few connections, without waiting for each answer; return as `_tool` does."""
    address = (site.databases[0].address, 8001)

    def part(number: int) -> None:
        ids = range(number + 1, posts + 1, _CONNECTIONS)
        with socket.create_connection(address) as sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for at in range(0, len(ids), _AHEAD):
                batch = ids[at : at + _AHEAD]
                sock.sendall(b"".join(map(_request, batch)))
                _answers(sock, len(batch))

    return _threads(part, _CONNECTIONS)


def _request(number: int) -> bytes:
    head = f"POST /v1/load_default/add/{number} HTTP/1.1\r\nHost: shard\r\nContent-Length: {_SIZE * 4}\r\n\r\n"
    return head.encode() + bytes(_SIZE * 4)


def _answers(sock: socket.socket, count: int) -> None:
    """Read so many answers. Raise `NotDone` where one is no 200."""
    seen = b""
    while seen.count(b"\r\n\r\n") < count:
        data = sock.recv(1 << 16)
        if not data:
            raise race.NotDone("the shard closed the connection")
        seen += data
    if seen.count(b"HTTP/1.1 200") != count:
        raise race.NotDone(f"the shard refused: {seen[:300]!r}")


def _lua(site: LabSite, posts: int) -> tuple[float, float]:
    """Insert as many facens in Lua, many a transaction; return as `_tool` does."""
    import tarantool

    host = site.databases[0]

    def part(_: int) -> None:
        with contextlib.closing(tarantool.Connection(host.address, 33001, encoding=None)) as client:
            for first in range(1, posts + 1, _A_TRANSACTION):
                client.eval(_INSERT, (first, min(_A_TRANSACTION, posts + 1 - first), bytes(_SIZE * 4)))

    return _threads(part, 1)


def _threads(part: Callable[[int], None], count: int) -> tuple[float, float]:
    """Do the parts at the same time; return the seconds on the wall, and of CPU in this process."""
    failed: list[BaseException] = []

    def guarded(number: int) -> None:
        try:
            part(number)
        except BaseException as error:  # noqa: BLE001 - told by the thread that waits
            failed.append(error)

    before, started = time.process_time(), time.monotonic()
    threads = [threading.Thread(target=guarded, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]
    return time.monotonic() - started, time.process_time() - before
