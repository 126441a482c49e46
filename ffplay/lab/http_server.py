"""A small HTTP/1.1 server with kept-alive connections: the standard library's takes several times as long a request."""

from __future__ import annotations

import json
import signal
import socket
import socketserver
import sys
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from io import BufferedIOBase
from typing import Any

_MAX_BODY = 256 << 20


@dataclass(frozen=True, slots=True)
class Request:
    """A request; the names of `headers` are in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Response:
    """An answer: its status, and its JSON."""

    status: int
    content: Any

    def encode(self, *, keep: bool) -> bytes:
        """Return the answer as it goes over the wire."""
        body = json.dumps(self.content).encode()
        reason = HTTPStatus(self.status).phrase
        connection = "keep-alive" if keep else "close"
        head = (
            f"HTTP/1.1 {self.status} {reason}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nConnection: {connection}\r\n\r\n"
        )
        return head.encode() + body


Answer = Callable[[Request], Response]


class Server(socketserver.ThreadingTCPServer):
    """A thread a connection; `answer` is called from all of them."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], answer: Answer) -> None:
        self.answer = answer
        super().__init__(address, _Handler)


class _Handler(socketserver.StreamRequestHandler):
    server: Server
    disable_nagle_algorithm = True

    def handle(self) -> None:
        """Answer a connection's requests until it ends."""
        try:
            while (request := _read(self.rfile)) is not None:
                keep = request.headers.get("connection", "").lower() != "close"
                self.wfile.write(self.server.answer(request).encode(keep=keep))
                if not keep:
                    return
        except ValueError as error:
            self.wfile.write(Response(400, {"error": {"code": "BAD_REQUEST", "desc": str(error)}}).encode(keep=False))
        except OSError:
            pass  # The peer went away; that is its right.


def _read(stream: BufferedIOBase) -> Request | None:
    """Return the next request, or None where the peer has closed. Raise ValueError for what is no HTTP."""
    line = stream.readline(65536)
    if not line:
        return None
    method, path, _ = line.decode("latin-1").split(" ", 2)
    headers: dict[str, str] = {}
    while (line := stream.readline(65536)) not in (b"\r\n", b"\n", b""):
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.lower()] = value.strip()
    length = int(headers.get("content-length", 0))
    if "transfer-encoding" in headers or not 0 <= length <= _MAX_BODY:
        raise ValueError("a body needs a Content-Length")
    body = stream.read(length)
    return Request(method, path, headers, body) if len(body) == length else None


def run(name: str, address: tuple[str, int], answer: Answer, ready: Callable[[], None] | None = None) -> int:
    """Serve until SIGTERM or SIGINT and return the exit code; `ready` is called once the port is open."""
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    try:
        server = Server(address, answer)
    except (OSError, socket.gaierror) as error:
        print(f"{name}: cannot listen on {address[0]}:{address[1]}: {error}", file=sys.stderr)
        return 1
    print(f"{name}: listening on {address[0]}:{server.server_address[1]}", file=sys.stderr, flush=True)
    if ready is not None:
        ready()
    server.serve_forever()
    return 0


def _stop(_number: int, _frame: Any) -> None:
    raise SystemExit(0)
