"""A stand-in for mongo2searchapi: posts every face's facen from MongoDB to the shard that its id belongs to.

As the real one it takes 409 (the id is there) for done and ends with 0: whether the shard has *this* facen it does not
look at. A shard that cannot be reached ends it at once; any other refusal ends it with 1 when all faces were tried.
"""

from __future__ import annotations

import collections
import functools
import json
import sys
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ffplay.lab.http_client import Connection
from ffplay.lab.vendor import options as tool_options
from ffplay.lab.vendor import pages
from ffplay.lab.vendor.options import Options

_PAGE = 2000
_CHUNK = 250
_THREADS_A_SHARD = 2
_MOST_THREADS = 16
_CONNECT_MS = 5000
_ERRORS_SHOWN = 10

_HELP = """Usage: python3 -m facenapi.server.tools.mongo2searchapi [OPTIONS]
Copy facens from MongoDB to the facen storage. Options, beside those of facenapi:
  --help                           show this help information
  --config                         path to config file"""

Face = tuple[str, bytes]  # The path of the request, and the facen.


class Copy:
    """One run. `table` has the shard of each cell, as `host:port`."""

    def __init__(self, table: list[str], timeout: float) -> None:
        self._table, self._timeout = table, timeout
        self._local = threading.local()
        self._lock = threading.Lock()
        self.answers: collections.Counter[int] = collections.Counter()
        self.without = 0

    def run(self, faces: Any) -> None:
        """Copy all faces. Raise OSError where a shard cannot be reached."""
        threads = min(_MOST_THREADS, _THREADS_A_SHARD * len(set(self._table)))
        pages.work(threads, (self._chunks(page) for page in _pages(faces)))

    def _chunks(self, page: list[dict[str, Any]]) -> list[pages.Work]:
        by_shard: dict[str, list[Face]] = {}
        for face in page:
            if not face.get("facen"):
                self.without += 1
                continue
            number = int(face["_id"])
            chosen = by_shard.setdefault(self._table[number % len(self._table)], [])
            paths = (f"/v1/{face['owner']}_{gallery}/add/{number}" for gallery in face.get("galleries", []))
            chosen.extend((path, bytes(face["facen"])) for path in paths)
        return [
            functools.partial(self._post, address, faces[at : at + _CHUNK])
            for address, faces in by_shard.items()
            for at in range(0, len(faces), _CHUNK)
        ]

    def _post(self, address: str, faces: list[Face]) -> None:
        connections = self._local.__dict__.setdefault("connections", {})
        connection = connections.setdefault(address, Connection.to(address, self._timeout))
        for path, facen in faces:
            status, text = connection.request("POST", path, facen)
            with self._lock:
                self.answers[status] += 1
                failed = self.failed
            if status not in (200, 409) and failed <= _ERRORS_SHOWN:
                reason = text.decode(errors="replace").strip()
                _log(f"{address}{path}: {status}: {reason}")

    @property
    def failed(self) -> int:
        """Return how many facens were refused."""
        return sum(count for status, count in self.answers.items() if status not in (200, 409))


def _pages(faces: Any) -> Iterator[list[dict[str, Any]]]:
    query: dict[str, Any] = {}
    fields = {"_id": 1, "owner": 1, "galleries": 1, "facen": 1}
    while page := list(faces.find(query, fields).sort("_id", 1).limit(_PAGE)):
        yield page
        query = {"_id": {"$gt": page[-1]["_id"]}}


def _log(line: str) -> None:
    # In one piece: other threads and processes write there too.
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def main(arguments: list[str] | None = None) -> int:
    """Run the tool and return its exit code."""
    known = {**tool_options.documented("regenerate_facens"), "config": None, "debug": False}
    given = tool_options.start(sys.argv[1:] if arguments is None else arguments, known, _HELP)
    if isinstance(given, int):
        return given
    return _run(given)


def _run(given: Options) -> int:
    import pymongo
    from pymongo.errors import PyMongoError

    client: Any = pymongo.MongoClient(
        given.text("mongo_host"), given.number("mongo_port"), serverSelectionTimeoutMS=_CONNECT_MS
    )
    try:
        table = json.loads(Path(given.text("tntapi_servers_file")).read_text())[0]
        copy = Copy(table, float(given.values["tntapi_request_timeout"]))
        copy.run(client[given.text("mongo_db")]["faces"])
    except (PyMongoError, OSError, ValueError, LookupError):
        traceback.print_exc()
        return 1
    finally:
        client.close()
    print(
        f"copied {copy.answers[200]}, already there {copy.answers[409]}, refused {copy.failed}, "
        f"without a facen {copy.without}",
        file=sys.stderr,
    )
    return 1 if copy.failed else 0


if __name__ == "__main__":
    sys.exit(main())
