"""Steps of one host that travel as one script: what ends it, what the host does on by itself, and what is told."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from ffplay.engine.applier import Applier
from ffplay.engine.events import Kind
from ffplay.engine.journal import Journal
from ffplay.engine.leg import Work
from ffplay.engine.lock import Lock
from ffplay.engine.plan import Plan, PlayPlan, StepGroup, StepPlan
from ffplay.engine.player import Player
from ffplay.errors import ChangeFailed, Error, Interrupted, Locked, NotConverged
from ffplay.model import Change, Mark, Play, Step
from ffplay.resources.base import blame_script
from ffplay.resources.command import ALWAYS, RAN, Command
from ffplay.resources.file import ABSENT, File, FileState
from ffplay.resources.runs import RunHead
from tests.unit.engine.bench import Bench
from tests.unit.engine.test_applier import Line
from tests.unit.engine.test_lock import break_locks, fail, lock_of
from tests.waiting import wait_for

Make = Callable[..., Bench]
NOWHERE = Mark("p.yml", 1, 1)
HEAD = RunHead("run1", "apply", "ann", "laptop", "2026-11-21", "/p.yml", "0.1.0", "2 changes")


def step(bench: Bench, name: str, after: Any) -> Change:
    return Change("a", Line(f"{bench.folder}/{name}"), "", after, f"make {name}")


def shell(line: str) -> Change:
    return Change("a", Command(line), ALWAYS, RAN, line)


def works(bench: Bench, *changes: Change) -> list[Work]:
    """Return a step of its own for each change."""
    return [Work(StepPlan(Step("stop", {}, NOWHERE), "a", "planned", (one,)), bench.recorder) for one in changes]


def apply(bench: Bench, mine: list[Work], lock: Lock | None = None, journal: Journal | None = None) -> None:
    """Make all of them, in one round trip."""
    bench.access.connection("a").run(":")
    before = bench.pool.connection("a").round_trips
    try:
        Applier(bench.loaded.site, bench.access, lock, journal).apply(mine)
    finally:
        assert lock is not None or bench.pool.connection("a").round_trips == before + 1


def changed(bench: Bench) -> list[str]:
    return [event.change.summary for event in bench.recorder.events if event.kind is Kind.CHANGED and event.change]


def test_a_step_that_fails_stops_those_behind_it_in_the_same_script(bench: Make) -> None:
    one = bench("- debug: x")
    mine = works(one, step(one, "x", "v"), step(one, "y", 3), step(one, "z", "v"))
    with pytest.raises(ChangeFailed, match=r"^make y: exit code 3$") as caught:
        apply(one, mine)
    assert caught.value.output == "so far\nwhy"
    assert (one.text("x"), one.text("z")) == ("v\n", "")
    assert ([work.made for work in mine], changed(one)) == ([True, False, False], ["make x"])


def test_what_was_not_as_planned_is_told_though_the_host_went_on(bench: Make) -> None:
    one = bench("- debug: x")
    mine = works(one, step(one, "x", "lie"), step(one, "y", "v"))
    with pytest.raises(NotConverged, match=r"make x: done, and .*/x is not as planned"):
        apply(one, mine)
    assert one.text("y") == "v\n"
    # What is there is told too: the next run has nothing to do about it.
    assert ([work.made for work in mine], changed(one)) == ([False, True], ["make y"])


def test_what_was_not_as_planned_is_told_and_not_what_failed_for_it(bench: Make) -> None:
    one = bench("- debug: x")
    with pytest.raises(NotConverged, match=r"make x: done"):
        apply(one, works(one, step(one, "x", "lie"), step(one, "y", 3)))


def test_a_step_is_told_before_those_behind_it_are_made(bench: Make) -> None:
    one = bench("- debug: x")
    wait = f"until [ -e {one.folder}/go ]; do sleep 0.05; done"
    mine = works(one, step(one, "x", "v"), shell(wait))
    mine[0].done = lambda _: (one.folder / "go").touch()
    apply(one, mine)
    assert changed(one) == ["make x", wait]


class Together(Line):
    """Lines that are made once all of them may be, which the last of them forbids."""

    @classmethod
    def joint(cls, changes: Sequence[tuple[Any, Any, Any]]) -> str:
        return f"echo not yet >&2; {blame_script(len(changes) - 1)}; exit 7"


def test_what_changes_of_a_kind_need_together_comes_before_any_of_them(bench: Make) -> None:
    one = bench("- debug: x")
    changes = tuple(Change("a", Together(f"{one.folder}/{name}"), "", "v", f"make {name}") for name in "xyz")
    with pytest.raises(ChangeFailed, match=r"^make z: exit code 7$") as caught:
        apply(one, [Work(StepPlan(Step("stop", {}, NOWHERE), "a", "planned", changes), one.recorder)])
    assert caught.value.output == "not yet"
    assert [one.text(name) for name in "xyz"] == [""] * 3


@pytest.mark.parametrize("well", [True, False])
def test_what_is_made_together_is_noted_together_behind_it(bench: Make, well: bool) -> None:
    one = bench("- debug: x")
    lock, _ = lock_of(one)
    journal = Journal(HEAD, {"a": f"{one.folder}/a/state"}, one.folder)
    paths = [f"{one.folder}/{name}" for name in ("x", "y", "z" if well else "missing/z")]
    changes = tuple(Change("a", File(path), ABSENT, FileState("file", b"v\n"), path) for path in paths)
    work = Work(StepPlan(Step("template", {}, NOWHERE), "a", "planned", changes), one.recorder)
    with lock.over("a", fail), contextlib.suppress(ChangeFailed):
        apply(one, [work], lock, journal)
    noted = [json.loads(line) for line in one.text("a/state/runs/run1/journal").splitlines() if line]
    assert [line["n"] for line in noted if "n" in line] == [1, 2, 3]
    assert [line["done"] for line in noted if "done" in line] == ([1, 2, 3] if well else [])
    assert (work.made, work.result["rc"] == 0) == (well, well)
    assert one.text("x") == ("v\n" if well else "")


def test_a_run_that_loses_its_lock_between_two_steps_notes_and_makes_no_more(bench: Make) -> None:
    one = bench("- debug: x")
    lock, _ = lock_of(one)
    journal = Journal(HEAD, {"a": f"{one.folder}/a/state"}, one.folder)
    mine = works(one, shell(f"rm -r {one.folder}/a/state/lock"), shell(f"touch {one.folder}/made"))
    with lock.over("a", fail), pytest.raises(Locked, match="was broken, and is free now"):
        apply(one, mine, lock, journal)
    assert not (one.folder / "made").exists()
    noted = one.text("a/state/runs/run1/journal")
    assert ('"n": 1' in noted, '"n": 2' in noted) == (True, False)


def played(bench: Bench, lock: Lock | None, *steps: tuple[str, dict[str, Sequence[Change]]]) -> Error | None:
    """Have a player play steps, given as their kind and the changes of each host."""
    groups = []
    for kind, changes in steps:
        one = Step(kind, {}, NOWHERE)
        plans = tuple(StepPlan(one, host, "planned", tuple(mine)) for host, mine in changes.items())
        groups.append(StepGroup(one, plans))
    plan = Plan((PlayPlan(Play("p", "all", NOWHERE), tuple(steps[0][1]), None, tuple(groups)),), "run1")
    return Player(bench.planner, bench.access, bench.recorder, bench.read, lock).play(plan)


def test_a_failure_stops_all_hosts_at_the_end_of_its_stage(bench: Make) -> None:
    one = bench("- debug: x")

    def line(host: str, name: str, after: Any) -> list[Change]:
        return [Change(host, Line(f"{one.folder}/{host}/{name}"), "", after, f"make {name}")]

    error = played(
        one,
        None,
        ("stop", {"a": line("a", "first", 3), "b": line("b", "first", "v")}),
        ("start", {"a": line("a", "second", "v"), "b": line("b", "second", "v")}),
        ("command", {"a": line("a", "third", "v"), "b": line("b", "third", "v")}),
    )
    assert isinstance(error, ChangeFailed)
    assert (error.host, error.message) == ("a", "make first: exit code 3")
    assert sorted(path.name for path in (one.folder / "a").iterdir()) == []
    assert sorted(path.name for path in (one.folder / "b").iterdir()) == ["first", "second"]
    assert sorted(one.recorder.results()) == [
        ("a", "stop", "failed"),
        ("b", "start", "changed"),
        ("b", "stop", "changed"),
    ]


def test_the_first_signal_stops_a_host_before_its_next_change_of_a_script(bench: Make) -> None:
    one = bench("- debug: x")
    lock, _ = lock_of(one)
    stop, begun = one.folder / "a/state/lock/stop", one.folder / "begun"
    slow = (
        f"touch {begun}; n=0; until [ -e {stop} ] || [ $n -gt 99 ]; do sleep 0.1; n=$((n+1)); done; echo x >> {begun}"
    )
    errors: list[Error | None] = []
    with lock.over("a", fail):
        changes = (shell(slow), shell(f"touch {one.folder}/made"))
        thread = threading.Thread(target=lambda: errors.append(played(one, lock, ("stop", {"a": changes}))))
        thread.start()
        wait_for(begun.exists)
        one.access.stop()
        thread.join()
    (error,) = errors
    assert isinstance(error, Interrupted)
    # What was under way came to its end.
    assert one.text("begun") == "x\n"
    assert not (one.folder / "made").exists()


def test_nobody_stops_the_script_of_a_run_that_has_the_lock_by_now(bench: Make) -> None:
    one = bench("- debug: x")
    first, _ = lock_of(one)
    with first.over("a", fail):
        break_locks(one)
        second, _ = lock_of(one, "run2")
        with second.over("a", fail):
            first.stop("a")
            apply(one, works(one, shell("true"), shell(f"touch {one.folder}/made")), second)
    assert (one.folder / "made").exists()
