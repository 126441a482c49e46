"""The race: every tool does the job in turns, and each run is checked."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks import judge, measure, site
from tests.benchmarks.judge import Mode
from tests.benchmarks.layout import Size
from tests.benchmarks.results import Results, Sample
from tests.benchmarks.tools import Tool, environment

# So many characters of both ends of a failed run's output are shown.
_SHOWN = 3000


class NotDone(Exception):
    """A tool did not do the whole job, or did what it should not have done."""


def run(tools: Sequence[Tool], sizes: Sequence[Size], rounds: int, work: Path | None) -> Results:
    """Have each tool do the job so many times at each size. Raise `NotDone`."""
    results = Results()
    for number, size in enumerate(sizes):
        with tempfile.TemporaryDirectory(prefix="ffplay-bench-", dir=work) as directory:
            started = time.monotonic()
            with site.running(Path(directory) / "site", size) as found:
                say(f"{size}: the site is up after {time.monotonic() - started:.1f} s")
                if number == 0 and rounds > 1:
                    # What Python compiles and the disk reads once is nobody's speed.
                    for tool in tools:
                        once(found, tool)
                results.samples += _rounds(found, tools, rounds)
                results.more["isolated"] = found.isolated
    return results


def _rounds(found: site.BenchSite, tools: Sequence[Tool], rounds: int) -> list[Sample]:
    """Go round by round, each beginning with another tool: what disturbs the machine meets all of them."""
    samples = []
    for number in range(rounds):
        turn = number % len(tools)
        for tool in (*tools[turn:], *tools[:turn]):
            if number < tool.rounds(found.layout.size, rounds):
                samples += once(found, tool)
    return samples


def once(found: site.BenchSite, tool: Tool) -> list[Sample]:
    """Have one tool do the job once in all modes, and check each. Raise `NotDone`."""
    found.reset()
    samples = []
    before = judge.snapshot(found.layout)
    for mode in Mode:
        used = found.cpu_seconds()
        ran = measure.run(tool.command(found.layout, mode), environment(tool, found.layout))
        used = found.cpu_seconds() - used
        wrong = [f"exit code {ran.code}"] if ran.code else []
        wrong += judge.done(found, before) if mode is Mode.APPLY else judge.unchanged(found, before)
        if wrong:
            where = f"{tool.name}, {mode} at {found.layout.size}"
            raise NotDone("\n".join([f"{where}:", *wrong[:20], "it printed:", _shortened(ran.output)]))
        before = judge.snapshot(found.layout)
        samples.append(Sample(str(found.layout.size), tool.name, mode.value, ran.wall, ran.cpu, used, ran.memory))
        say(f"{found.layout.size} {tool.name} {mode}: {ran.wall:.2f} s, CPU {ran.cpu:.2f} + {used:.2f} s")
    return samples


def _shortened(text: str) -> str:
    """Return the beginning and the end of a long output."""
    return text if len(text) <= 2 * _SHOWN else f"{text[:_SHOWN]}\n...\n{text[-_SHOWN:]}"


def say(text: str) -> None:
    """Tell the person who waits."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
