"""Reaching the hosts from several threads, and reading or changing many things of a host in one script."""

from __future__ import annotations

import concurrent.futures
import contextlib
import secrets
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from ffplay.engine.events import Event, Kind, Listener
from ffplay.engine.view import Key
from ffplay.errors import HostError, Interrupted, SiteError
from ffplay.model import Host
from ffplay.remote.base import Become, Connection, Reply
from ffplay.resources.base import DirectResource, Resource, ShellResource

# A batch of changes has inner deadlines of its own; this bounds what has none, in seconds.
BATCH_SECONDS = 24 * 3600

# So many things of a host are read over tunnels at the same time.
_DIRECT_AT_ONCE = 32


class Connections(Protocol):
    """Where connections come from: the pool."""

    def connection(self, host: str) -> Connection:
        """Return the connection to a host."""


class SharedConnection:
    """A connection that several threads may use: one at a time, but for its tunnels."""

    def __init__(self, connection: Connection, lock: threading.RLock) -> None:
        self._connection = connection
        self._lock = lock

    def run(
        self,
        script: str,
        *,
        timeout: float | None = None,
        become: Become | None = None,
        on_output: Callable[[bytes], None] | None = None,
    ) -> Reply:
        """Run a script once no other thread does."""
        with self._lock:
            return self._connection.run(script, timeout=timeout, become=become, on_output=on_output)

    def put(self, path: str, chunks: Iterable[bytes], *, become: Become | None = None) -> str:
        """Write a file."""
        with self._lock:
            return self._connection.put(path, chunks, become=become)

    def get(self, path: str, *, become: Become | None = None) -> Iterator[bytes]:
        """Read a file; the connection is held until its end."""
        with self._lock:
            yield from self._connection.get(path, become=become)

    def forward(self, address: str, port: int) -> AbstractContextManager[tuple[str, int]]:
        """Tunnel to an address as seen from the host."""
        return self._connection.forward(address, port)

    def reachable(self, address: str, port: int) -> bool:
        """Tell whether something listens there as seen from the host."""
        with self._lock:
            return self._connection.reachable(address, port)

    def close(self) -> None:
        """End the connection."""
        self._connection.close()


class SiteAccess:
    """The hosts by name, for resources; and the listener, for what their tools print."""

    def __init__(self, pool: Connections, listener: Listener) -> None:
        self._pool = pool
        self._listener = listener
        self._locks: dict[str, threading.RLock] = {}
        self._guard = threading.Lock()
        self._stop = threading.Event()

    def connection(self, host: str) -> Connection:
        """Return the connection to a host, safe to share. Raise `Unreachable`."""
        with self._guard:
            lock = self._locks.setdefault(host, threading.RLock())
        with lock:
            return SharedConnection(self._pool.connection(host), lock)

    def tell(self, host: str, text: str) -> None:
        """Pass on what a tool printed."""
        self._listener.event(Event(Kind.OUTPUT, host=host, text=text))

    def note(self, host: str, text: str) -> None:
        """Pass on what an operator should know."""
        self._listener.event(Event(Kind.OUTPUT, host=host, text=text, data={"note": True}))

    @property
    def stopping(self) -> bool:
        """Tell whether the operator stops the run."""
        return self._stop.is_set()

    def stop(self) -> None:
        """Have the run stop where it is well; a signal handler may call this."""
        self._stop.set()

    def pause(self, seconds: float) -> None:
        """Wait. Raise `Interrupted` as soon as the operator stops the run."""
        self._stop.wait(seconds)
        self.go_on()

    def go_on(self) -> None:
        """Raise `Interrupted` where the operator stops the run."""
        if self.stopping:
            raise Interrupted("stopped by the operator")


def run_framed(
    connection: Connection, scripts: Sequence[str], *, stop: bool, timeout: float | None = None, become: Become | None
) -> list[Reply]:
    """Run several scripts as one and return what each left; with `stop`, those after a failed one are not run.

    Both streams carry a marker of random digits after each script, so nothing that a script prints can be mistaken for
    one.
    """
    if not scripts:
        return []
    nonce = secrets.token_hex(16)
    lines = []
    for number, script in enumerate(scripts):
        end = f"printf '\\036{nonce} {number} %d\\n' $ffplay_rc"
        lines.append(f"(\n{script}\n) </dev/null; ffplay_rc=$?; {end}; {end} >&2")
        if stop:
            lines.append("[ $ffplay_rc -eq 0 ] || exit 0")
    reply = connection.run("\n".join(lines) + "\n", timeout=timeout, become=become)
    out, err = _split(reply.stdout, nonce), _split(reply.stderr, nonce)
    replies = [
        Reply(code, out[number][1], err.get(number, (code, b""))[1]) for number, (code, _) in sorted(out.items())
    ]
    if len(replies) < len(scripts) and not (stop and replies and replies[-1].code):
        replies.append(Reply(reply.code or 1, b"", reply.stderr.rpartition(nonce.encode())[2]))
    return replies


def _split(stream: bytes, nonce: str) -> dict[int, tuple[int, bytes]]:
    """Return (exit code, bytes) of each script in a stream."""
    found: dict[int, tuple[int, bytes]] = {}
    marker = b"\x1e" + nonce.encode() + b" "
    pieces = stream.split(marker)
    body = pieces[0]
    for piece in pieces[1:]:
        head, _, rest = piece.partition(b"\n")
        number, _, code = head.partition(b" ")
        found[int(number)] = (int(code), body)
        body = rest
    return found


def read_host(access: SiteAccess, host: Host, resources: Sequence[Resource]) -> dict[Key, Any]:
    """Read resources of one host, all shell ones in one script. Raise `HostError` for the first that cannot be read."""
    values: dict[Key, Any] = {}
    shell = [resource for resource in resources if isinstance(resource, ShellResource)]
    scripts = [resource.read_script() for resource in shell]
    replies = run_framed(access.connection(host.name), scripts, stop=False, become=None)
    for resource, reply in zip(shell, replies, strict=False):
        values[host.name, resource] = resource.parsed(host.name, reply)
    if len(values) < len(shell):
        raise SiteError(host.name, "the host's shell gave up while it was read", "", replies[-1].error_text)
    direct = [resource for resource in resources if isinstance(resource, DirectResource)]
    with concurrent.futures.ThreadPoolExecutor(max(1, min(_DIRECT_AT_ONCE, len(direct)))) as pool:
        # At the same time: one that does not answer takes its deadline, and many of them no more than that.
        for one, value in zip(direct, pool.map(lambda each: each.read(access, host), direct), strict=True):
            values[host.name, one] = value
    return values


@contextlib.contextmanager
def collected(errors: list[HostError]) -> Iterator[None]:
    """Put a host's error into a list and go on, so that all hosts' errors are told at once."""
    try:
        yield
    except HostError as error:
        errors.append(error)
