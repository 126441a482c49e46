"""A shard's documented HTTP API, through a tunnel to its host."""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote as url_quote

from ffplay.errors import SiteError, Unreachable
from ffplay.findface import FLOAT_BYTES
from ffplay.model import Host, Shard
from ffplay.remote.base import Access
from ffplay.resources.base import DirectResource
from ffplay.resources.differences import text_of

if TYPE_CHECKING:
    import socket

# Faces a page of /v1/GALLERY/list: large enough that the round trips do not count, small beside a shard's memory.
_PAGE = 1000

# What a proof waits for one answer, in seconds, where it reads all faces of a shard: a full page takes its time.
PATIENT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Gallery:
    """One gallery of a shard: how many faces are not indexed, prepared for an index, and indexed."""

    name: str
    linear: int
    preindex: int
    indexed: int

    @property
    def faces(self) -> int:
        """Return how many faces the gallery has on the shard."""
        return self.linear + self.preindex + self.indexed


@dataclass(frozen=True, slots=True)
class ShardState:
    """What a shard answers: its galleries, and the size of facens (in floats) of the first faces of each."""

    galleries: tuple[Gallery, ...] = ()
    sizes: tuple[int, ...] = ()
    sample: tuple[tuple[str, int, bytes], ...] = field(default=(), compare=False, repr=False)

    @property
    def faces(self) -> int:
        """Return how many faces all galleries have, a face counted once a gallery."""
        return sum(gallery.faces for gallery in self.galleries)


@dataclass(frozen=True, slots=True)
class Silent:
    """A shard whose port takes connections, and that has not answered for so many seconds."""

    seconds: float


class ShardApi:
    """Calls of the API over one kept connection.

    Raise `OSError` (`TimeoutError` for no answer in time), or `ValueError` where an answer makes no sense.
    """

    def __init__(self, shard: Shard, connection: socket.socket) -> None:
        import http.client

        self._http = http.client.HTTPConnection(shard.address, shard.http_port)
        self._http.sock = connection

    def close(self) -> None:
        """End the connection."""
        self._http.close()

    def galleries(self) -> tuple[Gallery, ...]:
        """Return every gallery (`/stat/list/START/LIMIT`, START counts from 1)."""
        found: list[Gallery] = []
        while True:
            body = self._get(f"/stat/list/{len(found) + 1}/{_PAGE}")
            page = body["galleries"]
            found += [
                Gallery(str(one["name"]), int(one["cnt_linear"]), int(one["cnt_preindex"]), int(one["cnt_indexed"]))
                for one in page
            ]
            if not page or len(found) >= int(body["total"]):
                return tuple(found)

    def faces(self, gallery: str, limit: int | None = None) -> Iterator[tuple[int, bytes]]:
        """Yield (id, facen) of a gallery in the order of ids (`/v1/GALLERY/list/START_ID/COUNT`)."""
        start: int | None = 0
        left = limit
        while start is not None and (left is None or left > 0):
            count = _PAGE if left is None else min(left, _PAGE)
            body = self._get(f"/v1/{url_quote(gallery)}/list/{start}/{count}")
            faces = body["faces"]
            for face in faces:
                yield int(face["id"]), base64.b64decode(face["facen"])
            left = None if left is None else left - len(faces)
            following = body.get("next")
            start = int(following) if faces and following is not None and int(following) > start else None

    def _get(self, path: str) -> Any:
        self._http.request("GET", path)
        reply = self._http.getresponse()
        body = reply.read()
        if reply.status != 200:
            raise ValueError(f"GET {path}: {reply.status} {body[:200].decode('utf-8', 'replace')}")
        return json.loads(body)


@contextlib.contextmanager
def shard_api(access: Access, host: str, shard: Shard, seconds: float | None = None) -> Iterator[ShardApi]:
    """Give the API of a shard through a tunnel to its host; an answer may take `seconds`, else the shard's own."""
    patience = shard.answer_seconds if seconds is None else seconds
    api = ShardApi(shard, access.connection(host).dial(shard.address, shard.http_port, patience))
    try:
        yield api
    finally:
        api.close()


@dataclass(frozen=True, slots=True)
class ShardFaces(DirectResource):
    """What a shard serves. `sample` is faces a gallery.

    Value: `ShardState`; None where its port is closed; `Silent` where it is open and nothing answers in time.
    """

    shard: Shard
    sample: int = 5

    @property
    def label(self) -> str:
        """Return the shard's address."""
        return f"{self.shard.address}:{self.shard.http_port}"

    def facts(self, value: Any) -> Mapping[str, str]:
        """Return whether it answers, and with facens of which size: faces and galleries come and go."""
        if isinstance(value, ShardState):
            return {"shard": "answers", "size of facens": text_of(value.sizes)}
        return {"shard": "does not answer" if value is None else "takes connections and does not answer"}

    def read(self, access: Access, host: Host) -> ShardState | Silent | None:
        """Read the galleries and their first faces."""
        import http.client

        try:
            with shard_api(access, host.name, self.shard) as api:
                galleries = api.galleries()
                sample = tuple(
                    (gallery.name, number, facen)
                    for gallery in galleries
                    for number, facen in api.faces(gallery.name, self.sample)
                )
        except TimeoutError:
            return Silent(self.shard.answer_seconds)
        except (OSError, http.client.HTTPException, Unreachable):
            return None
        except (ValueError, KeyError, TypeError) as error:
            raise SiteError(
                host.name,
                f"{self.shard.name} at {self.label} does not answer as a shard does: {error}",
                "check shard_address and http_port in the inventory",
            ) from error
        sizes = tuple(sorted({len(facen) // FLOAT_BYTES for _, _, facen in sample}))
        return ShardState(galleries, sizes, sample)
