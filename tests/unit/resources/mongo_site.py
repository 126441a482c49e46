"""A host that is this machine, with the lab's MongoDB behind it, for tests of what reads and writes faces."""

from __future__ import annotations

import contextlib
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bson
import pymongo

from ffplay.model import Host, Login
from ffplay.remote.local import LocalConnection
from ffplay.resources.mongo import MongoPlace
from ffplay.resources.mongo_dump import MongoDump, MongoDumps
from tests.unit.lab.servers import running

HOST = Host("app1", ("all", "mongo"), Login("app1", local=True), (), {})
# MongoDB 3.4, which no later driver speaks to.
WIRE = 5 if pymongo.version_tuple < (4,) else 9

# A mongodump of the site's own, as far as its options and its files go; what EXTRA says happens to its documents.
MONGODUMP = """#!{python}
import argparse, pathlib, bson, pymongo
words = argparse.ArgumentParser()
for name in ("host", "port", "db", "out"):
    words.add_argument("--" + name, required=True)
given = words.parse_args()
out = pathlib.Path(given.out, given.db)
out.mkdir(parents=True, exist_ok=True)
database = pymongo.MongoClient(given.host, int(given.port))[given.db]
print("dumping", flush=True)
for name in database.list_collection_names():
    documents = list(database[name].find())
{extra}
    (out / (name + ".bson")).write_bytes(b"".join(map(bson.encode, documents)))
"""


@dataclass
class MongoSite:
    """Access to the host, and its faces."""

    client: Any
    port: int
    directory: Path
    told: list[str] = field(default_factory=list)
    stop: Any = None
    _connection: LocalConnection | None = None

    @property
    def faces(self) -> Any:
        return self.client["facenapi"]["faces"]

    @property
    def place(self) -> MongoPlace:
        return MongoPlace("127.0.0.1", self.port, "facenapi", "faces", "_id", "facen", "galleries", "owner")

    @property
    def stopping(self) -> bool:
        return bool(self.stop is not None and self.stop())

    def connection(self, host: str) -> LocalConnection:
        if self._connection is None or self._connection.dead:
            self._connection = LocalConnection(HOST, 30.0)
        return self._connection

    def tell(self, host: str, text: str) -> None:
        self.told.append(text)

    def pause(self, seconds: float) -> None:
        raise AssertionError("nothing here is waited for")

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def dumps(self, mongodump: Path | str = "") -> MongoDumps:
        return MongoDumps(self.place, str(self.directory / "backups"), str(mongodump), str(self.directory / "jobs"))

    def dump(self, run: str = "run1", mongodump: Path | str = "") -> MongoDump:
        """Make a dump as `backup` does, and return what is read of it."""
        dumps = self.dumps(mongodump)
        before = dumps.read(self, HOST)
        dumps.bring(self, HOST, before, (*before, MongoDump(run)))
        after = dumps.read(self, HOST)
        assert dumps.reached(before, (*before, MongoDump(run)), after)
        return next(dump for dump in after if dump.run == run)

    def program(self, extra: str = "") -> Path:
        """Write a mongodump that does something more to `documents`, of the collection `name`."""
        lines = "\n".join(f"    {line}" for line in extra.splitlines())
        path = self.directory / "mongodump"
        path.write_text(MONGODUMP.format(python=sys.executable, extra=lines))
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return path

    def bson_of(self, run: str = "run1", collection: str = "faces") -> Path:
        return self.directory / "backups/mongo" / run / "facenapi" / f"{collection}.bson"


@contextlib.contextmanager
def mongo_site(tmp_path: Path, faces: int = 50) -> Iterator[MongoSite]:
    """Give a site with so many faces, of which the tenth has no facen."""
    (tmp_path / "data").mkdir()
    with running("mongod", "--dbpath", tmp_path / "data", "--wire-version", WIRE) as program:
        client: Any = pymongo.MongoClient("127.0.0.1", program.port, serverSelectionTimeoutMS=5000)
        site = MongoSite(client, program.port, tmp_path)
        with client, contextlib.closing(site):
            site.faces.insert_many([face(number) for number in range(1, faces + 1)])
            site.faces.create_index("owner")
            client["facenapi"]["galleries"].insert_one({"_id": "default"})
            yield site


def face(number: int) -> dict[str, Any]:
    """Return a face as the lab has it; the tenth has no facen."""
    made = {"_id": bson.Int64(1_514_764_800_000_000 + number), "owner": "ab" * 12, "galleries": ["default"],
            "meta": f"face {number}", "normalized": b"n" * 60, "thumbnail": b"t" * 30,
            "x1": number, "y1": 2, "x2": number + 3, "y2": 4}  # fmt: skip
    return made if number == 10 else {**made, "facen": number.to_bytes(4, "little") * 320}
