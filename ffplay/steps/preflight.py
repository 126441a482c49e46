"""Look, before anything is changed, for what would make the play fail midway.

Every unit and file of a shard is there and readable, no shard of a host is missing from the inventory, the larger
facens fit `memtx_memory`, memory and disk, the vendor's tools are installed, and MongoDB answers.
"""

from __future__ import annotations

import shlex
from collections.abc import Generator, Iterator

from ffplay.edit import EditError, lua
from ffplay.findface import FACES_A_SHARD, FLOAT_BYTES
from ffplay.model import Note, Problem, Shard, Unknown
from ffplay.resources.facts import HostFacts, HostState
from ffplay.resources.file import File, FileState
from ffplay.resources.shard_data import human
from ffplay.resources.shard_http import ShardFaces, ShardState
from ffplay.resources.unit import Unit
from ffplay.steps._files import unreadable, wrong_kind
from ffplay.steps._gap import faces_of, gap_of
from ffplay.steps.base import Context, Outcome, StepKind, parameters

# Memory of one face beside its facen: the vendor's example is 1.2 GiB for 1,000,000 faces at 320, that is 1288 bytes
# for 1280 of facen; a tenth on top leaves room for the tree of a shard that was filled in any order.
_OVERHEAD = 1.1

# Tarantool preallocates about 1 MB of write-ahead log, and writes a snapshot beside the old one.
_WAL_BYTES = 64 << 20


def plan(ctx: Context) -> Iterator[Outcome]:
    """Judge the host."""
    programs = _programs(ctx)
    data_dirs = tuple(dict.fromkeys(shard.data_dir for shard in ctx.host.shards))
    facts_of = HostFacts(data_dirs, programs, str(ctx.variables["tarantool_instances_dir"]) if data_dirs else "")
    wanted = [r for s in ctx.host.shards for r in (Unit(s.unit), File(s.conf), ShardFaces(s))]
    facts: HostState = ctx.read(facts_of, *wanted)[0]
    for program in programs:
        if program not in facts.programs:
            yield Problem(
                ctx.host.name, f"{program} is not installed", "install findface-facenapi, or see the inventory"
            )
    yield from _strangers(ctx, facts)
    needs: list[tuple[Shard, int]] = []
    for shard in ctx.host.shards:
        needed = yield from _shard(ctx, shard)
        needs.append((shard, needed))
    yield from _disks(ctx, facts, needs)
    memory = sum(needed for _, needed in needs)
    if memory > facts.memory:
        said = (
            f"its shards need about {human(memory)} for facens of {_size(ctx)} floats, and it has {human(facts.memory)}"
        )
        yield Problem(ctx.host.name, said, "add memory, or spread the faces over more hosts")
    faces_at = faces_of(ctx)
    if ctx.target is not None and faces_at is not None and faces_at[0].name == ctx.host.name:
        yield from gap_of(ctx).problems


def _size(ctx: Context) -> int | None:
    return ctx.target.facen_size if ctx.target else None


def _programs(ctx: Context) -> tuple[str, ...]:
    """Return the vendor's programs that the host must have: the first word of each command."""
    commands = []
    if "facenapi" in ctx.host.groups:
        commands += [str(ctx.variables["regenerate_command"]), str(ctx.variables["copy_command"])]
    return tuple(shlex.split(command)[0] for command in commands)


def _strangers(ctx: Context, facts: HostState) -> Iterator[Outcome]:
    """Name the instance files that the inventory does not know: a forgotten shard keeps the old facens.

    The host of the play may have lost shards to `--limit`; that of the site has them all.
    """
    known = {shard.conf.rpartition("/")[2] for shard in ctx.site.host(ctx.host.name).shards}
    ignored = {f"{name}.lua" for name in ctx.args["ignore_instances"]}
    for name in sorted(set(facts.instances) - known - ignored):
        yield Problem(
            ctx.host.name,
            f"{ctx.variables['tarantool_instances_dir']}/{name} belongs to no shard of the inventory",
            "add the shard to `shards`, or name it in preflight's `ignore_instances`",
        )


def _shard(ctx: Context, shard: Shard) -> Generator[Outcome, None, int]:
    """Judge one shard; return the bytes that filling it anew will need, 0 where it stays as it is."""
    unit, conf, served = ctx.read(Unit(shard.unit), File(shard.conf), ShardFaces(shard))
    host = ctx.host.name
    if unit.load == "not-found":
        yield Problem(host, f"there is no unit {shard.unit}", "see `shards` and tarantool_unit_prefix in the inventory")
    if isinstance(conf, Unknown):
        return 0
    memtx = yield from _memtx(ctx, shard, conf)
    if ctx.target is None or not isinstance(served, ShardState):
        return 0
    if served.faces > FACES_A_SHARD:
        yield Note(host, f"{shard.name} holds {served.faces} faces; the vendor advises {FACES_A_SHARD} at most")
    gap = gap_of(ctx)
    if not gap.problems and not gap.shard(ctx.host, shard):
        return 0
    needed = int(served.faces * ctx.target.facen_size * FLOAT_BYTES * _OVERHEAD)
    if memtx is not None and needed > memtx:
        gib = -(-needed // (1 << 28)) / 4
        yield Problem(
            host,
            f"{shard.name}: {served.faces} faces of {ctx.target.facen_size} floats need about {human(needed)}, and "
            f"memtx_memory is {human(memtx)}",
            f"give the shard `memtx_gb: {gib:g}` or more in the inventory; template writes it",
        )
    return needed


def _disks(ctx: Context, facts: HostState, needs: list[tuple[Shard, int]]) -> Iterator[Outcome]:
    """Judge each file system by all shards with faces on it; equal bytes, free and in all, mean the same one."""
    rooms = {path: (free, total) for path, free, total in facts.free}
    sharing: dict[tuple[int, int], list[tuple[Shard, int]]] = {}
    for shard, needed in needs:
        if needed:
            sharing.setdefault(rooms[shard.data_dir], []).append((shard, needed + _WAL_BYTES))
    for (free, _), shards in sharing.items():
        needed = sum(amount for _, amount in shards)
        if needed > free:
            names = ", ".join(shard.name for shard, _ in shards)
            verb = "needs" if len(shards) == 1 else "need"
            said = f"{names} {verb} about {human(needed)} in {shards[0][0].data_dir}, and {human(free)} are free"
            yield Problem(ctx.host.name, said, "make room: what is set aside stays until the result is verified")


def _memtx(ctx: Context, shard: Shard, conf: FileState) -> Generator[Outcome, None, int | None]:
    """Judge the shard's file; return its memtx_memory in bytes, as it will be, None where nobody can tell."""
    if conf.kind not in {"absent", "file"}:
        yield wrong_kind(ctx, shard.conf, conf, "`conf` of the shard")
        return None
    if conf.kind == "absent":
        yield Problem(ctx.host.name, f"{shard.conf} is not there", "see tarantool_instances_dir in the inventory")
        return None
    try:
        parsed = lua.parse(conf.text)
    except EditError as error:
        yield unreadable(ctx.host.name, shard.conf, error)
        return None
    recovery = parsed.box.get("force_recovery")
    if recovery is not None and recovery.literal is True:
        yield Note(ctx.host.name, f"{shard.name} has force_recovery on: it starts without a word when rows are damaged")
    stated = shard.vars.get("memtx_gb", ctx.variables.get("memtx_gb"))
    if stated is not None:
        return int(float(stated) * (1 << 30))
    memtx = parsed.box.get("memtx_memory")
    return int(memtx.literal) if memtx is not None and isinstance(memtx.literal, int | float) else None


STEP = StepKind(
    name="preflight",
    summary="Look for what would make the play fail midway, before anything is changed.",
    example="- preflight: {}",
    schema=parameters(
        ignore_instances={
            "type": "array",
            "items": {"type": "string"},
            "default": [],
            "description": "Instances on the hosts, by file name without .lua, that are no shards of this site.",
        },
    ),
    plan=plan,
)
