"""Goes through a dump's faces beside those in MongoDB, in batches: which differ, which are gone, which are new."""

from __future__ import annotations

import heapq
import time
from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ffplay.errors import Interrupted, SiteError
from ffplay.model import Host
from ffplay.remote.base import Access
from ffplay.resources.bson_file import BsonFile, Elements, number_in, walk
from ffplay.resources.mongo import MongoPlace

# Faces a query and a write, unless what counts of them is larger than this many bytes.
_BATCH = 1000
_BATCH_BYTES = 8 << 20

# So many ids are listed, and so many of those are named; the count is always told.
_LISTED = 1000
_NAMED = 5

_TELL_SECONDS = 5.0

# Name of a field -> its element as BSON has it: type, name, value.
Fields = Mapping[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Ids:
    """Ids of faces: the lowest of them (at most 1000), and how many there are."""

    first: tuple[int, ...] = ()
    count: int = 0

    def __str__(self) -> str:
        named = ", ".join(map(str, self.first[:_NAMED]))
        return named + (f" and {self.count - _NAMED:,} more" if self.count > _NAMED else "")


NO_IDS = Ids()


@dataclass(slots=True)
class _Few:
    """Gathers ids: counts all, and keeps the lowest."""

    count: int = 0
    kept: list[int] = field(default_factory=list)

    def add(self, number: int) -> None:
        self.count += 1
        if len(self.kept) < _LISTED:
            heapq.heappush(self.kept, -number)
        else:
            heapq.heappushpop(self.kept, -number)

    def ids(self) -> Ids:
        return Ids(tuple(sorted(-number for number in self.kept)), self.count)


class Comparison:
    """One pass over a dump, given as (path, faces in it): how many `differing`, and which are `gone`.

    Ten million ids take 80 MB here; everything else is as large as a batch.
    """

    def __init__(
        self, access: Access, host: Host, place: MongoPlace, fields: Iterable[str], dump: tuple[str, int]
    ) -> None:
        path, self._count = dump
        self._access, self._host, self._place = access, host, place
        self._id = place.field_id.encode()
        self._names = tuple(name.encode() for name in fields)
        self._shown = dict.fromkeys([place.field_id, *fields], 1)
        self.file = BsonFile(access, host, path)
        self._told = time.monotonic()
        self._ids: list[array[int]] = []
        self.differing = 0
        self.gone = _Few()

    def run(self, database: Any) -> None:
        """Go through the dump. Raise ValueError where it is damaged, `Interrupted` where the operator stops the run."""
        faces = _raw(database, self._place)
        for batch in self._batches():
            there = dict(self._there(faces, batch))
            for number in batch.keys() - there.keys():
                self.gone.add(number)
            self._ids.append(array("q", sorted(batch)))
            differing = {number: batch[number] for number in there if batch[number] != there[number]}
            if differing:
                self._differ(faces, differing, there)
                self.differing += len(differing)
            if time.monotonic() - self._told > _TELL_SECONDS:
                self._told = time.monotonic()
                self._access.tell(self._host.name, self._progress())

    def enrolled(self, database: Any) -> Ids:
        """Return the faces that the dump has not: both go by in the order of their ids. Raise `SiteError`."""
        found = _Few()
        known = heapq.merge(*self._ids)
        number = next(known, None)
        faces = _raw(database, self._place)
        for face in faces.find({}, {self._place.field_id: 1}).sort(self._place.field_id, 1):
            try:
                here = number_in(face.raw, walk(face.raw), self._id)
            except ValueError as error:
                said = f"{self._place.name} holds {error}"
                raise SiteError(self._host.name, said, "see mongo_field_id in the inventory") from error
            while number is not None and number < here:
                number = next(known, None)
            if number != here:
                found.add(here)
        return found.ids()

    def _differ(self, faces: Any, differing: Mapping[int, Fields], there: Mapping[int, Fields]) -> None:
        """Do what is to be done about faces that differ; here nothing."""

    def _progress(self) -> str:
        """Say how far it is."""
        return f"compared {self.file.count:,} of {self._count:,} faces"

    def _batches(self) -> Iterator[dict[int, Fields]]:
        """Yield faces of the dump by id, each with the fields that count."""
        batch: dict[int, Fields] = {}
        size = 0
        for document, elements in self.file.read():
            fields = self._fields(document, elements)
            batch[number_in(document, elements, self._id)] = fields
            size += sum(map(len, fields.values()))
            if len(batch) >= _BATCH or size >= _BATCH_BYTES:
                yield batch
                batch, size = {}, 0
        if batch:
            yield batch

    def _there(self, faces: Any, ids: Iterable[int]) -> Iterator[tuple[int, Fields]]:
        """Yield the same faces of the database."""
        for found in faces.find({self._place.field_id: {"$in": list(ids)}}, self._shown):
            elements = walk(found.raw)
            yield number_in(found.raw, elements, self._id), self._fields(found.raw, elements)

    def _fields(self, document: bytes, elements: Elements) -> Fields:
        found = ((name, elements[name]) for name in self._names if name in elements)
        return {name: document[begin:end] for name, (_, begin, _, end) in found}


class Restoration(Comparison):
    """The same pass, which writes what differs; `expected` is how many that will be, 0 where nobody knows."""

    expected = 0

    def _differ(self, faces: Any, differing: Mapping[int, Fields], there: Mapping[int, Fields]) -> None:
        """Set and unset just the fields that differ, the values as they lie in the dump."""
        from pymongo import UpdateOne, WriteConcern

        if self._access.stopping:
            raise Interrupted(f"stopped by the operator; {self.differing:,} faces are restored")
        # Behind the fence: a run that lost its lock meanwhile is stopped here.
        self._access.connection(self._host.name).run(":")
        acknowledged = faces.with_options(write_concern=WriteConcern(w=1))
        changes = [(number, _change(fields, there[number])) for number, fields in differing.items()]
        updates = [UpdateOne({self._place.field_id: number}, change) for number, change in changes]
        acknowledged.bulk_write(updates, ordered=False)

    def _progress(self) -> str:
        """Say how far it is."""
        of = f" of {self.expected:,}" if self.expected else ""
        return f"restored {self.differing:,}{of} faces, looked at {self.file.count:,} of {self._count:,}"


def _change(wanted: Fields, there: Fields) -> dict[str, Any]:
    """Return the update that brings a face's fields to those of the dump."""
    from bson.raw_bson import RawBSONDocument

    values = b"".join(element for name, element in wanted.items() if there.get(name) != element)
    surplus = {name.decode(): "" for name in there if name not in wanted}
    change: dict[str, Any] = {"$unset": surplus} if surplus else {}
    if values:
        change["$set"] = RawBSONDocument((len(values) + 5).to_bytes(4, "little") + values + b"\0")
    return change


def _raw(database: Any, place: MongoPlace) -> Any:
    """Return the collection of the faces, its documents as they lie there."""
    from bson.codec_options import CodecOptions
    from bson.raw_bson import RawBSONDocument

    options: Any = CodecOptions(document_class=RawBSONDocument)
    return database.get_collection(place.faces, codec_options=options)
