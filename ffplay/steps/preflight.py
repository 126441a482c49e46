"""Look, before anything is changed, for what would make the play fail midway, and refuse with numbers.

On every host, whatever is to be done:

* each shard's unit and file are there and readable; no instance file, no unit that runs or is enabled, and no cell of
  facenapi's table of shards (`tntapi_servers_file`) is missing in the inventory, and no shard in that table;
* the host's clock is not far from this machine's (`clock_seconds`); the time that the question took is in its favour;
* the vendor's tools are installed, MongoDB answers, and something tells which model the site is at.

Where shards are to be filled anew or faces to be regenerated:

* the facens fit `memtx_memory` of each shard, and those of all its shards the host's memory; no shard gets more than
  `faces_a_shard`. The copy brings all faces of MongoDB, and is taken to spread them over the shards as they lie there
  today; a shard that does not answer is judged by its snapshot and xlogs, one that is empty by the others;
* each file system has room for what is due on it, together: new snapshots, xlogs (as large again, and 1 MB that
  Tarantool preallocates), fast indexes, backups, the dump of MongoDB (its `dataSize`), journal and logs. Snapshots are
  backed up by hard links where `backup_dir` is on their own file system; elsewhere their size counts;
* the licence server that a shard's file or extraction-api's configuration names takes connections from that host;
* the model is installed on each extraction host, where the variable `models_dir` says where models are;
* where the detector changes: the original images of some faces (`uploads_sample`) are in Uploads.
"""

from __future__ import annotations

import shlex
from collections.abc import Generator, Iterator

from ffplay.edit import EditError, lua
from ffplay.findface import FACES_A_SHARD
from ffplay.model import Note, Problem, Shard, Unknown
from ffplay.resources.base import Resource
from ffplay.resources.facts import HostFacts, HostState
from ffplay.resources.file import File, FileState
from ffplay.resources.shard_http import ShardFaces
from ffplay.resources.unit import Unit
from ffplay.steps import _capacity, _services, _strangers
from ffplay.steps._files import unreadable, wrong_kind
from ffplay.steps._gap import faces_of, gap_of
from ffplay.steps._originals import originals
from ffplay.steps.base import Context, Estimate, Outcome, StepKind, parameters


def plan(ctx: Context) -> Iterator[Outcome | Estimate]:
    """Judge the host."""
    wanted = [r for s in ctx.host.shards for r in (Unit(s.unit), File(s.conf), ShardFaces(s))]
    facts: HostState = ctx.read(_facts(ctx), *wanted)[0]
    for program in _programs(ctx):
        if program not in facts.programs:
            yield Problem(
                ctx.host.name, f"{program} is not installed", "install findface-facenapi, or see the inventory"
            )
    yield from _clock(ctx, facts)
    yield from _strangers.instances(ctx, facts)
    if "facenapi" in ctx.host.groups and any(host.shards for host in ctx.site.hosts):
        yield from _strangers.cells(ctx)
    memtx: dict[str, int | None] = {}
    for shard in ctx.host.shards:
        memtx[shard.name] = yield from _shard(ctx, shard)
    if ctx.target is None:
        yield from _services.licence(ctx, set(memtx), extraction=True)
        return
    gap = gap_of(ctx)
    due = {shard.name for shard in ctx.host.shards if gap.problems or gap.shard(ctx.host, shard)}
    yield from _capacity.capacity(ctx, gap, due, facts, memtx)
    yield from _services.licence(ctx, due, extraction=bool(gap.problems or gap.faces))
    yield from _services.model(ctx, gap, facts)
    yield from originals(ctx, gap)
    faces_at = faces_of(ctx)
    if faces_at is not None and faces_at[0].name == ctx.host.name:
        yield from gap.problems


def foresee(ctx: Context) -> Iterator[tuple[str, Resource]]:
    """Yield what more is asked for once it is known what is due."""
    if "facenapi" in ctx.host.groups:
        yield ctx.host.name, File(str(ctx.variables["tntapi_servers_file"]))
    yield from _capacity.foresee(ctx)


def _facts(ctx: Context) -> HostFacts:
    """Return all that is asked of the host in one script."""
    shards = bool(ctx.host.shards)
    models = ctx.target is not None and "extraction" in ctx.host.groups
    return HostFacts(
        _capacity.paths(ctx),
        _programs(ctx),
        str(ctx.variables["tarantool_instances_dir"]) if shards else "",
        str(ctx.variables["tarantool_unit_prefix"]) if shards else "",
        str(ctx.variables["systemd_dir"]) if shards else "",
        str(ctx.variables["models_dir"]) if models else "",
        (ctx.target.model,) if models and ctx.target is not None else (),
    )


def _programs(ctx: Context) -> tuple[str, ...]:
    """Return the vendor's programs that the host must have: the first word of each command."""
    commands = []
    if "facenapi" in ctx.host.groups:
        commands += [str(ctx.variables["regenerate_command"]), str(ctx.variables["copy_command"])]
    return tuple(shlex.split(command)[0] for command in commands)


def _clock(ctx: Context, facts: HostState) -> Iterator[Problem]:
    """Judge the host's clock: files, ids and licences are judged by time."""
    if abs(facts.skew) > ctx.args["clock_seconds"]:
        said = f"its clock is at least {abs(facts.skew)} s {'ahead of' if facts.skew > 0 else 'behind'} this machine's"
        yield Problem(
            ctx.host.name,
            f"{said}; {ctx.args['clock_seconds']} s are allowed",
            "set the one that is wrong (`timedatectl set-ntp true`), or see preflight's `clock_seconds`",
        )


def _shard(ctx: Context, shard: Shard) -> Generator[Outcome, None, int | None]:
    """Judge a shard's unit and file; return its memtx_memory in bytes, as it will be, None where nobody can tell."""
    unit, conf = ctx.read(Unit(shard.unit), File(shard.conf))
    if unit.load == "not-found":
        yield Problem(
            ctx.host.name,
            f"there is no unit {shard.unit}",
            "see `shards` and tarantool_unit_prefix in the inventory",
        )
    return None if isinstance(conf, Unknown) else (yield from _memtx(ctx, shard, conf))


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
    reads=(
        "Instance files, units, data, memory, disks, clock and tools of each host; facenapi's table of shards; "
        "MongoDB's faces; whether the licence server answers; some original images."
    ),
    changes="Nothing.",
    schema=parameters(
        ignore_instances={
            "type": "array",
            "items": {"type": "string"},
            "default": [],
            "description": "Instances on the hosts, by file name without .lua, that are no shards of this site.",
        },
        clock_seconds={
            "type": "integer",
            "minimum": 1,
            "default": 30,
            "description": "How many seconds a host's clock may be off from this machine's.",
        },
        faces_a_shard={
            "type": "integer",
            "minimum": 1,
            "default": FACES_A_SHARD,
            "description": "How many faces a shard may get at most, one counted once a gallery.",
        },
        backups={
            "type": "integer",
            "minimum": 0,
            "default": 2,
            "description": "How many backups the play makes of a shard that runs (as the shipped playbooks do: before "
            "it is stopped, and after); 0 for a play that backs up nothing.",
        },
        backup_to={
            "type": "string",
            "default": "",
            "description": "Where those backups go, in the form of backup's `to`, where the play has one; "
            "the variable backup_dir by default.",
        },
        uploads_sample={
            "type": "integer",
            "minimum": 0,
            "default": 1000,
            "description": "Of how many faces the original image is looked for where the detector changes; "
            "0 looks for none.",
        },
    ),
    plan=plan,
    foresee=foresee,
)
