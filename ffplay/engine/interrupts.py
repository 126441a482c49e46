"""Signals while a run is under way: the first lets it stop well, the second stops waiting for that."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_SAID = (
    b"\nstopping: nothing new is started, and what is under way comes to its end; "
    b"a tool that runs by itself is left running. Once more: do not wait\n"
)


@contextlib.contextmanager
def stoppable(stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` on the first Ctrl-C, SIGTERM or SIGHUP, and raise KeyboardInterrupt on the second.

    A signal that is ignored already (nohup) stays so. Only the main thread gets signals; elsewhere nothing is done.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    told = False

    def handle(_number: int, _frame: FrameType | None) -> None:
        nonlocal told
        if told:
            raise KeyboardInterrupt
        told = True
        stop()
        # Not by the report: the thread that is interrupted here may be in the middle of it.
        with contextlib.suppress(OSError):
            os.write(2, _SAID)

    before = {number: signal.getsignal(number) for number in _SIGNALS}
    mine = [number for number, handler in before.items() if handler is not signal.SIG_IGN]
    for number in mine:
        signal.signal(number, handle)
    try:
        yield
    finally:
        for number in mine:
            signal.signal(number, before[number])
