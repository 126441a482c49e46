"""What a command sends to hosts, whichever way: scripts, files, HTTP, MongoDB's and Tarantool's protocols."""

from __future__ import annotations

import http.client
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pymongo.monitoring
import pytest
import tarantool

from ffplay.remote.shell import Shell
from tests.looking.shell_rules import violations

# MongoDB's commands that read; drivers send some of them by themselves.
_MONGO_READS = {
    *("aggregate", "buildInfo", "buildinfo", "collStats", "count", "dbStats", "dbstats", "distinct", "endSessions"),
    *("find", "getMore", "hello", "isMaster", "ismaster", "killCursors", "listCollections", "listDatabases"),
    *("listIndexes", "ping", "serverStatus"),
}
_BINARY = ("call", "delete", "eval", "execute", "insert", "replace", "update", "upsert")


@dataclass
class Record:
    """What was sent. `requests` are those of any other protocol than ssh's, in words."""

    scripts: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def script(self, text: str, fed: bool) -> None:
        """Note a script."""
        self.scripts.append(text)
        self.wrong += [f"script: {said}" for said in violations(text)]
        if fed:
            self.wrong.append(f"a file was sent to the script: {text}")

    def request(self, protocol: str, said: str, reads: bool) -> None:
        """Note a request."""
        self.requests.append(f"{protocol}: {said}")
        if not reads:
            self.wrong.append(f"{protocol}: {said}")


class _Mongo(pymongo.monitoring.CommandListener):  # type: ignore[misc]
    """Notes MongoDB's commands, for clients that are made while it is switched on."""

    def __init__(self) -> None:
        self.record: Record | None = None

    def started(self, event: Any) -> None:
        if self.record is not None:
            stages = [name for stage in event.command.get("pipeline", ()) for name in stage]
            reads = event.command_name in _MONGO_READS and not {"$out", "$merge"} & set(stages)
            self.record.request("mongo", f"{event.command_name} {' '.join(stages)}".strip(), reads)

    def succeeded(self, event: Any) -> None:
        """Its start was noted."""

    def failed(self, event: Any) -> None:
        """Its start was noted."""


_MONGO = _Mongo()
pymongo.monitoring.register(_MONGO)


@contextmanager
def recording() -> Iterator[Record]:
    """Note all that this process sends to hosts."""
    record = Record()
    with pytest.MonkeyPatch.context() as patch:
        _shell(patch, record)
        _http(patch, record)
        _binary(patch, record)
        _MONGO.record = record
        try:
            yield record
        finally:
            _MONGO.record = None


def _shell(patch: pytest.MonkeyPatch, record: Record) -> None:
    stream = Shell.stream

    def noted(
        self: Shell, script: str, timeout: float, feed: Iterable[bytes] | None = None
    ) -> Generator[bytes, None, Any]:
        record.script(script, feed is not None)
        return (yield from stream(self, script, timeout, feed))

    patch.setattr(Shell, "stream", noted)


def _http(patch: pytest.MonkeyPatch, record: Record) -> None:
    request = http.client.HTTPConnection.request

    def noted(self: Any, method: str, url: str, *arguments: Any, **options: Any) -> None:
        record.request("http", f"{method} {url}", method in {"GET", "HEAD"})
        request(self, method, url, *arguments, **options)

    patch.setattr(http.client.HTTPConnection, "request", noted)


def _binary(patch: pytest.MonkeyPatch, record: Record) -> None:
    for name in _BINARY:
        method = getattr(tarantool.Connection, name, None)
        if method is not None:
            patch.setattr(tarantool.Connection, name, _noted(name, method, record))


def _noted(name: str, method: Any, record: Record) -> Any:
    def noted(self: Any, *arguments: Any, **options: Any) -> Any:
        record.request("tarantool", f"{name} {arguments!r}"[:200], False)
        return method(self, *arguments, **options)

    return noted
