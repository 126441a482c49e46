"""How long the steps of a run take, heard from its events."""

from __future__ import annotations

import time
from collections.abc import Callable

from ffplay.engine.events import Event, Kind
from ffplay.engine.plan import Plan
from ffplay.resources.run_times import RunTimes, StepTime


class Stopwatch:
    """Takes the time of each step of a plan, from its begin to its last result on a host."""

    def __init__(self, plan: Plan, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._forecast = plan.forecast
        self._groups = [
            (play, number, group.step)
            for play, one in enumerate(plan.plays, 1)
            for number, group in enumerate(one.groups, 1)
        ]
        self._began = clock()
        self._play = 0
        self._at = -1
        # Of each step of the plan that had its turn: when it began, and when the last was heard of it.
        self._spans: dict[int, tuple[float, float]] = {}

    def event(self, event: Event) -> None:
        """Take note of one event."""
        if event.kind is Kind.PLAY:
            self._play += 1
        elif event.kind is Kind.STEP:
            later = range(self._at + 1, len(self._groups))
            found = next((n for n in later if self._groups[n][::2] == (self._play, event.step)), None)
            if found is not None:
                self._at = found
                self._spans[found] = (self._clock(), self._clock())
        elif event.kind is Kind.RESULT:
            mine = [n for n in self._spans if self._groups[n][2] == event.step]
            if mine:
                self._spans[mine[-1]] = (self._spans[mine[-1]][0], self._clock())

    def times(self) -> RunTimes:
        """Return what was taken so far."""
        foreseen = self._forecast.steps if self._forecast else ()
        wanted = {(step.play, step.number): step.seconds if step.complete else None for step in foreseen}
        steps = []
        for index, (began, ended) in self._spans.items():
            play, number, step = self._groups[index]
            expected = wanted.get((play, number), 0.0)
            steps.append(StepTime(play, number, step.title, _rounded(expected), round(ended - began, 3)))
        total = _rounded(self._forecast.seconds) if self._forecast else None
        return RunTimes(total, round(self._clock() - self._began, 3), tuple(steps))


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
