"""One trial: a lab of its own, one fault in one migration, and everything that must hold afterwards."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import tarantool

from ffplay.lab import site as lab_site
from ffplay.lab import unit_files
from ffplay.lab.layout import LabOptions, LabSite
from tests.e2e.judge import judge
from tests.fault import controllers, disk, tools
from tests.fault.operations import LATE, Fault, Mode, Operation
from tests.fault.state import State, Treasure, read, summary

PLAYBOOK = "playbooks/switch-model.yml"
TARGET = "cherry_480"

# Longer than any of this takes on a machine that is busy with other things, in seconds.
_PATIENCE = 600

# What a script says that a fault has fail.
_SAID = "Input/output error"

# One of ffplay's own; that of a tool is quoted, behind a bar.
_TRACEBACK = re.compile(r"^Traceback ", re.MULTILINE)

_LOCKED, _REFUSED = 9, 7
_NO_RUN = "no run"
_HELD_BY = re.compile(r"locked by run (\S+):")


@dataclass
class Outcome:
    """How a trial went.

    `killed_at` is where an earlier run was killed, if one was. `hit` tells whether the fault was met, `code` is the
    exit code of the run with it, `again` are those of the following runs, `seconds` the whole time. `broken` are the
    invariants that did not hold. `unlocked` tells whether the lock had to be broken by hand, `starts` how often tools
    were started in all, `litter` what is left over.
    """

    fault: str
    mode: str
    killed_at: str = ""
    label: str = ""
    hit: bool = False
    code: int = 0
    broken: list[str] = field(default_factory=list)
    again: list[int] = field(default_factory=list)
    unlocked: bool = False
    rolled_back: bool = False
    starts: int = 0
    litter: list[str] = field(default_factory=list)
    seconds: float = 0.0
    output: str = ""

    def line(self) -> str:
        """Return it as a line of JSON; the output of a run is kept where something is broken."""
        body = asdict(self)
        return json.dumps(body if self.broken else {**body, "output": ""})


@contextlib.contextmanager
def laboratory(directory: Path, options: LabOptions, own_disk: bool = False) -> Iterator[LabSite]:
    """Give a new lab in a directory; nothing of it is left."""
    with disk.mounted(directory) if own_disk else contextlib.nullcontext():
        place = directory / "lab"
        lab = lab_site.up(LabOptions(**{**asdict(options), "directory": place}))
        try:
            _snapshots(lab)
            tools.watch(lab)
            yield lab
        finally:
            lab_site.down(place)
            tools.log_of(lab).unlink(missing_ok=True)
            shutil.rmtree(place, ignore_errors=True)


def _snapshots(lab: LabSite) -> None:
    """Have every shard write a snapshot of what it holds, as each does every four hours on a site."""
    for host in lab.databases:
        for number in range(1, host.shards + 1):
            connection: Any = tarantool.connect(host.address, 33000 + number)
            connection.eval("box.snapshot()")
            connection.close()


def ffplay(
    lab: LabSite, *words: str, machine: Path, fault: Fault | None = None, log: Path | None = None
) -> tuple[int, str]:
    """Run ff-play on a lab, with a fault or a log of its operations if wanted; return exit code and output.

    `machine` is where the operator's machine keeps its own copies of journals.
    """
    before: list[str] = []
    if log is not None:
        before = ["--log", str(log), "--lab", str(lab.directory)]
        if fault is not None:
            before += ["--fault", str(fault.operation), "--mode", fault.mode.value, "--seed", str(fault.seed)]
        before += ["--"]
    return controllers.run([*before, *words, "-i", str(lab.inventory)], machine, log is not None, _PATIENCE)


def record(directory: Path, options: LabOptions) -> tuple[list[Operation], State]:
    """Run without faults; return every operation in the order made, and the site that it ends in."""
    log = directory / "operations.jsonl"
    directory.mkdir(parents=True, exist_ok=True)
    with laboratory(directory / "reference", options) as lab:
        code, output = ffplay(lab, "apply", PLAYBOOK, "--yes", machine=directory, log=log)
        found = judge(lab, TARGET)
        if code or found:
            raise AssertionError(f"the run without faults: {code}, {found}\n{output}")
        state = read(lab)
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    return [_labelled(line) for line in lines], state


def _labelled(line: dict[str, Any]) -> Operation:
    plain = Operation.parse(line["operation"])
    return Operation(plain.host, plain.kind, plain.number, plain.part, line["label"], line["changes"])


@dataclass(frozen=True)
class Course:
    """What a trial does beside its fault.

    `killed_at` is where an earlier run was killed, which the run with the fault goes on with; None where there was
    none. With `roll_back` the site is brought back after the fault, and not to its target.
    """

    killed_at: Operation | None = None
    roll_back: bool = False


def attempt(fault: Fault, directory: Path, options: LabOptions, reference: State, course: Course = Course()) -> Outcome:
    """Make one trial."""
    started = time.monotonic()
    outcome = Outcome(str(fault.operation), fault.mode.value, killed_at=str(course.killed_at or ""))
    own_disk = fault.mode is Mode.DISK_FULL and disk.can_mount()
    directory.mkdir(parents=True, exist_ok=True)
    with laboratory(directory / "disk", options, own_disk) as lab:
        _Trial(fault, lab, outcome, directory).run(reference, course)
    outcome.seconds = round(time.monotonic() - started, 1)
    return outcome


class _Trial:
    """A trial under way."""

    def __init__(self, fault: Fault, lab: LabSite, outcome: Outcome, directory: Path) -> None:
        self._fault = fault
        self._lab = lab
        self._outcome = outcome
        self._log = directory / "operations.jsonl"
        # Whoever goes on may do so from another machine, which knows nothing of the run that was broken off.
        self._first = directory / "first"
        self._second = fault.chance.choice([self._first, directory / "second"])
        self._treasure = Treasure.of(lab)
        self._start = read(lab)

    def run(self, reference: State, course: Course) -> None:
        outcome = self._outcome
        if course.killed_at is not None:
            self._kill(course.killed_at)
        code, output = ffplay(
            self._lab, "apply", PLAYBOOK, "--yes", machine=self._first, fault=self._fault, log=self._log
        )
        outcome.code = code
        self._say("apply, with the fault", code, output)
        hits = [line for line in map(json.loads, self._log.read_text().splitlines()) if line["hit"]]
        outcome.hit = bool(hits)
        outcome.label = hits[0]["label"] if hits else ""
        if code == 0 and any(hit["changes"] for hit in hits) and self._fault.mode is Mode.FAIL and _SAID not in output:
            outcome.broken.append("what did not work was passed over without a word")
        if "this is a bug in ffplay" in output or _TRACEBACK.search(output):
            outcome.broken.append("the run with the fault ended in a traceback")
        disk.free(self._lab.directory)
        self._mend()
        self._safe("after the fault")
        self._honest(code)
        if course.roll_back:
            self._roll_back()
        else:
            self._again(reference)
        outcome.starts = tools.starts(self._lab)
        outcome.broken += tools.overlaps(self._lab)

    def _kill(self, operation: Operation) -> None:
        """Have an earlier run killed."""
        fault = Fault(operation, Mode.KILL_AFTER)
        log = self._log.with_name("killed.jsonl")
        self._say("apply", *ffplay(self._lab, "apply", PLAYBOOK, "--yes", machine=self._first, fault=fault, log=log))

    def _mend(self) -> None:
        """Wait for the hosts' services that are no shards; start what a full disk has ended, as its operator would."""
        deadline = time.monotonic() + 60
        for host in self._lab.hosts:
            others = [unit for unit in unit_files.names(host.root) if not unit.startswith("tarantool@")]
            if set(host.systemctl("is-active", *others).stdout.split()) == {"active"}:
                continue
            for unit in others:
                while (state := host.systemctl("is-active", unit).stdout.strip()) != "active":
                    if state in {"failed", "inactive"}:
                        host.systemctl("reset-failed", unit)
                        host.systemctl("start", unit)
                    assert time.monotonic() < deadline, f"{unit} on {host.name} is {state}"
                    time.sleep(0.05)

    def _safe(self, when: str) -> None:
        """Hold that nothing is lost."""
        self._outcome.broken += [f"{when}: {problem}" for problem in self._treasure.lost(self._lab)]

    def _honest(self, code: int) -> None:
        """Hold that a site which is not at its target is not called fine."""
        said = {"apply": code == 0}
        questions = [["plan", PLAYBOOK, "--detailed-exitcode"]]
        if self._all_run():
            # It waits for shards that do not answer, and fails then.
            questions.append(["verify", PLAYBOOK])
        for words in questions:
            answer, output = self._ffplay(*words)
            self._say(words[0], answer, output)
            said[words[0]] = answer == 0
        if any(said.values()):
            problems = judge(self._lab, TARGET)
            fine = ", ".join(verb for verb, well in said.items() if well)
            self._outcome.broken += [f"{fine} called the site fine: {problem}" for problem in problems[:3]]

    def _all_run(self) -> bool:
        states = lab_site.status(self._lab.directory).hosts
        return all(state == "active" for host in states for _, state in host.units)

    def _again(self, reference: State) -> None:
        """Run the same command again, and hold that it ends where a run without faults does."""
        outcome = self._outcome
        tries = 2 if self._fault.mode in LATE else 1
        for _ in range(tries):
            code, output = self._apply()
            if code == 0:
                break
        if code:
            outcome.broken.append(f"apply again ended with {code}")
            return
        problems = judge(self._lab, TARGET)
        outcome.broken += [f"after apply again: {problem}" for problem in problems[:5]]
        self._safe("after apply again")
        now = read(self._lab)
        outcome.broken += [f"unlike the run without faults: {text}" for text in summary(reference.differences(now))]
        outcome.litter = sorted(set(now.kept) - set(reference.kept))
        code, output = self._ffplay("plan", PLAYBOOK, "--detailed-exitcode")
        if code:
            self._say("plan", code, output)
            outcome.broken.append(f"the plan afterwards is not empty: {code}")

    def _apply(self) -> tuple[int, str]:
        code, output = self._ffplay("apply", PLAYBOOK, "--yes")
        self._outcome.again.append(code)
        self._say("apply again", code, output)
        held = _HELD_BY.search(output)
        if code == _LOCKED and held:
            self._outcome.unlocked = True
            self._say("unlock", *self._ffplay("unlock", "--force", held[1]))
            code, output = self._ffplay("apply", PLAYBOOK, "--yes")
            self._outcome.again.append(code)
            self._say("apply again", code, output)
        return code, output

    def _roll_back(self) -> None:
        """Go back, and hold that the site is what it was at the start."""
        outcome = self._outcome
        outcome.rolled_back = True
        code, output = self._ffplay("rollback", "--yes")
        self._say("rollback", code, output)
        outcome.again.append(code)
        if code == _REFUSED and _NO_RUN in output:
            # The run with the fault had not begun.
            code = 0
        if code:
            outcome.broken.append(f"rollback ended with {code}")
            return
        self._safe("after rollback")
        outcome.broken += [f"rolled back: {problem}" for problem in self._treasure.out_of_place(self._lab)]
        differences = self._start.differences(read(self._lab))
        outcome.broken += [f"rolled back, unlike the start: {text}" for text in summary(differences)]

    def _ffplay(self, *words: str) -> tuple[int, str]:
        return ffplay(self._lab, *words, machine=self._second)

    def _say(self, what: str, code: int, output: str) -> None:
        self._outcome.output += f"--- {what}: {code}\n{output}\n"
