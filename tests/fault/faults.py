"""What happens at the operation that a fault meets."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

from ffplay.errors import ChangeFailed
from ffplay.remote.base import Reply
from tests.fault.operations import LATE, Fault, Mode, changed

# The deadline of an operation that hangs, and how long it would hang without one, in seconds.
_DEADLINE, _HANG = 1.5, 60

# A script that lost its connection does its work so much later, in seconds.
_LATE = (0.2, 3.0)

# A host loses its power so long after it was sent something, in seconds.
_POWER = (0.0, 0.25)


class World(Protocol):
    """What a fault needs of the injector."""

    gone: set[str]

    def unseen(self) -> contextlib.AbstractContextManager[None]:
        """Have this thread's operations not counted."""

    def power_cut(self, host: str) -> None:
        """Cut a host's power."""

    def boot(self, host: str) -> None:
        """Boot a host."""

    def fill_disk(self) -> bool:
        """Fill the lab's disk if it has one of its own."""


def cut(connection: Any) -> None:
    """Cut a connection as a network does that says goodbye, and wait until its reader has noticed."""
    transport = connection._transport
    with contextlib.suppress(OSError):
        transport.sock.shutdown(2)
    deadline = time.monotonic() + 10
    while transport.is_active() and time.monotonic() < deadline:
        time.sleep(0.005)


def die() -> None:
    """Kill this process as the kernel does: nothing is closed, nothing is said."""
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)


def lost(connection: Any, world: World, doing: Callable[[], Any]) -> Any:
    """Cut a connection and have ffplay find that out by itself."""
    cut(connection)
    with world.unseen():
        return doing()


def later(seconds: float, act: Callable[[], None]) -> threading.Timer:
    """Do something in a while, beside what is being done."""
    timer = threading.Timer(seconds, act)
    timer.daemon = True
    timer.start()
    return timer


def around(fault: Fault, world: World, connection: Any, call: Callable[[], Any]) -> Any:
    """Make an operation of any kind whose work is done or not done as a whole."""
    host = connection.host
    mode = fault.mode
    if mode is Mode.CUT_BEFORE:
        return lost(connection, world, call)
    if mode is Mode.KILL_BEFORE:
        die()
    if mode is Mode.FAIL:
        raise ChangeFailed(host, f"{host}: cannot read or write: Input/output error")
    if mode is Mode.REBOOT_DURING:
        timer = later(fault.chance.uniform(*_POWER), functools.partial(world.power_cut, host))
        try:
            with world.unseen():
                return call()
        finally:
            timer.join()
            world.boot(host)
    with world.unseen():
        result = call()
    if mode is Mode.KILL_AFTER:
        die()
    if mode in {Mode.REBOOT_AFTER, Mode.REBOOT_IDLE}:
        world.power_cut(host)
        world.boot(host)
    if mode in {Mode.REBOOT_IDLE, Mode.CUT_IDLE}:
        # Whoever asks for the host next gets a new connection, and need not notice.
        cut(connection)
        return result
    if mode is Mode.GONE:
        world.gone.add(host)
    return lost(connection, world, call)


def in_script(fault: Fault, world: World, connection: Any, call: Callable[..., Reply], script: str) -> Reply:
    """Run a script that goes wrong."""
    chance, part = fault.chance, fault.operation.part
    if fault.mode in _PUT_IN:
        return call(changed(script, part, _PUT_IN[fault.mode]))
    if fault.mode is Mode.HANG:
        return call(changed(script, part, f"sleep {_HANG}"), _DEADLINE)
    if fault.mode in LATE:
        later(0.1, functools.partial(cut, connection) if fault.mode is Mode.CUT_DURING else die)
        return call(changed(script, part, f"sleep {chance.uniform(*_LATE):.2f}"))
    if fault.mode is Mode.DISK_FULL:
        return call(script if world.fill_disk() else f"trap '' XFSZ; ulimit -f 0\n{script}")
    reply: Reply = around(fault, world, connection, functools.partial(call, script))
    return reply


# What makes a script fail when it is put in where its work begins.
_PUT_IN = {Mode.FAIL: "echo 'Input/output error' >&2; exit 1", Mode.FAIL_AFTER: "trap 'exit 1' EXIT"}


def broken_off(chunks: Iterable[bytes], act: Callable[[], None]) -> Iterator[bytes]:
    """Yield what is to be sent, and have something happen in the middle of it."""
    done = False
    for chunk in chunks:
        half = len(chunk) // 2
        yield chunk[:half]
        if not done:
            done = True
            act()
        yield chunk[half:]
