"""What the steps of a run take, by the events of a run that is made up."""

from __future__ import annotations

import dataclasses

from ffplay.engine.events import Event, Kind
from ffplay.engine.forecast import Forecast, StepForecast
from ffplay.engine.plan import Plan
from ffplay.engine.stopwatch import Stopwatch
from ffplay.model import Status, Step
from ffplay.resources.run_times import StepTime
from tests.unit.report import samples


class Clock:
    """A clock that is set by hand."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


STOP, COPY = samples.step("stop"), samples.step("copy", "Fill them")


def plan(*steps: Step) -> Plan:
    groups = (samples.group(step, *(samples.planned(step, host) for host in ("db1", "db2"))) for step in steps)
    return samples.plan_of(*groups)


def begins(step: Step) -> Event:
    return Event(Kind.STEP, step=step)


def ends(step: Step, host: str) -> Event:
    return Event(Kind.RESULT, host=host, step=step, status=Status.OK)


def hear(watch: Stopwatch, clock: Clock, *events: tuple[float, Event]) -> None:
    for seconds, event in events:
        clock.now += seconds
        watch.event(event)


def test_a_step_lasts_until_its_last_host_is_done() -> None:
    clock = Clock()
    watch = Stopwatch(plan(STOP, COPY), clock)
    hear(watch, clock, (1, Event(Kind.PLAY)), (0, begins(STOP)), (2, ends(STOP, "db1")), (3, ends(STOP, "db2")))
    hear(watch, clock, (10, begins(COPY)), (4, ends(COPY, "db1")))
    clock.now += 7
    times = watch.times()
    assert times.steps == (StepTime(1, 1, "stop", 0.0, 5.0), StepTime(1, 2, "Fill them", 0.0, 4.0))
    assert (times.forecast, times.seconds) == (None, 27.0)


def test_a_step_that_comes_again_in_a_later_batch_has_a_time_of_its_own() -> None:
    clock = Clock()
    watch = Stopwatch(plan(STOP, COPY, STOP), clock)
    hear(watch, clock, (0, Event(Kind.PLAY)), (0, begins(STOP)), (1, ends(STOP, "db1")))
    hear(watch, clock, (0, begins(COPY)), (2, ends(COPY, "db1")), (0, begins(STOP)), (3, ends(STOP, "db2")))
    assert [(step.number, step.seconds) for step in watch.times().steps] == [(1, 1.0), (2, 2.0), (3, 3.0)]


def test_a_step_that_overlaps_the_next_one_is_heard_to_its_end() -> None:
    clock = Clock()
    watch = Stopwatch(plan(STOP, COPY), clock)
    hear(watch, clock, (0, Event(Kind.PLAY)), (0, begins(STOP)), (1, ends(STOP, "db1")), (0, begins(COPY)))
    hear(watch, clock, (4, ends(STOP, "db2")), (5, ends(COPY, "db1")))
    assert [step.seconds for step in watch.times().steps] == [5.0, 9.0]


def test_the_same_step_in_another_play_is_another_step() -> None:
    clock = Clock()
    one = plan(STOP)
    watch = Stopwatch(dataclasses.replace(one, plays=one.plays * 2), clock)
    hear(watch, clock, (0, Event(Kind.PLAY)), (0, begins(STOP)), (1, ends(STOP, "db1")))
    hear(watch, clock, (0, Event(Kind.PLAY)), (0, begins(STOP)), (2, ends(STOP, "db1")))
    assert [(step.play, step.seconds) for step in watch.times().steps] == [(1, 1.0), (2, 2.0)]


def test_steps_that_did_not_come_to_their_turn_have_no_time() -> None:
    clock = Clock()
    watch = Stopwatch(plan(STOP, COPY), clock)
    hear(watch, clock, (0, Event(Kind.PLAY)), (0, begins(STOP)), (1, ends(STOP, "db1")))
    assert [step.number for step in watch.times().steps] == [1]


def test_beside_what_a_step_took_stands_what_was_forecast() -> None:
    steps = (StepForecast(1, 1, "stop", 3.0), StepForecast(1, 2, "Fill them", 9.0, complete=False))
    clock = Clock()
    watch = Stopwatch(dataclasses.replace(plan(STOP, COPY), forecast=Forecast(steps, 12.0)), clock)
    hear(watch, clock, (0, Event(Kind.PLAY)), (0, begins(STOP)), (1, ends(STOP, "db1")))
    hear(watch, clock, (0, begins(COPY)), (1, ends(COPY, "db1")))
    times = watch.times()
    assert times.forecast == 12.0
    assert [step.forecast for step in times.steps] == [3.0, None]
