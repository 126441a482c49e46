"""Every host's connection, made once and kept; the `Access` that the rest of ffplay is given."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self

from ffplay.model import Host
from ffplay.remote.connection import ShellConnection

SILENCE = 30.0


def connect(host: Host, silence: float = SILENCE) -> ShellConnection:
    """Connect to a host by what its inventory entry says. Raise `Unreachable`."""
    return _kind(host.login.local)(host, silence)


def _kind(local: bool) -> Callable[[Host, float], ShellConnection]:
    """Return what connects to a host, and import what it takes."""
    if local:
        from ffplay.remote.local import LocalConnection

        return LocalConnection
    from ffplay.remote.ssh import SshConnection

    return SshConnection


class Pool:
    """Connections to hosts, at most one each; `forks` is how many are being closed at once.

    `connections` counts those that were made. Threads may ask for connections at once; the connection to one host
    belongs to one thread at a time.
    """

    def __init__(
        self,
        hosts: Iterable[Host],
        forks: int = 50,
        connector: Callable[[Host], ShellConnection] = connect,
    ) -> None:
        self._hosts = {host.name: host for host in hosts}
        self._forks = max(1, forks)
        self._connector = connector
        self._live: dict[str, ShellConnection] = {}
        self._locks = {name: threading.Lock() for name in self._hosts}
        self._count = threading.Lock()
        self._past_trips = 0
        self._past_tunnels = 0
        self.connections = 0

    @property
    def round_trips(self) -> int:
        """Return how many requests all connections have made."""
        return self._past_trips + sum(connection.round_trips for connection in list(self._live.values()))

    @property
    def tunnels(self) -> int:
        """Return how often a server beside a host's shell was reached through a connection."""
        return self._past_tunnels + sum(connection.tunnels for connection in list(self._live.values()))

    def prepare(self, names: Iterable[str]) -> None:
        """Import what it takes to connect to hosts: behind that, whatever else is imported need not hold them up."""
        for local in {self._hosts[name].login.local for name in names}:
            _kind(local)

    def connection(self, name: str) -> ShellConnection:
        """Return the connection to a host, a new one where there is none or it was lost. Raise `Unreachable`."""
        with self._locks[name]:
            existing = self._live.get(name)
            if existing and not existing.dead:
                return existing
            if existing:
                self._retire(name)
            connection = self._connector(self._hosts[name])
            with self._count:
                self.connections += 1
                self._live[name] = connection
            return connection

    def close(self) -> None:
        """Close every connection; harmless when they are closed."""
        names = list(self._live)
        if names:
            with ThreadPoolExecutor(min(self._forks, len(names))) as executor:
                list(executor.map(self._retire, names))

    def _retire(self, host: str) -> None:
        with self._count:
            connection = self._live.pop(host, None)
            self._past_trips += connection.round_trips if connection else 0
            self._past_tunnels += connection.tunnels if connection else 0
        if connection:
            connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
