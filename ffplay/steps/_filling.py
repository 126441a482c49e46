"""A copy that an earlier run of the same work started and that still runs: its shards are being filled already."""

from __future__ import annotations

from collections.abc import Iterator

from ffplay.model import Generation, Shard
from ffplay.resources.base import Resource
from ffplay.resources.job import JobState, JobStatus
from ffplay.resources.record import Record
from ffplay.resources.shard_data import ShardData
from ffplay.steps._gap import Gap
from ffplay.steps._jobs import jobs_of
from ffplay.steps.base import Context


def copy_name(generation: Generation) -> str:
    """Return what the copy of a generation is called."""
    return f"copy {generation} to the shards"


def copy_directory(ctx: Context, host: str, generation: Generation) -> str:
    """Return the directory of that copy's job on the facenapi host."""
    return f"{ctx.variables_of(host)['state_dir']}/jobs/copy-{generation.digest}"


def foreseen_copy(ctx: Context) -> Iterator[tuple[str, Resource]]:
    """Yield what tells whether a copy still runs."""
    facenapi = ctx.first("facenapi")
    if facenapi is not None:
        yield facenapi.name, jobs_of(ctx, facenapi.name)


def filling(ctx: Context, gap: Gap) -> str:
    """Return the run whose copy still fills all shards that are to be filled; empty where none does.

    Every one of them must have been emptied, for this target and by a run that this one goes on with: then they are
    neither stopped nor emptied again, and the copy is waited for. Of any other copy that runs the step `copy` says that
    it is in the way.
    """
    facenapi = ctx.first("facenapi")
    emptied = ctx.view.memo(("emptied", gap.generation, id(ctx.hosts)), lambda: _all_emptied(ctx, gap))
    if facenapi is None or not emptied:
        return ""
    seen: JobState = ctx.one(JobStatus(copy_directory(ctx, facenapi.name, gap.generation), ()), host=facenapi.name)
    begun = f"{copy_name(gap.generation)}, begun by "
    run = seen.what.removeprefix(begun) if seen.what.startswith(begun) else ""
    return run if run >= ctx.began else ""


def _all_emptied(ctx: Context, gap: Gap) -> bool:
    """Tell whether there are shards to be filled, and all of them were emptied; the first that was not decides."""
    found = False
    for host in ctx.hosts:
        for shard in host.shards:
            if gap.shard(host, shard):
                if not _emptied(ctx, gap, host.name, shard):
                    return False
                found = True
    return found


def _emptied(ctx: Context, gap: Gap, host: str, shard: Shard) -> bool:
    record: Record | None = ctx.one(ShardData(shard), host=host).record
    return (
        record is not None
        and (record.state, record.generation) == ("emptied", gap.generation)
        and ctx.began <= record.run != ctx.run
    )
