"""When searches fail while a plan is made: by the order of its steps, and by nothing else.

A search is answered well while every shard runs and what it holds fits what extraction-api makes. So it is not from the
step that stops a shard until the one that starts it, nor from the step that sets the new model or detector until the
one that records the last stale shard as filled.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ffplay.engine.forecast import Downtime, Known, StepForecast
from ffplay.engine.plan import StepGroup, StepPlan
from ffplay.model import Change, Unknown
from ffplay.resources.file import File
from ffplay.resources.shard_data import ShardData
from ffplay.resources.unit import STOPPED, Unit

_KINDS = (File, ShardData, Unit)


@dataclass
class _Site:
    """What of the site does not answer searches: shards that do not run, and shards that hold other faces."""

    stopped: set[tuple[str, str]]
    stale: set[tuple[str, str]]
    switched: bool

    @property
    def down(self) -> bool:
        return bool(self.stopped or (self.switched and self.stale))


def downtimes(groups: Sequence[StepGroup], steps: Sequence[StepForecast], known: Known) -> tuple[Downtime, ...]:
    """Return each time in which search is down, in order."""
    site = _begin(groups, known)
    already = site.down
    found: list[list[StepForecast]] = []
    # The step before was down at its end, so that the next one goes on with it.
    on = already
    for group, step in zip(groups, steps, strict=True):
        touched = on
        for change in (change for plan in group.plans for change in _told(plan)):
            touched = _happens(site, group.step.kind, change, known) or touched
        if touched or site.down:
            if not on or not found:
                found.append([])
            found[-1].append(step)
        on = site.down
    times = [_time(within) for within in found]
    if times and already:
        times[0] = dataclasses.replace(times[0], already=True)
    if times and on:
        times[-1] = dataclasses.replace(times[-1], ends=False)
    return tuple(times)


def _begin(groups: Sequence[StepGroup], known: Known) -> _Site:
    """Return what is down before the plan begins, of what it makes whole.

    Where it sets no model, extraction-api has been given it already, and what is stale does not fit it.
    """
    changes = [(group, change) for group in groups for plan in group.plans for change in _told(plan)]
    starts = {(change.host, change.resource.label) for _, change in changes if _starts(change)}
    stale = {_place(change) for _, change in changes if _fills(change)}
    switches = any(_switches(group.step.kind, change) for group, change in changes)
    return _Site(starts & known.stopped, stale, not switches)


def _happens(site: _Site, kind: str, change: Change, known: Known) -> bool:
    """Take in a change; tell whether search is down for a while by it, whatever it is like afterwards."""
    if _switches(kind, change):
        site.switched = True
    elif _fills(change):
        site.stale.discard(_place(change))
    unit = (change.host, change.resource.label)
    if unit not in known.units or type(change.resource) is not Unit:
        return site.down
    if _starts(change):
        site.stopped.discard(unit)
        return True
    if change.after == STOPPED or getattr(change.after, "active", "") == STOPPED.active:
        site.stopped.add(unit)
    return site.down


def _told(plan: StepPlan) -> Iterator[Change]:
    """Yield the changes that may have a say in it."""
    return (change for change in plan.changes if type(change.resource) in _KINDS)


def _switches(kind: str, change: Change) -> bool:
    return kind == "configure" and type(change.resource) is File


def _fills(change: Change) -> bool:
    after = change.after
    return type(change.resource) is ShardData and after.record is not None and after.record.state == "complete"


def _starts(change: Change) -> bool:
    after = change.after
    return type(change.resource) is Unit and not isinstance(after, Unknown) and bool(after.active == "active")


def _place(change: Change) -> tuple[str, str]:
    return change.host, change.resource.shard.name


def _time(within: list[StepForecast]) -> Downtime:
    seconds = sum(step.seconds for step in within)
    return Downtime(within[0], within[-1], seconds, all(step.complete for step in within))
