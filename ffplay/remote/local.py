"""The controller itself as a host (`ansible_connection: local`)."""

from __future__ import annotations

import contextlib
import os
import pwd
import select
import signal
import socket
import subprocess
from collections.abc import Iterator

from ffplay.model import Host
from ffplay.remote.connection import ShellConnection
from ffplay.remote.shell import Stream

_READ_SIZE = 1 << 20


class ProcessStream:
    """A program on this machine, in a session of its own so that the operator's Ctrl-C does not reach it."""

    def __init__(self, command: str) -> None:
        self._process = subprocess.Popen(
            ["/bin/sh", "-c", command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        pipes = (self._process.stdin, self._process.stdout, self._process.stderr)
        self._in, self._out, self._err = (pipe.fileno() for pipe in pipes if pipe)
        for descriptor in (self._in, self._out, self._err):
            os.set_blocking(descriptor, False)
        self._open = {self._out, self._err}
        self._closed = False

    def write(self, data: bytes, seconds: float) -> int:
        """Send what can be sent within the time and return how many bytes that was."""
        self._require_open()
        poller = select.poll()
        poller.register(self._in, select.POLLOUT)
        if not poller.poll(seconds * 1000):
            return 0
        try:
            return os.write(self._in, data)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise EOFError(f"exit code {self._process.poll()}") from error

    def read(self, seconds: float) -> tuple[bytes, bytes]:
        """Return what came on standard output and error; both are empty when nothing came within the time."""
        self._require_open()
        # Asked first: what it wrote before it ended can be read by then. A process that it left behind may hold its
        # outputs open for ever.
        ended = self._process.poll() is not None
        poller = select.poll()
        for descriptor in self._open:
            poller.register(descriptor, select.POLLIN)
        ready = {descriptor for descriptor, _ in poller.poll(0 if ended else seconds * 1000)}
        if ended and not ready:
            raise EOFError(f"exit code {self._process.returncode}")
        return self._take(self._out, ready), self._take(self._err, ready)

    def close(self) -> None:
        """End the program and reap it."""
        if self._closed:
            return
        self._closed = True
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe:
                with contextlib.suppress(OSError):
                    pipe.close()
        try:
            self._process.wait(0.5)
        except subprocess.TimeoutExpired:
            # Through sudo it may be another user's; that one ends when its input does.
            with contextlib.suppress(OSError):
                os.killpg(self._process.pid, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(0.5)

    def _require_open(self) -> None:
        if self._closed or not self._open:
            raise EOFError(f"exit code {self._process.poll()}")

    def _take(self, descriptor: int, ready: set[int]) -> bytes:
        if descriptor not in ready:
            return b""
        try:
            data = os.read(descriptor, _READ_SIZE)
        except BlockingIOError:
            return b""
        if not data:
            self._open.discard(descriptor)
        return data


class LocalConnection(ShellConnection):
    """Runs scripts on this machine as the user who runs ffplay."""

    def __init__(self, host: Host, silence: float) -> None:
        super().__init__(host, silence, pwd.getpwuid(os.geteuid()).pw_name)
        self.require_shell()

    def open(self, command: str) -> Stream:
        """Start a program."""
        return ProcessStream(command)

    def reachable(self, address: str, port: int) -> bool:
        """Tell whether something listens there."""
        self.tunnels += 1
        try:
            socket.create_connection((address, port), self._login.connect_timeout).close()
        except OSError:
            return False
        return True

    def dial(self, address: str, port: int, seconds: float) -> socket.socket:
        """Connect."""
        self.tunnels += 1
        return socket.create_connection((address, port), seconds)

    @contextlib.contextmanager
    def forward(self, address: str, port: int) -> Iterator[tuple[str, int]]:
        """Yield the address itself: it can be reached from here as it is."""
        self.tunnels += 1
        yield address, port
