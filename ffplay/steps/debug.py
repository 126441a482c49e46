"""Print a message or a variable; changes nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator

from ffplay.model import Note
from ffplay.steps.base import Context, Outcome, StepKind, parameters


def plan(ctx: Context) -> Iterator[Outcome]:
    """Say it."""
    if ctx.args["var"]:
        value = ctx.variables[str(ctx.args["var"])]
        yield Note(ctx.host.name, f"{ctx.args['var']}: {json.dumps(value, default=str)}")
    else:
        yield Note(ctx.host.name, str(ctx.args["msg"]))


STEP = StepKind(
    name="debug",
    summary="Print a message or a variable.",
    example='- debug: {msg: "{{ inventory_hostname }} has {{ shards | length }} shards"}',
    reads="The variables that it prints; nothing on a host.",
    changes="Nothing.",
    schema=parameters(
        msg={"default": "Hello world!", "description": "What to print."},
        var={"type": "string", "default": "", "description": "Name of a variable to print, in place of `msg`."},
    ),
    plan=plan,
    main="msg",
)
