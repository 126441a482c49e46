"""Rebuild the fast indexes that a wipe destroys: of each gallery that had one, or of those named.

Each shard builds its own; the hosts work at the same time. A replica gets the file before its master takes it into use.
"""

from __future__ import annotations

from collections.abc import Iterator

from ffplay.model import Change, Shard
from ffplay.resources.fast_index import FastIndex
from ffplay.resources.shard_data import ShardData
from ffplay.resources.shard_http import ShardFaces, ShardState
from ffplay.steps._gap_shards import is_replica
from ffplay.steps.base import Context, Outcome, StepKind, parameters


def plan(ctx: Context) -> Iterator[Outcome]:
    """Plan an index for each gallery that wants one and has none."""
    if ctx.target is None:
        return
    masters = [shard for shard in ctx.host.shards if not is_replica(shard)]
    ctx.read(*(resource for shard in masters for resource in (ShardData(shard), ShardFaces(shard))))
    for shard in masters:
        data, served = ctx.read(ShardData(shard), ShardFaces(shard))
        known = data.record.indexed if data.record else ()
        built = _built(served) if isinstance(served, ShardState) else ()
        for gallery in sorted({*known, *ctx.args["galleries"]} - set(built)):
            index = FastIndex(
                shard,
                gallery,
                ctx.target.facen_size,
                str(ctx.variables["build_index_command"]),
                f"{ctx.variables['state_dir']}/jobs/index",
                _replicas(ctx, shard),
            )
            yield Change(ctx.host.name, index, "none", "built", f"build the fast index of {gallery}", shard.name)


def _built(served: ShardState) -> tuple[str, ...]:
    return tuple(gallery.name for gallery in served.galleries if gallery.indexed)


def _replicas(ctx: Context, shard: Shard) -> tuple[tuple[str, Shard], ...]:
    name = f"{ctx.host.name}/{shard.name}"
    return tuple(
        (host.name, other) for host in ctx.site.hosts for other in host.shards if other.vars.get("replica_of") == name
    )


STEP = StepKind(
    name="fast_index",
    summary="Rebuild the fast indexes that a wipe destroys.",
    example="- fast_index: {}",
    reads="Each shard's record, and which of its galleries have an index.",
    changes="Builds index files beside the shard's data and has the shard use them; its replicas too.",
    schema=parameters(
        galleries={
            "type": "array",
            "items": {"type": "string"},
            "default": [],
            "description": "Galleries, by their names on the shards, that get an index beside those that had one.",
        },
    ),
    plan=plan,
    groups=("tntapi",),
    needs_target=True,
)
