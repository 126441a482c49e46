"""Readings that must come out clean: a shard that answers, a port that is open, a page that is there."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from ffplay.errors import ChangeFailed
from ffplay.model import Host, Shard
from ffplay.remote.base import Access
from ffplay.resources.base import DirectResource, quote
from ffplay.resources.shard_http import shard_api

_PAUSE_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Findings:
    """How a check came out: what is wrong (nothing, if it passed), and what was seen, for the report."""

    problems: tuple[str, ...] = ()
    info: str = ""
    body: str = ""
    code: int = 0


@dataclass(frozen=True, slots=True)
class ShardAnswers(DirectResource):
    """A shard that answers over HTTP within `timeout` seconds. Value: `Findings`."""

    shard: Shard
    timeout: float

    @property
    def label(self) -> str:
        """Return the shard's name."""
        return self.shard.name

    def read(self, access: Access, host: Host) -> Findings:
        """Ask until it answers."""
        import http.client

        deadline = time.monotonic() + self.timeout
        while True:
            try:
                with shard_api(access, host.name, self.shard) as api:
                    galleries = api.galleries()
                faces = sum(gallery.faces for gallery in galleries)
                return Findings((), f"answers: {len(galleries)} galleries, {faces} faces")
            except (OSError, http.client.HTTPException, ValueError) as error:
                seen = str(error) or type(error).__name__
            if time.monotonic() > deadline:
                where = f"{self.shard.address}:{self.shard.http_port}"
                return Findings((f"{self.shard.name} does not answer on {where} after {self.timeout:.0f} s: {seen}",))
            access.pause(_PAUSE_SECONDS)


@dataclass(frozen=True, slots=True)
class PortState(DirectResource):
    """A TCP port, as seen from the host, that is open or closed within `timeout` seconds. Value: `Findings`."""

    address: str
    port: int
    wanted: str
    timeout: float
    delay: float = 0.0
    sleep: float = 1.0

    @property
    def label(self) -> str:
        """Return the address."""
        return f"{self.address}:{self.port}"

    def read(self, access: Access, host: Host) -> Findings:
        """Try until the port is as wanted."""
        access.pause(self.delay)
        deadline = time.monotonic() + self.timeout
        while True:
            state = "started" if self._open(access, host) else "stopped"
            if state == self.wanted:
                return Findings((), f"{self.label} is {'open' if state == 'started' else 'closed'}")
            if time.monotonic() > deadline:
                said = "is closed" if state == "stopped" else "is still open"
                return Findings((f"port {self.label} {said} after {self.timeout:.0f} s",))
            access.pause(self.sleep)

    def _open(self, access: Access, host: Host) -> bool:
        return access.connection(host.name).reachable(self.address, self.port)


@dataclass(frozen=True, slots=True)
class PathState(DirectResource):
    """A path on the host that is there or gone within `timeout` seconds. Value: `Findings`."""

    path: str
    wanted: str
    timeout: float
    delay: float = 0.0
    sleep: float = 1.0

    @property
    def label(self) -> str:
        """Return the path."""
        return self.path

    def read(self, access: Access, host: Host) -> Findings:
        """Look until the path is as wanted."""
        access.pause(self.delay)
        deadline = time.monotonic() + self.timeout
        while True:
            there = access.connection(host.name).run(f"[ -e {quote([self.path])} ]").code == 0
            if there == (self.wanted == "present"):
                return Findings((), f"{self.path} is {'there' if there else 'gone'}")
            if time.monotonic() > deadline:
                said = "is still there" if there else "is not there"
                return Findings((f"{self.path} {said} after {self.timeout:.0f} s",))
            access.pause(self.sleep)


@dataclass(frozen=True, slots=True)
class HttpExchange(DirectResource):
    """One HTTP request from the host's point of view (its loopback is the host's). Value: `Findings`.

    `headers` are (name, value); `status` are the codes that are right.
    """

    url: str
    method: str = "GET"
    body: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    status: tuple[int, ...] = (200,)
    timeout: float = 30.0
    wait: float = 0.0

    @property
    def label(self) -> str:
        """Return the request's line."""
        return f"{self.method} {self.url}"

    @property
    def readable(self) -> bool:
        """Reading would make the request once more."""
        return False

    def bring(self, access: Access, host: Host, before: Any, after: Any) -> None:
        """Make the request once. Raise `ChangeFailed` unless the answer is right."""
        found = self._once(access, host)
        if found.problems:
            raise ChangeFailed(host.name, found.problems[0], "look at what the server logged", found.body)

    def read(self, access: Access, host: Host) -> Findings:
        """Make the request, again and again within `wait` seconds until it is answered as it should be."""
        deadline = time.monotonic() + self.wait
        while True:
            found = self._once(access, host)
            if not found.problems or time.monotonic() > deadline:
                return found
            access.pause(_PAUSE_SECONDS)

    def _once(self, access: Access, host: Host) -> Findings:
        import http.client

        parts = urlsplit(self.url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        headers = {"Host": parts.netloc, **dict(self.headers)}
        try:
            with access.connection(host.name).forward(parts.hostname or "", parts.port or 80) as (address, port):
                client = http.client.HTTPConnection(address, port, timeout=self.timeout)
                try:
                    client.request(self.method, target, self.body.encode() or None, headers)
                    reply = client.getresponse()
                    text = reply.read().decode("utf-8", "replace")
                finally:
                    client.close()
        except (OSError, http.client.HTTPException) as error:
            return Findings((f"{self.label}: {error or type(error).__name__}",))
        wrong = () if reply.status in self.status else (f"{self.label} answered {reply.status}: {text[:300]}",)
        return Findings(wrong, f"{self.label} answered {reply.status}", text, reply.status)


@dataclass(frozen=True, slots=True)
class Stated(DirectResource):
    """A finding that was known when the plan was made: an assertion. Value: `Findings`."""

    text: str
    problems: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """Return what is asserted."""
        return self.text

    def read(self, access: Access, host: Host) -> Findings:
        """Return the finding."""
        return Findings(self.problems, self.text)


@dataclass(frozen=True, slots=True)
class Pause(DirectResource):
    """A wait. Value: `Findings`."""

    seconds: float

    @property
    def label(self) -> str:
        """Return how long."""
        return f"{self.seconds:g} s"

    def read(self, access: Access, host: Host) -> Findings:
        """Wait."""
        access.tell(host.name, f"pausing for {self.seconds:g} s")
        access.pause(self.seconds)
        return Findings((), f"paused for {self.seconds:g} s")
