"""ffplay with a look at what its main thread does, every 2 ms: `python -m tests.benchmarks.sampled FILE VERB...`.

FILE gets JSON: the seconds since the process began (`total`), and those of each place. A place is the innermost module
of ffplay on the stack, or `import` while anything is being imported; what other threads do is told by what waits for
them.
"""

from __future__ import annotations

import collections
import json
import os
import sys
import threading
import time
from pathlib import Path
from types import FrameType

_SECONDS = 0.002


class Sampler(threading.Thread):
    """Looks at the main thread until the process ends."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.seconds: collections.Counter[str] = collections.Counter()
        self._main = threading.main_thread().ident

    def run(self) -> None:
        last = time.monotonic()
        while True:
            time.sleep(_SECONDS)
            now = time.monotonic()
            frame = sys._current_frames().get(self._main or 0)
            if frame is not None:
                self.seconds[place(frame)] += now - last
            last = now


def place(frame: FrameType | None) -> str:
    """Return where a stack is."""
    found = ""
    while frame is not None:
        name = frame.f_code.co_filename
        if "importlib" in name:
            return "import"
        _, package, module = name.rpartition("/ffplay/")
        if package and not found:
            found = module.removesuffix(".py")
        frame = frame.f_back
    return found or "python"


def since_start() -> float:
    """Return the seconds since this process was started, as the kernel has it."""
    ticks = int(Path(f"/proc/{os.getpid()}/stat").read_text().rpartition(")")[2].split()[19])
    return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")


def main() -> int:
    """Run ffplay."""
    path, *arguments = sys.argv[1:]
    before = since_start()
    sampler = Sampler()
    sampler.start()
    code: object = 0
    try:
        from ffplay.cli import main as ffplay

        code = ffplay(arguments)
    except SystemExit as error:
        code = error.code
    seconds = {"python": before, **sampler.seconds}
    seconds["python"] = before + sampler.seconds["python"]
    Path(path).write_text(json.dumps({"total": since_start(), "seconds": seconds}))
    return code if isinstance(code, int) else 0


if __name__ == "__main__":
    sys.exit(main())
