"""ffplay with a look at what its main thread does, every 2 ms: `python -m tests.benchmarks.sampled FILE VERB...`.

FILE gets JSON: the seconds since the process began (`total`), those of each place (`seconds`), and when which step of a
run began (`steps`). A place is the innermost module of ffplay on the stack, or `import` while anything is being
imported; what other threads do is told by what waits for them.
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
from typing import Any, TextIO

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


class Steps:
    """Standard output that notes when a run says that it begins a step, or its recap."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.begun: list[tuple[str, float]] = []

    def write(self, text: str) -> int:
        if text.lstrip().startswith(("STEP ", "RECAP")):
            self.begun.append((text.strip(), since_start()))
        return self._stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


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
    sampler, steps = Sampler(), Steps(sys.stdout)
    sys.stdout = steps  # type: ignore[assignment]
    sampler.start()
    code: object = 0
    try:
        from ffplay.cli import main as ffplay

        code = ffplay(arguments)
    except SystemExit as error:
        code = error.code
    seconds = {"python": before, **sampler.seconds}
    seconds["python"] = before + sampler.seconds["python"]
    Path(path).write_text(json.dumps({"total": since_start(), "seconds": seconds, "steps": steps.begun}))
    return code if isinstance(code, int) else 0


if __name__ == "__main__":
    sys.exit(main())
