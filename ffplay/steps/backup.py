"""Back up MongoDB, the shards and the configuration, and verify the backups by reading them.

A backup is made where the site is not at its target: before MongoDB's faces are regenerated, and of each shard that is
to be filled anew. A play without a target backs up everything.

A shard's backup is read to its last block: headers, checksums, end markers and rows by space, which must agree with
what the shard itself counts where it runs. `wipe` sets nothing aside without it. A shard that runs is backed up hot,
and again once it is stopped, for rows may have come meanwhile; on the shards' own file system snapshots are hard links,
so that this costs little.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

from ffplay.model import Change, Problem, Shard, Unknown
from ffplay.resources.backup_manifest import ShardBackup
from ffplay.resources.base import Resource
from ffplay.resources.facts import HostFacts
from ffplay.resources.file import ABSENT, File, FileCopy, FileState
from ffplay.resources.mongo_dump import MongoDump, MongoDumps
from ffplay.resources.shard_backup import ShardBackups, size_of
from ffplay.resources.shard_data import ShardData, human
from ffplay.resources.unit import Unit, UnitState
from ffplay.steps._dumps import sufficient
from ffplay.steps._filling import foreseen_copy
from ffplay.steps._gap import faces_of, gap_of, mongo_place
from ffplay.steps._parts import backup_dir, shard_backups, shards_with_gap
from ffplay.steps.base import Context, Outcome, StepKind, parameters

_PROGRAMS = HostFacts(programs=("mongodump",))


@dataclass(frozen=True, slots=True)
class _Work:
    """One backup to be made: of these files, as (name, bytes), beside those already made; `hot`: the shard runs."""

    shard: Shard
    backups: ShardBackups
    made: tuple[ShardBackup, ...]
    files: tuple[tuple[str, int], ...]
    hot: bool


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
    facts, made = ctx.read(_PROGRAMS, _dumps(ctx))
    program = "mongodump" if "mongodump" in facts.programs else ""
    dumps = dataclasses.replace(_dumps(ctx), mongodump=program, jobs=f"{ctx.variables['state_dir']}/jobs")
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


def _dumps(ctx: Context) -> MongoDumps:
    """Return where this host's dumps of MongoDB go."""
    return MongoDumps(mongo_place(ctx.variables), backup_dir(ctx, "to"))


def _edited(ctx: Context) -> list[str]:
    """Return the files on this host that `configure` edits."""
    return [
        str(ctx.variables[variable])
        for group, variable in (("facenapi", "facenapi_ini"), ("extraction", "extraction_ini"))
        if group in ctx.host.groups
    ]


def _configuration(ctx: Context) -> Iterator[Outcome]:
    """Plan copies of the files that `configure` edits, as they are now, where it will edit them."""
    paths = _edited(ctx)
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
    """Plan a backup of each shard that has data which no backup holds as they are.

    One that was made while the shard ran does not do for a stopped one: rows may have come between.
    """
    planned: list[_Work] = []
    for shard, _ in shards_with_gap(ctx):
        backups = shard_backups(ctx, shard, "to")
        if backups.host and backups.host not in {host.name for host in ctx.site.hosts}:
            yield Problem(
                ctx.host.name,
                f"the backups are to go to {backups.host}, and the inventory has no such host",
                "write `to: HOST:/DIRECTORY` with a host of the inventory, or a directory alone",
            )
            return
        data, made, unit = ctx.read(ShardData(shard), backups, Unit(shard.unit))
        hot = isinstance(unit, UnitState) and unit.running
        if isinstance(data.files, Unknown) or data.empty:
            continue
        if ctx.target is not None:
            refilling = data.record is not None and data.record.state == "emptied"
            if refilling or any(backup.covers(data) and (hot or not backup.hot) for backup in made):
                continue
        planned.append(_Work(shard, backups, made, data.files, hot))
    if planned:
        yield from _planned(ctx, planned)


def _planned(ctx: Context, planned: list[_Work]) -> Iterator[Outcome]:
    """Plan the backups, and judge whether there is room for them."""
    first = planned[0].backups
    facts = ctx.one(_rooms(ctx, first), host=first.host or None)
    room = facts.room(first.directory)
    needed = 0
    for work in planned:
        linked = not first.host and room.links_to(facts.room(work.shard.snap_dir))
        copied = sum(size for name, size in work.files if not (linked and name.startswith("snap/")))
        needed += copied
        suffix = "-stopped" if any(backup.run == ctx.run for backup in work.made) else ""
        how = f"{_how(work, linked)}; {human(copied)} to copy, {human(room.free)} are free"
        after = ShardBackup(f"{ctx.run}{suffix}", Unknown("the copies have been read back"), hot=work.hot, how=how)
        summary = f"back up {len(work.files)} files, {size_of(work.files)}, and its Lua file"
        yield Change(ctx.host.name, work.backups, work.made, (*work.made, after), summary, work.shard.name)
    if needed > room.free:
        yield Problem(
            ctx.host.name,
            f"backups of {', '.join(work.shard.name for work in planned)} take {human(needed)} "
            f"in {backup_dir(ctx, 'to')}, and {human(room.free)} are free",
            "make room, or give another directory or HOST:/DIRECTORY as `to` (and as `backups` of wipe)",
        )


def _rooms(ctx: Context, place: ShardBackups) -> HostFacts:
    """Return what tells how much room there is for this host's backups, on the host that they go to."""
    return HostFacts((place.directory, *(() if place.host else (shard.snap_dir for shard in ctx.host.shards))))


def foresee(ctx: Context) -> Iterator[tuple[str, Resource]]:
    """Yield what is asked for where something is to be backed up."""
    host = ctx.host.name
    mongo = ctx.first("mongo")
    if ctx.args["mongo"]:
        yield from ((host, File(path)) for path in _edited(ctx))
        if mongo is not None and mongo.name == host:
            yield from ((host, one) for one in (_PROGRAMS, _dumps(ctx)))
    if ctx.args["tarantool"] and ctx.host.shards:
        places = [shard_backups(ctx, shard, "to") for shard in ctx.host.shards]
        yield from ((host, place) for place in places)
        yield from ((host, Unit(shard.unit)) for shard in ctx.host.shards)
        if places[0].host in {"", *(one.name for one in ctx.site.hosts)}:
            yield places[0].host or host, _rooms(ctx, places[0])
        yield from foreseen_copy(ctx)


def _how(work: _Work, linked: bool) -> str:
    """Return in words how a backup is made."""
    state = "hot (the shard runs, its snapshots pinned)" if work.hot else "of the stopped shard"
    if work.backups.host:
        return f"{state}, sent to {work.backups.host} and read back there"
    return f"{state}, .snap by {'hard link' if linked else 'copy'}, the rest by copy"


STEP = StepKind(
    name="backup",
    summary="Back up MongoDB and the shards, and read the backups back.",
    example="- backup: {mongo: true, tarantool: true, to: /var/backups/ffplay}",
    reads=(
        "Whether shards and faces are at the target; each shard's data files, unit and former backups; MongoDB's "
        "faces and former dumps; free space."
    ),
    changes=(
        "Makes directories under `to`: a dump of MongoDB, copies of the configuration, and for each shard its "
        "data files and Lua file. What is backed up stays as it is."
    ),
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
            "description": "Directory on each host (on the shards' own file system snapshots cost no space), or "
            "HOST:/DIRECTORY with a host of the inventory, for the shards; the variable backup_dir by default.",
        },
    ),
    plan=plan,
    apart=True,
    foresee=foresee,
)
