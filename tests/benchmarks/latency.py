"""A plan over a slow network: how many round trips it waits for.

The kernels of containers have no netem, so a proxy in user space holds back every byte: `python -m
tests.benchmarks.latency` reads JSON from standard input, says `ready`, and writes what it saw when its input ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.benchmarks import measure, processes, race, site
from tests.benchmarks.judge import Mode
from tests.benchmarks.layout import SSH_PORT, Layout, Size
from tests.benchmarks.tools import TOP, Tool, environment

# Each way, in seconds.
DELAY = 0.05


class Line:
    """One connection through the proxy. `turns` counts how often the client spoke after the server had."""

    def __init__(self) -> None:
        self.turns = 0
        self.last = "server"

    def seen(self, side: str) -> None:
        if side == "client" and self.last == "server":
            self.turns += 1
        self.last = side


class Proxy:
    """Listens on addresses and forwards to others, every byte `DELAY` later, in both directions."""

    def __init__(self) -> None:
        self.lines: list[Line] = []

    async def accept(self, target: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # The loopback's own handshake took no time: here is the round trip that it would have taken.
        await asyncio.sleep(2 * DELAY)
        line = Line()
        self.lines.append(line)
        there = await asyncio.open_connection(target, SSH_PORT)
        await asyncio.gather(self._pump(line, "client", reader, there[1]), self._pump(line, "server", there[0], writer))

    async def _pump(self, line: Line, side: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        with contextlib.suppress(OSError):
            while data := await reader.read(1 << 16):
                line.seen(side)
                loop.call_later(DELAY, writer.write, data)
        await asyncio.sleep(DELAY)
        with contextlib.suppress(OSError):
            writer.close()


async def _serve(places: list[tuple[str, str]]) -> None:
    """Forward until the standard input ends, then write how often each client spoke."""
    proxy = Proxy()
    for listen, target in places:

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, target: str = target) -> None:
            await proxy.accept(target, reader, writer)

        await asyncio.start_server(accept, listen, SSH_PORT)
    ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(0, lambda: None if os.read(0, 4096) else ended.set())
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await ended.wait()
    sys.stdout.write(json.dumps([line.turns for line in proxy.lines]))
    sys.stdout.flush()
    # Connections that a killed client left half open are nothing to wait for.
    os._exit(0)


@contextlib.contextmanager
def proxied(layout: Layout) -> Iterator[dict[str, Any]]:
    """Have a site reachable over a slow network; afterwards the mapping given has `connections` and `turns`."""
    seen: dict[str, Any] = {}
    proxy = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.latency"],
        cwd=TOP,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert proxy.stdin is not None
    assert proxy.stdout is not None
    try:
        proxy.stdin.write(json.dumps([(host.reach, host.address) for host in layout.hosts]) + "\n")
        proxy.stdin.flush()
        if proxy.stdout.readline() != "ready\n":
            raise RuntimeError("the proxy did not start")
        yield seen
        proxy.stdin.close()
        turns = json.loads(proxy.stdout.read())
        seen |= {"connections": len(turns), "turns": statistics.median(turns) if turns else 0}
    finally:
        proxy.kill()
        proxy.wait()


def run(tools: list[Tool], size: Size, rounds: int, work: Path | None) -> dict[str, Any]:
    """Measure the plan of each tool, near and far; return for each the medians, and what the proxy counted."""
    found: dict[str, Any] = {"size": str(size), "delay": DELAY, "tools": {}}
    with (
        tempfile.TemporaryDirectory(prefix="ffplay-bench-", dir=work) as directory,
        site.running(Path(directory) / "site", size) as running,
    ):
        far = replace(running.layout, far=True)
        for tool in tools:
            near = [_plan(tool, running.layout) for _ in range(rounds)]
            slow, counts = [], {}
            for _ in range(rounds):
                with proxied(far) as seen:
                    slow.append(_plan(tool, far))
                counts = seen
            one = {"near": statistics.median(near), "far": statistics.median(slow), **counts}
            one["waited"] = (one["far"] - one["near"]) / (2 * DELAY)
            found["tools"][tool.name] = one
            race.say(f"{size} {tool.name}: plan {one['near']:.2f} s, far away {one['far']:.2f} s")
    return found


def _plan(tool: Tool, layout: Layout) -> float:
    ran = measure.run(tool.command(layout, Mode.PLAN), environment(tool, layout))
    if ran.code:
        raise race.NotDone(f"{tool.name} over the slow network: {ran.output[-3000:]}")
    return ran.wall


def main() -> int:
    """Be the proxy."""
    processes.die_with_parent()
    asyncio.run(_serve(json.loads(sys.stdin.readline())))
    return 1


if __name__ == "__main__":
    sys.exit(main())
