"""What a plan is: every step of every play, on every host, with the outcomes that its function gave."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ffplay.errors import NotConverged
from ffplay.model import Change, Check, Note, Play, Problem, Step, Target
from ffplay.resources.base import Irreversible
from ffplay.resources.runs import RunState
from ffplay.steps.base import Estimate, Outcome

if TYPE_CHECKING:
    from ffplay.engine.forecast import Forecast


@dataclass(frozen=True, slots=True)
class StepPlan:
    """One step on one host, for one item of its loop.

    `state` is `planned` (its outcomes are what will happen), `skipped` (`reason` says why: a `when`, a tag) or
    `deferred` (what it does is known after apply; `reason` says what it waits for). `item` is the loop's value, `None`
    where there is no loop. `handler` is set for a handler that an earlier step notifies. `estimates` are what the step
    tells of what the play takes of hosts.
    """

    step: Step
    host: str
    state: str
    outcomes: tuple[Outcome, ...] = ()
    reason: str = ""
    item: Any = field(default=None, hash=False)
    handler: bool = False
    estimates: tuple[Estimate, ...] = ()

    @property
    def changes(self) -> tuple[Change, ...]:
        """Return the changes, in order."""
        return tuple(outcome for outcome in self.outcomes if isinstance(outcome, Change))

    @property
    def checks(self) -> tuple[Check, ...]:
        """Return the checks, in order."""
        return tuple(outcome for outcome in self.outcomes if isinstance(outcome, Check))

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Return what forbids to go on."""
        return tuple(outcome for outcome in self.outcomes if isinstance(outcome, Problem))

    @property
    def notes(self) -> tuple[Note, ...]:
        """Return what an operator should know."""
        return tuple(outcome for outcome in self.outcomes if isinstance(outcome, Note))


@dataclass(frozen=True, slots=True)
class StepGroup:
    """One step with its plans on all hosts of one batch; they wait for each other at its end."""

    step: Step
    plans: tuple[StepPlan, ...]
    handler: bool = False


@dataclass(frozen=True, slots=True)
class PlayPlan:
    """One play: its hosts, and its steps in the order in which they run (a batch after the other with `serial`).

    `pending` are (host, handler) that an earlier run notified and did not come to run. `left_out` are the steps that
    tags and `--start-at-step` leave out.
    """

    play: Play
    hosts: tuple[str, ...]
    target: Target | None
    groups: tuple[StepGroup, ...]
    batches: tuple[tuple[str, ...], ...] = ()
    pending: frozenset[tuple[str, str]] = frozenset()
    left_out: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole playbook's plan.

    `shards` counts the shards of all hosts in it. `open` are runs that did not come to their end, `continues` names
    those of them whose work this plan goes on with. `aside` are the set-aside directories that wait on the hosts, as
    (host, path, KiB). `forecast` is what it comes to, None where nothing takes long.
    """

    plays: tuple[PlayPlan, ...]
    run: str
    hosts: tuple[str, ...] = ()
    shards: int = 0
    open: tuple[RunState, ...] = ()
    continues: tuple[str, ...] = ()
    aside: tuple[tuple[str, str, int], ...] = ()
    forecast: Forecast | None = None

    def step_plans(self) -> Iterator[StepPlan]:
        """Yield every step plan in order."""
        for play in self.plays:
            for group in play.groups:
                yield from group.plans

    @property
    def changes(self) -> tuple[Change, ...]:
        """Return every change in order."""
        return tuple(change for plan in self.step_plans() for change in plan.changes)

    @property
    def checks(self) -> tuple[Check, ...]:
        """Return every check in order."""
        return tuple(check for plan in self.step_plans() for check in plan.checks)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Return every problem, each once."""
        return tuple(dict.fromkeys(problem for plan in self.step_plans() for problem in plan.problems))

    @property
    def deferred(self) -> tuple[StepPlan, ...]:
        """Return the steps whose changes are known after apply."""
        return tuple(plan for plan in self.step_plans() if plan.state == "deferred")

    @property
    def irreversible(self) -> tuple[tuple[str, str], ...]:
        """Return (host, what) of each change that no rollback undoes."""
        found: dict[tuple[str, str], None] = {}
        for change in self.changes:
            try:
                if not change.resource.lasting:
                    change.resource.reverse(self.run, change.before, change.after)
            except Irreversible as why:
                found[change.host, change.summary if change.hidden else str(why)] = None
        return tuple(found)

    @property
    def empty(self) -> bool:
        """Tell whether the site is as the playbook wants it: no change, and none that may yet come."""
        return not self.changes and not self.deferred


def same(one: Plan, other: Plan) -> bool:
    """Tell whether two plans of a playbook are the same in all that they would do.

    What is only told (summaries, notes, how much a check will look at) does not count: a site that serves alters it.
    """
    return [_deeds(plan) for plan in one.step_plans()] == [_deeds(plan) for plan in other.step_plans()] and all(
        before.resource.same(before.before, after.before) and before.resource.same(before.after, after.after)
        for before, after in zip(one.changes, other.changes, strict=True)
    )


def _deeds(plan: StepPlan) -> tuple[Any, ...]:
    """Return what a step does to what, but for the values."""
    things = [(change.host, change.shard, change.resource) for change in plan.changes]
    return plan.step, plan.host, plan.item, plan.state, things


def not_converged(host: str, change: Change, observed: Any) -> NotConverged:
    """Return the error for a change that was made, and whose thing was read again as another than it planned."""
    missed = change.resource.missed(change.before, change.after, observed)
    return NotConverged(
        host,
        f"{change.summary}: done, and {change.resource.label} is not as planned: {missed[0]}",
        "somebody else may be at work on this host; look at it, then plan again",
        "\n".join(missed[1:]),
    )
