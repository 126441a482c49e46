"""One command, measured: wall time, CPU time of its whole tree, and the most memory that the tree took.

The command runs below a process of ours that does nothing else (`python -m tests.benchmarks.measure`): whatever loses
its parent comes to that one, is counted there, and ends with it.
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.benchmarks import processes

_TOP = Path(__file__).parents[2]

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


def run(command: Sequence[str], environment: Mapping[str, str], seconds: float = 1800) -> Measured:
    """Run a command at the top of this repository to its end, and end what it leaves behind. Raise RuntimeError."""
    order = json.dumps({"command": list(command), "environment": dict(environment), "seconds": seconds})
    helper = [sys.executable, "-m", "tests.benchmarks.measure"]
    with subprocess.Popen(helper, cwd=_TOP, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            reply, _ = process.communicate(order)
        except BaseException:
            # It ends what it has started.
            process.terminate()
            raise
    if process.returncode:
        raise RuntimeError(f"{command!r} was not measured: exit code {process.returncode}")
    return Measured(**json.loads(reply))


def _measure(command: Sequence[str], environment: Mapping[str, str], seconds: float) -> Measured:
    """Do it, in a process that has no other children. Raise TimeoutError."""
    with tempfile.TemporaryFile() as output:
        started = time.monotonic()
        child = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        peak = _await(child, started + seconds)
        wall = time.monotonic() - started
        child.wait()
        processes.kill_descendants()
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        output.seek(0)
        text = output.read().decode(errors="replace")
    return Measured(child.returncode, wall, used.ru_utime + used.ru_stime, peak, text)


def _await(child: subprocess.Popen[bytes], deadline: float) -> int:
    """Wait for the end, and return the most memory seen, in KiB."""
    ended = os.pidfd_open(child.pid)
    peak, pause = 0, _FIRST_LOOK_SECONDS
    try:
        poller = select.poll()
        poller.register(ended, select.POLLIN)
        while not poller.poll(pause * 1000):
            pause = min(_LOOK_SECONDS, pause * 1.3)
            peak = max(peak, processes.memory_kib(list(processes.descendants(os.getpid()))))
            if time.monotonic() > deadline:
                raise TimeoutError(f"{child.args!r} did not come to its end")
    finally:
        os.close(ended)
    return peak


def main() -> int:
    """Measure the command of standard input, as JSON, and write how it ran."""
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    processes.die_with_parent(signal.SIGTERM)
    processes.adopt_orphans()
    order = json.load(sys.stdin)
    try:
        json.dump(asdict(_measure(order["command"], order["environment"], order["seconds"])), sys.stdout)
    finally:
        processes.kill_descendants()
    return 0


if __name__ == "__main__":
    sys.exit(main())
