"""Many programs of random operators, each on a lab of its own: `python -m tests.stateful --help`."""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Sequence

import hypothesis
from hypothesis.stateful import run_state_machine_as_test

from tests.stateful.machine import Operators


def main(argv: Sequence[str] | None = None) -> int:
    """Run the programs and return 0 where nothing is broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.stateful", description=__doc__)
    parser.add_argument("--programs", type=int, default=30, help="how many (30)")
    parser.add_argument("--steps", type=int, default=8, help="how long one is at most (8)")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6), help="(a random one)")
    parser.add_argument("--shrink", action="store_true", help="look for a shorter program that fails, too: minutes")
    args = parser.parse_args(argv)
    say = sys.stderr.write
    say(f"seed {args.seed}\n")
    started = time.monotonic()
    phases = [hypothesis.Phase.generate, *([hypothesis.Phase.shrink] if args.shrink else [])]
    settings = profile(args.programs, args.steps, phases)
    machine = hypothesis.seed(args.seed)(Operators)
    try:
        run_state_machine_as_test(machine, settings=settings)
    finally:
        seconds = time.monotonic() - started
        say(f"seed {args.seed}: {Operators.programs} programs, {Operators.steps} steps, {seconds / 60:.0f} minutes\n")
    say("nothing was broken\n")
    return 0


def profile(programs: int, steps: int, phases: Sequence[hypothesis.Phase]) -> hypothesis.settings:
    """Return the settings of long and slow programs, of which nothing is kept."""
    return hypothesis.settings(
        max_examples=programs,
        stateful_step_count=steps,
        phases=phases,
        deadline=None,
        database=None,
        print_blob=False,
        suppress_health_check=list(hypothesis.HealthCheck),
    )


if __name__ == "__main__":
    sys.exit(main())
