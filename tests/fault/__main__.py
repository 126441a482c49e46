"""Make every operation of a migration go wrong in every way, one at a time: `python -m tests.fault --help`."""

from __future__ import annotations

import argparse
import concurrent.futures
import json
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from ffplay.lab.layout import LabOptions
from tests.fault import figures
from tests.fault.operations import Fault, Mode, Operation, matrix, sample
from tests.fault.state import State
from tests.fault.trial import Course, Outcome, attempt, record


def main(argv: Sequence[str] | None = None) -> int:
    """Run the trials and return 0 where nothing is broken."""
    args = _arguments(argv)
    work = Path(tempfile.mkdtemp(prefix="ffplay-fault-", dir=args.work))
    options = LabOptions(hosts=2, shards=2, faces=args.faces)
    say = sys.stderr.write
    try:
        operations, reference = record(work / "record", options)
        faults = matrix(operations, args.mode or list(Mode), args.seed)
        if args.changes:
            faults = [fault for fault in faults if fault.operation.changes]
        if args.only:
            faults = [fault for fault in faults if fault.operation in args.only]
        if args.sample:
            faults = sample(faults, args.sample, args.seed)
        say(f"{len(operations)} operations, {len(faults)} faults\n")
        if args.list:
            for operation in operations:
                modes = ", ".join(mode.value for mode in operation.modes)
                say(f"{operation!s:16} {operation.label}\n{'':16} {modes}\n")
            return 0
        return _trials(args, _planned(args, faults, operations), reference, options, work)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _planned(args: argparse.Namespace, faults: list[Fault], operations: list[Operation]) -> list[tuple[Fault, Course]]:
    """Return each fault with what its trial does beside it."""
    chance = random.Random(args.seed)
    planned = []
    for fault in faults:
        # Drawn one by one: faults come mode by mode, and every Kth would always be of the same modes.
        killed, back = (every > 0 and chance.randrange(every) == 0 for every in (args.killed, args.rollback))
        # Early enough for the run behind it to come to most of its own.
        at = chance.choice(operations[: len(operations) * 2 // 3]) if killed else None
        planned.append((fault, Course(at, back)))
    return planned


def _trials(
    args: argparse.Namespace, trials: list[tuple[Fault, Course]], reference: State, options: LabOptions, work: Path
) -> int:
    started = time.monotonic()
    outcomes = _made(args) if args.go_on else []
    known = {(outcome.fault, outcome.mode) for outcome in outcomes}
    trials = [(fault, course) for fault, course in trials if (str(fault.operation), fault.mode.value) not in known]
    before, total = sum(outcome.seconds for outcome in outcomes) / args.jobs, len(outcomes) + len(trials)

    def one(fault: Fault, course: Course) -> Outcome:
        place = Path(tempfile.mkdtemp(prefix="trial-", dir=work))
        try:
            return attempt(fault, place, options, reference, course)
        except Exception as error:  # noqa: BLE001 - the harness's own failure is a result, too
            text = f"the trial itself failed: {type(error).__name__}: {error}"
            return Outcome(str(fault.operation), fault.mode.value, str(course.killed_at or ""), broken=[text])
        finally:
            shutil.rmtree(place, ignore_errors=True)

    with (
        args.results.open("a" if args.go_on else "w") as results,
        concurrent.futures.ThreadPoolExecutor(args.jobs) as pool,
    ):
        for job in concurrent.futures.as_completed([pool.submit(one, *trial) for trial in trials]):
            outcome = job.result()
            outcomes.append(outcome)
            results.write(outcome.line() + "\n")
            results.flush()
            sys.stderr.write(f"{len(outcomes):>5}/{total} {figures.brief(outcome)}\n")
    print(figures.table(outcomes))  # noqa: T201 - this is a command
    if args.document:
        figures.write(args.document, outcomes, before + time.monotonic() - started, _options(args))
    return 1 if any(outcome.broken for outcome in outcomes) else 0


def _made(args: argparse.Namespace) -> list[Outcome]:
    """Return the outcomes of the trials that an earlier run made."""
    if not args.results.exists():
        return []
    return [Outcome(**json.loads(line)) for line in args.results.read_text().splitlines()]


def _options(args: argparse.Namespace) -> str:
    """Return what decides which trials are made, as it is written on the command line."""
    given = {"sample": args.sample, "seed": args.seed, "killed": args.killed, "rollback": args.rollback}
    words = [f" --{name} {value}" for name, value in {**given, "faces": args.faces}.items() if value]
    return "".join(
        [*words, " --changes" if args.changes else "", *(f" --mode {mode.value}" for mode in args.mode or ())]
    )


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fault", description=__doc__)
    parser.add_argument("--sample", type=int, metavar="N", help="make N trials, spread over the modes (all)")
    parser.add_argument("--seed", type=int, default=1, help="what the sample and the moments are drawn with (1)")
    parser.add_argument("--mode", type=Mode, action="append", help="this mode alone; may be repeated")
    parser.add_argument("--only", type=Operation.parse, action="append", metavar="HOST:KIND:N", help="at this alone")
    parser.add_argument("--changes", action="store_true", help="only at operations that may change something")
    parser.add_argument("--rollback", type=int, default=0, metavar="K", help="go back in one trial of K")
    parser.add_argument("--killed", type=int, default=0, metavar="K", help="in one trial of K go on with a killed run")
    parser.add_argument("-j", "--jobs", type=int, default=2, help="trials at the same time (2)")
    parser.add_argument("--faces", type=int, default=200, help="faces of each lab (200)")
    parser.add_argument("--results", type=Path, default=Path("fault-results.jsonl"), help="a line of JSON a trial")
    parser.add_argument("--go-on", action="store_true", help="make only the trials that the results do not have yet")
    parser.add_argument("--document", type=Path, help="put the figures into this document (docs/safety.md)")
    parser.add_argument("--work", type=Path, help="where the labs are made (the system's temporary directory)")
    parser.add_argument("--list", action="store_true", help="list the operations and make no trial")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
