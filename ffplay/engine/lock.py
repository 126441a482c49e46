"""One operator at a time: a lock on every host, and each change looks first whether it is still this run's."""

from __future__ import annotations

import concurrent.futures
import contextlib
import getpass
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from ffplay.engine.access import SiteAccess, collected, read_host, readings_of, values_of
from ffplay.engine.fenced import FencedAccess
from ffplay.engine.framed import run_framed
from ffplay.engine.processes import dead, identity
from ffplay.engine.view import Key
from ffplay.errors import HostError, Interrupted, Locked, SiteError
from ffplay.load import Loaded
from ffplay.model import Host
from ffplay.remote.base import Reply
from ffplay.resources.base import Scripted
from ffplay.resources.lock import HELD, Held, Holder, SiteLock

# A lock that goes while it is looked at is tried again so often.
_TRIES = 5

_BREAK_IT = "if that run is surely dead: ff-play unlock PLAYBOOK -i FILE"


def this_process(run: str, playbook: str) -> Holder:
    """Return this process as a holder, with a token of its own."""
    try:
        user = os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):
        user = f"uid {os.getuid()}"
    since = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
    token, process = secrets.token_hex(16), str(identity(os.getpid()) or "")
    return Holder(user, socket.gethostname(), os.getpid(), since, run, playbook, token, process)


def state_dirs(loaded: Loaded) -> dict[str, str]:
    """Return each host's state_dir."""
    return {host.name: loaded.variables.state_dir(host) for host in loaded.site.hosts}


def locks_of(loaded: Loaded) -> dict[str, SiteLock]:
    """Return each host's lock."""
    return {name: SiteLock(directory) for name, directory in state_dirs(loaded).items()}


def describe(held: Held) -> str:
    """Return who holds a lock, in words."""
    holder = held.holder
    gone = "; its process is gone from this machine" if dead(holder) else ""
    return (
        f"run {holder.run}: {holder.user} on {holder.machine} (pid {holder.pid}) applies {holder.playbook} since "
        f"{holder.since}; last sign of life {held.silent} s ago{gone}"
    )


class Locks:
    """Reads and breaks locks of others. `resources` has the lock of every host of the site by the host's name."""

    def __init__(self, access: SiteAccess, hosts: Iterable[Host], resources: Mapping[str, SiteLock]) -> None:
        self._access = access
        self._hosts = {host.name: host for host in hosts}
        self._resources = resources

    def read(self, names: Iterable[str]) -> tuple[dict[str, Held], list[HostError]]:
        """Return which of the hosts are locked by whom, and the errors of those that cannot be asked."""
        found: dict[str, Held] = {}

        def read(name: str) -> None:
            lock = self._resources[name]
            held = read_host(self._access, self._hosts[name], [lock])[name, lock]
            if held is not None:
                found[name] = held

        errors = _each(names, read)
        return {name: found[name] for name in sorted(found)}, errors

    def release(self, holders: Mapping[str, Holder]) -> tuple[list[str], list[HostError]]:
        """Remove locks that are still the holders'; return from which hosts, and the errors of the others."""
        released: list[str] = []

        def release(name: str) -> None:
            reply = self._access.connection(name).run(self._resources[name].bring_script(holders[name], None))
            if reply.code:
                label = self._resources[name].label
                raise SiteError(name, f"cannot remove the lock {label}", _BREAK_IT, reply.error_text)
            if "released" in reply.text:
                released.append(name)

        errors = _each(holders, release)
        return sorted(released), errors


class Lock:
    """One run's hold on the site. Raises `Locked` where somebody else has it."""

    def __init__(
        self, access: SiteAccess, hosts: Iterable[Host], resources: Mapping[str, SiteLock], holder: Holder
    ) -> None:
        self._access = access
        self._locks = Locks(access, hosts, resources)
        self._resources = resources
        self._holder = holder
        self._held: dict[str, Holder] = {}
        self._guard = threading.Lock()

    @contextlib.contextmanager
    def over(
        self,
        hosts: Iterable[str],
        not_released: Callable[[HostError], None],
        asked: Mapping[str, Sequence[Scripted]] = MappingProxyType({}),
    ) -> Iterator[Mapping[Key, Any]]:
        """Hold the lock, and give it back at the end whether that is a good one or not.

        The first by name is taken before all others, so that of two who want the same hosts one always gets them all.
        What is `asked` of each host is read in the same script, and is the context's value. An operator who stops
        waiting at once (KeyboardInterrupt) leaves the lock: nobody knows then what still runs on the hosts.
        """
        names = sorted(set(hosts))
        values: dict[Key, Any] = {}
        try:
            for some in (names[:1], names[1:]):
                errors = _each(some, lambda name: values.update(self._take(name, names, asked.get(name, ()))))
                if errors:
                    raise min(errors, key=lambda error: error.host)
            yield values
        except KeyboardInterrupt:
            raise
        except BaseException:
            self._release(not_released)
            raise
        self._release(not_released)

    def access(self) -> FencedAccess:
        """Return the hosts for those who change them."""
        return FencedAccess(self._access, self)

    def fence(self, host: str) -> str:
        """Return what a script on a host that changes something begins with. A host that comes late is locked now."""
        with self._guard:
            if host not in self._held:
                self._take(host, [host], ())
        return self._resources[host].fence(self._holder)

    def fence_again(self, host: str) -> str:
        """Return what each further change of a script begins with."""
        return self._resources[host].fence_again(self._holder)

    def stop(self, host: str) -> None:
        """Have a script of this run that is at work on a host begin no further change. Raise `HostError`."""
        self._access.connection(host).aside(self._resources[host].stop_script(self._holder))

    def judge(self, host: str, reply: Reply) -> Reply:
        """Return the reply of a fenced script. Raise `Locked` where the fence ended it, `Interrupted` where we did."""
        if self._resources[host].stopped(self._holder, reply):
            raise Interrupted("stopped by the operator")
        busy = self._resources[host].busy(self._holder, reply)
        if busy:
            raise Locked(
                host,
                f"a script of an earlier run is still at work there (pid {busy}); nothing was done beside it",
                f"wait for its end (`ps -p {busy}` on that host shows it), then apply again",
            )
        if not self._resources[host].fenced(self._holder, reply):
            return reply
        held = self._locks.read([host])[0].get(host)
        what = f"was taken over by {describe(held)}" if held else "was broken, and is free now"
        raise Locked(
            host,
            f"this run's lock {what}; this run changes nothing any more",
            "see what the other run does, and plan again when it is over",
        )

    def _take(self, host: str, hosts: list[str], asked: Sequence[Scripted]) -> dict[Key, Any]:
        readings = readings_of(asked)
        scripts = [self._resources[host].bring_script(None, self._holder), *(one.read_script() for one, _ in readings)]
        stops = [True, *(False for _ in readings)]
        label = self._resources[host].label
        # Noted before: the answer may be lost after the lock was taken.
        self._held[host] = self._holder
        for _ in range(_TRIES):
            reply, *read = run_framed(self._access.connection(host), scripts, stop=stops)
            if reply.code == 0:
                return _values(host, readings, read)
            if reply.code != HELD:
                raise SiteError(host, f"cannot make {label}", "see state_dir in the inventory", reply.error_text)
            found, errors = self._locks.read([host])
            if errors:
                raise errors[0]
            if host in found and found[host].holder.token == self._holder.token:
                # The same machine under two names.
                return {}
            if host in found and not dead(found[host].holder):
                raise self._locked(host, found[host], hosts)
            if host in found:
                self._take_over(host, found[host])
        raise SiteError(host, f"cannot take {label}: others take it and give it back all the time")

    def _take_over(self, host: str, held: Held) -> None:
        """Remove the lock of a run whose process is gone from this very machine: nobody can be disturbed by that."""
        released, errors = self._locks.release({host: held.holder})
        if errors:
            raise errors[0]
        if released:
            self._access.note(host, f"took over the lock of run {held.holder.run}, whose process is gone")

    def _locked(self, host: str, held: Held, hosts: list[str]) -> Locked:
        """Return the error; a run that works on another host shows its life there."""
        found, _ = self._locks.read(hosts)
        silent = min([each.silent for each in found.values() if each.holder == held.holder] or [held.silent])
        said = f"the site is locked by {describe(Held(held.holder, silent))}"
        return Locked(host, said, f"wait until that run is over, then plan again\n{_BREAK_IT}")

    def ending(self, host: str) -> tuple[str, Callable[[Reply], None]]:
        """Return sh that gives the lock on a host back, and who is to be told what came of it."""
        script = self._resources[host].bring_script(self._held[host], None)

        def ended(reply: Reply) -> None:
            if not reply.code:
                del self._held[host]

        return script, ended

    def _release(self, not_released: Callable[[HostError], None]) -> None:
        for error in self._locks.release(self._held)[1]:
            not_released(error)


def _values(
    host: str, readings: Sequence[tuple[Scripted, tuple[Scripted, ...]]], replies: Sequence[Reply]
) -> dict[Key, Any]:
    """Return what was read behind the lock; what makes no sense is left for who asks for it again, and is told why."""
    found: dict[Key, Any] = {}
    for (reading, members), reply in zip(readings, replies, strict=False):
        with contextlib.suppress(SiteError):
            told = values_of(host, reading, members, reply, optional=members)
            found.update({(host, one): value for one, value in told.items()})
    return found


def _each(names: Iterable[str], work: Callable[[str], None]) -> list[HostError]:
    """Do it for all hosts at once and return their errors."""
    wanted = sorted(set(names))
    errors: list[HostError] = []

    def guarded(name: str) -> None:
        with collected(errors):
            work(name)

    if wanted:
        with concurrent.futures.ThreadPoolExecutor(min(50, len(wanted))) as pool:
            list(pool.map(guarded, wanted))
    return errors
