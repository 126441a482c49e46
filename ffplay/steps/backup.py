"""Back up MongoDB, the shards and the configuration, and verify the backups by reading them.

A backup is made where the site is not at its target: before MongoDB's faces are regenerated, and of each shard that is
to be filled anew. A play without a target backs up everything. Shards need not be stopped.
"""

from __future__ import annotations

from collections.abc import Iterator

from ffplay.model import Change, Unknown
from ffplay.resources.facts import HostFacts
from ffplay.resources.file import ABSENT, File, FileCopy, FileState
from ffplay.resources.mongo_dump import MongoDump, MongoDumps
from ffplay.resources.shard_backup import ShardBackup, ShardBackups, size_of
from ffplay.resources.shard_data import ShardData
from ffplay.steps._dumps import sufficient
from ffplay.steps._gap import faces_of, gap_of, mongo_place
from ffplay.steps._parts import backup_dir, shards_with_gap
from ffplay.steps.base import Context, Outcome, StepKind, parameters


def plan(ctx: Context) -> Iterator[Outcome]:
    """Plan the backups that this host needs."""
    mongo = ctx.first("mongo")
    if ctx.args["mongo"] and mongo is not None and mongo.name == ctx.host.name:
        yield from _mongo(ctx)
    if ctx.args["tarantool"]:
        yield from _shards(ctx)
    if ctx.args["mongo"]:
        yield from _configuration(ctx)


def _mongo(ctx: Context) -> Iterator[Outcome]:
    """Plan a dump of faces that are about to change, one a run; of half-changed ones only if there is none."""
    (facts,) = ctx.read(HostFacts(programs=("mongodump",)))
    program = "mongodump" if "mongodump" in facts.programs else ""
    jobs = f"{ctx.variables['state_dir']}/jobs"
    dumps = MongoDumps(mongo_place(ctx.variables), backup_dir(ctx, "to"), program, jobs)
    (made,) = ctx.read(dumps)
    if any(dump.run == ctx.run for dump in made):
        return
    described = "all collections"
    if ctx.target is not None:
        gap = gap_of(ctx)
        faces_at = faces_of(ctx)
        if not gap.faces or faces_at is None:
            return
        faces = ctx.one(faces_at[1], host=faces_at[0].name)
        if sufficient(ctx, gap, faces, made) is not None:
            return
        described = f"{faces.count} faces"
    after = (*made, MongoDump(ctx.run, Unknown("the dump has been read back")))
    yield Change(ctx.host.name, dumps, made, after, f"dump MongoDB database {dumps.place.db}: {described}")


def _configuration(ctx: Context) -> Iterator[Outcome]:
    """Plan copies of the files that `configure` edits, as they are now, where it will edit them."""
    paths = [
        str(ctx.variables[variable])
        for group, variable in (("facenapi", "facenapi_ini"), ("extraction", "extraction_ini"))
        if group in ctx.host.groups
    ]
    if not paths or (ctx.target is not None and not gap_of(ctx).faces):
        return
    directory = f"{backup_dir(ctx, 'to')}/configuration/{ctx.run}"
    found = list(zip(paths, ctx.read(*map(File, paths)), strict=True))
    kept = [(path, state) for path, state in found if isinstance(state, FileState) and state.kind == "file"]
    if kept:
        made = FileState("directory", mode="0700")
        yield Change(ctx.host.name, File(directory), ABSENT, made, f"make directory {directory}")
    names = [path.rpartition("/")[2] for path, _ in kept]
    for (path, state), short in zip(kept, names, strict=True):
        name = short if names.count(short) == 1 else path.strip("/").replace("/", "-")
        yield Change(ctx.host.name, FileCopy(f"{directory}/{name}"), ABSENT, state, f"copy {path} to {directory}")


def _shards(ctx: Context) -> Iterator[Outcome]:
    directory = backup_dir(ctx, "to")
    for shard, _ in shards_with_gap(ctx):
        data, made = ctx.read(ShardData(shard), ShardBackups(shard, directory))
        if isinstance(data.files, Unknown) or data.empty:
            continue
        if ctx.target is not None:
            refilling = data.record is not None and data.record.state == "emptied"
            if refilling or any(backup.covers(data) for backup in made):
                continue
        after = (*made, ShardBackup(ctx.run, Unknown("the copies have been read back")))
        summary = f"back up {len(data.files)} files, {size_of(data.files)}, and {shard.conf}"
        yield Change(ctx.host.name, ShardBackups(shard, directory), made, after, summary, shard.name)


STEP = StepKind(
    name="backup",
    summary="Back up MongoDB and the shards, and read the backups back.",
    example="- backup: {mongo: true, tarantool: true, to: /var/backups/ffplay}",
    schema=parameters(
        mongo={
            "type": "boolean",
            "default": False,
            "description": "Dump the MongoDB database, and copy the files that `configure` edits.",
        },
        tarantool={
            "type": "boolean",
            "default": False,
            "description": "Back up shards: snapshots, xlogs, index, file.",
        },
        to={
            "type": "string",
            "default": "",
            "description": "Directory on each host (on the shards' own file system snapshots cost no space); "
            "the variable backup_dir by default.",
        },
    ),
    plan=plan,
)
