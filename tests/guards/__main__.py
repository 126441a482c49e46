"""Remove every guard of the code in turn, each in a copy of its own, and see that its tests fail there.

    python -m tests.guards                      # all of them
    python -m tests.guards --only 'an xlog*'    # those of this name (a glob)
    python -m tests.guards --write              # write the table into docs/safety.md, and run nothing

First the same tests are run with nothing removed: they must pass. The exit code is 1 where a test does not fail
without its guard, or fails with it.
"""

from __future__ import annotations

import argparse
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from fnmatch import fnmatch

from tests.guards.mutant import copied, outcomes, trial
from tests.guards.table import DOCUMENT, Guard, documented, load


def main() -> int:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m tests.guards", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="guards of this name, or a glob")
    parser.add_argument("-j", "--jobs", type=int, default=2, help="how many are tried at once (2)")
    parser.add_argument("--no-baseline", action="store_true", help="do not run the tests with nothing removed first")
    parser.add_argument("--list", action="store_true", help="print the guards")
    parser.add_argument("--write", action="store_true", help="write the table into docs/safety.md")
    args = parser.parse_args()
    guards = load()
    if args.write:
        DOCUMENT.write_text(documented(DOCUMENT.read_text(encoding="utf-8"), guards), encoding="utf-8")
        return 0
    chosen = [guard for guard in guards if not args.only or any(fnmatch(guard.name, name) for name in args.only)]
    if args.list or not chosen:
        say("\n".join(f"{guard.file}: {guard.name}" for guard in chosen) or "no guard is called so")
        return 0 if chosen else 2
    mistakes = [mistake for mistake in (guard.mistake for guard in chosen) if mistake]
    if mistakes:
        say("\n".join(mistakes))
        return 1
    return try_all(chosen, args.jobs, not args.no_baseline)


def try_all(chosen: list[Guard], jobs: int, baseline: bool) -> int:
    """Try the guards; say how each went, and return the exit code."""
    started = time.monotonic()
    wrong = 0
    with copied() as whole:
        if baseline:
            tests = list(dict.fromkeys(test for guard in chosen for test in guard.tests))
            found = outcomes(whole, tests, "-n", str(jobs))
            broken = [f"with nothing removed: {test}: {said}" for test, said in found.items() if said != "passed"]
            say("\n".join(broken) or f"{len(tests)} tests pass with nothing removed")
            wrong += len(broken)
        with ThreadPoolExecutor(max(1, jobs)) as pool:
            trials = {pool.submit(trial, guard, whole): guard for guard in chosen}
            for done in as_completed(trials):
                survived = done.result()
                wrong += bool(survived)
                said = "".join(f"\n      {line}" for line in survived)
                say(f"{'NOT SEEN' if survived else 'seen    '} {trials[done].name}{said}")
    seconds = time.monotonic() - started
    say(f"{len(chosen)} guards removed one by one in {seconds:.0f} s; wrong: {wrong}")
    return 1 if wrong else 0


def say(text: str) -> None:
    """Print at once: a run takes minutes."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
