"""A small MongoDB for the lab: `python -m ffplay.lab.mongod --port P --dbpath DIR --wire-version N`.

It speaks the wire protocol as a server of the wanted wire version does (5 is MongoDB 3.4), keeps its data across
restarts and kills, and answers with mongomock's semantics. Standalone: no replica set, no transactions, no users.
"""

from __future__ import annotations

import argparse
import itertools
import signal
import socket
import socketserver
import sys
import threading
from pathlib import Path
from typing import Any

from ffplay.lab.mongocommands import VERSIONS, Commands
from ffplay.lab.mongostore import CorruptLog, Store
from ffplay.lab.mongowire import OP_MSG, WireError, receive, reply

_OP_MSG_SINCE = 6


class Server(socketserver.ThreadingTCPServer):
    """A thread a connection, one lock around every command."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], commands: Commands) -> None:
        self.commands = commands
        self.lock = threading.Lock()
        self.connections = itertools.count(1)
        super().__init__(address, _Handler)


class _Handler(socketserver.BaseRequestHandler):
    server: Server

    def handle(self) -> None:
        """Answer a connection's requests until it ends."""
        sock: socket.socket = self.request
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        number = next(self.server.connections)
        commands = self.server.commands
        try:
            while (request := receive(sock)) is not None:
                if request.opcode == OP_MSG and commands.wire < _OP_MSG_SINCE:
                    raise WireError("OP_MSG, which MongoDB has since 3.6")
                with self.server.lock:
                    answer = commands.answer(request, number)
                if not request.silent:
                    reply(sock, request, answer)
        except WireError as error:
            print(f"connection {number}: closed: {error}", file=sys.stderr, flush=True)
        except OSError:
            pass  # The peer went away; that is its right.
        finally:
            with self.server.lock:
                commands.disconnected(number)


def _stop(_number: int, _frame: Any) -> None:
    raise SystemExit(0)


def main(argv: list[str] | None = None) -> int:
    """Run the server until SIGTERM; return mongod's exit codes: 100 where the directory cannot be used, 48 the port."""
    parser = argparse.ArgumentParser(prog="mongod", description="MongoDB's wire protocol for the lab.")
    parser.add_argument("--bind", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=27017)
    parser.add_argument("--dbpath", type=Path, required=True)
    parser.add_argument("--wire-version", type=int, default=5, choices=range(min(VERSIONS), max(VERSIONS) + 1))
    args = parser.parse_args(argv)
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    try:
        store = Store(args.dbpath)
    except (CorruptLog, OSError) as error:
        print(f"cannot use --dbpath {args.dbpath}: {error}", file=sys.stderr)
        return 100
    commands = Commands(store, args.wire_version, args.port)
    try:
        server = Server((args.bind, args.port), commands)
    except OSError as error:
        print(f"cannot listen on {args.bind}:{args.port}: {error}", file=sys.stderr)
        return 48
    port = server.server_address[1]
    print(f"mongod {commands.version}: waiting for connections on port {port}", file=sys.stderr, flush=True)
    try:
        server.serve_forever()
    finally:
        server.lock.acquire()  # No command is cut in half; the threads end with the process.
        store.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
