"""A local port whose connections go through an SSH connection."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Protocol

_PIECE = 1 << 17


class Channel(Protocol):
    """The far end of one tunnelled connection. Errors are OSError; no bytes received means the end."""

    def recv(self, size: int, /) -> bytes:
        """Wait for bytes."""

    def sendall(self, data: bytes, /) -> None:
        """Send everything."""

    def close(self) -> None:
        """End it."""


@contextlib.contextmanager
def listening(open_channel: Callable[[], Channel], lock: threading.Lock) -> Iterator[tuple[str, int]]:
    """Listen on a free port of 127.0.0.1 for the length of the context, one channel to each connection.

    Channels are opened and closed under `lock`, and are never half closed: each of these on several threads at once
    can kill the SSH connection. A client that shuts down its sending side is therefore taken to have finished.
    """
    tunnel = _Tunnel(open_channel, lock)
    try:
        yield tunnel.address
    finally:
        tunnel.close()


class _Tunnel:
    """A listener and its live connections."""

    def __init__(self, open_channel: Callable[[], Channel], lock: threading.Lock) -> None:
        self._open_channel = open_channel
        self._lock = lock
        self._pairs: set[_Pair] = set()
        self._closed = False
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.address: tuple[str, int] = self._listener.getsockname()
        threading.Thread(target=self._accept, name="tunnel", daemon=True).start()

    def close(self) -> None:
        """Close the listener and every connection."""
        self._closed = True
        # Closing a socket does not wake the thread that waits in accept; shutting it down does.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for pair in list(self._pairs):
            pair.close()

    def _accept(self) -> None:
        while not self._closed:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), name="tunnel", daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        try:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                channel = self._open_channel()
        except OSError:
            client.close()
            return
        pair = _Pair(client, channel, self._lock)
        self._pairs.add(pair)
        if self._closed:
            pair.close()
        try:
            pair.pump()
        finally:
            self._pairs.discard(pair)


class _Pair:
    """One tunnelled connection."""

    def __init__(self, client: socket.socket, channel: Channel, lock: threading.Lock) -> None:
        self._client = client
        self._channel = channel
        self._lock = lock

    def pump(self) -> None:
        """Carry bytes both ways until either side ends."""
        back = threading.Thread(target=self._backward, name="tunnel", daemon=True)
        back.start()
        self._carry(self._client.recv, self._channel.sendall)
        self.close()
        back.join()
        self._client.close()

    def close(self) -> None:
        """End both sides, which wakes both directions."""
        with contextlib.suppress(OSError):
            self._client.shutdown(socket.SHUT_RDWR)
        with self._lock, contextlib.suppress(OSError, EOFError):
            self._channel.close()

    def _backward(self) -> None:
        self._carry(self._channel.recv, self._client.sendall)
        with contextlib.suppress(OSError):
            self._client.shutdown(socket.SHUT_RDWR)

    @staticmethod
    def _carry(receive: Callable[[int], bytes], send: Callable[[bytes], None]) -> None:
        with contextlib.suppress(OSError, EOFError):
            while data := receive(_PIECE):
                send(data)
