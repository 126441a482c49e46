"""What the rest of ffplay may ask of a host, whichever way the host is reached."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import socket


@dataclass(frozen=True, slots=True)
class Reply:
    """What a script left: exit code (`-N` for death by signal N is not used; 124 is a timeout), and its two streams."""

    code: int
    stdout: bytes
    stderr: bytes

    @property
    def text(self) -> str:
        """Return standard output as text, undecodable bytes replaced."""
        return self.stdout.decode("utf-8", "replace")

    @property
    def error_text(self) -> str:
        """Return standard error as text, undecodable bytes replaced."""
        return self.stderr.decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class Become:
    """As whom a script runs: `user` None is the user who logged in."""

    user: str | None


class Connection(Protocol):
    """One connection to one host. Not thread-safe but for `forward`: one thread owns it."""

    def run(
        self,
        script: str,
        *,
        timeout: float | None = None,
        become: Become | None = None,
        on_output: Callable[[bytes], None] | None = None,
    ) -> Reply:
        """Run a POSIX sh script (standard input is empty) and return what it left.

        `timeout` in seconds is kept on the host too (the script is killed there; code 124); None takes the host's
        `command_timeout`. `become` None takes the host's own setting. `on_output` gets standard output as it comes.
        Raise `Unreachable` when the peer is lost, `BecomeError` when sudo refuses.
        """

    def aside(self, script: str) -> Reply:
        """Run a short script in a shell of its own, beside whatever is under way; any thread may."""

    def put(self, path: str, chunks: Iterable[bytes], *, become: Become | None = None) -> str:
        """Write the chunks to a new file at `path` (mode 0600) and return the SHA-256 that the host computes of it."""

    def get(self, path: str, *, become: Become | None = None) -> Iterator[bytes]:
        """Yield the bytes of a file. Raise `ChangeFailed` where it cannot be read."""

    def forward(self, address: str, port: int) -> AbstractContextManager[tuple[str, int]]:
        """Listen on a local port and tunnel each connection to `address:port` as seen from the host.

        The context's value is the local (address, port); any number of threads may connect to it at once.
        """

    def dial(self, address: str, port: int, seconds: float) -> socket.socket:
        """Return a connection for reading from `address:port` as seen from the host; `seconds` bound each wait for it.

        Raise OSError where nothing takes it. It is safe to dial on several threads at once.
        """

    def reachable(self, address: str, port: int) -> bool:
        """Tell whether something listens on `address:port` as seen from the host. Raise `Unreachable` for the host."""

    def close(self) -> None:
        """End the connection; harmless when it has ended."""


class Access(Protocol):
    """Reaches every host of the play by name; each connection is made once and kept."""

    def connection(self, host: str) -> Connection:
        """Return the connection to a host. Raise `Unreachable`."""

    def tell(self, host: str, text: str) -> None:
        """Pass on what a tool printed on a host, or what is waited for, to whoever watches the run."""

    @property
    def stopping(self) -> bool:
        """Tell whether the operator stops the run: nothing new begins, and nothing long is waited for."""

    def pause(self, seconds: float) -> None:
        """Wait between two tries. Raise `Interrupted` as soon as the operator stops the run."""
