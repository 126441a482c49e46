"""Stop a part of the site: the shards that are to be filled anew, or facenapi, or extraction-api.

Of a play with a target only those shards are stopped that have a gap; a play without one stops all of them.
"""

from __future__ import annotations

from collections.abc import Iterator

from ffplay.model import Change, Problem, Unknown
from ffplay.resources.base import Resource
from ffplay.resources.unit import STOPPED, Unit, UnitState
from ffplay.steps._filling import foreseen_copy
from ffplay.steps._parts import PART_SCHEMA, shards_with_gap, units_of
from ffplay.steps.base import Context, Outcome, StepKind, parameters


def plan(ctx: Context) -> Iterator[Outcome]:
    """Plan to stop each unit that runs."""
    units: list[tuple[str, str | None]] = []
    if ctx.args["part"] == "tarantool":
        units += [(shard.unit, shard.name) for shard, _ in shards_with_gap(ctx)]
    else:
        units += [(unit, None) for unit in units_of(ctx, ctx.args["part"])]
    for (name, shard), state in zip(units, ctx.read(*(Unit(name) for name, _ in units)), strict=True):
        if isinstance(state, Unknown):
            yield Change(ctx.host.name, Unit(name), state, STOPPED, f"stop {name}", shard)
        elif state.load == "not-found":
            yield Problem(ctx.host.name, f"there is no unit {name}", "see the unit names in the inventory")
        elif state.active != STOPPED.active:
            after = UnitState(STOPPED.active, state.load)
            yield Change(ctx.host.name, Unit(name), state, after, f"stop {name} ({state.active})", shard)


def foresee(ctx: Context) -> Iterator[tuple[str, Resource]]:
    """Yield the shards' units, and what tells whether a copy still fills them."""
    if ctx.args["part"] == "tarantool" and ctx.host.shards:
        yield from ((ctx.host.name, Unit(shard.unit)) for shard in ctx.host.shards)
        yield from foreseen_copy(ctx)


STEP = StepKind(
    name="stop",
    summary="Stop shards that are to be filled anew, or another part of the site.",
    example="- stop: tarantool",
    reads="The units' states; in a play with a target, which shards have a gap.",
    changes="Stops units.",
    schema=parameters(["part"], part=PART_SCHEMA),
    plan=plan,
    apart=True,
    foresee=foresee,
    main="part",
)
