"""The original images that a re-detection needs: which ones some faces name, and which of them are not there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from ffplay.model import Host
from ffplay.remote.base import Access, Reply
from ffplay.resources.base import DirectResource, ShellResource, quote
from ffplay.resources.mongo import MongoPlace, open_database

# Requests that are under way at a time: a site's network has latency, and its server other work.
_AT_ONCE = 8

_TIMEOUT_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Originals(DirectResource):
    """What some faces have in `field`, where their original images are. Value: tuple of (id, text), sorted by id.

    At most `sample` faces, chosen at random by MongoDB; the text is empty where a face has none.
    """

    place: MongoPlace
    field: str
    sample: int

    @property
    def label(self) -> str:
        """Return the field."""
        return f"{self.place.name}: {self.field}"

    def facts(self, value: Any) -> Mapping[str, str]:
        """Return nothing: which faces are sampled is chance."""
        return {}

    def read(self, access: Access, host: Host) -> tuple[tuple[int, str], ...]:
        """Have MongoDB choose (`$sample`, from 3.2 on)."""
        wanted = {self.place.field_id: 1, self.field: 1}
        with open_database(access, host, self.place) as database:
            faces = database[self.place.faces]
            found = faces.aggregate([{"$sample": {"size": self.sample}}, {"$project": wanted}], allowDiskUse=True)
            # `$sample` may give a document twice.
            return tuple(
                sorted({int(face[self.place.field_id]): str(face.get(self.field) or "") for face in found}.items())
            )


@dataclass(frozen=True, slots=True)
class MissingFiles(ShellResource):
    """Which of some paths are no files with something in them. Value: tuple of paths."""

    paths: tuple[str, ...]

    @property
    def label(self) -> str:
        """Return how many are looked for."""
        return f"{len(self.paths)} files"

    def facts(self, value: Any) -> Mapping[str, str]:
        """Return nothing: which faces are sampled is chance."""
        return {}

    def read_script(self) -> str:
        """Print those that are missing."""
        return f'for f in {quote(self.paths)}; do [ -s "$f" ] || echo "$f"; done'

    def parse(self, reply: Reply) -> tuple[str, ...]:
        """Return them."""
        return tuple(reply.text.splitlines())


@dataclass(frozen=True, slots=True)
class MissingPages(DirectResource):
    """Which of some URLs (http) a server does not have, as seen from the host. Value: tuple of (URL, what it said)."""

    urls: tuple[str, ...]

    @property
    def label(self) -> str:
        """Return how many are looked for."""
        return f"{len(self.urls)} pages"

    def facts(self, value: Any) -> Mapping[str, str]:
        """Return nothing: which faces are sampled is chance."""
        return {}

    def read(self, access: Access, host: Host) -> tuple[tuple[str, str], ...]:
        """Ask each server for the heads alone, over a few kept connections."""
        import concurrent.futures

        servers: dict[str, list[str]] = {}
        for url in self.urls:
            servers.setdefault(urlsplit(url).netloc, []).append(url)
        found: list[tuple[str, str]] = []
        for netloc, urls in servers.items():
            parts = urlsplit(f"http://{netloc}")
            with access.connection(host.name).forward(parts.hostname or "", parts.port or 80) as address:
                shares = [urls[start::_AT_ONCE] for start in range(min(_AT_ONCE, len(urls)))]
                with concurrent.futures.ThreadPoolExecutor(len(shares)) as pool:
                    for missing in pool.map(lambda share, at=address, name=netloc: _heads(at, name, share), shares):
                        found += missing
        return tuple(sorted(found))


def _heads(address: tuple[str, int], netloc: str, urls: Sequence[str]) -> list[tuple[str, str]]:
    """Ask for some heads of one server; return those that are not answered with success."""
    import http.client

    client = http.client.HTTPConnection(*address, timeout=_TIMEOUT_SECONDS)
    found: list[tuple[str, str]] = []
    try:
        for url in urls:
            parts = urlsplit(url)
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            try:
                client.request("HEAD", target, headers={"Host": netloc})
                reply = client.getresponse()
                reply.read()
            except (OSError, http.client.HTTPException) as error:
                # A server that does not answer one question is not asked all the others: they take its time-out each.
                return [*found, *((left, f"{error or type(error).__name__}") for left in urls[urls.index(url) :])]
            if not 200 <= reply.status < 300:
                found.append((url, f"answered {reply.status}"))
    finally:
        client.close()
    return found
