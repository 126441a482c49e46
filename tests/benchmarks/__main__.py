"""Measure ffplay and its peers at the same job: `python -m tests.benchmarks --help`."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks import judge, measure, peers, site
from tests.benchmarks.judge import Mode
from tests.benchmarks.layout import Size
from tests.benchmarks.results import Results, Sample
from tests.benchmarks.tools import TOOLS, TOP, Tool, environment

_SIZES = "1x1,4x4,16x4,64x4"


def main(argv: Sequence[str] | None = None) -> int:
    """Measure what the arguments ask for, and print it as it comes."""
    args = _arguments(argv)
    for signum in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, lambda number, _: sys.exit(128 + number))
    results = Results()
    for name in sorted({TOOLS[name].peer for name in args.tools} - {""}):
        peers.install(TOP, name)
    for size in args.sizes:
        tools = [TOOLS[name] for name in args.tools]
        with tempfile.TemporaryDirectory(prefix="ffplay-bench-", dir=args.work) as work:
            started = time.monotonic()
            with site.running(Path(work) / "site", size) as found:
                say(f"{size}: the site is up after {time.monotonic() - started:.1f} s")
                for number in range(args.rounds):
                    # In turns, and each round begins with another one: what disturbs the machine meets all of them.
                    for tool in tools[number % len(tools) :] + tools[: number % len(tools)]:
                        _round(found, tool, results)
    sys.stdout.write(f"{results.table()}\n")
    if args.results:
        results.save(args.results)
    return 0


def _round(found: site.BenchSite, tool: Tool, results: Results) -> None:
    """Have one tool do the job once in all modes, and check each."""
    found.reset()
    before = judge.snapshot(found.layout)
    for mode in Mode:
        site_before = found.cpu_seconds()
        keep = (found.supervisor.pid,)
        ran = measure.run(tool.command(found.layout, mode), environment(tool, found.layout), TOP, keep)
        site_cpu = found.cpu_seconds() - site_before
        wrong = [f"exit code {ran.code}"] if ran.code else []
        after = judge.snapshot(found.layout)
        wrong += judge.done(found, before) if mode is Mode.APPLY else judge.unchanged(before, after)
        if wrong:
            raise SystemExit(
                f"{tool.name} {mode} at {found.layout.size}: " + "\n".join([*wrong[:20], ran.output[-5000:]])
            )
        before = after
        sample = Sample(str(found.layout.size), tool.name, mode.value, ran.wall, ran.cpu, site_cpu, ran.memory)
        results.add(sample)
        say(f"{found.layout.size} {tool.name} {mode}: {ran.wall:.2f} s, CPU {ran.cpu:.2f} + {site_cpu:.2f} s")


def say(text: str) -> None:
    """Tell the person who waits."""
    sys.stderr.write(f"{text}\n")


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests/benchmarks/run.sh", description=__doc__)
    parser.add_argument("--tools", type=_tools, default=list(TOOLS), help=f"some of {','.join(TOOLS)}")
    parser.add_argument("--sizes", type=_sizes, default=_sizes(_SIZES), help=f"hosts x shards ({_SIZES})")
    parser.add_argument("--rounds", type=int, default=5, help="how often each tool does the job (5)")
    parser.add_argument("--work", default=os.environ.get("TMPDIR"), help="where the sites go; a local file system")
    parser.add_argument("--results", type=Path, help="a JSON file for the figures")
    return parser.parse_args(argv)


def _tools(text: str) -> list[str]:
    names = text.split(",")
    unknown = sorted({*names} - TOOLS.keys())
    if unknown:
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: none of {', '.join(TOOLS)}")
    return names


def _sizes(text: str) -> list[Size]:
    try:
        return [Size.parse(word) for word in text.split(",")]
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{error} is no HOSTSxSHARDS") from error


if __name__ == "__main__":
    sys.exit(main())
