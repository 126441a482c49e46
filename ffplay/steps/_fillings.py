"""How many faces each shard will hold once the copy has filled it, by all that a site tells before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ffplay.edit import EditError, lua
from ffplay.findface import DEFAULT_FACEN_SIZE, FLOAT_BYTES
from ffplay.model import Host, Shard, Unknown
from ffplay.resources.base import Resource
from ffplay.resources.file import File, FileState
from ffplay.resources.mongo import FacesState
from ffplay.resources.shard_data import DataState, ShardData
from ffplay.resources.shard_http import ShardFaces, ShardState
from ffplay.steps._gap import faces_of, masters
from ffplay.steps._gap_shards import is_replica
from ffplay.steps.base import Context


@dataclass(frozen=True, slots=True)
class Filling:
    """What a shard will hold: `faces`, one counted once a gallery.

    `why` tells in words what they were judged by, empty where the shard itself said so.
    """

    faces: int
    why: str = ""


@dataclass(frozen=True, slots=True)
class _Spread:
    """How faces lie on the site: what each shard holds by HOST/SHARD, and what is to come on it by that.

    `faces` is how many MongoDB has, `usual` what a shard holds on average, `weight` what all of them hold together,
    those of which nothing is known taken to be usual; `count` is the number of the site's shards.
    """

    seen: Mapping[str, Filling | None]
    faces: int
    usual: int
    weight: int
    count: int

    def judged(self, name: str) -> Filling:
        """Return what a shard will hold."""
        found = self.seen.get(name)
        own = self.usual if found is None else found.faces
        share = -(-self.faces * own // self.weight) if self.weight else -(-self.faces // max(self.count, 1))
        if found is None or share > own:
            return Filling(share, f"its share of MongoDB's {self.faces}")
        return found


def fillings(ctx: Context) -> Mapping[str, Filling]:
    """Return what each of the host's shards will hold, by name.

    The copy brings all faces of MongoDB. They are taken to fall on the shards as they do today: by what each serves,
    of one that does not answer by its files, of one that was emptied as on the others. No shard is taken to get less
    than it has.
    """
    names = {
        shard.name: str(shard.vars.get("replica_of") or f"{ctx.host.name}/{shard.name}") for shard in ctx.host.shards
    }
    # By the tuple itself: it is the play's, and the same for all of its hosts.
    site: _Spread = ctx.view.memo(("spread", id(ctx.hosts)), lambda: _spread(ctx))
    return {shard: site.judged(name) for shard, name in names.items()}


def _spread(ctx: Context) -> _Spread:
    """Look at every shard of the play."""
    every = masters(ctx)
    ctx.view.prefetch((host.name, one) for host, shard in every for one in _asked(shard))
    seen = {f"{host.name}/{shard.name}": _seen(ctx, host, shard) for host, shard in every}
    faces = _in_mongodb(ctx)
    known = [filling.faces for filling in seen.values() if filling is not None]
    usual = sum(known) // len(known) if known else 1
    # Of shards that the play leaves out only their number is known.
    count = sum(1 for host in ctx.site.hosts for shard in host.shards if not is_replica(shard))
    weight = sum(known) + usual * (max(count, len(every)) - len(known))
    return _Spread(seen, faces, usual, weight, count)


def _asked(shard: Shard) -> tuple[Resource, ...]:
    """Return what tells how much a shard holds."""
    return ShardFaces(shard), ShardData(shard), File(shard.conf)


def _in_mongodb(ctx: Context) -> int:
    """Return how many faces MongoDB has, 0 where nobody knows."""
    faces_at = faces_of(ctx)
    if faces_at is None:
        return 0
    state: FacesState = ctx.one(faces_at[1], host=faces_at[0].name)
    return 0 if isinstance(state.count, Unknown) else state.count


def _seen(ctx: Context, host: Host, shard: Shard) -> Filling | None:
    """Return what a shard holds today; None where that tells nothing: it was emptied, or has no files."""
    served, data, conf = ctx.read(*_asked(shard), host=host.name)
    if isinstance(data, Unknown) or (data.record is not None and data.record.state != "complete"):
        return None
    if isinstance(served, ShardState):
        return Filling(served.faces) if served.faces else None
    held = _by_files(data, conf)
    return Filling(held, "by its files, for it does not answer") if held else None


def _by_files(data: DataState, conf: FileState | Unknown) -> int:
    """Return how many facens the newest snapshot and the xlogs since may hold.

    A file is named by the number of the last row before it, so that names tell what is newer.
    """
    snapshots, xlogs = sorted(data.names("snap")), data.names("wal")
    newest = snapshots[-1:]
    since = newest[0][0].removeprefix("snap/").partition(".")[0] if newest else ""
    newer = [size for name, size in xlogs if name.removeprefix("wal/").partition(".")[0] >= since]
    size = data.record.generation.facen_size if data.record is not None else _size_of(conf)
    return (sum(newer) + sum(size for _, size in newest)) // (size * FLOAT_BYTES)


def _size_of(conf: FileState | Unknown) -> int:
    """Return the facen size in a shard's file, the vendor's default where it does not tell."""
    if isinstance(conf, FileState) and conf.kind == "file":
        try:
            size = lua.parse(conf.text).option("facen_size", DEFAULT_FACEN_SIZE)
        except EditError:
            return DEFAULT_FACEN_SIZE
        if isinstance(size, int) and size > 0:
            return size
    return DEFAULT_FACEN_SIZE
