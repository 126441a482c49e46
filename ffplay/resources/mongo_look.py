"""What a MongoDB server has: its version, the collections of a database, and how one face is laid out; read only."""

from __future__ import annotations

from dataclasses import dataclass

from ffplay.model import Host
from ffplay.remote.base import Access
from ffplay.resources.base import DirectResource
from ffplay.resources.mongo import MongoPlace, facen_size, open_database

# A database with more collections than this is not one of faces alone: these are named, no more.
_MOST_COLLECTIONS = 50


@dataclass(frozen=True, slots=True)
class MongoState:
    """What a server has.

    `collections` are those of the database as (name, documents), `fields` the names in one face, `facen_size` counts
    the floats of its facen (0: it has none).
    """

    version: str = ""
    collections: tuple[tuple[str, int], ...] = ()
    fields: tuple[str, ...] = ()
    facen_size: int = 0

    @property
    def names(self) -> tuple[str, ...]:
        """Return the collections' names."""
        return tuple(name for name, _ in self.collections)


@dataclass(frozen=True, slots=True)
class MongoLook(DirectResource):
    """A look at the database of the faces, which costs the server nothing. Value: `MongoState`."""

    place: MongoPlace

    @property
    def label(self) -> str:
        """Return the collection."""
        return self.place.name

    def read(self, access: Access, host: Host) -> MongoState:
        """Ask for it. Raise `SiteError`."""
        with open_database(access, host, self.place) as database:
            names = sorted(database.list_collection_names())[:_MOST_COLLECTIONS]
            counts = tuple((str(name), int(database[name].estimated_document_count())) for name in names)
            face = database[self.place.faces].find_one() or {}
            version = str(database.client.server_info()["version"])
        return MongoState(version, counts, tuple(map(str, face)), facen_size(face.get(self.place.field_facen)))
