"""Plans a step once more where only what came before it tells what it is to do."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from ffplay.engine.plan import PlayPlan, StepPlan
from ffplay.engine.planner import Planner
from ffplay.engine.results import PlayState
from ffplay.engine.view import PlanView

# Reads what a view misses; returns nothing, fills the view's observations.
Reader = Callable[[PlanView, dict[Any, Any]], None]


def plan_now(planner: Planner, reader: Reader, play: PlayPlan, plan: StepPlan, state: PlayState) -> StepPlan:
    """Plan a step now that all before it has happened, with everything read anew."""
    observed: dict[Any, Any] = {}
    hosts = planner.hosts(play.play)
    members = next((some for some in planner.batches(play.play) if plan.host in {one.name for one in some}), hosts)
    host = planner.site.host(plan.host)
    host = next((member for member in members if member.name == host.name), host)
    step = plan.step if plan.item is None else dataclasses.replace(plan.step, loop=[plan.item])
    while True:
        view = PlanView(observed)
        plans = list(planner.step(play.play, step, host, members, play.target, view, state, plan.handler))
        if not view.missing:
            return _joined(plan, plans)
        reader(view, observed)


def _joined(plan: StepPlan, plans: list[StepPlan]) -> StepPlan:
    """Return one step plan for what was planned as one: a deferred loop may turn out to have several items."""
    if len(plans) == 1:
        return dataclasses.replace(plans[0], item=plan.item)
    outcomes = tuple(outcome for one in plans for outcome in one.outcomes)
    return dataclasses.replace(plan, state="planned", outcomes=outcomes)
