"""How fast extraction-api makes facens, measured by its documented HTTP API; nothing is written anywhere."""

from __future__ import annotations

import concurrent.futures
import http.client
import json
import secrets
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ffplay.errors import SiteError, Unreachable
from ffplay.model import Host
from ffplay.remote.base import Access
from ffplay.resources.base import DirectResource
from ffplay.resources.mongo import MongoPlace, open_database

# How long requests are sent, in seconds, and how long the last answers are waited for.
_SECONDS = 5.0
_ANSWER_SECONDS = 60.0

# So many different images are sent, again and again.
_IMAGES = 64


@dataclass(frozen=True, slots=True)
class Measured:
    """What a measurement came to: `speed` in facens a second, over `facens` in `seconds`.

    `problem` says why there is no speed, empty where there is one.
    """

    speed: float = 0.0
    facens: int = 0
    seconds: float = 0.0
    problem: str = ""


@dataclass(frozen=True, slots=True)
class ExtractionSpeed(DirectResource):
    """How fast extraction-api at `address:port` of a host makes facens. Value: `Measured`.

    It is given normalized images that MongoDB has in `field` (bytes, or a URL that it fetches itself), read from the
    host `mongo`, `at_once` requests at a time, as a regeneration does: `detector` prenormalized, `need_facen`.
    """

    address: str
    port: int
    mongo: Host
    place: MongoPlace
    field: str
    at_once: int = 4
    seconds: float = _SECONDS

    @property
    def label(self) -> str:
        """Return the service."""
        return f"extraction-api at {self.address}:{self.port}"

    def facts(self, value: Any) -> Mapping[str, str]:
        """Return nothing: a forecast rests on it, and no plan."""
        return {}

    def read(self, access: Access, host: Host) -> Measured:
        """Measure. What stands in the way of it is told, and no error: a plan is as good without."""
        try:
            images = self._images(access)
        except SiteError as error:
            return Measured(problem=error.message)
        if not images:
            said = f"no face has a normalized image in {self.field} (mongo_field_normalized in the inventory)"
            return Measured(problem=said)
        try:
            with access.connection(host.name).forward(self.address, self.port) as (address, port):
                return _Trial((address, port), images, self.seconds, access).run(self.at_once)
        except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError, Unreachable) as error:
            return Measured(problem=f"{self.label} gave no facens: {error or type(error).__name__}")

    def _images(self, access: Access) -> list[bytes | str]:
        """Return some normalized images: their bytes, or where they are."""
        with open_database(access, self.mongo, self.place) as database:
            query = {self.field: {"$exists": True, "$ne": None}}
            faces = database[self.place.faces].find(query, {self.field: 1}).limit(_IMAGES)
            found = [face[self.field] for face in faces]
        return [one for one in found if (isinstance(one, bytes) and one) or (isinstance(one, str) and "://" in one)]


class _Trial:
    """Requests over some connections until the time is over; what they brought is counted."""

    def __init__(self, address: tuple[str, int], images: Sequence[bytes | str], seconds: float, access: Access) -> None:
        self._address, self._access = address, access
        self._requests = [_request(image) for image in images]
        self._begin = time.monotonic()
        self._until = self._begin + seconds
        self._guard = threading.Lock()
        self._next = self._facens = 0
        self._problem = ""

    def run(self, at_once: int) -> Measured:
        """Return what came of it. Raise what `http.client` raises."""
        with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
            for job in [pool.submit(self._work) for _ in range(at_once)]:
                job.result()
        seconds = time.monotonic() - self._begin
        if not self._facens:
            return Measured(problem=self._problem or "no face was found in any normalized image")
        return Measured(self._facens / seconds, self._facens, seconds)

    def _work(self) -> None:
        client = http.client.HTTPConnection(*self._address, timeout=_ANSWER_SECONDS)
        try:
            while time.monotonic() < self._until and not self._access.stopping:
                with self._guard:
                    kind, body = self._requests[self._next % len(self._requests)]
                    self._next += 1
                client.request("POST", "/", body, {"Content-Type": kind})
                reply = client.getresponse()
                text = reply.read()
                if reply.status != 200:
                    raise ValueError(f"it answered {reply.status} {text[:200].decode('utf-8', 'replace')}")
                self._take(json.loads(text)["responses"])
        finally:
            client.close()

    def _take(self, responses: list[dict[str, object]]) -> None:
        """Count the facens of an answer, and keep an image's error."""
        for response in responses:
            faces, error = response.get("faces"), response.get("error")
            made = sum("facen" in face for face in faces) if isinstance(faces, list) else 0
            with self._guard:
                self._facens += made
                if isinstance(error, dict):
                    self._problem = f"{error.get('code')}: {error.get('desc')}"


def _request(image: bytes | str) -> tuple[str, bytes]:
    """Return the content type and the body of a request for one image."""
    where = image if isinstance(image, str) else "multipart:image"
    wanted = {"image": where, "detector": "prenormalized", "need_facen": True, "need_normalized": False}
    document = json.dumps({"requests": [wanted]}).encode()
    if isinstance(image, str):
        return "application/json", document
    boundary = f"ffplay-{secrets.token_hex(16)}"
    body = b"".join(
        (
            f'--{boundary}\r\nContent-Disposition: form-data; name="request"\r\n\r\n'.encode() + document,
            f'\r\n--{boundary}\r\nContent-Disposition: form-data; name="image"; filename="image"\r\n\r\n'.encode(),
            image + f"\r\n--{boundary}--\r\n".encode(),
        )
    )
    return f"multipart/form-data; boundary={boundary}", body
