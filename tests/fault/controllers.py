"""Runs ff-play in processes that are forked from one which has imported everything: imports take half of a run's time.

A process of its own each, as an operator's: it may be killed, and knows nothing of the others.
"""

from __future__ import annotations

import functools
import multiprocessing
import os
import pkgutil
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

TOP = Path(__file__).parent.parent.parent

_STARTING = threading.Lock()

# What is the lab's own is not the controller's.
_NOT_NEEDED = "ffplay.lab"


@functools.cache
def _context() -> Any:
    import ffplay

    context = multiprocessing.get_context("forkserver")
    modules = [one.name for one in pkgutil.walk_packages(ffplay.__path__, "ffplay.")]
    kept = [name for name in modules if not name.startswith(_NOT_NEEDED) and not name.endswith("__main__")]
    context.set_forkserver_preload(
        [*kept, "pymongo", "jinja2", "paramiko", "tarantool", "tests.fault.controller", "tests.fault.figures"]
    )
    return context


def run(words: Sequence[str], state: Path, controlled: bool, seconds: float) -> tuple[int, str]:
    """Run ff-play, or with `controlled` `tests.fault.controller`, with these words; return exit code and output.

    The code is negative for a signal. `state` is where the operator's machine keeps its journals. Raise `TimeoutError`
    where it has not ended after so many seconds.
    """
    with tempfile.NamedTemporaryFile(prefix="ffplay-output-") as output:
        process = _context().Process(target=_child, args=(list(words), str(state), controlled, output.name))
        _start(process)
        process.join(seconds)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise TimeoutError(f"{' '.join(words)} has not ended after {seconds:.0f} s:\n{_text(output.name)}")
        return process.exitcode, _text(output.name)


def _start(process: Any) -> None:
    """Start a process that no other thread waits for.

    Each start looks whether any process that was started before has ended, and an end can be read once: the thread that
    comes second would take it for exit code 255.
    """
    with _STARTING:
        process.start()
        multiprocessing.process._children.discard(process)  # type: ignore[attr-defined]


def _text(path: str) -> str:
    return Path(path).read_text(errors="replace")


def _child(words: list[str], state: str, controlled: bool, output: str) -> None:
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    writing = os.open(output, os.O_WRONLY | os.O_APPEND)
    os.dup2(writing, 1)
    os.dup2(writing, 2)
    sys.stdout = os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
    os.chdir(TOP)
    os.environ["XDG_STATE_HOME"] = state
    if controlled:
        from tests.fault import controller

        code = controller.main(words)
    else:
        from ffplay import cli

        code = cli.main(words)
    sys.stdout.flush()
    os._exit(code)
