"""What must hold after everything that operators and others do to a site."""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import Any

from hypothesis.stateful import RuleBasedStateMachine

from ffplay.lab.layout import LabOptions
from tests.e2e.judge import judge
from tests.e2e.trees import differences, trees
from tests.fault import tools
from tests.fault.operations import Fault, Mode
from tests.fault.state import State, summary
from tests.fault.trial import PLAYBOOK, ffplay, laboratory
from tests.stateful import hands
from tests.stateful.model import Model, Run, changed

# The model that a site is at in the beginning.
START = "apricot_320"

KILLED = -9

_MADE = "app1:the facen that extraction-api makes"
_GHOST = "is on a shard and not in MongoDB"


class Watched(RuleBasedStateMachine):
    """A site, its runs as the model knows them, and what is looked at after each step.

    `programs` and `steps` count what was done in all. `stale` are the shards whose file somebody edited, and which
    nobody has started anew since.
    """

    programs = steps = 0

    def bring_up(self, options: LabOptions) -> None:
        """Give the program a lab of its own."""
        type(self).programs += 1
        self.stack = contextlib.ExitStack()
        self.home = Path(tempfile.mkdtemp(prefix="ffplay-stateful-"))
        self.stack.callback(shutil.rmtree, self.home, ignore_errors=True)
        self.lab = self.stack.enter_context(laboratory(self.home / "disk", options))
        self.broken = hands.break_tool(self.lab)
        self.shards = hands.shards_of(self.lab)
        self.model = Model()
        self.treasures = [hands.treasure(self.lab)]
        self.stale: set[str] = set()
        self.story = ""

    def teardown(self) -> None:
        if hasattr(self, "stack"):
            self.stack.close()

    def words(self, goal: str) -> tuple[str, ...]:
        return PLAYBOOK, "-e", f"model={goal}", "-e", f"from_model={START}"

    def applied(self, goal: str, machine: str, fault: Fault | None = None) -> None:
        before = hands.look(self.lab)
        owned = hands.owned(self.lab)
        code, _ = self.ffplay("apply", *self.words(goal), "--yes", machine=machine, fault=fault)
        expected = self.codes(before, self.broken.exists())
        if fault is not None:
            expected |= {KILLED} if fault.mode is not Mode.FAIL else {1, 2, 4, 5, 6, 7}
        self.holds(code in expected, f"apply ended with {code}, not {sorted(expected)}")
        self.after_apply(before, owned, code, goal)

    def after_apply(self, before: State, owned: dict[str, str], code: int, goal: str) -> None:
        hands.quiet(self.lab)
        after = hands.look(self.lab)
        self.noted(before, after, code)
        now = hands.owned(self.lab)
        edited = [path for path in owned if owned[path] != now[path]]
        self.holds(not edited, f"apply changed what is not the playbook's in {edited}")
        if code == 0:
            self.at(goal)
            self.holds(all(shard.runs for shard in self.shards), "apply left a shard stopped")
            self.treasures.append(hands.treasure(self.lab))
        elif code == 6:
            self.restart()
        self.safe()

    def restart(self) -> None:
        """Start the shards anew whose files somebody edited, as `verify` says."""
        for shard in self.shards:
            if shard.key in self.stale and shard.runs:
                shard.systemctl("restart")
        self.stale.clear()

    def rolled_back(self, which: int, machine: str, fault: Fault | None = None) -> None:
        before = hands.look(self.lab)
        standing = self.model.standing
        wanted = standing[-which].name if 0 < which <= len(standing) else None
        undone, tries = self.model.undone(wanted)
        broken_off = any(run.open for run in undone)
        code, _ = self.ffplay("rollback", *([wanted] if wanted else []), "--yes", machine=machine, fault=fault)
        expected = {0} if undone else {7}
        if fault is not None:
            expected |= {KILLED} if fault.mode is not Mode.FAIL else {1, 2, 4, 5, 6, 7}
        self.holds(code in expected, f"rollback ended with {code}, not {sorted(expected)}")
        after = hands.look(self.lab)
        made = self.noted(before, after, code)
        if code == 0:
            self.holds(tuple(run.name for run in undone) == made[0].reverts, f"it undid {made[0].reverts}")
            self.oldest = min(undone[0].before.faces)
            self.same(Model.restored(undone, tries, before), before, after, broken_off)
            self.treasures.append(hands.treasure(self.lab))
        self.safe()

    def same(self, wanted: State, before: State, after: State, broken_off: bool) -> None:
        """Hold that the site is as it must be after a rollback; `before` is how the rollback found it."""
        down = {shard.key for shard in self.shards if not shard.runs}
        for name, state in after.units.items():
            if name == _MADE and min(after.faces) != self.oldest:
                # It is asked for the first face, which somebody has deleted since.
                wanted.units[name] = state
            # Whether a run had to do with a unit that somebody stopped or started since is not asked here.
            self.holds(state in {wanted.units[name], before.units[name]}, f"{name} is {state}")
            wanted.units[name] = state
        wanted.shards = {key: facen for key, facen in wanted.shards.items() if key.rsplit(":", 2)[0] not in down}
        if broken_off:
            # A run that was about to change a file did not always come to it; what somebody wrote there since goes.
            for name in wanted.files.keys() & after.files.keys():
                first = self.first(name)
                if after.files[name] in first:
                    wanted.files[name] = after.files[name]
        found = wanted.differences(after)
        self.holds(not found, "rolled back, it is not what it was: " + "; ".join(summary(found)))

    def first(self, name: str) -> set[str]:
        return {run.before.files[name] for run in self.model.runs if name in run.before.files}

    def noted(self, before: State, after: State, code: int) -> list[Run]:
        """Have the model know what a verb made, hold that the hosts know the same, and return the new runs."""
        listing = json.loads(self.ffplay("runs", "--json", machine="there", loud=False)[1])["runs"]
        known = {run.name: run for run in self.model.runs}
        told = {one["run"]: one for one in listing}
        self.holds(known.keys() <= told.keys(), f"the hosts do not know {known.keys() - told.keys()} any more")
        made = [self.run_of(told[name], before, after) for name in sorted(told.keys() - known.keys())]
        self.holds(len(made) <= 1, f"{len(made)} new runs")
        goes_on = self.model.applied()
        self.model.runs += made
        for run in made:
            if run.verb == "apply":
                self.holds(run.continues == goes_on, f"it goes on with {run.continues}, not with {goes_on}")
            if code == 0:
                self.model.end(run)
            elif code == KILLED:
                for each in self.model.runs:
                    one = told[each.name]
                    each.open, each.over = one["open"], _over(one)
        said = {name: (one["open"], _over(one)) for name, one in told.items()}
        mine = {run.name: (run.open, run.over) for run in self.model.runs}
        wrong = {name: (said[name], mine[name]) for name in said if said[name] != mine[name]}
        self.holds(not wrong, f"the hosts and the model differ over runs: {wrong}")
        return made

    def run_of(self, one: dict[str, Any], before: State, after: State) -> Run:
        emptied = {shard.key for shard in self.shards if one["run"] in shard.asides()}
        records = {shard.file_key(shard.record) for shard in self.shards if shard.key in emptied}
        files = changed(before, after) | records
        return Run(
            one["run"], one["verb"], before, True, tuple(one["continues"]), tuple(one["reverts"]), "", files, emptied
        )

    def codes(self, before: State, broken: bool = False) -> set[int]:
        """Return what an undisturbed apply may end with."""
        # `verify` names faces that are on a shard alone, and shards that run with another file than theirs.
        return {0} | ({2} if broken else set()) | ({6} if self.stale or ghosts(before) else set())

    def commit_codes(self, before: State) -> set[int]:
        if any(run.verb != "commit" for run in self.model.open):
            return {7}
        if not any(shard.asides() for shard in self.shards):
            return {0}
        states = [json.loads(shard.record.read_text())["state"] for shard in self.shards if shard.record.exists()]
        if states != ["complete"] * len(self.shards) or not all(shard.runs for shard in self.shards):
            return {7}
        return {0, 6} if self.stale or judge(self.lab, hands.model_of(self.lab)) else {0}

    def at(self, goal: str) -> None:
        """Hold that what is called fine is fine: faces that are on a shard alone are told, and stay."""
        self.holds_none([text for text in judge(self.lab, goal) if _GHOST not in text], f"called fine at {goal}")

    def safe(self) -> None:
        """Hold that nothing is lost, and that no tool was started while it ran."""
        for treasure in self.treasures:
            self.holds_none(treasure.lost(self.lab), "lost")
        self.holds_none(tools.overlaps(self.lab), "twice")

    def looks(self, *words: str, machine: str) -> tuple[int, str]:
        """Run what must not change anything."""
        hands.look(self.lab)
        before = trees(self.lab)
        code, text = self.ffplay(*words, machine=machine)
        self.holds_none(differences(before, trees(self.lab)), f"{words[0]} changed something")
        return code, text

    def ffplay(self, *words: str, machine: str, fault: Fault | None = None, loud: bool = True) -> tuple[int, str]:
        log = self.home / "operations.jsonl" if fault is not None else None
        code, text = ffplay(self.lab, *words, machine=self.home / machine, fault=fault, log=log)
        if loud:
            self.note(f"{' '.join(words)} ({machine}, {fault or 'no fault'}): {code}\n{text}")
        self.holds("this is a bug in ffplay" not in text and "Traceback" not in text, f"{words[0]} has a bug")
        return code, text

    def note(self, text: str) -> None:
        type(self).steps += 1
        self.story += f"--- {text}\n"

    def holds_none(self, problems: Collection[str], what: str) -> None:
        self.holds(not problems, f"{what}: {'; '.join(list(problems)[:5])}")

    def holds(self, well: bool, what: str) -> None:
        assert well, f"{what}\n{self.story}"


def ghosts(state: State) -> set[str]:
    """Return the faces that are on a shard and not in MongoDB."""
    return {key.rpartition(":")[2] for key in state.shards} - state.faces.keys()


def _over(one: dict[str, Any]) -> str:
    return one["state"] if one["state"] in {"rolled back", "committed"} else ""
