"""The count of the faces: how many of each gallery MongoDB has, and how many all shards have together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ffplay.errors import Unreachable
from ffplay.model import Host, Login, Shard
from ffplay.remote.base import Access, Reply
from ffplay.resources.base import DirectResource
from ffplay.resources.checks import Findings
from ffplay.resources.differences import text_of
from ffplay.resources.job import Job
from ffplay.resources.mongo import MongoPlace, open_database, with_facen
from ffplay.resources.shard_http import shard_api

# So many shards are asked at the same time; each waits for its own answer.
_AT_ONCE = 32

# So many galleries are named; the sum is always told.
_NAMED = 3


@dataclass(frozen=True, slots=True)
class CensusState:
    """Where MongoDB and the shards differ, as (gallery by its name on the shards, how many faces).

    `missing` are in MongoDB and on no shard, `surplus` on a shard and not in MongoDB; a face counts once a gallery.
    `silent` are the shards that did not answer, as `HOST SHARD`: then the two others are not known, and empty.
    """

    missing: tuple[tuple[str, int], ...] = ()
    surplus: tuple[tuple[str, int], ...] = ()
    silent: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Census(DirectResource):
    """The faces of each gallery, counted in MongoDB and on all shards. Value: `CensusState`; nothing is written.

    `shards` are (host name, shard) of the whole site, replicas left out; `gallery_name` gives a gallery's name on the
    shards from `{owner}` and `{gallery}`.

    A site may enrol and delete while it is counted. MongoDB is counted first, then the shards, then MongoDB again
    where they differ, and only what both counts have too many (or too few) is told: a face that is enrolled meanwhile
    raises the second count alone, one that is deleted was in the first alone. (facenapi enrols a face in MongoDB
    before it does on the shard; with the shards counted first each enrolment in between would look like a face that is
    on no shard.) What is enrolled in between may hide as many missing faces, once: the next reading finds them.
    """

    place: MongoPlace
    shards: tuple[tuple[str, Shard], ...]
    gallery_name: str

    @property
    def label(self) -> str:
        """Return what is counted."""
        return f"{self.place.name} and {len(self.shards)} shards"

    def read(self, access: Access, host: Host) -> CensusState:
        """Count. Raise `SiteError` where MongoDB does not answer."""
        with open_database(access, host, self.place) as database:
            faces = database[self.place.faces]
            first = count_galleries(faces, self.place, self.gallery_name)
            served, silent = self._served(access)
            if silent:
                return CensusState(silent=silent)
            second = first if first == served else count_galleries(faces, self.place, self.gallery_name)
        return CensusState(
            _above({name: min(count, second.get(name, 0)) for name, count in first.items()}, served),
            _above(served, {name: max(first.get(name, 0), second.get(name, 0)) for name in served}),
        )

    def facts(self, value: Any) -> Mapping[str, str]:
        """Return which shards do not answer: faces come and go while the site serves."""
        return {"silent shards": text_of(value.silent)}

    def _served(self, access: Access) -> tuple[dict[str, int], tuple[str, ...]]:
        """Return how many faces of each gallery all shards have, and the shards that do not answer."""
        import concurrent.futures
        import http.client

        def ask(place: tuple[str, Shard]) -> Mapping[str, int] | None:
            host, shard = place
            try:
                with shard_api(access, host, shard) as api:
                    return {gallery.name: gallery.faces for gallery in api.galleries()}
            except (OSError, http.client.HTTPException, Unreachable, ValueError, KeyError, TypeError):
                return None

        with concurrent.futures.ThreadPoolExecutor(max(1, min(_AT_ONCE, len(self.shards)))) as pool:
            answers = list(pool.map(ask, self.shards))
        found: Counter[str] = Counter()
        for answer in answers:
            found.update(answer or {})
        silent = (f"{host} {shard.name}" for (host, shard), a in zip(self.shards, answers, strict=True) if a is None)
        return {name: count for name, count in found.items() if count}, tuple(silent)


def count_galleries(faces: Any, place: MongoPlace, gallery_name: str) -> dict[str, int]:
    """Return how many faces with a facen each gallery has, by its name on the shards.

    The server does it, in one pass over the collection, with what MongoDB 3.2 knows. A gallery that a face names twice
    counts once, as it does on the shards.
    """
    owner, galleries = f"${place.field_owner}", f"${place.field_galleries}"
    pipeline: list[dict[str, Any]] = [
        {"$match": with_facen(place)},
        {"$project": {"owner": owner, "gallery": {"$setUnion": [{"$ifNull": [galleries, []]}, []]}}},
        {"$unwind": "$gallery"},
        {"$group": {"_id": {"owner": "$owner", "gallery": "$gallery"}, "count": {"$sum": 1}}},
    ]
    found: Counter[str] = Counter()
    for row in faces.aggregate(pipeline, allowDiskUse=True):
        key = row["_id"]
        found[gallery_name.format(owner=key.get("owner"), gallery=key["gallery"])] += int(row["count"])
    return dict(found)


def _above(one: Mapping[str, int], other: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    """Return by how much the counts of one are above those of the other."""
    return tuple(
        (name, count - other.get(name, 0)) for name, count in sorted(one.items()) if count > other.get(name, 0)
    )


def total(differences: tuple[tuple[str, int], ...]) -> int:
    """Return how many faces differ in all galleries together."""
    return sum(count for _, count in differences)


def by_gallery(differences: tuple[tuple[str, int], ...]) -> str:
    """Return the galleries with their numbers, the largest first, in words."""
    ordered = sorted(differences, key=lambda pair: (-pair[1], pair[0]))
    named = [f"{name}: {count}" for name, count in ordered[:_NAMED]]
    return ", ".join(named) + (f", and {len(ordered) - _NAMED} more galleries" if len(ordered) > _NAMED else "")


@dataclass(frozen=True, slots=True)
class NothingLeftOut(DirectResource):
    """Every face that MongoDB has is on a shard, by their numbers. Value: `Findings`."""

    census: Census

    @property
    def label(self) -> str:
        """Return what is counted."""
        return self.census.label

    def read(self, access: Access, host: Host) -> Findings:
        """Count."""
        state = self.census.read(access, host)
        if state.silent:
            return Findings((f"the faces cannot be counted: {', '.join(state.silent)} not answering",))
        if state.missing:
            said = f"{total(state.missing)} faces are in MongoDB and on no shard ({by_gallery(state.missing)})"
            return Findings((f"{said}: the copy left them out",))
        return Findings((), "each gallery has as many faces on the shards as in MongoDB")


@dataclass(frozen=True, slots=True)
class Copying(Job):
    """The copy tool, run again while it helps. Value: as a job's.

    Faces that come while the tool runs may be passed by. `mongo` names the host where the `census` counts: what is
    missing then is copied by a further run of the tool (what is there is refused with 409, which the tool takes for
    done), unless the last one brought nothing. Whether all are there in the end is for a check to say.
    """

    census: Census = field(kw_only=True)
    mongo: str = field(kw_only=True)

    def bring(self, access: Access, host: Host, before: Any, after: Any) -> Reply:
        """Run the tool and return what its last run left. Raise `ChangeFailed`."""
        left: int | None = None
        # The name alone matters: a host's variables and passwords have no place in what a journal keeps.
        counts_at = Host(self.mongo, (), Login(self.mongo))
        while True:
            reply = Job.bring(self, access, host, before, after)
            missing = total(self.census.read(access, counts_at).missing)
            if not missing or (left is not None and missing >= left):
                return reply
            access.tell(host.name, f"{missing} faces of MongoDB are on no shard yet: copying once more")
            left = missing
