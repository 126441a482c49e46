"""Where ffplay's time goes, by the part that its main thread is in or waits in."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.benchmarks import measure, race, site
from tests.benchmarks.judge import Mode
from tests.benchmarks.layout import Size
from tests.benchmarks.tools import TOOLS, environment


def run(size: Size, work: Path | None) -> dict[str, Any]:
    """Return for each mode the seconds of all, and of each place (see `sampled`)."""
    found: dict[str, Any] = {"size": str(size), "modes": {}}
    tool = TOOLS["ff-play"]
    with (
        tempfile.TemporaryDirectory(prefix="ffplay-bench-", dir=work) as directory,
        site.running(Path(directory) / "site", size) as running,
    ):
        for mode in Mode:
            output = Path(directory) / f"{mode}.json"
            _, *arguments = tool.command(running.layout, mode)
            command = [sys.executable, "-m", "tests.benchmarks.sampled", str(output), *arguments]
            ran = measure.run(command, environment(tool, running.layout))
            if ran.code:
                raise race.NotDone(f"ff-play under the sampler: {ran.output[-3000:]}")
            found["modes"][mode.value] = json.loads(output.read_text())
    return found
