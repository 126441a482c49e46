"""What a plan tells of secrets, and of steps with `no_log`: everything but them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from ffplay.errors import HostError
from ffplay.model import Change, Check, Note, Problem, Step
from ffplay.resources.command import DetachedCommand
from ffplay.resources.file import FileState
from ffplay.secret import Secrets
from ffplay.steps.base import Outcome

HIDDEN = "hidden by no_log"
_FORMER = "<secret, as it was>"
_MARK = "<secret "


def veiled(step: Step, outcome: Outcome, secrets: Secrets) -> Outcome:
    """Return an outcome as it may be told; what it does stays."""
    if step.no_log:
        return _hidden(step, outcome, secrets)
    if not secrets:
        return outcome
    if isinstance(outcome, Problem):
        return dataclasses.replace(outcome, summary=secrets.mask(outcome.summary), advice=secrets.mask(outcome.advice))
    summary = secrets.mask(outcome.summary)
    if isinstance(outcome, Change) and any(map(_content_holds(secrets), (outcome.before, outcome.after))):
        shown = without_secrets(outcome.resource.show(outcome.before, outcome.after), secrets)
        return dataclasses.replace(outcome, summary=summary, hidden=True, shown=shown)
    return dataclasses.replace(outcome, summary=summary)


def _content_holds(secrets: Secrets) -> Any:
    return lambda value: isinstance(value, FileState) and bool(value.content) and secrets.holds(value.text)


def _hidden(step: Step, outcome: Outcome, secrets: Secrets) -> Outcome:
    if isinstance(outcome, Problem):
        return Problem(outcome.host, f"a problem, {HIDDEN}", "take no_log out to see what it is")
    if isinstance(outcome, Note):
        return Note(outcome.host, HIDDEN, secrets.hide(dict(outcome.result), "no_log"))
    if isinstance(outcome, Change) and isinstance(outcome.resource, DetachedCommand):
        advice = "take `detach` out, or `no_log`"
        return Problem(outcome.host, "no_log cannot hide what runs detached: its log stays on the host", advice)
    summary = f"{step.kind}, {HIDDEN}"
    if isinstance(outcome, Check):
        return dataclasses.replace(outcome, summary=summary, hidden=True)
    return dataclasses.replace(outcome, summary=summary, hidden=True, shown="")


def without_secrets(diff: str, secrets: Secrets) -> str:
    """Return a diff masked, and of each line that a secret's line takes the place of what stood there, masked too.

    A former secret is known to nobody any more: what tells it is that the lines begin alike.
    """
    lines = [(line, secrets.mask(line)) for line in diff.split("\n")]
    starts = {masked[1 : masked.index(_MARK)] for line, masked in lines if line.startswith("+") and masked != line}
    return "\n".join(_former(line, starts) if masked == line else masked for line, masked in lines)


def _former(line: str, starts: set[str]) -> str:
    if not line.startswith("-") or line.startswith("--- "):
        return line
    start = max((each for each in starts if line[1:].startswith(each)), key=len, default=None)
    return line if start is None else f"-{start}{_FORMER}"


def hide_result(result: dict[str, Any], secrets: Secrets) -> None:
    """Have all that a step with `no_log` left masked from now on; later steps have it as it is."""
    for name, value in result.items():
        result[name] = HIDDEN if name == "msg" and value else secrets.hide(value, "no_log")


def hide_error(error: HostError) -> None:
    """Take out of an error of a step with `no_log` what its tool or the site said."""
    error.message = f"failed, {HIDDEN}"
    error.args, error.output, error.advice = (error.message,), "", "take no_log out to see why"


def hidden_problems(problems: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a check found, with nothing but how many problems."""
    return {"problems": tuple(HIDDEN for _ in problems["problems"]), "info": ""}
