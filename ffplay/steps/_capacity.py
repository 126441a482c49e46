"""Whether what the play will make fits: facens in memory, snapshots, xlogs, indexes and backups on disk."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from ffplay.findface import FLOAT_BYTES
from ffplay.model import Host, Note, Problem, Shard, Unknown
from ffplay.resources.base import Resource
from ffplay.resources.database_size import DatabaseSize
from ffplay.resources.facts import HostState, Room
from ffplay.resources.mongo_dump import MongoDumps
from ffplay.resources.shard_data import DataState, ShardData, human
from ffplay.resources.shard_http import ShardFaces, ShardState
from ffplay.resources.unit import Unit, UnitState
from ffplay.steps._dumps import sufficient
from ffplay.steps._fillings import Filling, fillings
from ffplay.steps._gap import Gap, faces_of, mongo_place
from ffplay.steps._parts import shard_backups
from ffplay.steps.base import Context, DiskUse, Estimate, Outcome

# Memory of one face beside its facen: the vendor's example is 1.2 GiB for 1,000,000 faces at 320, that is 1288 bytes
# for 1280 of facen; a tenth on top leaves room for the tree of a shard that was filled in any order.
_OVERHEAD = 1.1

# What Tarantool preallocates of a write-ahead log: with less it cannot write at all.
_WAL_BYTES = 1 << 20

# Room for the run's journal, its records and the logs of its tools.
_STATE_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class _Need:
    """Bytes that the play will put below `path`; `kind` says in words what they are.

    `aside` are bytes that are there already and that the play sets aside: they take no room, and go with `commit`.
    """

    path: str
    size: int
    kind: str
    aside: int = 0


def paths(ctx: Context) -> tuple[str, ...]:
    """Return the directories of the host whose file systems are judged."""
    of_shards = (path for shard in ctx.host.shards for path in (shard.snap_dir, shard.wal_dir, shard.index_dir))
    away, own = _backup_place(ctx, ctx.host)
    sent = (directory for _, directory in _senders(ctx).get(ctx.host.name, ()))
    held = (shard.data_dir for shard in ctx.host.shards) if away else (own,)
    return tuple(dict.fromkeys((*of_shards, *held, *sent, _dump_dir(ctx), str(ctx.variables["state_dir"]))))


def foresee(ctx: Context) -> Iterator[tuple[str, Resource]]:
    """Yield what is asked for where something does not fit, or is to be filled."""
    yield from ((ctx.host.name, shard_backups(ctx, shard, "backup_to")) for shard in ctx.host.shards)
    faces_at = faces_of(ctx)
    if faces_at is not None and faces_at[0].name == ctx.host.name:
        yield ctx.host.name, MongoDumps(faces_at[1].place, _dump_dir(ctx))
        if ctx.args["backups"]:
            yield ctx.host.name, DatabaseSize(mongo_place(ctx.variables))


def capacity(
    ctx: Context, gap: Gap, due: set[str], facts: HostState, memtx: Mapping[str, int | None]
) -> Iterator[Outcome | Estimate]:
    """Judge memory and disks of the host, and tell what the play takes of them.

    `due` names its shards that are to be filled; `memtx` is memtx_memory by shard, None where nobody can tell.
    """
    needs: list[_Need] = []
    filling: Mapping[str, Filling] = {}
    then = 0
    if due:
        filling = fillings(ctx)
        then = yield from _memory(ctx, facts, due, filling, memtx)
        for shard in ctx.host.shards:
            if shard.name in due:
                needs += _of_shard(ctx, facts, shard, filling[shard.name])
    else:
        yield from _crowded(ctx)
    needs += _of_dump(ctx, gap)
    needs += _sent_here(ctx, gap)
    if due or gap.problems or gap.faces:
        needs.append(_Need(str(ctx.variables["state_dir"]), _STATE_BYTES, "the run's journal and logs"))
    disks = _disks(facts, needs)
    yield from _judged(ctx, disks)
    if disks:
        faces = tuple((name, filling[name].faces) for name in sorted(due))
        now = _held(ctx) if due else 0
        yield Estimate(ctx.host.name, disks, facts.memory, facts.available, now, then, faces)


def _held(ctx: Context) -> int:
    """Return the bytes that the host's shards take for facens today, as far as they answer."""
    served = ctx.read(*map(ShardFaces, ctx.host.shards))
    return sum(facens_bytes(one.faces, max(one.sizes, default=0)) for one in served if isinstance(one, ShardState))


def _crowded(ctx: Context) -> Iterator[Note]:
    """Tell of shards that hold too many faces and that the play leaves as they are."""
    for shard in ctx.host.shards:
        served = ctx.one(ShardFaces(shard))
        if isinstance(served, ShardState) and served.faces > ctx.args["faces_a_shard"]:
            said = f"{shard.name} holds {served.faces} faces; {ctx.args['faces_a_shard']} at most are advised"
            yield Note(ctx.host.name, said)


def _memory(
    ctx: Context, facts: HostState, due: set[str], filling: Mapping[str, Filling], memtx: Mapping[str, int | None]
) -> Generator[Problem, None, int]:
    """Judge each shard that is to be filled, then the host by all of its shards; return the bytes of their facens."""
    size = ctx.target.facen_size if ctx.target else 0
    total = 0
    for shard in ctx.host.shards:
        if shard.name in due:
            total += yield from _shard_memory(ctx, shard, filling[shard.name], memtx[shard.name])
        else:
            total += facens_bytes(filling[shard.name].faces, size)
    if total > facts.memory:
        said = f"its shards need about {human(total)} for facens of {size} floats, and it has {human(facts.memory)}"
        yield Problem(ctx.host.name, said, "add memory, or spread the faces over more hosts")
    return total


def _shard_memory(ctx: Context, shard: Shard, filling: Filling, memtx: int | None) -> Generator[Problem, None, int]:
    """Judge one shard; return the bytes that its facens will take."""
    size = ctx.target.facen_size if ctx.target else 0
    why = f" ({filling.why})" if filling.why else ""
    most = ctx.args["faces_a_shard"]
    if filling.faces > most:
        said = f"{shard.name}: {filling.faces} faces{why} are due on it, and a shard should hold {most} at most"
        advice = "add shards and spread the faces over them, or set preflight's `faces_a_shard`"
        yield Problem(ctx.host.name, said, advice)
    needed = facens_bytes(filling.faces, size)
    if memtx is not None and needed > memtx:
        gib = -(-needed // (1 << 28)) / 4
        yield Problem(
            ctx.host.name,
            f"{shard.name}: {filling.faces} faces{why} of {size} floats need about {human(needed)}, and "
            f"memtx_memory is {human(memtx)}",
            f"give the shard `memtx_gb: {gib:g}` or more in the inventory; template writes it",
        )
    return needed


def facens_bytes(faces: int, size: int) -> int:
    """Return the bytes of facens with what a shard keeps beside them."""
    return int(faces * size * FLOAT_BYTES * _OVERHEAD)


def _of_shard(ctx: Context, facts: HostState, shard: Shard, filling: Filling) -> Iterator[_Need]:
    """Yield what filling a shard anew puts on disk.

    Every facen goes to the xlog when it is copied, and again to the next snapshot; the xlog goes only some snapshots
    later. What is set aside stays where it is.
    """
    data, served = ctx.read(ShardData(shard), ShardFaces(shard))
    size = ctx.target.facen_size if ctx.target else 0
    facens = facens_bytes(filling.faces, size)
    yield _Need(shard.snap_dir, facens, "new snapshots")
    yield _Need(shard.wal_dir, facens + _WAL_BYTES, "xlogs")
    if isinstance(data, Unknown):
        return
    index = sum(amount for _, amount in data.names("index"))
    if index:
        was = max(served.sizes, default=0) if isinstance(served, ShardState) else 0
        yield _Need(shard.index_dir, max(index, index * size // (was or size)), "fast indexes")
    away, directory = _backup_place(ctx, ctx.host)
    # What goes to another host is first held together beside the data, one backup at a time.
    where = shard.data_dir if away else directory
    linked = facts.room(where).links_to(facts.room(shard.snap_dir))
    times = _backups_due(ctx, ctx.host, shard)
    # A snapshot that its backup shares by a hard link stays when what was set aside goes.
    shared = linked and times > 0 and not away
    yield _Need(shard.snap_dir, 0, "", aside=_backup_size(data, shared))
    yield _Need(where, (min(times, 1) if away else times) * _backup_size(data, linked), "backups of shards")


def _backups_due(ctx: Context, host: Host, shard: Shard) -> int:
    """Return how many backups the play will make of a shard: of one that runs also one before it is stopped."""
    most: int = ctx.args["backups"]
    if not most:
        return 0
    owner = replace(ctx, host=host, variables=ctx.variables_of(host.name))
    data, made, unit = owner.read(ShardData(shard), shard_backups(owner, shard, "backup_to"), Unit(shard.unit))
    if isinstance(data, Unknown) or (data.record is not None and data.record.state == "emptied"):
        return 0
    running = isinstance(unit, UnitState) and unit.running
    hot = [backup.hot for backup in made if backup.covers(data)]
    if not all(hot):
        return 0
    return max(0, most - bool(hot)) if running else 1


def _backup_size(data: DataState, linked: bool) -> int:
    """Return what a backup of these files takes; `linked`: snapshots take no room."""
    kinds = ("wal", "index") if linked else ("snap", "wal", "index")
    return sum(amount for kind in kinds for _, amount in data.names(kind))


def _sent_here(ctx: Context, gap: Gap) -> Iterator[_Need]:
    """Yield what other hosts' backups take on this host, where they are sent to it."""
    for host, directory in _senders(ctx).get(ctx.host.name, ()):
        for shard in host.shards:
            if gap.problems or gap.shard(host, shard):
                data = ctx.one(ShardData(shard), host=host.name)
                size = 0 if isinstance(data, Unknown) else _backup_size(data, linked=False)
                yield _Need(directory, _backups_due(ctx, host, shard) * size, "backups of other hosts' shards")


def _of_dump(ctx: Context, gap: Gap) -> Iterator[_Need]:
    """Yield what a dump of MongoDB takes, on its host: faces that are half changed are not dumped again."""
    faces_at = faces_of(ctx)
    if not ctx.args["backups"] or faces_at is None or faces_at[0].name != ctx.host.name:
        return
    if not (gap.faces or gap.problems):
        return
    directory = _dump_dir(ctx)
    state, made = ctx.read(faces_at[1], MongoDumps(faces_at[1].place, directory))
    if sufficient(ctx, gap, state, made) is None:
        size = ctx.one(DatabaseSize(mongo_place(ctx.variables)))
        yield _Need(directory, size, "the dump of MongoDB")


def _disks(facts: HostState, needs: list[_Need]) -> tuple[DiskUse, ...]:
    """Return each file system with all that is due on it."""
    sharing: dict[int, list[tuple[Room, _Need]]] = {}
    for need in needs:
        room = facts.room(need.path)
        sharing.setdefault(room.device, []).append((room, need))
    disks = []
    for found in sharing.values():
        kinds: dict[str, int] = {}
        for _, need in found:
            kinds[need.kind] = kinds.get(need.kind, 0) + need.size
        sizes = tuple((kind, size) for kind, size in kinds.items() if size)
        room = found[0][0]
        disks.append(DiskUse(room.mount, room.free, sizes, sum(need.aside for _, need in found)))
    return tuple(disks)


def _judged(ctx: Context, disks: tuple[DiskUse, ...]) -> Iterator[Problem]:
    """Judge each file system by all that is due on it."""
    for disk in disks:
        if disk.needed <= disk.free:
            continue
        parts = ", ".join(f"{human(size)} for {kind}" for kind, size in disk.needs)
        said = f"{disk.mount} has {human(disk.free)} free, and the play needs about {human(disk.needed)} there: {parts}"
        yield Problem(ctx.host.name, said, _make_room(kind for kind, _ in disk.needs))


def _make_room(kinds: Iterable[str]) -> str:
    """Return what to do where a file system is too small for these kinds of things."""
    elsewhere = any(kind.startswith(("backups", "the dump")) for kind in kinds)
    aside = "make room there: what is set aside stays until the result is verified"
    return f"{aside}; or name another file system for the backups (backup_dir in the inventory)" if elsewhere else aside


def _backup_place(ctx: Context, host: Host) -> tuple[str, str]:
    """Return the host that a host's shards are backed up to, empty for itself, and the directory there."""
    place = str(ctx.args["backup_to"] or ctx.variables_of(host.name)["backup_dir"])
    name, colon, path = place.partition(":")
    return ("", place) if not colon or "/" in name else (name, path)


def _senders(ctx: Context) -> Mapping[str, list[tuple[Host, str]]]:
    """Return by the host that backups are sent to which hosts' they are, each with the directory there."""

    def find() -> Mapping[str, list[tuple[Host, str]]]:
        found: dict[str, list[tuple[Host, str]]] = {}
        for host in ctx.hosts:
            away, directory = _backup_place(ctx, host)
            if away:
                found.setdefault(away, []).append((host, directory))
        return found

    senders: Mapping[str, list[tuple[Host, str]]] = ctx.view.memo(
        ("senders", id(ctx.hosts), ctx.args["backup_to"]), find
    )
    return senders


def _dump_dir(ctx: Context) -> str:
    """Return where MongoDB is dumped to: only shards are backed up to another host."""
    away, directory = _backup_place(ctx, ctx.host)
    return str(ctx.variables["backup_dir"]) if away else directory
