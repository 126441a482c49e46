"""Run mongo2searchapi, which copies the facens from MongoDB into the shards, and record the filled shards.

The tool posts to the shards' HTTP port, which is closed while they are stopped; the vendor's page lists it before the
start. Shards that do not run by then are started here, and the plan says so.

Its exit code proves nothing. A shard is recorded as filled only after the faces of each gallery were counted, in
MongoDB and on all shards: what came while the tool ran is copied by running it again. Where no shard is to be filled
and faces are on no shard all the same, the tool runs alone: nothing is stopped or emptied for them.
"""

from __future__ import annotations

from collections.abc import Iterator

from ffplay.model import Change, Check, Host, Note, Problem, Shard, Unknown
from ffplay.resources.base import quote
from ffplay.resources.census import CensusState, Copying, NothingLeftOut, by_gallery, total
from ffplay.resources.checks import ShardAnswers
from ffplay.resources.file import File
from ffplay.resources.record import Record
from ffplay.resources.shard_data import DataState, ShardData
from ffplay.resources.shard_http import ShardFaces, Silent
from ffplay.resources.unit import RUNNING, Unit
from ffplay.steps._filling import copy_directory, copy_name, filling, foreseen_copy
from ffplay.steps._gap import Gap, census_of, counted, gap_of, masters
from ffplay.steps._gap_shards import is_replica
from ffplay.steps._jobs import in_the_way, told
from ffplay.steps.base import Context, Outcome, StepKind, parameters


def plan(ctx: Context) -> Iterator[Outcome]:
    """Plan to fill the shards with a gap, or else to copy the faces that are on none."""
    gap = gap_of(ctx)
    yield from gap.problems
    shards = [(host, shard) for host in ctx.hosts for shard in host.shards]
    ctx.view.prefetch(
        (host.name, resource)
        for host, shard in shards
        for resource in (ShardData(shard), File(shard.conf), ShardFaces(shard), Unit(shard.unit))
    )
    if gap.problems:
        return
    empty = [(host, shard) for host, shard in shards if gap.shard(host, shard)]
    if empty:
        yield from _fill(ctx, gap, shards, empty)
        return
    yield from _silent(ctx, shards, copies=False)
    census = counted(ctx)
    if census is not None:
        yield from _missing(ctx, gap, census)


def _fill(
    ctx: Context, gap: Gap, shards: list[tuple[Host, Shard]], empty: list[tuple[Host, Shard]]
) -> Iterator[Outcome]:
    """Plan the copy into emptied shards, and their records."""
    if gap.faces:
        yield Problem(
            ctx.host.name,
            f"the shards would be filled while the faces are not at {gap.generation}: {gap.faces}",
            "let `regenerate` come before copy, and leave it in",
        )
    yield from _silent(ctx, shards, copies=True)
    yield from _running(ctx, shards)
    count = sum(not is_replica(shard) for _, shard in empty)
    yield from _copied(ctx, gap, f"copy facens to {count} of {len(masters(ctx))} shards")
    for host, shard in empty:
        yield _filled(ctx, gap, host, shard)


def _missing(ctx: Context, gap: Gap, census: CensusState) -> Iterator[Outcome]:
    """Plan the copy of faces that are on no shard while every shard is recorded as filled."""
    if census.silent:
        yield Note(ctx.host.name, f"the faces were not counted: {', '.join(census.silent)} not answering")
    if census.surplus:
        yield Note(
            ctx.host.name,
            f"{total(census.surplus)} faces on the shards are not in MongoDB ({by_gallery(census.surplus)}): "
            "they stay, and verify names them",
        )
    if census.missing:
        yield from _copied(
            ctx, gap, f"copy {total(census.missing)} faces that are on no shard ({by_gallery(census.missing)})"
        )


def _silent(ctx: Context, shards: list[tuple[Host, Shard]], *, copies: bool) -> Iterator[Outcome]:
    """Tell of shards that take connections and do not answer; refuse a copy that would wait for them in vain."""
    for host, shard in shards:
        served = ctx.one(ShardFaces(shard), host=host.name)
        if not isinstance(served, Silent):
            continue
        said = f"{shard.name} has its port open and did not answer within {served.seconds:g} s"
        if copies and not is_replica(shard):
            advice = f"restart {shard.unit}, or give it more time (shard_answer_seconds in the inventory)"
            yield Problem(host.name, f"{said}: the copy would wait for it in vain", advice)
        else:
            yield Note(host.name, said)


def _copied(ctx: Context, gap: Gap, summary: str) -> Iterator[Outcome]:
    """Plan the tool's run and the count of what it brought."""
    census_at = census_of(ctx)
    if census_at is None:
        raise TypeError("a gap without faces has a problem")
    mongo, census = census_at
    line = f"{ctx.variables['copy_command']} {quote(['--config=' + str(ctx.variables['facenapi_ini'])])}"
    words = [f"--{name.replace('_', '-')}={value}" for name, value in ctx.args["options"].items()]
    # What an earlier run's copy brought may have been wiped since, unless it still runs into emptied shards.
    under_way = filling(ctx, gap)
    job = Copying(
        copy_name(gap.generation),
        copy_directory(ctx, ctx.host.name, gap.generation),
        (f"{line} {quote(words)}".strip(),),
        ctx.timeout,
        under_way or ctx.run,
        ctx.run,
        once=True,
        census=census,
        mongo=mongo.name,
    )
    yield from in_the_way(ctx, job)
    effect = (mongo.name, census, Unknown("the copy has run"))
    yield Change(
        ctx.host.name,
        job,
        "none",
        "done",
        told(ctx, job, "the copy", summary) if under_way else summary,
        None,
        (effect,),
    )
    yield Check(mongo.name, NothingLeftOut(census), "each gallery has as many faces on the shards as in MongoDB")


def _running(ctx: Context, shards: list[tuple[Host, Shard]]) -> Iterator[Outcome]:
    """Start what does not run: a stopped shard's port is closed."""
    down = [(h, s) for h, s in shards if ctx.one(Unit(s.unit), host=h.name).active != "active"]
    if down:
        yield Note(ctx.host.name, f"{len(down)} shards do not run when copy comes: copy starts them")
    for host, shard in down:
        before = ctx.one(Unit(shard.unit), host=host.name)
        yield Change(host.name, Unit(shard.unit), before, RUNNING, f"start {shard.unit}", shard.name)
    for host, shard in down:
        where = f"{shard.address}:{shard.http_port}"
        yield Check(host.name, ShardAnswers(shard, 600.0), f"{shard.name} answers on {where}")


def _filled(ctx: Context, gap: Gap, host: Host, shard: Shard) -> Change:
    """Return the change that records one shard as filled."""
    before: DataState = ctx.one(ShardData(shard), host=host.name)
    indexed, left = (before.record.indexed, before.record.left) if before.record else ((), ())
    filled = Record(gap.generation, "complete", gap.origin(before.record), indexed, ctx.run, left)
    after = DataState(Unknown(f"{shard.name} has written them"), filled)
    effect = (host.name, ShardFaces(shard), Unknown("the copy has run"))
    return Change(
        host.name, ShardData(shard), before, after, f"note that {shard.name} is filled", shard.name, (effect,)
    )


STEP = StepKind(
    name="copy",
    summary="Copy the facens from MongoDB into the shards with the vendor's tool.",
    example="- copy: {}",
    reads="Each shard's record, data, file, unit and numbers of faces; MongoDB's faces by gallery.",
    changes=(
        "Puts facens into the shards with the vendor's tool, starts shards that do not run, and writes the record "
        "of each filled shard."
    ),
    schema=parameters(
        options={"type": "object", "default": {}, "description": "More options of the tool by name."},
    ),
    plan=plan,
    foresee=foreseen_copy,
    groups=("facenapi",),
    needs_target=True,
    once=True,
)
