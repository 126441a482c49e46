"""What connections have in common once they can start a program on their host: run, put, get and sudo."""

from __future__ import annotations

import contextlib
import hashlib
import shlex
import socket
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager

from ffplay.errors import ChangeFailed, Unreachable
from ffplay.model import Host
from ffplay.remote.base import Become, Reply
from ffplay.remote.become import open_as
from ffplay.remote.shell import Loop, Shell, Stream

_UNLIMITED = 0.0
_ASIDE_SECONDS = 30.0
# One process on the host a frame: large enough to cost nothing, small enough to be held in memory.
_FRAME = 4 << 20

# `set -C` makes the file a new one, whatever somebody puts there meanwhile; each frame is preceded by its size, so
# that the end needs no end-of-file on the channel (which can kill an SSH connection that has other channels). What is
# written is digested on the way. A pipeline tells how its last program ended and no other one, so each of the others
# says itself that it came to its end.
_PUT = """\
umask 077
rm -f -- {path} || exit
set -C
exec 3>&1
ends=$({{
  {{ while read -r size && [ "$size" -gt 0 ]; do head -c "$size" || exit 1; done && echo sent >&5; }} |
  {{ tee /proc/self/fd/4 && echo written >&5; }} | sha256sum >&3
}} 5>&1 4> {path}) || exit 1
case $ends in sent*written) ;; *) exit 1;; esac
stat -c %s {path}
"""


class ShellConnection(ABC):
    """A connection that works through shells; implements `ffplay.remote.base.Connection`.

    `round_trips` counts the requests to its shells, and files sent and fetched; `tunnels` what was opened through it to
    servers beside them.
    """

    def __init__(self, host: Host, silence: float, user: str) -> None:
        self.host = host.name
        self.round_trips = 0
        self.tunnels = 0
        self._login = host.login
        self._silence = silence
        self._user = user
        self._shells: dict[str, Shell] = {}

    @abstractmethod
    def open(self, command: str) -> Stream:
        """Start a program on the host by a command line for the user's login shell. Raise `Unreachable`."""

    @abstractmethod
    def forward(self, address: str, port: int) -> AbstractContextManager[tuple[str, int]]:
        """Make `address:port`, as seen from the host, reachable from here; see `Connection.forward`."""

    @abstractmethod
    def dial(self, address: str, port: int, seconds: float) -> socket.socket:
        """Connect to `address:port` as seen from the host; see `Connection.dial`."""

    @abstractmethod
    def reachable(self, address: str, port: int) -> bool:
        """Tell whether something listens on `address:port` as seen from the host."""

    @property
    def dead(self) -> bool:
        """Return whether the connection was lost or closed."""
        return any(shell.broken for shell in self._shells.values())

    def require_shell(self) -> None:
        """Start the shell that scripts usually run in; sudo is asked when there is one to run.

        The first script finds out whether the host has a shell, for it is sent behind the start without waiting.
        """
        if self._target(None) == self._user:
            self._shell(None)

    def run(
        self,
        script: str,
        *,
        timeout: float | None = None,
        become: Become | None = None,
        on_output: Callable[[bytes], None] | None = None,
    ) -> Reply:
        """Run a script; see `Connection.run`."""
        shell = self._shell(become)
        self.round_trips += 1
        limit = self._login.command_timeout if timeout is None else max(timeout, 0.001)
        return shell.run(script, limit, on_output)

    def aside(self, script: str) -> Reply:
        """Run a short script in a shell of its own; see `Connection.aside`."""
        self.round_trips += 1
        with contextlib.closing(self._start(None)) as shell:
            return shell.run(script, _ASIDE_SECONDS)

    def put(self, path: str, chunks: Iterable[bytes], *, become: Become | None = None) -> str:
        """Write the chunks to a new file; see `Connection.put`."""
        self.round_trips += 1
        digest, size = hashlib.sha256(), 0

        def see(chunk: bytes) -> None:
            nonlocal size
            digest.update(chunk)
            size += len(chunk)

        script = _PUT.format(path=shlex.quote(path))
        with contextlib.closing(self._start(become)) as shell:
            request = shell.stream(script, _UNLIMITED, _frames(chunks, see))
            output, reply = _finish(request)
        if reply.code:
            raise ChangeFailed(
                self.host,
                f"{self.host}: cannot write {path}: {_last_line(reply)}",
                "Check the directory, its permissions and the free space (`df`).",
                reply.error_text,
            )
        found, _, there = output.decode("ascii", "replace").split()
        if (found, there) != (digest.hexdigest(), str(size)):
            raise ChangeFailed(
                self.host,
                f"{self.host}: {path} arrived damaged: SHA-256 {found}, {there} bytes instead of "
                f"{digest.hexdigest()}, {size} bytes",
                "Run it again; if it recurs, check the host's disk and whether something else writes that file.",
            )
        return found

    def get(self, path: str, *, become: Become | None = None) -> Iterator[bytes]:
        """Yield the bytes of a file; see `Connection.get`."""
        self.round_trips += 1
        with contextlib.closing(self._start(become)) as shell:
            reply = yield from shell.stream(f"cat < {shlex.quote(path)}", _UNLIMITED)
        if reply.code:
            raise ChangeFailed(
                self.host, f"{self.host}: cannot read {path}: {_last_line(reply)}", output=reply.error_text
            )

    def close(self) -> None:
        """End the connection; harmless when it has ended."""
        for shell in self._shells.values():
            shell.close()

    def _shell(self, become: Become | None) -> Shell:
        user = self._target(become)
        if user in self._shells and self._shells[user].spent:
            self._shells.pop(user).close()
        if user not in self._shells:
            self._shells[user] = self._start(become)
        return self._shells[user]

    def _target(self, become: Become | None) -> str:
        wanted = self._login.become_user if self._login.become else None
        if become is not None:
            wanted = become.user
        return wanted or self._user

    def _start(self, become: Become | None) -> Shell:
        """Open another shell. Raise `BecomeError` where it is another user's and sudo refuses."""
        for shell in self._shells.values():
            if shell.broken:
                raise Unreachable(self.host, shell.broken.message, shell.broken.advice)
        user = self._target(become)
        loop = Loop(self._silence)
        if user == self._user:
            return Shell(self.host, self.open(loop.command), loop, self._silence)
        login = self._login
        stream = open_as(self.host, self.open, user, login.become_password, loop.command, login.connect_timeout)
        return Shell(self.host, stream, loop, self._silence)


def _frames(chunks: Iterable[bytes], seen: Callable[[bytes], None]) -> Iterator[bytes]:
    """Yield each chunk preceded by its size on a line, and at the end a size of 0."""
    for chunk in chunks:
        seen(chunk)
        for start in range(0, len(chunk), _FRAME):
            piece = chunk[start : start + _FRAME]
            yield b"%d\n" % len(piece)
            yield piece
    yield b"0\n"


def _finish(request: Iterator[bytes]) -> tuple[bytes, Reply]:
    """Run a request to its end and return its whole output and its reply."""
    output: list[bytes] = []
    while True:
        try:
            output.append(next(request))
        except StopIteration as end:
            return b"".join(output), end.value


def _last_line(reply: Reply) -> str:
    lines = reply.error_text.strip().splitlines()
    return lines[-1] if lines else f"exit code {reply.code}"
