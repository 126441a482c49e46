"""Waiting for what happens by itself: a test never asks how quick a machine is, only whether something comes to be."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

# So long a busy machine may take for what an idle one does at once, in seconds.
_PATIENCE = 120


def wait_for(ready: Callable[[], object]) -> None:
    """Wait until something is so. Raise AssertionError."""
    deadline = time.monotonic() + _PATIENCE
    while not ready():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def lives(pid: str | int) -> bool:
    """Tell whether a process is there, and no zombie. One that was just killed may live a little longer."""
    try:
        return ") Z " not in Path(f"/proc/{str(pid).strip()}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
