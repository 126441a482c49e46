"""Fail unless every condition holds; conditions are Jinja2 expressions without braces."""

from __future__ import annotations

from collections.abc import Iterator

from ffplay.model import Check
from ffplay.resources.checks import Stated
from ffplay.steps.base import Context, Outcome, StepKind, parameters


def plan(ctx: Context) -> Iterator[Outcome]:
    """Plan one check of all conditions; what does not hold is told with it."""
    conditions = ctx.args["that"] if isinstance(ctx.args["that"], list) else [ctx.args["that"]]
    failed = [str(condition) for condition in conditions if not ctx.test(str(condition))]
    said = str(ctx.args["fail_msg"]) or "this does not hold: "
    problems = tuple(f"{said}{'' if ctx.args['fail_msg'] else condition}" for condition in failed)
    yield Check(
        ctx.host.name,
        Stated("; ".join(map(str, conditions)), problems[:1] if ctx.args["fail_msg"] else problems),
        f"assert {' and '.join(map(str, conditions))}",
    )


STEP = StepKind(
    name="assert",
    summary="Fail unless conditions hold.",
    example="- assert: {that: [shards | length > 0], fail_msg: this host has no shards}",
    reads="The variables that the conditions name; nothing on a host.",
    changes="Nothing.",
    schema=parameters(
        ["that"],
        that={"type": ["string", "array", "boolean"], "description": "Condition or conditions, without braces."},
        fail_msg={"type": "string", "default": "", "description": "What to say where one does not hold."},
    ),
    plan=plan,
    main="that",
)
