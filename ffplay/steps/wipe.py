"""Set the data of shards aside that are to be filled anew: `.snap`, `.xlog` and `.idx`.

Nothing is deleted: each directory is renamed on its own file system, which is instant, and so is its reverse. A shard
is wiped only when it is proved dead and a verified backup holds all that it has: right before, the backup's files are
read once more, and nothing may have been written since.
"""

from __future__ import annotations

from collections.abc import Iterator

from ffplay.model import Change, Check, Note, Problem, Shard, Unknown
from ffplay.resources.base import Resource
from ffplay.resources.record import Record
from ffplay.resources.shard_backup import BackupIntact, ShardBackups
from ffplay.resources.shard_data import DataState, ShardData
from ffplay.resources.shard_http import ShardFaces, ShardState
from ffplay.resources.unit import Unit
from ffplay.steps._filling import filling, foreseen_copy
from ffplay.steps._gap import Gap, gap_of
from ffplay.steps._parts import backup_dir, shard_backups
from ffplay.steps.base import Context, Outcome, StepKind, parameters


def plan(ctx: Context) -> Iterator[Outcome]:
    """Plan to empty each shard with a gap."""
    gap = gap_of(ctx)
    shards = [shard for shard in ctx.host.shards if gap.shard(ctx.host, shard)]
    if shards and filling(ctx, gap):
        return
    places = {shard: shard_backups(ctx, shard, "backups") for shard in shards}
    ctx.read(*(r for s in shards for r in (Unit(s.unit), ShardData(s), ShardFaces(s), places[s])))
    for shard in shards:
        yield from _one(ctx, gap, shard, places[shard])


def foresee(ctx: Context) -> Iterator[tuple[str, Resource]]:
    """Yield what is asked for where a shard has a gap."""
    for shard in ctx.host.shards:
        yield from ((ctx.host.name, one) for one in (Unit(shard.unit), shard_backups(ctx, shard, "backups")))
    yield from foreseen_copy(ctx)


def _one(ctx: Context, gap: Gap, shard: Shard, place: ShardBackups) -> Iterator[Outcome]:
    unit, data, served, backups = ctx.read(Unit(shard.unit), ShardData(shard), ShardFaces(shard), place)
    host = ctx.host.name
    left = tuple(sorted({*(data.record.left if data.record else ()), *data.instances}))
    wanted = Record(gap.generation, "emptied", gap.origin(data.record), _indexed(data, served), ctx.run, left)
    if data.empty and not data.missing and data.record == wanted:
        return
    if gap.faces:
        yield Problem(
            host,
            f"{shard.name} would be wiped while the faces are not at {gap.generation}: {gap.faces}",
            "let `regenerate` come before wipe, and leave it in",
        )
    if unit.running:
        yield Problem(
            host, f"{shard.unit} would still run when {shard.name} is wiped", "put `stop: tarantool` before wipe"
        )
    covering = [backup for backup in backups if backup.covers(data)]
    after = DataState((), wanted)
    if _needs_backup(data) and not covering:
        yield Problem(
            host,
            f"no verified backup in {backup_dir(ctx, 'backups')} holds the snapshots of {shard.name}",
            "put `backup: {tarantool: true}` before wipe, with the same `to`",
        )
    elif _needs_backup(data):
        after = DataState((), wanted, token=place.token(covering[-1]))
        if place.host:
            intact = BackupIntact(place, covering[-1].run)
            yield Check(host, intact, f"the backup {intact.label} is as it was verified")
    why = gap.shard(ctx.host, shard)
    effect = (host, ShardFaces(shard), Unknown(f"{shard.name} has been filled"))
    count = 0 if isinstance(data.files, Unknown) else len(data.files)
    yield Change(host, ShardData(shard), data, after, f"set {count} data files aside: {why}", shard.name, (effect,))
    waiting = sum(kib for _, kib in data.aside)
    if waiting:
        yield Note(
            host, f"{shard.name}: {waiting / 1024:.0f} MiB set aside by earlier runs still wait in {shard.data_dir}"
        )


def review(changes: tuple[Change, ...]) -> Iterator[Problem]:
    """Refuse a play that would leave a shard empty: it would start, answer, and find nobody."""
    left: dict[tuple[str, str], Change] = {}
    for change in changes:
        if isinstance(change.resource, ShardData) and change.after.record is not None:
            left[change.host, change.resource.shard.name] = change
    for (host, name), change in left.items():
        if change.after.record.state == "emptied":
            yield Problem(
                host, f"{name} would be emptied and not filled", "let `copy` come after wipe, and leave it in"
            )


def _needs_backup(data: DataState) -> bool:
    """Tell whether the data are the only ones: an emptied shard holds but what the copy took from MongoDB."""
    return not data.empty and (data.record is None or data.record.state != "emptied")


def _indexed(data: DataState, served: ShardState | Unknown | None) -> tuple[str, ...]:
    """Return the galleries that want a fast index again: those that have one, and those that waited for one."""
    known = data.record.indexed if data.record else ()
    now = tuple(g.name for g in served.galleries if g.indexed) if isinstance(served, ShardState) else ()
    return tuple(sorted({*known, *now}))


STEP = StepKind(
    name="wipe",
    summary="Set aside the data of the shards that are to be filled anew.",
    example="- wipe: tarantool",
    reads="Which shards have a gap; their units, data, records and verified backups.",
    changes=(
        "Renames the data directories of those shards to `.aside-RUN` beside new, empty ones, and records the "
        "shards as emptied."
    ),
    schema=parameters(
        ["part"],
        part={"type": "string", "enum": ["tarantool"], "description": "What to wipe."},
        backups={
            "type": "string",
            "default": "",
            "description": "Where `backup` puts its backups, the variable backup_dir by default: without a verified "
            "backup there nothing is wiped.",
        },
    ),
    plan=plan,
    apart=True,
    foresee=foresee,
    main="part",
    groups=("tntapi",),
    needs_target=True,
    review=review,
)
