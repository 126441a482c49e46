"""What changes hosts goes through here: every use of a connection looks first whether the run still has the lock."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from ffplay.engine.access import SiteAccess
from ffplay.errors import SiteError
from ffplay.remote.base import Become, Connection, Reply

if TYPE_CHECKING:
    from ffplay.engine.lock import Lock


class FencedConnection:
    """A connection whose every use looks first whether the run still has the lock."""

    def __init__(self, connection: Connection, lock: Lock, host: str) -> None:
        self._connection = connection
        self._lock = lock
        self._host = host

    def run(
        self,
        script: str,
        *,
        timeout: float | None = None,
        become: Become | None = None,
        on_output: Callable[[bytes], None] | None = None,
    ) -> Reply:
        """Run a script behind the fence. Raise `Locked`."""
        fence = self._lock.fence(self._host)
        if become is not None:
            # That user need not be able to read the lock.
            self._check()
            fence = ""
        reply = self._connection.run(fence + script, timeout=timeout, become=become, on_output=on_output)
        return self._lock.judge(self._host, reply)

    def aside(self, script: str) -> Reply:
        """Run a short script beside whatever is under way, behind the fence."""
        return self._lock.judge(self._host, self._connection.aside(self._lock.fence(self._host) + script))

    def put(self, path: str, chunks: Iterable[bytes], *, become: Become | None = None) -> str:
        """Write a file."""
        self._check()
        return self._connection.put(path, chunks, become=become)

    def get(self, path: str, *, become: Become | None = None) -> Iterator[bytes]:
        """Read a file."""
        return self._connection.get(path, become=become)

    def forward(self, address: str, port: int) -> AbstractContextManager[tuple[str, int]]:
        """Tunnel to an address: what is sent through may change things."""
        self._check()
        return self._connection.forward(address, port)

    def dial(self, address: str, port: int, seconds: float) -> socket.socket:
        """Connect to an address: what is dialled is a shard's API, which is only read."""
        return self._connection.dial(address, port, seconds)

    def reachable(self, address: str, port: int) -> bool:
        """Tell whether something listens there."""
        return self._connection.reachable(address, port)

    def close(self) -> None:
        """End the connection."""
        self._connection.close()

    def _check(self) -> None:
        reply = self._lock.judge(self._host, self._connection.run(self._lock.fence(self._host)))
        if reply.code:
            said = f"cannot look whether the lock is still this run's: exit code {reply.code}"
            raise SiteError(self._host, said, "see state_dir in the inventory, and its disk", reply.error_text)


class FencedAccess:
    """The hosts by name, for resources that are being brought to a value."""

    def __init__(self, access: SiteAccess, lock: Lock) -> None:
        self._access = access
        self._lock = lock

    @property
    def stopping(self) -> bool:
        """Tell whether the operator stops the run."""
        return self._access.stopping

    def connection(self, host: str) -> Connection:
        """Return the connection to a host, behind the fence."""
        return FencedConnection(self._access.connection(host), self._lock, host)

    def tell(self, host: str, text: str) -> None:
        """Pass on what a tool printed."""
        self._access.tell(host, text)

    def pause(self, seconds: float) -> None:
        """Wait."""
        self._access.pause(seconds)
