"""The gap: what of the site is not at the target, and how that is known.

Steps such as stop, wipe and copy are means and not ends: done twice they do harm. They plan changes only where this
module finds a gap. It believes the records on the site only as far as the physical evidence does not contradict them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ffplay.model import Generation, Host, Problem, Shard, Target, Unknown
from ffplay.resources.base import Resource
from ffplay.resources.census import Census, CensusState
from ffplay.resources.file import File
from ffplay.resources.mongo import Faces, FacesState, MongoPlace
from ffplay.resources.record import Record
from ffplay.resources.shard_data import ShardData
from ffplay.resources.shard_http import ShardFaces
from ffplay.steps._gap_faces import Seen, current_of, faces_gap, seen
from ffplay.steps._gap_shards import Wanted, is_replica, shard_gap
from ffplay.steps.base import Context


@dataclass(frozen=True)
class Gap:
    """What separates the site from its target; the same for all hosts of a play, whichever `ctx` was asked for it.

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
        wanted = Wanted(self.generation, bool(self.faces), self.recorded, faces_of(self.ctx))
        key = ("shard", host.name, shard.name, self.generation, wanted.regenerated, self.recorded)
        why: str = self.ctx.view.memo(key, lambda: shard_gap(self.ctx, host, shard, wanted))
        return why


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

    def find() -> tuple[Host, Faces] | None:
        host = ctx.first("mongo")
        if host is None:
            return None
        variables = ctx.variables_of(host.name)
        return host, Faces(mongo_place(variables), f"{variables['state_dir']}/faces-generation.json")

    found: tuple[Host, Faces] | None = ctx.view.memo(("faces of", id(ctx.hosts)), find)
    return found


def census_of(ctx: Context) -> tuple[Host, Census] | None:
    """Return what counts the faces of the whole site and the host of MongoDB, None where the site has no such host."""
    faces_at = faces_of(ctx)
    if faces_at is None:
        return None
    mongo, faces = faces_at
    shards = tuple((host.name, shard) for host in ctx.site.hosts for shard in host.shards if not is_replica(shard))
    return mongo, Census(faces.place, shards, str(ctx.variables_of(mongo.name)["shard_gallery_name"]))


def counted(ctx: Context) -> CensusState | None:
    """Return how the numbers of faces in MongoDB and on the shards differ.

    None where the play leaves shards of the site out (their hosts may be down, and need not answer) or where the
    copy is yet to come. Worth asking only where no shard is to be filled: the copy brings what is missing anyway.
    """
    census_at = census_of(ctx)
    chosen = {(host.name, shard) for host in ctx.hosts for shard in host.shards}
    if census_at is None or not chosen.issuperset(census_at[1].shards):
        return None
    state: CensusState | Unknown = ctx.one(census_at[1], host=census_at[0].name)
    return None if isinstance(state, Unknown) else state


def masters(ctx: Context) -> list[tuple[Host, Shard]]:
    """Return every shard of the play that is no replica of another one."""
    return [(host, shard) for host in ctx.hosts for shard in host.shards if not is_replica(shard)]


def gap_of(ctx: Context) -> Gap:
    """Judge the whole site. Only for steps that need a target."""
    target = ctx.target
    if target is None:
        raise TypeError("a step that looks for the gap needs a target")
    faces_at = faces_of(ctx)
    if faces_at is None:
        problem = Problem(ctx.host.name, "the play has no host of the group mongo", "add one, or widen `hosts`")
        return Gap(ctx, Generation(target.model, target.facen_size), None, problems=(problem,))
    # Each step asks anew: looking once whether a host's things are there is enough.
    ctx.view.memo(("gap needs", ctx.host.name, id(ctx.hosts)), lambda: ctx.view.prefetch(_wanted(ctx, *faces_at)))

    def judge() -> Gap:
        state: FacesState = ctx.one(faces_at[1], host=faces_at[0].name)
        return _judge(ctx, target, faces_at, state, seen(ctx, target))

    found: Gap = ctx.view.memo(("gap", target, id(ctx.hosts)), judge)
    return found


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


def _judge(ctx: Context, target: Target, faces_at: tuple[Host, Faces], state: FacesState, known: Seen) -> Gap:
    """Decide about the faces first: shards hold a copy of them."""
    current = current_of(target, state, known)
    detector, settings = target.detector, target.detector_settings
    if current is not None and (detector is None or (detector == current.detector and not settings)):
        detector, settings = current.detector, current.detector_settings
    generation = Generation(target.model, target.facen_size, detector, settings)
    redetect = current is not None and (current.detector, current.detector_settings) != (detector, settings)
    reason, doubt = faces_gap(target, state, known, generation, current, ctx.run)
    if doubt:
        problem = Problem(
            faces_at[0].name,
            f"nothing tells whether the faces in {faces_at[1].label} were made with {target.model}: "
            f"no record of ffplay is there, and their size ({target.facen_size}) fits",
            "state the model that the site is at as `from:` in the target (shipped playbooks: -e from_model=...)",
        )
        return Gap(ctx, generation, current, problems=(problem,))
    left_out = _left_out(ctx, target) if reason else ""
    if left_out:
        problem = Problem(
            faces_at[0].name,
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
