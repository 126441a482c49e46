"""The faces in MongoDB: reaching it through a tunnel, what is there, and which generation it is at."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ffplay.errors import SiteError
from ffplay.findface import FLOAT_BYTES
from ffplay.model import Host, Unknown
from ffplay.remote.base import Access
from ffplay.resources.base import DirectResource
from ffplay.resources.checks import Findings
from ffplay.resources.differences import otherwise, text_of
from ffplay.resources.record import Record, RecordFile, difference, record_facts, write_script

# A length that nobody has asked for; see `count_sizes`.
_OTHER = -1

_SELECT_SECONDS = 10

# So many faces with a wrong facen are named; their number is always told.
_NAMED = 5

_OLD_SERVERS = "MongoDB 3.2 and 3.4 need PyMongo 3.13: pip install 'pymongo==3.13.0'"


@dataclass(frozen=True, slots=True)
class MongoPlace:
    """Where the faces are, as seen from the MongoDB host, and what their fields are called."""

    address: str
    port: int
    db: str
    faces: str
    field_id: str
    field_facen: str
    field_galleries: str
    field_owner: str

    @property
    def name(self) -> str:
        """Return the place as people write it."""
        return f"mongodb://{self.address}:{self.port}/{self.db}.{self.faces}"


@dataclass(frozen=True, slots=True)
class FacesState:
    """The faces as a whole: how many, (facen size in floats, how many) of all of them, and the record.

    A facen that is missing or no binary has size 0.
    """

    count: int | Unknown
    sizes: tuple[tuple[int, int], ...]
    record: Record | None = None


@dataclass(frozen=True, slots=True)
class Faces(DirectResource):
    """The faces of the site. Value: `FacesState`. Only the record is written here: the vendor's tool does the rest."""

    place: MongoPlace
    record_path: str

    @property
    def label(self) -> str:
        """Return the collection."""
        return self.place.name

    @property
    def beside(self) -> tuple[RecordFile, ...]:
        """Return the record."""
        return (RecordFile(self.record_path),)

    def read(self, access: Access, host: Host) -> FacesState:
        """Count the faces by the size of their facens, and read the record."""
        record = tuple(one.asked(access, host) for one in self.beside)
        return self.read_beside(access, host, lambda: record)

    def read_beside(self, access: Access, host: Host, beside: Callable[[], tuple[Any, ...]]) -> FacesState:
        """Count the faces by the size of their facens."""
        with open_database(access, host, self.place) as database:
            sizes = count_sizes(database[self.place.faces], self.place)
        (record,) = beside()
        return FacesState(sum(sizes.values()), tuple(sorted(sizes.items())), record)

    def bring(self, access: Access, host: Host, before: Any, after: Any) -> None:
        """Write the record."""
        reply = access.connection(host.name).run(write_script(self.record_path, after.record))
        if reply.code:
            raise SiteError(host.name, f"cannot write {self.record_path}", "", reply.error_text)

    def facts(self, value: Any) -> Mapping[str, str]:
        """Return the record and which sizes there are: faces come and go while the site serves.

        While they are regenerated the sizes change by themselves, and no plan rests on them.
        """
        under_way = value.record is not None and value.record.state == "regenerating"
        sizes = text_of(tuple(sorted({size for size, _ in value.sizes})))
        return {**record_facts(value.record), "size of facens": "on their way" if under_way else sizes}

    def reached(self, before: Any, after: Any, observed: Any) -> bool:
        """Compare the record, and of finished faces that no facen has another size."""
        wanted = {size for size, _ in after.sizes}
        seen = {size for size, _ in observed.sizes if size}
        return bool(after.record == observed.record and (not wanted or seen <= wanted))

    def missed(self, before: Any, after: Any, observed: Any) -> list[str]:
        """Return what differs in the record, and sizes of facens that none should have."""
        wanted = {size for size, _ in after.sizes}
        wrong = tuple(f"{count} of {size}" for size, count in observed.sizes if size and size not in wanted)
        sizes = (text_of(tuple(sorted(wanted))), text_of(wrong)) if wanted and wrong else ("", "")
        planned, seen = ({"size of facens": one} for one in sizes)
        return otherwise({**record_facts(after.record), **planned}, {**record_facts(observed.record), **seen})

    def show(self, before: Any, after: Any) -> str:
        """Return the record's change."""
        return difference(before.record, after.record)


def with_facen(place: MongoPlace) -> dict[str, Any]:
    """Return the query for faces that have a facen: a binary that is not empty."""
    return {place.field_facen: {"$gte": least_of_length(1)}}


def least_of_length(length: int) -> Any:
    """Return the least binary of so many bytes.

    MongoDB orders binaries by length, then by subtype, then by their bytes (its manual, "Comparison/Sort Order",
    BinData), so what lies between this one and that of one byte more, and nothing else, is so long. That finds facens
    of a size on the server, which can tell a length ($binarySize) only since 4.4.
    """
    from bson import Binary

    return Binary(b"\0" * length, 0)


def of_other_length(place: MongoPlace, lengths: Iterable[int]) -> dict[str, Any]:
    """Return the query for faces that have a facen, and one of none of these lengths in bytes."""
    ranges = [{"$gte": least_of_length(length), "$lt": least_of_length(length + 1)} for length in lengths]
    return {**with_facen(place), "$nor": [{place.field_facen: bounds} for bounds in ranges]}


def count_sizes(faces: Any, place: MongoPlace) -> dict[int, int]:
    """Return how many faces have a facen of which size (in floats; 0: none), in one pass of the server over all.

    The server can only be asked for lengths by name. It is asked for those at both ends of the ids, which are all that
    there are on most sites; where some facens have none of them, one is looked at and the server asked again.
    """
    lengths = {0}
    for direction in (1, -1):
        for face in faces.find({}, {place.field_facen: 1}).sort(place.field_id, direction).limit(1):
            lengths.add(facen_size(face.get(place.field_facen)) * FLOAT_BYTES)
    while True:
        found = {int(row["_id"]): int(row["count"]) for row in faces.aggregate([_by_length(place, lengths)])}
        other = faces.find_one(of_other_length(place, lengths), {place.field_facen: 1}) if _OTHER in found else None
        if other is None:
            break
        lengths.add(len(other[place.field_facen]))
    sizes: dict[int, int] = {}
    for length, count in found.items():
        size = max(0, length) // FLOAT_BYTES
        sizes[size] = sizes.get(size, 0) + count
    return sizes


def _by_length(place: MongoPlace, lengths: Iterable[int]) -> dict[str, Any]:
    """Return the stage that counts faces by their facen's length, `_OTHER` for what has none of the lengths."""
    from bson import Binary

    facen = {"$ifNull": [f"${place.field_facen}", Binary(b"")]}
    key: Any = _OTHER
    for length in sorted(lengths):
        bounds = [{"$gte": [facen, least_of_length(length)]}, {"$lt": [facen, least_of_length(length + 1)]}]
        key = {"$cond": [{"$and": bounds}, length, key]}
    return {"$group": {"_id": key, "count": {"$sum": 1}}}


def facen_size(value: object) -> int:
    """Return how many floats a facen holds; 0 for what is none."""
    return len(value) // FLOAT_BYTES if isinstance(value, bytes) else 0


def import_driver() -> None:
    """Import the driver, which takes as long as connecting to a host does: best done meanwhile."""
    import pymongo  # noqa: F401


@contextlib.contextmanager
def open_database(access: Access, host: Host, place: MongoPlace) -> Iterator[Any]:
    """Give the database, through a tunnel.

    Raise `SiteError` where MongoDB does not answer or fit the driver, as soon as something is asked of it.
    """
    import pymongo
    from pymongo import errors

    with access.connection(host.name).forward(place.address, place.port) as (address, port):
        client: Any = pymongo.MongoClient(
            address,
            port,
            serverSelectionTimeoutMS=_SELECT_SECONDS * 1000,
            connectTimeoutMS=_SELECT_SECONDS * 1000,
            directConnection=True,
        )
        try:
            yield client[place.db]
        except errors.ConfigurationError as error:
            raise SiteError(
                host.name,
                f"this machine's MongoDB driver (PyMongo {pymongo.version}) and the server at {place.address}:"
                f"{place.port} do not fit: {error}",
                _OLD_SERVERS,
            ) from error
        except (errors.ServerSelectionTimeoutError, errors.AutoReconnect) as error:
            advice = f"see `systemctl status mongod` on {host.name}, and mongo_address and mongo_port in the inventory"
            if pymongo.version_tuple >= (4,):
                # The latest drivers speak at once in a way that an old server answers by hanging up.
                advice += f"; or it is older than PyMongo {pymongo.version} speaks to: {_OLD_SERVERS}"
            raise SiteError(host.name, f"MongoDB at {place.address}:{place.port} does not answer", advice) from error
        except errors.PyMongoError as error:
            raise SiteError(host.name, f"MongoDB at {place.address}:{place.port}: {error}") from error
        finally:
            client.close()


@dataclass(frozen=True, slots=True)
class Facens(DirectResource):
    """Digests of some faces' facens. Value: tuple of (id, SHA-256) for those that have one."""

    place: MongoPlace
    ids: tuple[int, ...]

    @property
    def label(self) -> str:
        """Return what is read."""
        return f"{len(self.ids)} facens of {self.place.name}"

    def facts(self, value: Any) -> Mapping[str, str]:
        """Return nothing: which faces are sampled changes while the site serves."""
        return {}

    def read(self, access: Access, host: Host) -> tuple[tuple[int, bytes], ...]:
        """Read and digest them."""
        place = self.place
        with open_database(access, host, place) as database:
            query = {place.field_id: {"$in": list(self.ids)}}
            found = database[place.faces].find(query, {place.field_id: 1, place.field_facen: 1})
            return tuple(
                (int(face[place.field_id]), hashlib.sha256(face[place.field_facen]).digest())
                for face in found
                if face.get(place.field_facen)
            )


@dataclass(frozen=True, slots=True)
class FacensMade(DirectResource):
    """Every face that has a facen has one of `size` floats: all of them are looked at. Value: `Findings`."""

    place: MongoPlace
    size: int

    @property
    def label(self) -> str:
        """Return the collection."""
        return self.place.name

    def read(self, access: Access, host: Host) -> Findings:
        """Have the server look for others."""
        place = self.place
        with open_database(access, host, place) as database:
            others = of_other_length(place, [self.size * FLOAT_BYTES])
            found = database[place.faces].find(others, {place.field_id: 1}).sort(place.field_id, 1)
            ids = [str(face[place.field_id]) for face in found.limit(_NAMED)]
            count = int(database[place.faces].count_documents(others)) if ids else 0
        if not ids:
            return Findings((), f"no facen has another size than {self.size} floats")
        more = f" and {count - len(ids)} more" if count > len(ids) else ""
        return Findings((f"{count} facens have another size than {self.size} floats: faces {', '.join(ids)}{more}",))
