"""Saved plans: a plan as one JSON document that a second person can read, check and apply, and back.

`plan_file.json` beside this module is its JSON Schema, and docs/plan-file.md tells what is in it. A value of the site
goes through `fingerprints.scrubbed`, that is through `ffplay.resources.codec`, and through nothing else.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ffplay import __version__
from ffplay.engine.fingerprints import blanked, observations, of_change, scrubbed
from ffplay.engine.inputs import Inputs
from ffplay.engine.plan import Plan, PlayPlan, StepGroup, StepPlan
from ffplay.engine.plan_name import BEGINS, FORMAT
from ffplay.engine.veil import HIDDEN
from ffplay.errors import InputError, usage_error
from ffplay.model import Change, Check, Mark, Note, Play, Problem, Site, Step
from ffplay.resources.base import Resource
from ffplay.resources.codec import decode

VERSION = 1


@dataclass(frozen=True, slots=True)
class SavedPlan:
    """A plan as it was saved.

    `made` says by whom (`by`, `on`), when (`at`, UTC) and by which ffplay (`ffplay`). `body` is all that the file
    holds, and what a plan that is made now is compared with.
    """

    plan: Plan
    inputs: Inputs
    made: Mapping[str, str]
    body: Mapping[str, Any]

    @property
    def by_this_ffplay(self) -> bool:
        """Tell whether this version of ffplay made it: another one may see the site otherwise."""
        return self.made["ffplay"] == __version__


def body_of(plan: Plan, observed: Mapping[tuple[str, Resource], Any], site: Site) -> dict[str, Any]:
    """Return a plan and what it rests on as what JSON can hold."""
    return {
        "run": plan.run,
        "hosts": list(plan.hosts),
        "shards": plan.shards,
        "changes": len(plan.changes),
        "open_runs": [scrubbed(replace(state, commands=())) for state in plan.open],
        "continues": list(plan.continues),
        "set_aside": [{"host": host, "path": path, "kib": kib} for host, path, kib in plan.aside],
        "forecast": scrubbed(plan.forecast),
        "plays": [_play(play, plan.run) for play in plan.plays],
        "observed": observations(observed, site, plan.run),
    }


def _play(play: PlayPlan, run: str) -> dict[str, Any]:
    return {
        "name": play.play.name,
        "hosts": list(play.hosts),
        "batches": [list(batch) for batch in play.batches],
        "pending": [{"host": host, "handler": handler} for host, handler in sorted(play.pending)],
        "target": scrubbed(play.target),
        "steps": [_group(number, group, run) for number, group in enumerate(play.groups, 1)],
    }


def _group(number: int, group: StepGroup, run: str) -> dict[str, Any]:
    step = group.step
    return {
        "number": number,
        "kind": step.kind,
        "name": step.name,
        "argument": _argument(step),
        "at": str(step.mark),
        "handler": group.handler,
        "hosts": [_step(plan, run) for plan in group.plans],
    }


def _argument(step: Step) -> Any:
    """Return the one plain argument that a step is told by, as it is written, else nothing."""
    plain = {str(name): value for name, value in step.args.items() if isinstance(value, str | int | float)}
    return scrubbed(plain) if len(step.args) == 1 and plain else None


def _step(plan: StepPlan, run: str) -> dict[str, Any]:
    return {
        "host": plan.host,
        "state": plan.state,
        "reason": plan.reason,
        "item": scrubbed(plan.item),
        "outcomes": [_outcome(outcome, run) for outcome in plan.outcomes],
    }


def _outcome(outcome: Any, run: str) -> dict[str, Any]:
    if isinstance(outcome, Problem):
        return {"problem": {"host": outcome.host, "summary": outcome.summary, "advice": outcome.advice}}
    if isinstance(outcome, Note):
        return {"note": {"host": outcome.host, "summary": outcome.summary}}
    quiet = outcome.hidden and (isinstance(outcome, Check) or not outcome.shown)
    thing = {
        "host": outcome.host,
        "kind": type(outcome.resource).__name__,
        "what": HIDDEN if quiet else outcome.resource.label,
        "summary": outcome.summary,
        "hidden": outcome.hidden,
        "resource": blanked(scrubbed(outcome.resource)) if quiet else scrubbed(outcome.resource),
    }
    if isinstance(outcome, Check):
        return {"check": thing}
    values = {"before": scrubbed(outcome.before), "after": scrubbed(outcome.after)}
    values = blanked(values) if outcome.hidden else values
    diff = outcome.resource.show(outcome.before, outcome.after) if outcome.shown is None else outcome.shown
    return {"change": {**thing, "shard": outcome.shard, **values, "diff": diff, "fingerprint": of_change(outcome, run)}}


def plan_of(body: Mapping[str, Any]) -> Plan:
    """Return the plan that a body tells of, for those who show it. Raise ValueError, KeyError or TypeError."""
    return Plan(
        tuple(_play_of(play) for play in body["plays"]),
        body["run"],
        tuple(body["hosts"]),
        body["shards"],
        tuple(decode(state) for state in body["open_runs"]),
        tuple(body["continues"]),
        tuple((one["host"], one["path"], one["kib"]) for one in body["set_aside"]),
        decode(body["forecast"]),
    )


def _play_of(body: Mapping[str, Any]) -> PlayPlan:
    return PlayPlan(
        Play(body["name"], "", Mark("", 0, 0)),
        tuple(body["hosts"]),
        decode(body["target"]),
        tuple(_group_of(step) for step in body["steps"]),
        tuple(tuple(batch) for batch in body["batches"]),
        frozenset((one["host"], one["handler"]) for one in body["pending"]),
    )


def _group_of(body: Mapping[str, Any]) -> StepGroup:
    file, line, column = body["at"].rsplit(":", 2)
    args = decode(body["argument"]) or {}
    step = Step(body["kind"], args, Mark(file, int(line), int(column)), body["name"])
    return StepGroup(step, tuple(_step_of(step, body["handler"], one) for one in body["hosts"]), body["handler"])


def _step_of(step: Step, handler: bool, body: Mapping[str, Any]) -> StepPlan:
    outcomes = tuple(_outcome_of(outcome) for outcome in body["outcomes"])
    return StepPlan(step, body["host"], body["state"], outcomes, body["reason"], decode(body["item"]), handler)


def _outcome_of(body: Mapping[str, Any]) -> Any:
    ((kind, one),) = body.items()
    if kind == "problem":
        return Problem(one["host"], one["summary"], one["advice"])
    if kind == "note":
        return Note(one["host"], one["summary"])
    resource = decode(one["resource"])
    if kind == "check":
        return Check(one["host"], resource, one["summary"], one["hidden"])
    before, after = decode(one["before"]), decode(one["after"])
    return Change(one["host"], resource, before, after, one["summary"], one["shard"], (), one["diff"], one["hidden"])


def write(path: Path, body: Mapping[str, Any], inputs: Inputs, made: Mapping[str, str]) -> None:
    """Write a plan file whole or not at all, for its owner alone. Raise `InputError` where that cannot be."""
    document = {"format": FORMAT, "format_version": VERSION, "made": dict(made), "inputs": inputs.plain(), **body}
    text = json.dumps({**document, "sha256": _seal(document)}, indent=1, ensure_ascii=True) + "\n"
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            Path(name).rename(path)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(name).unlink()
            raise
    except OSError as error:
        raise usage_error(f"the plan cannot be written to {path}: {error.strerror}") from error


def _seal(document: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def read(path: Path) -> SavedPlan:
    """Return the plan in a file. Raise `InputError` for one that is damaged, or written by another ffplay's format."""
    try:
        text = path.read_bytes().decode()
    except OSError as error:
        raise usage_error(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise _damaged(path, "it is no text") from error
    try:
        body = json.loads(text)
    except ValueError as error:
        cut = text.startswith(BEGINS) and not text.rstrip().endswith("}")
        raise _damaged(path, "it ends in the middle" if cut else "it is no JSON") from error
    if not isinstance(body, dict) or body.get("format") != FORMAT:
        raise usage_error(f"{path} is no plan of ffplay", "one is written by: ff-play plan PLAYBOOK -i FILE -o FILE")
    if body.get("format_version") != VERSION:
        version, by = body.get("format_version"), (body.get("made") or {}).get("ffplay", "another ffplay")
        raise usage_error(
            f"{path}: it has format {version} (by ffplay {by}), and this ffplay {__version__} knows {VERSION}",
            "show and apply it with the ffplay that made it, or plan again",
        )
    if body.pop("sha256", None) != _seal(body):
        raise _damaged(path, "its content is not what was written")
    try:
        return SavedPlan(plan_of(body), Inputs.of(body["inputs"]), body["made"], body)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _damaged(path, f"{type(error).__name__}: {error}") from error


def _damaged(path: Path, why: str) -> InputError:
    return usage_error(f"{path}: this plan is damaged: {why}", "plan again, or take another copy of the file")
