"""Reaching the hosts from several threads, and reading or changing many things of a host in one script."""

from __future__ import annotations

import concurrent.futures
import contextlib
import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from ffplay.engine.events import Event, Kind, Listener
from ffplay.engine.framed import run_framed
from ffplay.engine.view import Key
from ffplay.errors import HostError, Interrupted, SiteError
from ffplay.model import Host
from ffplay.remote.base import Become, Connection, Reply
from ffplay.resources.base import DirectResource, Resource, Scripted

# A batch of changes has inner deadlines of its own; this bounds what has none, in seconds.
BATCH_SECONDS = 24 * 3600

# So many things of a host are read over tunnels at the same time.
_DIRECT_AT_ONCE = 32


class Connections(Protocol):
    """Where connections come from: the pool."""

    def connection(self, host: str) -> Connection:
        """Return the connection to a host; threads may ask at once."""


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

    def aside(self, script: str) -> Reply:
        """Run a short script beside whatever is under way."""
        return self._connection.aside(script)

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

    def dial(self, address: str, port: int, seconds: float) -> socket.socket:
        """Connect to an address as seen from the host."""
        return self._connection.dial(address, port, seconds)

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
        self._at_work: dict[str, Callable[[], None]] = {}

    def connection(self, host: str) -> Connection:
        """Return the connection to a host, safe to share, also while it is at work. Raise `Unreachable`."""
        with self._guard:
            lock = self._locks.setdefault(host, threading.RLock())
        # Not behind that lock: who stops a host must not wait for the script that is to be stopped.
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

    @contextlib.contextmanager
    def under_way(self, host: str, stop: Callable[[], None]) -> Iterator[None]:
        """Have `stop` called where the operator stops the run while the host is at work on several changes."""
        self._at_work[host] = stop
        try:
            yield
        finally:
            del self._at_work[host]

    def stop_hosts(self) -> None:
        """Have the hosts that are at work begin no further change."""
        for stop in list(self._at_work.values()):
            with contextlib.suppress(HostError):
                stop()

    def pause(self, seconds: float) -> None:
        """Wait. Raise `Interrupted` as soon as the operator stops the run."""
        self._stop.wait(seconds)
        self.go_on()

    def go_on(self) -> None:
        """Raise `Interrupted` where the operator stops the run."""
        if self.stopping:
            raise Interrupted("stopped by the operator")


def read_host(
    access: SiteAccess, host: Host, resources: Sequence[Resource], optional: Sequence[Resource] = ()
) -> dict[Key, Any]:
    """Read resources of one host, all shell ones in one script. Raise `HostError` for the first that cannot be read.

    What of `optional` cannot be read is left out: whoever asks for it later is told.
    """
    direct = [one for one in resources if isinstance(one, DirectResource) and not isinstance(one, Scripted)]
    asked = [one for one in resources if isinstance(one, Scripted)]
    asked += [one for resource in direct for one in resource.beside]
    told: concurrent.futures.Future[dict[Resource, Any]] = concurrent.futures.Future()

    def read(one: DirectResource) -> Any:
        return one.read_beside(access, host, lambda: tuple(told.result()[each] for each in one.beside))

    with concurrent.futures.ThreadPoolExecutor(max(1, min(_DIRECT_AT_ONCE, len(direct)))) as pool:
        # At the same time: one that does not answer takes its deadline, and many of them no more than that.
        reading = [pool.submit(read, one) for one in direct]
        try:
            told.set_result(_scripted(access, host, asked, optional))
        except BaseException as error:
            told.set_exception(error)
            raise
        found = [one.result() for one in reading]
    shell = told.result()
    values = {(host.name, one): shell[one] for one in resources if one in shell}
    behind = _scripted(access, host, [each for one in direct for each in one.behind], ())
    for one, value in zip(direct, found, strict=True):
        values[host.name, one] = one.read_behind(value, tuple(behind[each] for each in one.behind))
    return values


def _scripted(
    access: SiteAccess, host: Host, resources: Sequence[Scripted], optional: Sequence[Resource]
) -> dict[Resource, Any]:
    """Read what is read over the shell, in one script."""
    found: dict[Resource, Any] = {}
    for reading, members, reply in read_together(access, host, resources):
        with contextlib.suppress(*((SiteError,) if all(one in optional for one in members) else ())):
            found.update(values_of(host.name, reading, members, reply, optional))
    return found


def read_together(
    access: SiteAccess, host: Host, resources: Sequence[Scripted]
) -> list[tuple[Scripted, tuple[Scripted, ...], Reply]]:
    """Read over the shell, in one script; return each reading, the resources that it tells, and the reply to it."""
    readings = readings_of(resources)
    replies = run_framed(access.connection(host.name), [one.read_script() for one, _ in readings], stop=False)
    if len(replies) < len(readings):
        raise SiteError(host.name, "the host's shell gave up while it was read", "", replies[-1].error_text)
    return [(*reading, reply) for reading, reply in zip(readings, replies, strict=True)]


def readings_of(resources: Sequence[Scripted]) -> list[tuple[Scripted, tuple[Scripted, ...]]]:
    """Return what is to be read, each reading with the resources that it tells: many of a kind may share one.

    What is asked for twice is read once.
    """
    members: dict[Any, list[Scripted]] = {}
    for one in dict.fromkeys(resources):
        members.setdefault(one if one.group is None else one.group, []).append(one)
    return [
        (some[0] if some[0].group is None or len(some) == 1 else some[0].group(tuple(some)), tuple(some))
        for some in members.values()
    ]


def values_of(
    host: str, reading: Scripted, members: Sequence[Scripted], reply: Reply, optional: Sequence[Resource] = ()
) -> dict[Resource, Any]:
    """Return the values that a reading tells. Raise `SiteError` for the first of those that are not optional."""
    found: dict[Resource, Any] = {}
    for one, value in told_by(host, reading, members, reply):
        if not isinstance(value, SiteError):
            found[one] = value
        elif one not in optional:
            raise value
    return found


def told_by(
    host: str, reading: Scripted, members: Sequence[Scripted], reply: Reply
) -> Iterator[tuple[Scripted, Any | SiteError]]:
    """Yield each resource that a reading tells, with its value or why there is none. Raise `SiteError` for all."""
    value = reading.parsed(host, reply)
    if reading is members[0]:
        yield reading, value
        return
    for one, each in zip(members, value, strict=True):
        wrong = isinstance(each, ValueError)
        yield one, SiteError(host, f"cannot read {one.label}: {each}") if wrong else each


@contextlib.contextmanager
def collected(errors: list[HostError]) -> Iterator[None]:
    """Put a host's error into a list and go on, so that all hosts' errors are told at once."""
    try:
        yield
    except HostError as error:
        errors.append(error)
