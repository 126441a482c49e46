"""Start a part of the site: every shard, or facenapi, or extraction-api; each unit by its own name, never by a glob.

A start clears a hit start limit first, waits until the unit stays up, and then until a shard answers over HTTP: a unit
that is active proves nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from ffplay.model import Change, Check, Problem, Unknown
from ffplay.resources.checks import ShardAnswers
from ffplay.resources.unit import RUNNING, Unit
from ffplay.steps._parts import PART_SCHEMA, units_of
from ffplay.steps.base import Context, Outcome, StepKind, parameters


def plan(ctx: Context) -> Iterator[Outcome]:
    """Plan to start each unit that does not run."""
    shards = ctx.host.shards if ctx.args["part"] == "tarantool" else ()
    names = [shard.unit for shard in shards] if shards else []
    if ctx.args["part"] != "tarantool":
        names = units_of(ctx, ctx.args["part"])
    started = []
    for name, state in zip(names, ctx.read(*(Unit(name) for name in names)), strict=True):
        shard = next((shard for shard in shards if shard.unit == name), None)
        if not isinstance(state, Unknown) and state.load == "not-found":
            yield Problem(ctx.host.name, f"there is no unit {name}", "see the unit names in the inventory")
        elif isinstance(state, Unknown) or state.active != "active":
            yield Change(ctx.host.name, Unit(name), state, RUNNING, f"start {name}", shard.name if shard else None)
            started.append(shard)
    for shard in started:
        if shard is not None:
            check = ShardAnswers(shard, float(ctx.args["timeout"]))
            yield Check(ctx.host.name, check, f"{shard.name} answers on {shard.address}:{shard.http_port}")


STEP = StepKind(
    name="start",
    summary="Start every shard, or another part of the site, and wait until it answers.",
    example="- start: tarantool",
    reads="The units' states.",
    changes="Starts units that do not run, and clears a start limit that they hit.",
    schema=parameters(
        ["part"],
        part=PART_SCHEMA,
        timeout={
            "type": "number",
            "minimum": 0,
            "default": 600,
            "description": "Seconds to wait for a shard's HTTP answer.",
        },
    ),
    plan=plan,
    apart=True,
    main="part",
)
