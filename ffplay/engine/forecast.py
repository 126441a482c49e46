"""What a plan comes to: time step by step and in total, how long search is down, and what hosts have room for.

Pure: from a plan and what was read for it. Amounts come from the site, speeds from the vendor's table, from a
measurement or from a setting of the inventory, and each part of a forecast says which. What nobody can tell is told to
be not known, and counts for nothing in the sums.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from ffplay.engine.plan import Plan, StepGroup
from ffplay.model import Target
from ffplay.steps.base import Estimate


@dataclass(frozen=True, slots=True)
class Part:
    """One amount of work on a host.

    `what` says it in words, `seconds` is how long it takes, None where nobody can tell, and `source` where the speed
    comes from (where `seconds` is None: what is missing). Parts of different `lane`s of a step on a host go on at the
    same time; those without one, one after the other.
    """

    host: str
    what: str
    seconds: float | None
    source: str
    lane: str = ""


@dataclass(frozen=True, slots=True)
class StepForecast:
    """How long one step takes: `seconds` on the host that takes longest, of all that is known.

    `play` and `number` count from 1, as a plan shows them; `title` is the step's. `complete` tells that nothing in it
    is unknown. `parts` are those of all hosts, empty where the step has nothing long to do: it counts for nothing.
    """

    play: int
    number: int
    title: str
    seconds: float = 0.0
    complete: bool = True
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True)
class Downtime:
    """A time in which searches fail or find the wrong faces: from a step's begin until another one's end.

    `first` and `last` are those steps; `already` tells that it is so before the plan begins, `ends` that it is over
    when the plan is. `seconds` adds up what the steps in it take, `complete` tells that it is known of all of them.
    """

    first: StepForecast
    last: StepForecast
    seconds: float
    complete: bool = True
    already: bool = False
    ends: bool = True


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a plan comes to.

    `seconds` is the sum of what is known of all steps, `unknown` the titles of those of which not all is (their number
    before them). `assumptions` are sentences that a person should agree with. `hosts` tell what is taken of hosts;
    they are empty where the play has no `preflight` to judge it.
    """

    steps: tuple[StepForecast, ...]
    seconds: float
    unknown: tuple[str, ...] = ()
    down: tuple[Downtime, ...] = ()
    hosts: tuple[Estimate, ...] = ()
    assumptions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Speed:
    """A speed a second and where it comes from; `value` None where there is none, and `source` says what is missing."""

    value: float | None
    source: str


@dataclass(frozen=True)
class Known:
    """What was read of a site, as far as a forecast rests on it.

    `faces` counts MongoDB's, by `sizes` of their facens in floats; None is not known, as of `database`, the bytes of
    its documents. `dumps` are the bytes of the dumps of it that are there, by run. `missing` faces are on no shard
    while every shard is filled. Of each (host, shard): `files` are the bytes of its data files by kind (snap, wal,
    index; newest: the last snapshot), `galleries` how many faces each gallery has there. `units` are the shards' units
    as (host, unit) to shard, `stopped` those of them that do not run. `linked` tells whether a backup's directory on a
    host may share a shard's snapshots by hard links. `setting` gives an inventory variable of a host that is a number,
    `extraction` the speed at which the site makes facens for a target, with what is assumed.
    """

    setting: Callable[[str, str], float]
    extraction: Callable[[Target], tuple[Speed, tuple[str, ...]]]
    faces: int | None = None
    sizes: Mapping[int, int] = field(default_factory=dict)
    database: int | None = None
    dumps: Mapping[str, int] = field(default_factory=dict)
    missing: int = 0
    files: Mapping[tuple[str, str], Mapping[str, int]] = field(default_factory=dict)
    galleries: Mapping[tuple[str, str], Mapping[str, int]] = field(default_factory=dict)
    units: Mapping[tuple[str, str], str] = field(default_factory=dict)
    stopped: frozenset[tuple[str, str]] = frozenset()
    linked: Callable[[str, str, str], bool] = lambda host, directory, shard: False


def forecast(plan: Plan, known: Known) -> Forecast | None:
    """Return what a plan comes to; None for one that changes nothing which takes long."""
    from ffplay.engine.amounts import Amounts
    from ffplay.engine.downtime import downtimes

    estimates = tuple(one for step in plan.step_plans() for one in step.estimates)
    amounts = Amounts(plan, known, estimates)
    found: list[StepForecast] = []
    groups: list[StepGroup] = []
    for count, play in enumerate(plan.plays, 1):
        for number, group in enumerate(play.groups, 1):
            groups.append(group)
            found.append(_step(count, number, group, amounts.parts(group, play.target)))
    if not amounts.worked:
        return None
    steps = tuple(found)
    unknown = tuple(f"{one.number} {one.title}" for one in steps if not one.complete)
    return Forecast(
        steps,
        sum(one.seconds for one in steps),
        unknown,
        downtimes(groups, steps, known),
        estimates,
        tuple(dict.fromkeys(amounts.assumptions)),
    )


def _step(play: int, number: int, group: StepGroup, parts: Mapping[str, tuple[Part, ...]]) -> StepForecast:
    """Sum a step up: its hosts work at the same time, the parts of a host by their lanes."""
    every = tuple(part for found in parts.values() for part in found)
    complete = all(part.seconds is not None for part in every)
    longest = max((_host(found) for found in parts.values()), default=0.0)
    return StepForecast(play, number, group.step.title, longest, complete, every)


def _host(parts: Iterable[Part]) -> float:
    """Return how long one host takes."""
    lanes: dict[str, float] = {}
    for part in parts:
        lanes[part.lane] = lanes.get(part.lane, 0.0) + (part.seconds or 0.0)
    alone = lanes.pop("", 0.0)
    return alone + max(lanes.values(), default=0.0)
