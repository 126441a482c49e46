"""One command, measured: wall time, CPU time of its whole tree, and the most memory that the tree took."""

from __future__ import annotations

import os
import resource
import select
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks import processes

# Between two looks at the memory, in seconds: at first, and at most. Each look costs a few ms of a core.
_FIRST_LOOK_SECONDS = 0.05
_LOOK_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Measured:
    """How a command ran.

    `wall` and `cpu` are seconds; `cpu` is that of the command and of all that it started, what it left behind
    included. `memory` is the peak of the whole tree in KiB. `output` is what it printed.
    """

    code: int
    wall: float
    cpu: float
    memory: int
    output: str


def run(
    command: Sequence[str], environment: Mapping[str, str], directory: Path, keep: tuple[int, ...], seconds: float = 900
) -> Measured:
    """Run a command to its end and kill what it leaves behind. `keep` are children of ours that are not its own.

    Raise TimeoutError.
    """
    processes.adopt_orphans()
    with tempfile.TemporaryFile() as output:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        started = time.monotonic()
        child = subprocess.Popen(
            command, cwd=directory, env=dict(environment), stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
        try:
            peak = _await(child, started + seconds)
            wall = time.monotonic() - started
            child.wait()
        finally:
            processes.kill_descendants(os.getpid(), keep)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        output.seek(0)
        text = output.read().decode(errors="replace")
    return Measured(child.returncode, wall, cpu, peak, text)


def _await(child: subprocess.Popen[bytes], deadline: float) -> int:
    """Wait for the end, and return the most memory seen, in KiB."""
    ended = os.pidfd_open(child.pid)
    peak, pause = 0, _FIRST_LOOK_SECONDS
    try:
        poller = select.poll()
        poller.register(ended, select.POLLIN)
        while not poller.poll(pause * 1000):
            pause = min(_LOOK_SECONDS, pause * 1.3)
            peak = max(peak, processes.memory_kib([child.pid, *processes.descendants(child.pid)]))
            if time.monotonic() > deadline:
                raise TimeoutError(f"{child.args!r} did not come to its end")
    finally:
        os.close(ended)
    return peak
