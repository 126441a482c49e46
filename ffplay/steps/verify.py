"""Prove the result, whatever the exit codes said.

Every shard is up and answers, with the right facen size in file and data; its process began after its file was last
written, and none holds data that were set aside. All of MongoDB's faces are on the shards, each exactly once in each of
its galleries; all facens have the right size, on the shards and in MongoDB; sampled ones are equal byte for byte.
Faces that have no facen, because the new detector finds no face in their image, are listed.
"""

from __future__ import annotations

from collections.abc import Iterator

from ffplay.model import Check
from ffplay.resources.audit import FacesAudit
from ffplay.resources.shard_health import ShardHealthy
from ffplay.steps._gap import faces_of
from ffplay.steps._gap_shards import is_replica
from ffplay.steps.base import Context, Outcome, StepKind, parameters


def plan(ctx: Context) -> Iterator[Outcome]:
    """Plan the checks of this host's shards, and on the MongoDB host those of the faces."""
    target = ctx.target
    if target is None:
        return
    for shard in ctx.host.shards:
        healthy = ShardHealthy(shard, target.facen_size)
        yield Check(
            ctx.host.name, healthy, f"{shard.name} is up, answers, and holds {target.facen_size} floats a facen"
        )
    faces_at = faces_of(ctx)
    # `--limit` may leave out the MongoDB host: the first host that is left asks in its place.
    mongo = faces_at[0] if faces_at is not None else None
    asks = mongo if mongo in ctx.hosts else ctx.hosts[0]
    if faces_at is None or mongo is None or asks != ctx.host:
        return
    sample = ctx.args["sample"]
    variables = ctx.variables if mongo == ctx.host else ctx.variables_of(mongo.name)
    audit = FacesAudit(
        faces_at[1].place,
        tuple((host.name, shard) for host in ctx.site.hosts for shard in host.shards if not is_replica(shard)),
        target.facen_size,
        None if sample == "all" else int(sample),
        str(variables["shard_gallery_name"]),
        str(variables["shard_cell_of_id"]),
        str(variables["tntapi_servers_file"]),
        getattr(ctx.first("facenapi"), "name", ""),
    )
    said = "all facens" if sample == "all" else f"{sample} sampled facens"
    yield Check(mongo.name, audit, f"MongoDB's faces are on the shards, each once a gallery; {said} equal")


STEP = StepKind(
    name="verify",
    summary="Prove that shards and MongoDB hold the same faces at the target.",
    example="- verify: {sample: 1000}",
    reads=(
        "Each shard's unit, file, data and answers; the faces in MongoDB and on every shard, some of them byte "
        "for byte."
    ),
    changes="Nothing.",
    schema=parameters(
        sample={
            "anyOf": [{"type": "integer", "minimum": 0}, {"const": "all"}],
            "default": 1000,
            "description": "How many faces' facens are compared byte for byte; `all` compares every one.",
        },
    ),
    plan=plan,
    needs_target=True,
)
