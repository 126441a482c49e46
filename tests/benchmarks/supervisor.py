"""The one process that a benchmark site hangs from: `python -m tests.benchmarks.supervisor DIRECTORY`.

It starts every host, the stand-in of MongoDB, and the shards' HTTP; writes `ready`, and ends all of them when its
standard input ends. Processes that lost their parent come to it, so that what the site used can be summed up.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

from tests.benchmarks import processes

# What a shard without galleries answers on /stat/list.
_ANSWER = b'{"galleries":[],"total":0}'


class ShardHttp(asyncio.Protocol):
    """One connection to a shard: answered while its unit's process lives, closed without a word otherwise."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._seen = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._seen += data
        while b"\r\n\r\n" in self._seen and self._transport is not None:
            _, _, self._seen = self._seen.partition(b"\r\n\r\n")
            if not self._state.exists():
                self._transport.close()
                return
            self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(_ANSWER) + _ANSWER)


async def _serve(shards: list[tuple[str, int, str]], children: list[subprocess.Popen[bytes]]) -> None:
    loop = asyncio.get_running_loop()
    for address, port, state in shards:
        await loop.create_server(lambda state=Path(state): ShardHttp(state), address, port, backlog=64)
    ended = asyncio.Event()
    loop.add_reader(0, lambda: None if os.read(0, 4096) else ended.set())
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    loop.add_signal_handler(signal.SIGCHLD, processes.reap)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await ended.wait()
    loop.remove_signal_handler(signal.SIGCHLD)
    for child in children:
        child.kill()


def main() -> int:
    """Start the site of a directory, and end it."""
    plan = json.loads((Path(sys.argv[1]) / "site.json").read_text())
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, hard), hard))
    processes.adopt_orphans()
    processes.die_with_parent(signal.SIGTERM)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    children = []
    log = (Path(sys.argv[1]) / "site.log").open("ab")
    for command, environment in plan["commands"]:
        children.append(
            subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                preexec_fn=processes.die_with_parent,  # noqa: PLW1509 (there are no threads here)
            )
        )
    try:
        asyncio.run(_serve([tuple(one) for one in plan["shards"]], children))
    finally:
        processes.kill_descendants()
    return 0


if __name__ == "__main__":
    sys.exit(main())
