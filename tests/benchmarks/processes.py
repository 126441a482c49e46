"""Trees of processes: what they used, how much memory they take, and how they end. Linux, read from /proc."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_END_SECONDS = 10
_TICKS = os.sysconf("SC_CLK_TCK")
_LIBC = ctypes.CDLL(None)


def adopt_orphans() -> None:
    """Have processes below this one that lose their parent come to it, and not to the machine's init."""
    _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def die_with_parent(by: signal.Signals = signal.SIGKILL) -> None:
    """Have this process get a signal when its parent ends, however that comes about."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, by, 0, 0, 0)


def descendants(root: int) -> Iterator[int]:
    """Yield the processes below one, parents first."""
    waiting = [root]
    while waiting:
        parent = waiting.pop()
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{parent}/task").iterdir():
                for word in (task / "children").read_text().split():
                    waiting.append(int(word))
                    yield int(word)


def cpu_seconds(root: int) -> float:
    """Return the CPU time of a process and of all below it, those included that have ended and were waited for."""
    total = 0
    for pid in (root, *descendants(root)):
        with contextlib.suppress(OSError):
            # After the command's name, which may hold anything: state is field 3, the four times are 14 to 17.
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += sum(map(int, fields[11:15]))
    return total / _TICKS


def memory_kib(pids: list[int]) -> int:
    """Return how much memory processes take, in KiB; what they share is counted once, in equal parts."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError, ValueError):
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1])
                    break
    return total


def kill_descendants() -> None:
    """Kill all below this process, which adopts orphans, and wait until they are gone."""
    deadline = time.monotonic() + _END_SECONDS
    while time.monotonic() < deadline:
        for pid in descendants(os.getpid()):
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        if not reap():
            return
        time.sleep(0.002)


def reap() -> bool:
    """Wait for the children that have ended, so that their CPU time counts as ours; tell whether any is left."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
        return True
    return False
