"""Verified dumps of the MongoDB database, in mongodump's own layout, so that the standard mongorestore reads them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ffplay.errors import ChangeFailed, SiteError
from ffplay.model import Host, Unknown
from ffplay.remote.base import Access, Connection
from ffplay.resources.base import DirectResource, quote
from ffplay.resources.mongo import MongoPlace, open_database

_FORMAT = 1
_MANIFEST = "ffplay-manifest.json"
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class MongoDump:
    """One finished dump: the run that made it, and (collection, documents, bytes, SHA-256) of each of its files."""

    run: str
    collections: tuple[tuple[str, int, int, str], ...] | Unknown = ()


@dataclass(frozen=True, slots=True)
class MongoDumps(DirectResource):
    """The verified dumps below `directory` on the MongoDB host. Value: tuple of `MongoDump`, oldest first.

    `mongodump` is the site's own program, used where it is installed (a newer one refuses an old server); empty means
    that the driver writes the same files. Each dump lies in `directory/mongo/RUN/DB/COLLECTION.bson`.
    """

    place: MongoPlace
    directory: str
    mongodump: str = ""

    @property
    def label(self) -> str:
        """Return the directory of the dumps."""
        return f"{self.directory}/mongo"

    def read(self, access: Access, host: Host) -> tuple[MongoDump, ...]:
        """Read the manifests."""
        script = f'for m in {quote([self.label])}/*/{_MANIFEST}; do [ -f "$m" ] && cat "$m"; done; :'
        found = []
        for line in access.connection(host.name).run(script).text.splitlines():
            try:
                body = json.loads(line)
                found.append(MongoDump(body["run"], tuple((n, c, b, d) for n, c, b, d in body["collections"])))
            except (ValueError, KeyError, TypeError) as error:
                raise SiteError(host.name, f"a manifest in {self.label} is damaged: {error}") from error
        return tuple(sorted(found, key=lambda dump: dump.run))

    def bring(self, access: Access, host: Host, before: Any, after: Any) -> None:
        """Dump under a temporary name, read every document back, compare with the source, then give it its name."""
        connection = access.connection(host.name)
        run = after[-1].run
        final = f"{self.label}/{run}"
        part = f"{final}.part"
        target = f"{part}/{self.place.db}"
        _must(connection, host, f"umask 077; rm -rf {quote([part])}; mkdir -p {quote([target])}")
        with open_database(access, host, self.place) as database:
            before_counts = _counts(database)
            if self.mongodump:
                _must(connection, host, self._command(part))
            else:
                _dump_by_driver(connection, database, self.place.db, target)
            after_counts = _counts(database)
        collections = [_read_back(connection, host, target, name) for name in sorted(before_counts)]
        for name, documents, _, _ in collections:
            low, high = sorted((before_counts[name], after_counts.get(name, 0)))
            if not low <= documents <= high:
                raise ChangeFailed(
                    host.name,
                    f"the dump of {self.place.db}.{name} holds {documents} documents, the database {low} to {high}",
                    f"the dump is left in {part}; see that nothing else writes there, and apply again",
                )
        manifest = json.dumps({"format": _FORMAT, "run": run, "collections": collections})
        _must(
            connection,
            host,
            f"cat > {quote([f'{part}/{_MANIFEST}'])} <<'FFPLAY_MANIFEST' && sync && "
            f"mv -T {quote([part])} {quote([final])} && sync\n{manifest}\nFFPLAY_MANIFEST\n",
        )

    def reached(self, before: Any, after: Any, observed: Any) -> bool:
        """Tell whether the planned dump is there."""
        return {dump.run for dump in after} <= {dump.run for dump in observed}

    def show(self, before: Any, after: Any) -> str:
        """Return how and where."""
        how = self._command(f"{self.label}/{after[-1].run}") if self.mongodump else "by the driver, as BSON files"
        return f"to {self.label}/{after[-1].run}, {how}; every document read back and counted"

    def _command(self, out: str) -> str:
        place = self.place
        return quote(
            [self.mongodump, "--host", place.address, "--port", str(place.port), "--db", place.db, "--out", out]
        )


def _must(connection: Connection, host: Host, script: str) -> None:
    """Run a script that has to succeed."""
    reply = connection.run(script, timeout=24 * 3600)
    if reply.code:
        raise ChangeFailed(host.name, "the MongoDB dump failed", "see the output", reply.error_text)


def _counts(database: Any) -> dict[str, int]:
    """Return the documents of each collection that a dump holds."""
    names = [name for name in database.list_collection_names() if not name.startswith("system.")]
    return {name: int(database[name].count_documents({})) for name in names}


def _dump_by_driver(connection: Connection, database: Any, name: str, target: str) -> None:
    """Write each collection as mongodump does: concatenated BSON, and its indexes as metadata."""
    from bson import json_util

    for collection in _counts(database):
        connection.put(f"{target}/{collection}.bson", _raw(database, collection))
        indexes = [{**index, "ns": f"{name}.{collection}"} for index in database[collection].list_indexes()]
        metadata = json_util.dumps({"options": {}, "indexes": indexes})
        connection.put(f"{target}/{collection}.metadata.json", [metadata.encode()])


def _raw(database: Any, collection: str) -> Iterator[bytes]:
    """Yield a collection's documents as raw BSON in chunks of about 1 MiB."""
    from bson.codec_options import CodecOptions
    from bson.raw_bson import RawBSONDocument

    options: Any = CodecOptions(document_class=RawBSONDocument)
    batch: list[bytes] = []
    size = 0
    for document in database.get_collection(collection, codec_options=options).find({}):
        batch.append(document.raw)
        size += len(document.raw)
        if size >= _CHUNK:
            yield b"".join(batch)
            batch, size = [], 0
    yield b"".join(batch)


def _read_back(connection: Connection, host: Host, target: str, collection: str) -> tuple[str, int, int, str]:
    """Return (collection, documents, bytes, SHA-256) of a dumped file, walking every document's length."""
    digest = hashlib.sha256()
    pending = b""
    documents = total = 0
    for chunk in connection.get(f"{target}/{collection}.bson"):
        digest.update(chunk)
        total += len(chunk)
        pending += chunk
        at = 0
        while len(pending) - at >= 4:
            length = int.from_bytes(pending[at : at + 4], "little")
            if length < 5:
                raise ChangeFailed(host.name, f"{target}/{collection}.bson is damaged at byte {total}")
            if len(pending) - at < length:
                break
            at += length
            documents += 1
        pending = pending[at:]
    if pending:
        raise ChangeFailed(host.name, f"{target}/{collection}.bson ends in the middle of a document")
    return collection, documents, total, digest.hexdigest()
