"""A small HTTP/1.1 client on one kept-alive connection, for the tools that send a request for every face."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Mapping
from typing import BinaryIO
from urllib.parse import urlsplit


class Connection:
    """One connection to `host:port`, opened when needed. `timeout` is seconds. Not for several threads at once."""

    def __init__(self, host: str, port: int, timeout: float = 30.0) -> None:
        self.host, self.port, self.timeout = host, port, timeout
        self._sock: socket.socket | None = None
        self._stream: BinaryIO | None = None

    @classmethod
    def to(cls, address: str, timeout: float = 30.0) -> Connection:
        """Return a connection to `host:port` or to the server of a URL."""
        parts = urlsplit(address if "//" in address else f"//{address}")
        return cls(parts.hostname or "localhost", parts.port or 80, timeout)

    def request(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> tuple[int, bytes]:
        """Return status and body of the answer. Raise OSError where there is none."""
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self.host}:{self.port}", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        message = "\r\n".join([*lines, "\r\n"]).encode() + body
        if self._sock is not None:
            # The server may have closed a connection that lay idle: that is no failure.
            with contextlib.suppress(ConnectionError):
                return self._exchange(message)
            self.close()
        return self._exchange(message)

    def close(self) -> None:
        """Close the connection."""
        if self._stream is not None:
            self._stream.close()
        if self._sock is not None:
            self._sock.close()
        self._sock = self._stream = None

    def _exchange(self, message: bytes) -> tuple[int, bytes]:
        if self._sock is None or self._stream is None:
            self._sock = socket.create_connection((self.host, self.port), self.timeout)
            self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._stream = self._sock.makefile("rb")
        self._sock.sendall(message)
        status = self._stream.readline()
        if not status:
            raise ConnectionResetError(f"{self.host}:{self.port} closed the connection")
        length, keep = None, True
        while (line := self._stream.readline()) not in (b"\r\n", b"\n", b""):
            name, _, value = line.decode("latin-1").partition(":")
            if name.lower() == "content-length":
                length = int(value)
            elif name.lower() == "connection":
                keep = value.strip().lower() != "close"
        body = self._stream.read() if length is None else self._stream.read(length)
        if not keep or length is None:
            self.close()
        return int(status.split(None, 2)[1]), body
