from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from ffplay.engine.events import Kind
from ffplay.engine.leg import become_of
from ffplay.engine.plan import StepPlan
from ffplay.errors import ChangeFailed, CheckFailed, Interrupted, NotConverged, Refused
from ffplay.model import Change, Check, Host, Mark, Note, Problem, Step
from ffplay.remote.base import Access, Become, Reply
from ffplay.resources.base import DirectResource, ShellResource
from ffplay.resources.checks import Stated
from tests.unit.engine.bench import Bench, Single

Make = Callable[..., Bench]
STEP = Step("command", {}, Mark("p.yml", 1, 1))


@dataclass(frozen=True)
class Line(ShellResource):
    """A file of one line; brought to `code` it exits so, brought to `lie` it does nothing."""

    path: str

    @property
    def label(self) -> str:
        return self.path

    def read_script(self) -> str:
        return f"cat {self.path} 2>/dev/null; :"

    def parse(self, reply: Reply) -> str:
        return reply.text.strip()

    def bring_script(self, before: Any, after: Any) -> str:
        if after == "lie":
            return "echo done"
        if isinstance(after, int):
            return f"echo so far; echo why >&2; exit {after}"
        return f"echo making {after}; echo {after} > {self.path}"


@dataclass(frozen=True)
class Direct(DirectResource):
    """Something that is not made over the shell."""

    made: Any

    @property
    def label(self) -> str:
        return "d"

    def read(self, access: Access, host: Host) -> Any:
        return self.made[-1] if self.made else None

    def bring(self, access: Access, host: Host, before: Any, after: Any) -> None:
        self.made.append(after)


@pytest.fixture
def applier(bench: Make) -> tuple[Bench, Single]:
    made = bench("- debug: x")
    return made, Single(made)


def line(bench: Bench, name: str, after: Any) -> Change:
    return Change("a", Line(f"{bench.folder}/{name}"), "", after, f"make {name}")


def plan(*outcomes: Any) -> StepPlan:
    return StepPlan(STEP, "a", "planned", outcomes)


def test_changes_of_one_host_travel_as_one_script_and_are_read_again(applier: tuple[Bench, Single]) -> None:
    bench, one = applier
    bench.access.connection("a").run(":")
    before = bench.pool.connection("a").round_trips
    assert one.apply(plan(*(line(bench, name, "v") for name in "xyz")))
    assert [bench.text(name) for name in "xyz"] == ["v\n"] * 3
    assert bench.pool.connection("a").round_trips - before == 1
    told = [event.change.summary for event in bench.recorder.events if event.kind is Kind.CHANGED and event.change]
    assert told == ["make x", "make y", "make z"]


def test_the_last_command_s_output_is_the_result(applier: tuple[Bench, Single]) -> None:
    bench, one = applier
    one.apply(plan(line(bench, "x", "first"), line(bench, "y", "second")))
    assert one.result == {"rc": 0, "stdout": "making second", "stdout_lines": ["making second"], "stderr": ""}


def test_what_does_not_come_to_be_as_planned_is_told_by_name(applier: tuple[Bench, Single]) -> None:
    bench, one = applier
    with pytest.raises(NotConverged, match=r"make y: done, and .*/y is not as planned: value: predicted lie, found"):
        one.apply(plan(line(bench, "x", "v"), line(bench, "y", "lie")))


def test_a_failing_change_stops_those_behind_it_and_shows_its_own_output(applier: tuple[Bench, Single]) -> None:
    bench, one = applier
    with pytest.raises(ChangeFailed, match=r"^make y: exit code 3$") as caught:
        one.apply(plan(line(bench, "x", "v"), line(bench, "y", 3), line(bench, "z", "v")))
    assert caught.value.output == "so far\nwhy"
    assert (bench.text("x"), bench.text("z")) == ("v\n", "")
    assert one.result["rc"] == 3


def test_a_step_that_takes_too_long_is_told_so(bench: Make) -> None:
    made = bench("- debug: x")
    step = Step("command", {}, Mark("p.yml", 1, 1), timeout=0.2)
    slow = Change("a", Line("/dev/null; sleep 30; :"), "", "v", "wait")
    with pytest.raises(ChangeFailed, match=r"wait: not finished after 0 s"):
        Single(made).apply(StepPlan(step, "a", "planned", (slow,)))


def test_a_change_that_goes_another_way_keeps_its_place(applier: tuple[Bench, Single]) -> None:
    bench, one = applier
    made: list[Any] = []
    direct = Change("a", Direct(_Made(made)), None, "new", "make d")
    one.apply(plan(line(bench, "x", "v"), direct, line(bench, "y", "v")))
    kinds = [event.change.summary for event in bench.recorder.events if event.kind is Kind.CHANGE and event.change]
    assert kinds == ["make x", "make d", "make y"]
    assert made == ["new"]


def test_a_signal_between_two_changes_starts_nothing_new(applier: tuple[Bench, Single]) -> None:
    bench, one = applier
    made: list[Any] = []
    stopping = _Made(made)
    stopping.append = lambda after: (made.append(after), bench.access.stop())
    with pytest.raises(Interrupted):
        one.apply(plan(Change("a", Direct(stopping), None, "new", "make d"), line(bench, "x", "v")))
    assert (made, one.made, bench.text("x")) == (["new"], True, "")


class _Made:
    """A list that a frozen resource may hold."""

    def __init__(self, made: list[Any]) -> None:
        self.append: Callable[[Any], object] = made.append
        self._made = made

    def __getitem__(self, index: int) -> Any:
        return self._made[index]

    def __len__(self) -> int:
        return len(self._made)


def test_a_check_comes_behind_the_changes_before_it_and_fails_by_its_findings(applier: tuple[Bench, Single]) -> None:
    bench, one = applier
    check = Check("a", Stated("all is well", ("it is not",)), "look")
    with pytest.raises(CheckFailed, match=r"it is not"):
        one.apply(plan(line(bench, "x", "v"), check, line(bench, "y", "v")))
    assert (bench.text("x"), bench.text("y")) == ("v\n", "")
    assert [event.kind for event in bench.recorder.events] == [Kind.CHANGE, Kind.CHANGED, Kind.CHECKED]


def test_a_note_is_told_and_a_problem_refuses(applier: tuple[Bench, Single]) -> None:
    bench, one = applier
    assert not one.apply(plan(Note("a", "mind this")))
    assert one.result["msg"] == "mind this"
    with pytest.raises(Refused, match=r"no way"):
        one.apply(plan(Problem("a", "no way", "go another"), line(bench, "x", "v")))
    assert bench.text("x") == ""


@pytest.mark.parametrize(
    ("become", "user", "expected"),
    [
        (None, None, None),
        (True, None, Become("root")),
        (None, "tarantool", Become("tarantool")),
        (False, None, Become(None)),
    ],
)
def test_a_step_may_say_as_whom_it_runs(become: bool | None, user: str | None, expected: Become | None) -> None:
    assert become_of(Step("command", {}, Mark("p", 1, 1), become=become, become_user=user)) == expected


def test_one_connection_serves_one_thread_at_a_time(applier: tuple[Bench, Single]) -> None:
    bench, _ = applier
    shared = bench.access.connection("a")
    threads = [threading.Thread(target=shared.run, args=(f"echo {n} >> {bench.folder}/order",)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(int, bench.text("order").split())) == list(range(20))
