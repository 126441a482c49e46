"""The gap of one shard: why it must be filled anew, by its record and by what is physical.

The record is believed only as far as nothing contradicts it: the shard's file, the sizes of the facens that it serves,
and their bytes, compared with MongoDB's.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from ffplay.edit import EditError, Opaque, lua
from ffplay.findface import DEFAULT_FACEN_SIZE
from ffplay.model import Generation, Host, Shard, Unknown
from ffplay.resources.file import File, FileState
from ffplay.resources.mongo import Facens, Faces
from ffplay.resources.record import Record
from ffplay.resources.shard_data import ShardData
from ffplay.resources.shard_http import ShardFaces, ShardState
from ffplay.steps.base import Context


@dataclass(frozen=True)
class Wanted:
    """What a shard is judged against.

    `generation` is where it shall be. `regenerated` tells that its faces are yet to be made, `recorded` that they have
    a record, `faces_at` is where they are.
    """

    generation: Generation
    regenerated: bool
    recorded: bool
    faces_at: tuple[Host, Faces] | None


def is_replica(shard: Shard) -> bool:
    """Tell whether a shard is filled by its master: its variable `replica_of` names one as HOST/SHARD."""
    return bool(shard.vars.get("replica_of"))


def shard_gap(ctx: Context, host: Host, shard: Shard, wanted: Wanted) -> str:
    """Return why a shard must be filled anew, empty where it need not be. A replica follows its master."""
    if not is_replica(shard):
        return _master_gap(ctx, host, shard, wanted)
    own: Record | None = ctx.one(ShardData(shard), host=host.name).record
    if own is not None and not own.complete_at(wanted.generation):
        return _by_record(own, wanted)
    name = str(shard.vars["replica_of"])
    for other in ctx.site.hosts:
        for master in other.shards:
            if f"{other.name}/{master.name}" == name and _master_gap(ctx, other, master, wanted):
                return f"it follows {name}"
    return ""


def _master_gap(ctx: Context, host: Host, shard: Shard, wanted: Wanted) -> str:
    """Return why one shard must be filled anew."""
    data, conf, served = ctx.read(ShardData(shard), File(shard.conf), ShardFaces(shard), host=host.name)
    by_record = _by_record(data.record, wanted)
    if by_record:
        return by_record
    if data.record is not None and set(data.record.left) & set(data.instances):
        return "its data are those from before it was emptied"
    by_file = _by_file(conf, wanted.generation.facen_size)
    if by_file:
        return by_file
    if isinstance(served, ShardState):
        wrong = [str(size) for size in served.sizes if size != wanted.generation.facen_size]
        return f"it serves facens of {', '.join(wrong)} floats" if wrong else _stale(ctx, served, wanted.faces_at)
    if data.record is None and not isinstance(served, Unknown):
        return "it does not answer, and no record tells what it holds"
    return ""


def _by_record(record: Record | None, wanted: Wanted) -> str:
    """Return what a shard's record says against it."""
    if record is not None and not record.complete_at(wanted.generation):
        if record.state == "complete":
            return f"it is at {record.generation}"
        return "a rollback did not finish" if record.state == "restoring" else "it was emptied and not filled"
    if wanted.regenerated:
        return f"its faces are not at {wanted.generation}"
    # Faces have a record only once they were regenerated: a shard that has none still holds what they were before.
    return f"the faces go to {wanted.generation}" if record is None and wanted.recorded else ""


def _by_file(conf: FileState | Unknown, facen_size: int) -> str:
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
    return "" if isinstance(size, Opaque) or size == facen_size else f"its file says facen_size {size}"


@functools.lru_cache(maxsize=16384)
def _lua_size(text: str) -> object:
    """Return facen_size of a shard's file. Raise `EditError`."""
    size: object = lua.parse(text).option("facen_size", DEFAULT_FACEN_SIZE)
    return size


def _stale(ctx: Context, served: ShardState, faces_at: tuple[Host, Faces] | None) -> str:
    """Compare sampled facens with MongoDB's: two models of one size differ in nothing else."""
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
