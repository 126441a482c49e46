"""Finding and ending the processes of a lab, and never any other.

A process is the lab's where its environment carries the lab's mark (every process of a host inherits it), or where it
is an sshd or a Tarantool that holds a socket on an address of the lab: these overwrite their environment with their
title.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import time
from collections.abc import Callable, Iterable
from pathlib import Path

# The variables that every process of a lab has: which lab, and the root of which of its hosts.
MARK, ROOT = "FFPLAY_LAB", "FFPLAY_LAB_ROOT"

_LIBC = ctypes.CDLL(None)
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36

_PROC = Path("/proc")
_RETITLED = {"sshd", "sshd-session", "sshd-auth", "tarantool"}
_LISTEN_AND_ESTABLISHED = {"0A", "01", "08"}


def adopt_orphans() -> None:
    """Make this process the parent of whatever its descendants leave behind."""
    _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent ends: a host whose init is killed is as good as unplugged."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)


def marked(lab: str, addresses: str, root: Path | None = None) -> set[int]:
    """Return the ids of all processes of the lab with that mark, or of its host with that root.

    `addresses` is the lab's `127.A.B`, or the host's `127.A.B.C`.
    """
    mark = f"{MARK}={lab}".encode() if root is None else f"{ROOT}={root}".encode()
    sockets = _sockets(addresses)
    found = set()
    for entry in _PROC.iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            if mark in (entry / "environ").read_bytes().split(b"\0") or _is_server_with(entry, sockets):
                found.add(int(entry.name))
    return found


def _is_server_with(entry: Path, sockets: set[str]) -> bool:
    if (entry / "comm").read_text().strip() not in _RETITLED:
        return False
    return any(str(descriptor.readlink()) in sockets for descriptor in (entry / "fd").iterdir())


def _sockets(addresses: str) -> set[str]:
    """Return the names under /proc/PID/fd of the TCP sockets bound to an address that begins so."""
    wanted = "".join(f"{int(part):02X}" for part in reversed(addresses.split(".")))
    found = set()
    with contextlib.suppress(OSError):
        for line in (_PROC / "net/tcp").read_text().splitlines()[1:]:
            fields = line.split()
            # The kernel prints an address as one number of the machine's byte order: the last part comes first.
            if fields[1][:8].endswith(wanted) and fields[3] in _LISTEN_AND_ESTABLISHED:
                found.add(f"socket:[{fields[9]}]")
    return found


def descendants(parent: int) -> set[int]:
    """Return the ids of all children of a process, and of theirs."""
    children: dict[int, list[int]] = {}
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError, ValueError):
                # The second field is the program's name in parentheses, which may hold anything.
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                children.setdefault(int(fields[1]), []).append(int(entry.name))
    found: set[int] = set()
    queue = [parent]
    while queue:
        for child in children.get(queue.pop(), ()):
            if child not in found:
                found.add(child)
                queue.append(child)
    return found


def alive(process: int) -> bool:
    """Tell whether the process exists and has not ended yet."""
    try:
        return (_PROC / str(process) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def send(processes: Iterable[int], number: signal.Signals) -> None:
    """Send a signal to each process that is still there."""
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, number)


def end(find: Callable[[], set[int]], grace_seconds: float) -> None:
    """Ask all processes that `find` returns to end, then kill what is left, until it finds none."""
    deadline = time.monotonic() + grace_seconds
    send(find(), signal.SIGTERM)
    while left := {process for process in find() if alive(process)}:
        if time.monotonic() > deadline:
            send(left, signal.SIGKILL)
        time.sleep(0.02)


def kill(find: Callable[[], set[int]]) -> None:
    """Kill all processes that `find` returns at once: all are stopped before, so that none sees another one die."""
    stopped: set[int] = set()
    while new := find() - stopped:
        send(new, signal.SIGSTOP)
        stopped |= new
    while left := {process for process in find() if alive(process)}:
        send(left, signal.SIGKILL)
        time.sleep(0.01)
