"""A plan as one JSON document, for programs. A key that is there stays; a change of meaning raises `FORMAT`."""

from __future__ import annotations

from typing import Any

from ffplay.engine.plan import Plan, PlayPlan, StepGroup, StepPlan
from ffplay.report.forecast import document as forecast_document
from ffplay.report.plain import change_plain, check_plain, plain, step_plain
from ffplay.report.rows import shown
from ffplay.report.signs import sign

FORMAT = 1


def document(plan: Plan) -> dict[str, Any]:
    """Return the plan as dicts and lists."""
    return {
        "format_version": FORMAT,
        "run": plan.run,
        "empty": plan.empty,
        "hosts": list(plan.hosts),
        "counts": {
            "hosts": len(plan.hosts),
            "shards": plan.shards,
            "changes": len(plan.changes),
            "known_after_apply": len(plan.deferred),
            "checks": len(plan.checks),
            "problems": len(plan.problems),
        },
        "open_runs": [{"status": state.status, **plain(state.head)} for state in plan.open],
        "continues": list(plan.continues),
        "not_undone_by_rollback": [{"host": host, "what": plain(what)} for host, what in plan.irreversible],
        "set_aside": [{"host": host, "path": plain(path), "kib": kib} for host, path, kib in plan.aside],
        "forecast": forecast_document(plan.forecast),
        "plays": [_play(play) for play in plan.plays],
    }


def _play(play: PlayPlan) -> dict[str, Any]:
    return {
        "name": play.play.name,
        "hosts": list(play.hosts),
        "batches": [list(batch) for batch in play.batches],
        "target": plain(play.target),
        "left_out": [step_plain(step) for step in play.left_out],
        "steps": [_group(number, group) for number, group in enumerate(play.groups, 1)],
    }


def _group(number: int, group: StepGroup) -> dict[str, Any]:
    identity = {"number": number, **step_plain(group.step), "handler": group.handler}
    return {**identity, "hosts": [_step(plan) for plan in group.plans]}


def _step(plan: StepPlan) -> dict[str, Any]:
    return {
        "host": plan.host,
        "state": plan.state,
        "reason": plan.reason,
        "item": plain(plan.item),
        "changes": [
            {
                **change_plain(change),
                "sign": sign(change),
                "hidden": change.hidden,
                "before": None if change.hidden else plain(change.before),
                "after": None if change.hidden else plain(change.after),
                "diff": plain(shown(change)),
            }
            for change in plan.changes
        ],
        "checks": [check_plain(check) for check in plan.checks],
        "problems": [plain(problem) for problem in plan.problems],
        "notes": [plain(note) for note in plan.notes],
    }
