"""Wait for some time."""

from __future__ import annotations

from collections.abc import Iterator

from ffplay.model import Check
from ffplay.resources.checks import Pause
from ffplay.steps.base import Context, Outcome, StepKind, parameters


def plan(ctx: Context) -> Iterator[Outcome]:
    """Plan the wait."""
    seconds = float(ctx.args["seconds"]) + 60 * float(ctx.args["minutes"])
    yield Check(ctx.host.name, Pause(seconds), f"pause for {seconds:g} s")


STEP = StepKind(
    name="pause",
    summary="Wait for some time.",
    example="- pause: {seconds: 30}",
    reads="Nothing.",
    changes="Nothing.",
    schema=parameters(
        seconds={"type": "number", "minimum": 0, "default": 0, "description": "Seconds to wait."},
        minutes={"type": "number", "minimum": 0, "default": 0, "description": "Minutes to wait, added to the seconds."},
    ),
    plan=plan,
    main="seconds",
    once=True,
)
