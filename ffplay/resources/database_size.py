"""How large the site's MongoDB database is; read only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ffplay.model import Host
from ffplay.remote.base import Access
from ffplay.resources.base import DirectResource
from ffplay.resources.mongo import MongoPlace, open_database


@dataclass(frozen=True, slots=True)
class DatabaseSize(DirectResource):
    """How large the site's database is. Value: bytes of its documents, which is about what a dump of it takes."""

    place: MongoPlace

    @property
    def label(self) -> str:
        """Return the database."""
        return f"mongodb://{self.place.address}:{self.place.port}/{self.place.db}"

    def facts(self, value: Any) -> Mapping[str, str]:
        """Return nothing: a database that serves changes its size."""
        return {}

    def read(self, access: Access, host: Host) -> int:
        """Ask for dbStats (MongoDB's documentation: `dataSize`, the uncompressed documents in bytes)."""
        with open_database(access, host, self.place) as database:
            return int(database.command("dbStats")["dataSize"])
