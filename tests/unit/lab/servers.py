"""Start the lab's programs for a test, each on a port of its own."""

import contextlib
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from ffplay.lab import http_server

ROOT = Path(__file__).parents[3]


class Program:
    """A running program and the port that it said it listens on."""

    def __init__(self, module: str, *arguments: object) -> None:
        command = [sys.executable, "-m", f"ffplay.lab.{module}", "--port", "0", *map(str, arguments)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
        self.said = ""
        self.port = 0
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.said += line
            if match := re.search(r"(?:on port |listening on \S+:)(\d+)", line):
                self.port = int(match[1])
                # Nobody else reads what it says: it must not block on a full pipe.
                threading.Thread(target=self.process.stderr.read, daemon=True).start()
                break

    def end(self, number: int = 15) -> int:
        self.process.send_signal(number)
        return self.process.wait(10)


@contextlib.contextmanager
def running(module: str, *arguments: object) -> Iterator[Program]:
    program = Program(module, *arguments)
    try:
        assert program.port, program.said
        yield program
    finally:
        program.process.kill()
        program.process.wait()


@contextlib.contextmanager
def answering(answer: http_server.Answer) -> Iterator[int]:
    server = http_server.Server(("127.0.0.1", 0), answer)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


def eventually(check, seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline
        time.sleep(0.02)
