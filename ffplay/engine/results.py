"""What steps leave for later ones under the name that they register: known, or known after apply."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ffplay.engine.plan import StepPlan
from ffplay.errors import Error, Interrupted, Locked, Unreachable
from ffplay.model import Status, Step, Unknown

# What a registered result holds beside `changed` and `skipped`; known after apply.
RESULT_FIELDS = ("rc", "stdout", "stdout_lines", "stderr", "status", "content", "msg")

# Why a step with a loop over nothing is skipped.
NO_ITEMS = "its loop has no items"


@dataclass
class PlayState:
    """What the steps of one play have told so far: registered results and notified handlers, by host name."""

    registered: dict[str, dict[str, Any]] = field(default_factory=dict)
    notified: dict[str, dict[str, None]] = field(default_factory=dict)

    def register(self, step: Step, host: str, result: Any) -> None:
        """Keep a step's result under the name that it registers."""
        if step.register:
            self.registered.setdefault(host, {})[step.register] = result

    def notify(self, host: str, handlers: tuple[str, ...]) -> None:
        """Note that handlers are to run on a host."""
        self.notified.setdefault(host, {}).update(dict.fromkeys(handlers))


def blank_result() -> dict[str, Any]:
    """Return a result that says nothing: what a step leaves that ran no command, or was skipped."""
    return {name: [] if name == "stdout_lines" else "" for name in RESULT_FIELDS} | {"rc": 0}


def loop_result(results: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the result of a loop from those of its items."""
    every = {word: _any([result[word] for result in results]) for word in ("changed", "failed")}
    return {**blank_result(), "results": results, **every, "skipped": all(result["skipped"] for result in results)}


def _any(values: list[Any]) -> Any:
    """Return whether any value is true, which may not be known yet."""
    if any(value is True for value in values):
        return True
    return next((value for value in values if isinstance(value, Unknown)), False)


def predicted(step: Step, plans: list[StepPlan]) -> Any:
    """Return the result that later steps see in the plan: what is known, and the rest as known after apply."""
    results = [_predicted(plan) for plan in plans if plan.reason != NO_ITEMS]
    if step.loop is not None:
        return loop_result(results)
    return results[0]


def _predicted(plan: StepPlan) -> dict[str, Any]:
    quiet = plan.state != "deferred" and not plan.changes and not plan.checks
    if quiet:
        said = plan.notes[-1].summary if plan.notes else ""
        left = plan.notes[-1].result if plan.notes else {}
        known = {"msg": said, "changed": False, **left, "skipped": plan.state == "skipped", "failed": False}
        return {**blank_result(), **known}
    unknown = Unknown(f"`{plan.step.title}` has run")
    changed = unknown if plan.state == "deferred" else bool(plan.changes)
    return {**dict.fromkeys(RESULT_FIELDS, unknown), "changed": changed, "skipped": False, "failed": unknown}


def ignored(step: Step, error: Error) -> bool:
    """Tell whether a step's error does not stop the run. Nothing is done any more without the lock."""
    return step.ignore_errors and not isinstance(error, Interrupted | Locked)


def status_of(plan: StepPlan, changed: bool, error: Error | None) -> Status:
    """Return how a step ended on a host; `plan` is what it came to be."""
    if isinstance(error, Interrupted):
        return Status.CHANGED if changed else Status.SKIPPED
    if error is not None:
        return Status.UNREACHABLE if isinstance(error, Unreachable) else Status.FAILED
    if plan.state == "skipped":
        return Status.SKIPPED
    return Status.CHANGED if changed else Status.OK


def kept_result(plan: StepPlan, result: Mapping[str, Any], changed: bool, error: Error | None) -> dict[str, Any]:
    """Return what `register` keeps."""
    skipped = plan.state == "skipped"
    known = {"changed": changed, "skipped": skipped, "failed": error is not None}
    message = {"msg": error.message} if error else {}
    return {**blank_result(), **result, **message, **known}
