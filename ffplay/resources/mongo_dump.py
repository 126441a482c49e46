"""Verified dumps of the MongoDB database, in mongodump's own layout, so that the standard mongorestore reads them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ffplay.errors import ChangeFailed, Interrupted
from ffplay.model import Host, Unknown
from ffplay.remote.base import Access, Connection, Reply
from ffplay.resources.base import DirectResource, Scripted, quote, told
from ffplay.resources.checks import Findings
from ffplay.resources.differences import members
from ffplay.resources.job import Job
from ffplay.resources.mongo import MongoPlace, open_database
from ffplay.resources.mongo_readback import collections_of, counts_of, read_back
from ffplay.resources.progress import followed

_FORMAT = 2
_MANIFEST = "ffplay-manifest.json"
_CHUNK = 1 << 20

# A dump may be as large as the database, and is read once by a script on its host.
_SCRIPT_SECONDS = 24 * 3600


@dataclass(frozen=True, slots=True)
class MongoDump:
    """One finished dump: the run that made it, and (collection, documents, bytes, SHA-256) of each of its collections.

    `facens` is how many of the faces in it have a facen. `files` has (path below the dump, SHA-256) of every file.
    """

    run: str
    collections: tuple[tuple[str, int, int, str], ...] | Unknown = ()
    facens: int = 0
    files: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class MongoDumps(Scripted, DirectResource):
    """The verified dumps below `directory` on the MongoDB host. Value: tuple of `MongoDump`, oldest first.

    Each dump lies in `directory/mongo/RUN/DB/COLLECTION.bson`. How one is made is no part of what they are:
    `mongodump` is the site's own program, used where it is installed (a newer one refuses an old server), empty means
    that the driver writes the same files; `jobs` is the directory on the host where a detached mongodump is followed.
    """

    place: MongoPlace
    directory: str
    mongodump: str = field(default="", compare=False)
    jobs: str = field(default="", compare=False)

    @property
    def label(self) -> str:
        """Return the directory of the dumps."""
        return f"{self.directory}/mongo"

    @property
    def lasting(self) -> bool:
        """A rollback leaves dumps: it needs them."""
        return True

    @property
    def _part(self) -> str:
        """Where a dump is made: the same for every run, so that a later one finds what an earlier one started.

        Its name begins with a dot, so that nobody takes it for a dump of a run.
        """
        return f"{self.label}/.{self.place.db}.part"

    def read_script(self) -> str:
        """Print the manifests, a line each."""
        return f'for m in {quote([self.label])}/*/{_MANIFEST}; do [ ! -f "$m" ] || cat "$m" || exit; done'

    def parse(self, reply: Reply) -> tuple[MongoDump, ...]:
        """Return the dumps. Raise ValueError where one cannot be told."""
        found = []
        for line in told(reply).splitlines():
            try:
                found.append(_parsed(json.loads(line)))
            except (ValueError, KeyError, TypeError) as error:
                raise ValueError(
                    f"a manifest is damaged ({error}); a dump whose manifest is taken away is not counted any more"
                ) from error
        return tuple(sorted(found, key=lambda dump: dump.run))

    def read(self, access: Access, host: Host) -> tuple[MongoDump, ...]:
        """Read the manifests."""
        found: tuple[MongoDump, ...] = self.asked(access, host)
        return found

    def bring(self, access: Access, host: Host, before: Any, after: Any) -> None:
        """Dump under a temporary name, read every document back, compare with the source, then give it its name.

        The site's mongodump runs by itself: where a run ended before it, the next one waits for the same process. A
        dump that ended when nobody looked is made again, for the faces may have changed since.
        """
        with open_database(access, host, self.place) as database:
            counts = counts_of(database, self.place)
            if not self.mongodump:
                self._dump_by_driver(access, host, database)
        if self.mongodump:
            self._job().bring(access, host, "none", "done")
        with open_database(access, host, self.place) as database:
            found = read_back(access, host, f"{self._part}/{self.place.db}", database, self.place, counts)
        self._finish(access.connection(host.name), host, after[-1].run, *found)

    def facts(self, value: Any) -> Mapping[str, str]:
        """Return which dumps there are: what a new one will hold is still being written."""
        return members("dump", (dump.run for dump in value))

    def reached(self, before: Any, after: Any, observed: Any) -> bool:
        """Tell whether the planned dump is there."""
        return {dump.run for dump in after} <= {dump.run for dump in observed}

    def show(self, before: Any, after: Any) -> str:
        """Return how and where."""
        final = f"{self.label}/{after[-1].run}"
        how = self._command(final) if self.mongodump else "by the driver"
        return f"to {final}, {how}; every document read back and counted"

    def _command(self, out: str) -> str:
        place = self.place
        return quote(
            [self.mongodump, "--host", place.address, "--port", str(place.port), "--db", place.db, "--out", out]
        )

    def _job(self) -> Job:
        """Return mongodump as a process of its own; what it starts with is cleared by itself and by nobody else."""
        part, db = quote([self._part]), quote([self.place.db])
        line = f"umask 077; rm -rf {part}; mkdir -p {part}/{db} && {self._command(self._part)}"
        digest = hashlib.sha256(f"{self.place.name} {self.label}".encode()).hexdigest()[:16]
        return Job(f"mongodump of {self.place.db}", f"{self.jobs}/mongodump-{digest}", (line,))

    def _dump_by_driver(self, access: Access, host: Host, database: Any) -> None:
        """Write each collection as mongodump does: concatenated BSON, and its indexes as metadata."""
        from bson import json_util

        connection = access.connection(host.name)
        target = f"{self._part}/{self.place.db}"
        _must(connection, host, f"umask 077; rm -rf {quote([self._part])}; mkdir -p {quote([target])}")
        for collection in collections_of(database):
            chunks = followed(access, host.name, f"{collection}.bson", _raw(access, database, collection))
            connection.put(f"{target}/{collection}.bson", chunks)
            indexes = [
                {**index, "ns": f"{database.name}.{collection}"} for index in database[collection].list_indexes()
            ]
            metadata = json_util.dumps({"options": {}, "indexes": indexes})
            connection.put(f"{target}/{collection}.metadata.json", [metadata.encode()])

    def _finish(self, connection: Connection, host: Host, run: str, collections: Any, facens: int) -> None:
        """Write down what was verified, and give the dump its name."""
        part, final = quote([self._part]), quote([f"{self.label}/{run}"])
        files = {f"{self.place.db}/{name}.bson": digest for name, _, _, digest in collections}
        # Indexes and options: nothing is compared with them, but they must not change any more either.
        others = _must(connection, host, f"cd {part} && find . -type f ! -name {_MANIFEST} -exec sha256sum '{{}}' +")
        for line in others.splitlines():
            digest, _, path = line.partition("  ./")
            if files.setdefault(path, digest) != digest:
                raise ChangeFailed(
                    host.name,
                    f"{self._part}/{path} changed while it was read back",
                    "see what else writes there, and apply again",
                )
        body = {
            "format": _FORMAT,
            "run": run,
            "collections": collections,
            "facens": facens,
            "files": sorted(files.items()),
        }
        _must(
            connection,
            host,
            f"cat > {part}/{_MANIFEST} <<'FFPLAY_MANIFEST' && sync && "
            f"mv -T {part} {final} && sync\n{json.dumps(body)}\nFFPLAY_MANIFEST\n",
        )


@dataclass(frozen=True, slots=True)
class DumpWhole(DirectResource):
    """Whether a dump still is as it was verified. Value: `Findings`.

    What overwrites faces asks for it right before. Each file is digested on the host itself.
    """

    dumps: MongoDumps
    run: str

    @property
    def label(self) -> str:
        """Return the dump's directory."""
        return f"{self.dumps.label}/{self.run}"

    def read(self, access: Access, host: Host) -> Findings:
        """Digest every file that the manifest names."""
        dump = next((dump for dump in self.dumps.read(access, host) if dump.run == self.run), None)
        if dump is None:
            return Findings((f"there is no verified dump in {self.label}",))
        problems = damage(access, host, self.label, dump.files)
        documents = 0 if isinstance(dump.collections, Unknown) else sum(count for _, count, _, _ in dump.collections)
        return Findings(
            tuple(problems), f"{len(dump.files)} files are as verified: {documents} documents, {dump.facens} facens"
        )


def damage(access: Access, host: Host, directory: str, files: tuple[tuple[str, str], ...]) -> list[str]:
    """Return what is wrong with files of a dump, as (path below the directory, SHA-256); the host reads them."""
    listing = "\n".join(f"{digest}  {path}" for path, digest in files)
    script = f"cd {quote([directory])} && LC_ALL=C sha256sum -c - <<'FFPLAY_FILES'\n{listing}\nFFPLAY_FILES\n"
    reply = access.connection(host.name).run(script, timeout=_SCRIPT_SECONDS)
    told = set(reply.text.splitlines())
    problems = []
    for path, _ in files:
        if f"{path}: FAILED" in told:
            problems.append(f"{directory}/{path} is damaged: its bytes are not those that were verified")
        elif f"{path}: OK" not in told:
            problems.append(f"{directory}/{path} is missing, or cannot be read")
    return problems


def _parsed(body: dict[str, Any]) -> MongoDump:
    """Return a manifest's dump. Raise ValueError, KeyError or TypeError where it is damaged."""
    if body["format"] != _FORMAT:
        raise ValueError(f"format {body['format']}")
    collections = tuple((name, int(count), int(size), digest) for name, count, size, digest in body["collections"])
    files = tuple((path, digest) for path, digest in body["files"])
    return MongoDump(body["run"], collections, int(body["facens"]), files)


def _must(connection: Connection, host: Host, script: str) -> str:
    """Run a script that has to succeed, and return what it printed."""
    reply = connection.run(script, timeout=_SCRIPT_SECONDS)
    if reply.code:
        raise ChangeFailed(host.name, "the MongoDB dump failed", "see the output", reply.error_text)
    return reply.text


def _raw(access: Access, database: Any, collection: str) -> Iterator[bytes]:
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
            if access.stopping:
                raise Interrupted("stopped by the operator in the middle of the dump; the next run makes it anew")
            yield b"".join(batch)
            batch, size = [], 0
    yield b"".join(batch)
