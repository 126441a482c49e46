"""The gap: what of the site is not at the target, and how that is known.

Steps such as stop, wipe and copy are means and not ends: done twice they do harm. They plan changes only where this
module finds a gap. It believes the records on the site only as far as the physical evidence does not contradict them.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ffplay.edit import EditError, Opaque, lua, pyini, yamlfile
from ffplay.findface import DEFAULT_FACEN_SIZE
from ffplay.model import Generation, Host, Problem, Shard, Target, Unknown
from ffplay.resources.base import Resource
from ffplay.resources.file import File, FileState
from ffplay.resources.mongo import Facens, Faces, FacesState, MongoPlace
from ffplay.resources.record import Record
from ffplay.resources.shard_data import ShardData
from ffplay.resources.shard_http import ShardFaces, ShardState
from ffplay.steps.base import Context


@dataclass(frozen=True)
class Gap:
    """What separates the site from its target.

    `generation` is where it shall be, `current` where the faces are as far as anybody knows, `source` where they were
    before they came to the target (the same as `current` until then). `faces` is the reason why faces must be
    regenerated, empty where they need not be; `redetect` tells that the detector changes too, `recorded` that the faces
    have a record. `problems` forbid to go on. Shards are judged one by one, when somebody asks.
    """

    ctx: Context
    generation: Generation
    current: Generation | None
    faces: str = ""
    redetect: bool = False
    recorded: bool = False
    problems: tuple[Problem, ...] = ()
    source: Generation | None = None

    def origin(self, record: Record | None) -> Generation | None:
        """Return what a shard with this record held before it went to the target, None where nobody knows."""
        if record is None:
            return self.source
        return record.generation if record.state == "complete" else record.was

    def shard(self, host: Host, shard: Shard) -> str:
        """Return why a shard must be filled anew, empty where it need not be. A replica follows its master."""
        if self.problems:
            return ""
        if not is_replica(shard):
            return _shard_gap(self.ctx, host, shard, self)
        own: Record | None = self.ctx.one(ShardData(shard), host=host.name).record
        if own is not None and not own.complete_at(self.generation):
            return _by_record(own, self)
        name = str(shard.vars["replica_of"])
        for other in self.ctx.site.hosts:
            for master in other.shards:
                if f"{other.name}/{master.name}" == name and _shard_gap(self.ctx, other, master, self):
                    return f"it follows {name}"
        return ""


def mongo_place(variables: Mapping[str, Any]) -> MongoPlace:
    """Return where the faces are by a host's variables."""
    return MongoPlace(
        str(variables["mongo_address"]),
        int(variables["mongo_port"]),
        str(variables["mongo_db"]),
        str(variables["mongo_faces"]),
        str(variables["mongo_field_id"]),
        str(variables["mongo_field_facen"]),
        str(variables["mongo_field_galleries"]),
        str(variables["mongo_field_owner"]),
    )


def faces_of(ctx: Context) -> tuple[Host, Faces] | None:
    """Return the MongoDB host of the play and its faces, None where the play has no such host."""
    host = ctx.first("mongo")
    if host is None:
        return None
    variables = ctx.variables_of(host.name)
    return host, Faces(mongo_place(variables), f"{variables['state_dir']}/faces-generation.json")


def masters(ctx: Context) -> list[tuple[Host, Shard]]:
    """Return every shard of the play that is no replica of another one."""
    return [(host, shard) for host in ctx.hosts for shard in host.shards if not is_replica(shard)]


def is_replica(shard: Shard) -> bool:
    """Tell whether a shard is filled by its master: its variable `replica_of` names one as HOST/SHARD."""
    return bool(shard.vars.get("replica_of"))


def gap_of(ctx: Context) -> Gap:
    """Judge the whole site. Only for steps that need a target."""
    target = ctx.target
    if target is None:
        raise TypeError("a step that looks for the gap needs a target")
    faces_at = faces_of(ctx)
    if faces_at is None:
        problem = Problem(ctx.host.name, "the play has no host of the group mongo", "add one, or widen `hosts`")
        return Gap(ctx, Generation(target.model, target.facen_size), None, problems=(problem,))
    ctx.view.prefetch(_wanted(ctx, *faces_at))
    state: FacesState = ctx.one(faces_at[1], host=faces_at[0].name)
    return _judge(ctx, target, faces_at[0], state, _Seen(_model(ctx), *_detector(ctx, target)))


@dataclass(frozen=True)
class _Seen:
    """What the configuration files say: extraction-api's model, facenapi's detector and settings; None if unknown."""

    model: str | None
    detector: str | None
    settings: tuple[tuple[str, str], ...] = ()


def _wanted(ctx: Context, mongo: Host, faces: Faces) -> Iterator[tuple[str, Resource]]:
    """Yield all that the judgement reads, so that it costs one round however many hosts there are."""
    yield mongo.name, faces
    for group, variable in (("extraction", "extraction_ini"), ("facenapi", "facenapi_ini")):
        host = ctx.first(group)
        if host is not None:
            yield host.name, File(ctx.variables_of(host.name)[variable])
    for shard in ctx.host.shards:
        yield ctx.host.name, ShardData(shard)
        yield ctx.host.name, File(shard.conf)
        yield ctx.host.name, ShardFaces(shard)


def _model(ctx: Context) -> str | None:
    """Return the model in extraction-api's configuration."""
    host = ctx.first("extraction")
    if host is None:
        return None
    found = ctx.one(File(ctx.variables_of(host.name)["extraction_ini"]), host=host.name)
    try:
        value = yamlfile.get(found.text, ("models", "facen")) if isinstance(found, FileState) else None
    except (EditError, KeyError):
        return None
    return None if value is None else str(value)


def _detector(ctx: Context, target: Target) -> tuple[str | None, tuple[tuple[str, str], ...]]:
    """Return the detector in facenapi's configuration, and those settings of it that the target names.

    A file that names none means nnd, the vendor's default.
    """
    host = ctx.first("facenapi")
    if host is None:
        return None, ()
    found = ctx.one(File(ctx.variables_of(host.name)["facenapi_ini"]), host=host.name)
    try:
        options = pyini.get(found.text) if isinstance(found, FileState) else {}
    except EditError:
        return None, ()
    settings = tuple((key, str(options[key])) for key, _ in target.detector_settings if key in options)
    return str(options.get("detector", "nnd")), settings


def _judge(ctx: Context, target: Target, mongo: Host, state: FacesState, seen: _Seen) -> Gap:
    """Decide about the faces first: shards hold a copy of them."""
    current = _current(target, state, seen)
    detector, settings = target.detector, target.detector_settings
    if current is not None and (detector is None or (detector == current.detector and not settings)):
        detector, settings = current.detector, current.detector_settings
    generation = Generation(target.model, target.facen_size, detector, settings)
    redetect = current is not None and (current.detector, current.detector_settings) != (detector, settings)
    reason, doubt = _faces_gap(target, state, seen, generation, current, ctx.run)
    if doubt:
        problem = Problem(
            mongo.name,
            f"nothing tells whether the faces in {faces_of(ctx)[1].label} were made with {target.model}: "  # type: ignore[index]
            f"no record of ffplay is there, and their size ({target.facen_size}) fits",
            "state the model that the site is at as `from:` in the target (shipped playbooks: -e from_model=...)",
        )
        return Gap(ctx, generation, current, problems=(problem,))
    left_out = _left_out(ctx, target) if reason else ""
    if left_out:
        problem = Problem(
            mongo.name,
            f"the faces of the whole site go to {generation}, and the play leaves out {left_out}",
            "leave out --limit (and `serial`): what is left out would stay with the old model",
        )
        return Gap(ctx, generation, current, reason, redetect, problems=(problem,))
    record = state.record
    source = record.was if record is not None and record.complete_at(generation) else current
    return Gap(ctx, generation, current, reason, redetect, record is not None, source=source)


def _left_out(ctx: Context, target: Target) -> str:
    """Return what is not in the play, in words: shards of the site, and hosts whose services make the facens."""
    groups = ("extraction",) if target.detector is None else ("extraction", "facenapi")
    makers = dict.fromkeys(host.name for group in groups for host in ctx.site.group(group))
    names = {host.name for host in ctx.hosts}
    chosen = {(host.name, shard.name) for host in ctx.hosts for shard in host.shards}
    every = [(host.name, shard.name) for host in ctx.site.hosts for shard in host.shards]
    missing = [name for name in makers if name not in names]
    missing += [f"{host} {shard}" for host, shard in every if (host, shard) not in chosen]
    return ", ".join(missing[:3]) + (f" and {len(missing) - 3} more" if len(missing) > 3 else "")


def _current(target: Target, state: FacesState, seen: _Seen) -> Generation | None:
    """Return the generation that the faces are at, or were at before a run that is not over."""
    record = state.record
    if record is not None:
        if record.state == "complete":
            return record.generation
        return record.was if _goes_on(record, target) else _mixture(record, target)
    model = target.was or seen.model
    sizes = [size for size, _ in state.sizes if size]
    if model is None or not sizes:
        return None
    return Generation(model, max(sizes, key=dict(state.sizes).__getitem__), seen.detector, seen.settings)


def _goes_on(record: Record, target: Target) -> bool:
    """Tell whether the run that left this record went where the target is: what it did need not be redone."""
    to, was = record.generation, record.was or record.generation
    detection = (target.detector, target.detector_settings)
    if target.detector is None or (target.detector == was.detector and not target.detector_settings):
        detection = (was.detector, was.detector_settings)
    return (to.model, to.facen_size, to.detector, to.detector_settings) == (target.model, target.facen_size, *detection)


def _mixture(record: Record, target: Target) -> Generation:
    """Return what faces are at that a run left midway on its way to somewhere else: some at its end, some at its start.

    It has the target's own size, so that nobody takes a facen of that size for the target's.
    """
    to, was = record.generation, record.was or record.generation
    same = (to.detector, to.detector_settings) == (was.detector, was.detector_settings)
    detector, settings = (to.detector, to.detector_settings) if same else (None, ())
    return Generation(f"{was.model} and {to.model}", target.facen_size, detector, settings)


def _faces_gap(
    target: Target, state: FacesState, seen: _Seen, generation: Generation, current: Generation | None, run: str
) -> tuple[str, bool]:
    """Return why the faces must be regenerated, and whether nobody can tell. `run` is this run's own name."""
    record = state.record
    others = [size for size, _ in state.sizes if size and size != target.facen_size]
    if record is not None and not record.complete_at(generation):
        began = record.state != "complete" and record.run != run
        return "a run began and did not finish" if began else f"they are at {current or 'an unknown model'}", False
    if others:
        return f"facens of {', '.join(map(str, others))} floats where {target.facen_size} are due", False
    if record is not None or state.count == 0:
        return "", False
    if current is not None and _detection(current) != _detection(generation):
        return f"they were found by {_detection(current)}", False
    model = target.was or seen.model
    if model != target.model:
        return f"extraction-api made them with {model}", False
    return "", target.was is None


def _detection(generation: Generation) -> str:
    """Return a detector with its settings, in words."""
    return ", ".join((str(generation.detector), *(f"{key}={value}" for key, value in generation.detector_settings)))


def _shard_gap(ctx: Context, host: Host, shard: Shard, gap: Gap) -> str:
    """Return why one shard must be filled anew."""
    data, conf, served = ctx.read(ShardData(shard), File(shard.conf), ShardFaces(shard), host=host.name)
    by_record = _by_record(data.record, gap)
    if by_record:
        return by_record
    by_file = _by_file(conf, gap.generation.facen_size)
    if by_file:
        return by_file
    if isinstance(served, ShardState):
        wrong = [str(size) for size in served.sizes if size != gap.generation.facen_size]
        return f"it serves facens of {', '.join(wrong)} floats" if wrong else _stale(ctx, served)
    if data.record is None and not isinstance(served, Unknown):
        return "it does not answer, and no record tells what it holds"
    return ""


def _by_record(record: Record | None, gap: Gap) -> str:
    """Return what a shard's record says against it."""
    if record is not None and not record.complete_at(gap.generation):
        return f"it is at {record.generation}" if record.state == "complete" else "it was emptied and not filled"
    if gap.faces:
        return f"its faces are not at {gap.generation}"
    # Faces have a record only once they were regenerated: a shard that has none still holds what they were before.
    return f"the faces go to {gap.generation}" if record is None and gap.recorded else ""


def _by_file(conf: FileState | Unknown, wanted: int) -> str:
    """Return what a shard's file says against it; `template` tells where it cannot be read."""
    if isinstance(conf, Unknown):
        return ""
    if conf.kind != "file":
        return "it has no file"
    try:
        size = _lua_size(conf.text)
    except EditError:
        return "its file cannot be read"
    # What only Lua can tell, the facens must.
    return "" if isinstance(size, Opaque) or size == wanted else f"its file says facen_size {size}"


@functools.lru_cache(maxsize=4096)
def _lua_size(text: str) -> object:
    """Return facen_size of a shard's file. Raise `EditError`."""
    size: object = lua.parse(text).option("facen_size", DEFAULT_FACEN_SIZE)
    return size


def _stale(ctx: Context, served: ShardState) -> str:
    """Compare sampled facens with MongoDB's: two models of one size differ in nothing else."""
    faces_at = faces_of(ctx)
    if faces_at is None or not served.sample:
        return ""
    host, faces = faces_at
    ids = tuple(sorted({number for _, number, _ in served.sample}))
    known: Mapping[int, bytes] = dict(ctx.one(Facens(faces.place, ids), host=host.name))
    stale = [
        number
        for _, number, facen in served.sample
        if number in known and hashlib.sha256(facen).digest() != known[number]
    ]
    return f"{len(stale)} of {len(served.sample)} sampled facens differ from MongoDB's" if stale else ""
