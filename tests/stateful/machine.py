"""Operators and others at one site, in any order."""

from __future__ import annotations

import concurrent.futures
import os
import re

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from ffplay.lab.layout import LabOptions
from tests.fault.operations import Fault, Mode, Operation
from tests.stateful import hands
from tests.stateful.checks import START, Watched

# The site's own model, one of the same size, one of another.
goals = st.sampled_from([START, "en2_face0", "cherry_480"])
shapes = st.sampled_from([(1, 1, True), (1, 1, False), (1, 2, False), (2, 1, False), (2, 2, False)])

# A run makes some fifty operations on the host with MongoDB; a fault beyond the last one is not met.
faults = st.builds(
    lambda host, number, mode: Fault(Operation(host, "run", number), mode, number),
    st.sampled_from(["app1", "app1", "db1"]),
    st.integers(3, 50),
    st.sampled_from([Mode.KILL_BEFORE, Mode.KILL_AFTER, Mode.FAIL]),
)
machines = st.sampled_from(["here", "there"])


class Operators(Watched):
    """Everybody who does something to a site."""

    @initialize(shape=shapes, faces=st.integers(20, 60))
    def begin(self, shape: tuple[int, int, bool], faces: int) -> None:
        hosts, shards, standalone = shape
        self.bring_up(LabOptions(hosts=hosts, shards=shards, faces=faces, standalone=standalone))

    # What operators do.

    @rule(goal=goals, machine=machines)
    def plan(self, goal: str, machine: str) -> None:
        code, _ = self.looks("plan", *self.words(goal), "--detailed-exitcode", machine=machine)
        self.holds(code in {0, 2}, f"plan ended with {code}")
        if code == 0:
            self.at(goal)

    @rule(machine=machines)
    def ask(self, machine: str) -> None:
        self.holds(self.looks("status", machine=machine)[0] == 0, "status failed")
        code, text = self.looks("runs", machine=machine)
        self.holds(code == 0 and all(run.name in text for run in self.model.runs), "runs does not name each run")
        for run in self.model.runs[-1:]:
            self.holds(self.looks("show", run.name, machine=machine)[0] == 0, "show failed")

    @rule(goal=goals, machine=machines)
    def apply(self, goal: str, machine: str) -> None:
        self.applied(goal, machine)

    @rule(goal=goals, fault=faults, machine=machines)
    def apply_broken_off(self, goal: str, fault: Fault, machine: str) -> None:
        self.applied(goal, machine, fault)

    @rule(goal=goals, fault=faults)
    def apply_broken_off_and_again(self, goal: str, fault: Fault) -> None:
        self.applied(goal, "here", fault)
        self.applied(goal, "there")

    @rule(goal=goals)
    def apply_with_a_tool_that_fails(self, goal: str) -> None:
        self.broken.touch()
        self.applied(goal, "here")
        self.broken.unlink()

    @rule(goal=goals)
    def two_apply(self, goal: str) -> None:
        before = hands.look(self.lab)
        owned = hands.owned(self.lab)
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            words = ("apply", *self.words(goal), "--yes")
            both = [pool.submit(self.ffplay, *words, machine=name) for name in ("here", "there")]
            codes = sorted(job.result()[0] for job in both)
        # The second finds the site locked, or changed since its plan, or there already.
        self.holds(codes[0] in self.codes(before) and codes[1] in {0, 6, 7, 9}, f"two at once ended with {codes}")
        self.after_apply(before, owned, codes[0], goal)

    @rule(which=st.integers(0, 3), machine=machines)
    def roll_back(self, which: int, machine: str) -> None:
        self.rolled_back(which, machine)

    @rule(fault=faults, machine=machines)
    def roll_back_broken_off_and_again(self, fault: Fault, machine: str) -> None:
        self.rolled_back(0, "here", fault)
        if self.model.standing and self.model.standing[-1].verb == "rollback" and self.model.standing[-1].open:
            self.rolled_back(0, machine)

    @rule(machine=machines)
    def commit(self, machine: str) -> None:
        before = hands.look(self.lab)
        expected = self.commit_codes(before)
        aside = {run for shard in self.shards for run in shard.asides()}
        code, _ = self.ffplay("commit", "--yes", machine=machine)
        self.holds(code in expected, f"commit ended with {code}, not {expected}")
        made = self.noted(before, hands.look(self.lab), code)
        if code == 0:
            self.holds(not any(shard.asides() for shard in self.shards), "commit left something set aside")
            self.holds(bool(made) == bool(aside), f"commit made {len(made)} runs for {len(aside)} to remove")
        elif code in {6, 7}:
            kept = {run for shard in self.shards for run in shard.asides()}
            self.holds(kept == aside, "a commit that was refused removed something")
        if made and code == 0:
            self.at(hands.model_of(self.lab))
            self.treasures = [hands.treasure(self.lab)]
        self.safe()

    # What others do.

    @rule(place=st.integers(0, 3), kind=st.sampled_from(["comment", "memory"]), restart=st.booleans())
    def edit(self, place: int, kind: str, restart: bool) -> None:
        shard = self.shards[place % len(self.shards)]
        self.note(f"edit {shard.key}: {kind}, restart {restart}")
        text = shard.conf.read_text()
        if kind == "comment":
            text = f"-- seen by the night shift, {text.count('night shift') + 1}\n{text}"
        else:
            text = re.sub(r"(?m)^( *)memtx_memory = .*\* 1024 \* 1024,", r"\1memtx_memory = 96 * 1024 * 1024,", text)
        shard.conf.write_text(text)
        self.stale.add(shard.key)
        if restart and shard.runs:
            shard.systemctl("restart")
            self.stale.discard(shard.key)

    @rule(place=st.integers(0, 3), remove=st.booleans())
    def touch_a_record(self, place: int, remove: bool) -> None:
        record = self.shards[place % len(self.shards)].record
        if record.exists():
            self.note(f"{'remove' if remove else 'touch'} {record}")
            record.unlink() if remove else os.utime(record)

    @rule(place=st.integers(0, 3))
    def stop_a_shard(self, place: int) -> None:
        shard = self.shards[place % len(self.shards)]
        self.note(f"stop {shard.key}")
        shard.systemctl("stop")

    @rule(count=st.integers(1, 3))
    def enrol(self, count: int) -> None:
        self.note(f"enrolled {hands.enrol(self.lab, count)} with {hands.model_of(self.lab)}")

    @precondition(lambda self: all(shard.runs for shard in self.shards))
    @rule(place=st.integers(0, 59))
    def delete(self, place: int) -> None:
        hands.look(self.lab)
        number = hands.delete(self.lab, place)
        self.note(f"deleted {number}")
        for treasure in self.treasures:
            treasure.facens.pop(str(number), None)
