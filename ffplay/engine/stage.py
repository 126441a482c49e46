"""Where hosts wait for each other: the steps between two such places are a stage, which each host goes at its own pace.

Most steps end with all hosts waiting. Those of kinds whose work on a host needs nothing of other hosts' (stopping,
backing up, emptying, writing and starting its own shards) follow each other without that, as long as they are on the
same hosts. What an operator sees stays in the order of the steps.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence

from ffplay import steps
from ffplay.engine.events import Event, Kind, Listener
from ffplay.engine.plan import PlayPlan, StepGroup

Stage = tuple[StepGroup, ...]


def stages_of(play: PlayPlan) -> list[Stage]:
    """Cut a play's steps into stages."""
    found: list[list[StepGroup]] = []
    for group in play.groups:
        joins = bool(found) and play.play.strategy == "stages" and _apart(group)
        if joins and _apart(found[-1][-1]) and _alike([*found[-1], group]):
            found[-1].append(group)
        else:
            found.append([group])
    return [tuple(groups) for groups in found]


def _apart(group: StepGroup) -> bool:
    """Tell whether hosts need not wait for each other before and behind a step."""
    step = group.step
    if step.kind not in steps.kinds():
        # A phase of a rollback or of a commit: each needs those before it to be done everywhere.
        return False
    plain = not (step.retries or step.until or step.ignore_errors or step.timeout or step.user is not None)
    known = all(plan.state != "deferred" for plan in group.plans)
    return steps.kind(step.kind).apart and plain and known and not group.handler and not step.run_once


def _alike(groups: Sequence[StepGroup]) -> bool:
    """Tell whether steps have work on the same hosts; one that has none anywhere is like any other."""
    busy = {frozenset(plan.host for plan in group.plans if plan.outcomes) for group in groups}
    return len(busy - {frozenset()}) <= 1


def hosts_of(stage: Stage) -> list[str]:
    """Return the hosts of a stage's steps, in order."""
    return list(dict.fromkeys(plan.host for group in stage for plan in group.plans))


class InOrder:
    """Passes events on step by step while some hosts are further than others: what comes early waits for its turn."""

    def __init__(self, listener: Listener, stage: Stage) -> None:
        self._listener = listener
        self._stage = stage
        self._hosts = [hosts_of((group,)) for group in stage]
        self._left = [set(hosts) for hosts in self._hosts]
        self._kept: list[list[Event]] = [[] for _ in stage]
        self._guard = threading.RLock()
        self._at = -1
        self._next()

    def of(self, index: int) -> Listener:
        """Return who is to be told of a step's events."""
        return _Step(self, index)

    def event(self, index: int, event: Event) -> None:
        """Pass an event of a step on, or keep it."""
        with self._guard:
            if index == self._at:
                self._listener.event(event)
            else:
                self._kept[index].append(event)

    def ended(self, host: str, indexes: Iterable[int]) -> None:
        """Note that a host is through with steps."""
        with self._guard:
            for index in indexes:
                self._left[index].discard(host)
            while self._at < len(self._stage) and not self._left[self._at]:
                self._next()

    def _next(self) -> None:
        """Go on to the next step that there is anything to tell of."""
        self._at += 1
        if self._at >= len(self._stage):
            return
        group = self._stage[self._at]
        # Where the hosts ended before a step it has nothing to tell, and is not told to have begun.
        if self._left[self._at] or self._kept[self._at]:
            data = {"hosts": self._hosts[self._at], "handler": group.handler}
            self._listener.event(Event(Kind.STEP, step=group.step, data=data))
        for event in self._kept[self._at]:
            self._listener.event(event)


class _Step:
    """The listener of one step of a stage."""

    def __init__(self, order: InOrder, index: int) -> None:
        self._order = order
        self._index = index

    def event(self, event: Event) -> None:
        """Pass it on in its turn."""
        self._order.event(self._index, event)
