"""Measure ffplay and its peers at the same job, on sites of this machine."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.benchmarks import copying, document, latency, peers, profile, race, transfer
from tests.benchmarks.layout import Size
from tests.benchmarks.tools import TOOLS, TOP

_SIZES = "1x1,4x4,16x4,64x4,256x4"
_FAR = ("ff-play", "floor-a-fast", "floor-b", "pyinfra")
_FAR_SIZE = Size(16, 4)
_FACES = 20000
_MEBIBYTES = 256
_FILES = 200
_QUICK = (["ff-play", "floor-a", "floor-a-fast", "floor-b"], "1x1,2x2", 1)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure what the arguments ask for, and print it. 1: a tool did not do the whole job."""
    args = _arguments(argv)
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, lambda number, _: sys.exit(128 + number))
    for name in sorted({TOOLS[name].peer for name in args.tools} - {""}):
        peers.install(TOP, name)
    started = time.monotonic()
    try:
        results = race.run([TOOLS[name] for name in args.tools], args.sizes, args.rounds, args.work)
        if args.document:
            results.more |= _more(args)
    except race.NotDone as error:
        race.say(str(error))
        return 1
    sys.stdout.write(f"{results.table()}\n")
    if args.results:
        results.save(args.results)
    if args.document:
        document.write(results, time.monotonic() - started)
    return 0


def _more(args: argparse.Namespace) -> dict[str, Any]:
    """Measure what the document has beside the race."""
    far = [TOOLS[name] for name in args.tools if name in _FAR]
    return {
        "latency": latency.run(far, _FAR_SIZE, args.rounds, args.work),
        "profile": profile.run(_FAR_SIZE, args.work),
        "copying": copying.run(_FACES, args.work),
        "transfer": transfer.run(_MEBIBYTES, _FILES, max(3, args.rounds), args.work),
    }


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests/benchmarks/run.sh", description=__doc__)
    parser.add_argument("--tools", type=_tools, default=list(TOOLS), help=f"some of {','.join(TOOLS)}")
    parser.add_argument("--sizes", type=_sizes, default=_sizes(_SIZES), help=f"hosts x shards ({_SIZES})")
    parser.add_argument("--rounds", type=int, default=5, help="how often each tool does the job (5)")
    parser.add_argument("--quick", action="store_true", help="ffplay and the floors, once, at two small sizes")
    parser.add_argument("--work", type=Path, default=os.environ.get("TMPDIR"), help="where the sites go")
    parser.add_argument("--document", action="store_true", help="write docs/benchmarks.md and the README's chart")
    parser.add_argument("--results", type=Path, help="a JSON file for the figures")
    args = parser.parse_args(argv)
    if args.quick:
        args.tools, sizes, args.rounds = _QUICK
        args.sizes = _sizes(sizes)
    return args


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
