"""The commands of MongoDB that the lab's server answers, as a server of a given wire version answers them."""

from __future__ import annotations

import datetime
import itertools
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import bson
import mongomock

from ffplay.lab.mongocatalog import HELLO_SINCE, Catalogue, namespace_of
from ffplay.lab.mongoquery import CommandError, check_age, check_stages, projector, run_pipeline, select
from ffplay.lab.mongostore import Document, Store, decode, encode
from ffplay.lab.mongowire import MAX_MESSAGE, Request, with_array
from ffplay.lab.mongowrite import delete, find_and_modify, insert, update

# Wire version -> the last release of the line that speaks it.
VERSIONS: Mapping[int, str] = {
    4: "3.2.22", 5: "3.4.24", 6: "3.6.23", 7: "4.0.28", 8: "4.2.24", 9: "4.4.29", 13: "5.0.31",
    17: "6.0.20", 21: "7.0.16", 25: "8.0.4",
}  # fmt: skip
MAX_DOCUMENT = 16 << 20

_OP_MSG_SINCE = 6
_FIRST_BATCH = 101
_IDLE_SECONDS = 600.0
# A cursor may go on over another connection of the client's pool; a client that died does not come back for it.
_ORPHAN_SECONDS = 30.0
_SESSION_FIELDS = ("lsid", "txnNumber", "startTransaction", "autocommit")


@dataclass(slots=True)
class Cursor:
    """An open result: what is left of it, who asked, and until when (monotonic seconds) it waits for its client."""

    namespace: str
    rest: Iterator[bytes]
    connection: int
    deadline: float


class Commands(Catalogue):
    """Answers requests; holds the cursors. Not safe for threads: the server holds its lock around every call."""

    def __init__(self, store: Store, wire: int, port: int) -> None:
        super().__init__(store, wire)
        self.port = port
        self.version = VERSIONS[max(known for known in VERSIONS if known <= wire)]
        self._cursors: dict[int, Cursor] = {}
        self._cursor_ids = itertools.count(int(time.time()) << 20)
        self._started = time.monotonic()

    def answer(self, request: Request, connection: int) -> bytes:
        """Return the reply to a request as BSON; a failed command is a reply too."""
        try:
            return self._run(request, connection)
        except CommandError as error:
            return self._failure(error.code, error.name, error.message)
        except mongomock.OperationFailure as error:
            return self._failure(error.code or 2, "BadValue", str(error))
        except (NotImplementedError, ValueError, TypeError, KeyError) as error:
            return self._failure(9, "FailedToParse", f"{type(error).__name__}: {error}")
        except OSError as error:
            return self._failure(8, "UnknownError", f"cannot write the log: {error}")

    def disconnected(self, connection: int) -> None:
        """Shorten the life of the cursors that a closed connection opened."""
        deadline = time.monotonic() + _ORPHAN_SECONDS
        for cursor in self._cursors.values():
            if cursor.connection == connection:
                cursor.deadline = min(cursor.deadline, deadline)

    def _run(self, request: Request, connection: int) -> bytes:
        name = next(iter(request.body), "")
        handler = _HANDLERS.get(name.lower() if name.lower() == "ismaster" else name)
        if handler is None or (name == "hello" and self.wire < HELLO_SINCE):
            raise CommandError(59, "CommandNotFound", f"no such command: '{name}', bad cmd: '{name}'")
        self._check_session(request.body, name)
        answer = handler(self, request, connection)
        return answer if isinstance(answer, bytes) else encode({**answer, "ok": 1.0})

    def _check_session(self, body: Document, name: str) -> None:
        if "txnNumber" in body or "startTransaction" in body:
            message = "Transaction numbers are only allowed on a replica set member or mongos"
            raise CommandError(20, "IllegalOperation", message)
        for field in _SESSION_FIELDS:
            if field in body and self.wire < _OP_MSG_SINCE:
                raise CommandError(9, "FailedToParse", f"Failed to parse: {name}. Unrecognized field '{field}'.")

    def _failure(self, code: int, name: str, message: str) -> bytes:
        # Servers before 3.4 send no codeName; drivers do not need it.
        return encode({"ok": 0.0, "errmsg": message, "code": code, "codeName": name})

    # -- handshake and diagnostics ---------------------------------------------------------------------------------

    def hello(self, request: Request, connection: int) -> Document:
        """Answer the handshake."""
        modern = next(iter(request.body)) == "hello"
        answer: Document = {
            "isWritablePrimary" if modern else "ismaster": True,
            "maxBsonObjectSize": MAX_DOCUMENT,
            "maxMessageSizeBytes": MAX_MESSAGE,
            "maxWriteBatchSize": 100_000 if self.wire >= _OP_MSG_SINCE else 1000,
            "localTime": datetime.datetime.now(datetime.UTC),
            "maxWireVersion": self.wire,
            "minWireVersion": 0,
            "readOnly": False,
        }
        if self.wire >= _OP_MSG_SINCE:
            answer["logicalSessionTimeoutMinutes"] = 30
        if self.wire >= HELLO_SINCE:
            answer |= {"connectionId": connection, "helloOk": True}
        return answer

    def nothing(self, _request: Request, _connection: int) -> Document:
        """Answer what only wants to hear that all is well."""
        return {}

    def build_info(self, _request: Request, _connection: int) -> Document:
        """Answer buildInfo."""
        numbers = [int(part) for part in self.version.split(".")]
        return {"version": self.version, "versionArray": [*numbers, 0], "gitVersion": "ffplay-lab", "bits": 64,
                "maxBsonObjectSize": MAX_DOCUMENT, "modules": [], "storageEngines": ["ffplay-lab"]}  # fmt: skip

    def server_status(self, _request: Request, _connection: int) -> Document:
        """Answer serverStatus, roughly."""
        up = time.monotonic() - self._started
        return {"host": f"localhost:{self.port}", "version": self.version, "process": "mongod",
                "pid": bson.Int64(os.getpid()), "uptime": up, "uptimeMillis": bson.Int64(up * 1000),
                "localTime": datetime.datetime.now(datetime.UTC),
                "metrics": {"cursor": {"open": {"total": bson.Int64(len(self._cursors))}}},
                "storageEngine": {"name": "ffplay-lab", "persistent": True}}  # fmt: skip

    def last_error(self, _request: Request, connection: int) -> Document:
        """Answer getLastError: errors are in the replies to the write commands themselves."""
        return {"connectionId": connection, "n": 0, "err": None}

    # -- reading ---------------------------------------------------------------------------------------------------

    def find(self, request: Request, connection: int) -> bytes:
        """Answer find."""
        body = request.body
        check_age(body.get("filter", {}), self.wire)
        found = select(self.collection(request), body.get("filter", {}), body.get("sort"))
        skip, limit = int(body.get("skip", 0)), int(body.get("limit", 0))
        found = itertools.islice(found, skip, skip + limit if limit else None)
        rows = map(projector(body.get("projection")), found)
        size = int(body.get("batchSize", _FIRST_BATCH))
        return self._open(namespace_of(request), rows, size, connection, single=bool(body.get("singleBatch")))

    def aggregate(self, request: Request, connection: int) -> bytes:
        """Answer aggregate."""
        check_stages(request.body["pipeline"], self.wire)
        rows = run_pipeline(self.collection(request), request.body["pipeline"])
        size = int(request.body.get("cursor", {}).get("batchSize", _FIRST_BATCH))
        return self._open(namespace_of(request), rows, size, connection)

    def get_more(self, request: Request, connection: int) -> bytes:
        """Answer getMore."""
        number = int(request.body["getMore"])
        cursor = self._cursors.pop(number, None)
        if cursor is None:
            raise CommandError(43, "CursorNotFound", f"Cursor not found, cursor id: {number}")
        size = int(request.body.get("batchSize", 0)) or MAX_DOCUMENT
        batch, cursor.rest = _take(cursor.rest, size)
        return self._reply(number, cursor, batch, "nextBatch", connection)

    def kill_cursors(self, request: Request, _connection: int) -> Document:
        """Answer killCursors."""
        numbers = [int(number) for number in request.body["cursors"]]
        killed = [number for number in numbers if self._cursors.pop(number, None)]
        missing = [number for number in numbers if number not in killed]
        return {"cursorsKilled": list(map(bson.Int64, killed)), "cursorsNotFound": list(map(bson.Int64, missing)),
                "cursorsAlive": [], "cursorsUnknown": []}  # fmt: skip

    def count(self, request: Request, _connection: int) -> Document:
        """Answer count."""
        body = request.body
        check_age(body.get("query", {}), self.wire)
        found = select(self.collection(request), body.get("query") or {})
        skip, limit = int(body.get("skip", 0)), abs(int(body.get("limit", 0)))
        return {"n": sum(1 for _ in itertools.islice(found, skip, skip + limit if limit else None))}

    def distinct(self, request: Request, _connection: int) -> Document:
        """Answer distinct."""
        group: list[Document] = [
            {"$match": request.body.get("query") or {}},
            {"$unwind": f"${request.body['key']}"},
            {"$group": {"_id": f"${request.body['key']}"}},
        ]
        return {"values": [decode(raw)["_id"] for raw in run_pipeline(self.collection(request), group)]}

    def _open(
        self, namespace: str, rows: Iterator[bytes], size: int, connection: int, *, single: bool = False
    ) -> bytes:
        now = time.monotonic()
        self._cursors = {number: cursor for number, cursor in self._cursors.items() if cursor.deadline > now}
        batch, rest = _take(rows, size)
        cursor = Cursor(namespace, iter(()) if single else rest, connection, now)
        return self._reply(next(self._cursor_ids), cursor, batch, "firstBatch", connection)

    def _reply(self, number: int, cursor: Cursor, batch: list[bytes], name: str, connection: int) -> bytes:
        ahead = list(itertools.islice(cursor.rest, 1))
        if ahead:
            cursor.rest = itertools.chain(ahead, cursor.rest)
            cursor.connection, cursor.deadline = connection, time.monotonic() + _IDLE_SECONDS
            self._cursors[number] = cursor
        head = {"id": bson.Int64(number if ahead else 0), "ns": cursor.namespace}
        return with_array({"cursor": head, "ok": 1.0}, ("cursor", name), batch)

    def list_collections(self, request: Request, connection: int) -> bytes:
        """Answer listCollections."""
        name = f"{request.database}.$cmd.listCollections"
        return self._open(name, self.collection_rows(request), MAX_DOCUMENT, connection)

    def list_indexes(self, request: Request, connection: int) -> bytes:
        """Answer listIndexes."""
        rows = self.index_rows(request)
        return self._open(f"{request.database}.$cmd.listIndexes", rows, MAX_DOCUMENT, connection)

    # -- writing ---------------------------------------------------------------------------------------------------

    def write(self, request: Request, _connection: int) -> Document:
        """Answer insert, update, delete and findAndModify."""
        name = next(iter(request.body))
        if name != "insert":
            check_age(request.body, self.wire)
        return _WRITES[name](self.store, namespace_of(request), request)


def _take(rows: Iterator[bytes], count: int) -> tuple[list[bytes], Iterator[bytes]]:
    """Return the next batch, of at most `count` documents and 16 MB, and what is left."""
    batch: list[bytes] = []
    size = 0
    while len(batch) < count:
        row = next(rows, None)
        if row is None:
            break
        size += len(row) + 12
        if batch and size > MAX_DOCUMENT:
            return batch, itertools.chain([row], rows)
        batch.append(row)
    return batch, rows


_WRITES: Mapping[str, Callable[[Store, str, Request], Document]] = {
    "insert": insert, "update": update, "delete": delete, "findAndModify": find_and_modify,
    "findandmodify": find_and_modify,
}  # fmt: skip
_HANDLERS: Mapping[str, Callable[[Commands, Request, int], Document | bytes]] = {
    "ismaster": Commands.hello, "hello": Commands.hello, "ping": Commands.nothing, "endSessions": Commands.nothing,
    "buildInfo": Commands.build_info, "buildinfo": Commands.build_info, "serverStatus": Commands.server_status,
    "getLastError": Commands.last_error, "getlasterror": Commands.last_error,
    "find": Commands.find, "aggregate": Commands.aggregate, "getMore": Commands.get_more,
    "killCursors": Commands.kill_cursors, "count": Commands.count, "distinct": Commands.distinct,
    "listDatabases": Commands.list_databases, "listCollections": Commands.list_collections,
    "listIndexes": Commands.list_indexes, "create": Commands.create, "createIndexes": Commands.create_indexes,
    "dropIndexes": Commands.drop_indexes, "drop": Commands.drop, "dropDatabase": Commands.drop_database,
    "renameCollection": Commands.rename, "collStats": Commands.stats, "dbStats": Commands.stats,
    "dbstats": Commands.stats, "insert": Commands.write, "update": Commands.write, "delete": Commands.write,
    "findAndModify": Commands.write, "findandmodify": Commands.write,
}  # fmt: skip
