"""Making an SSH connection: the way there over jump hosts, the server's key, the login, and what can go wrong."""

from __future__ import annotations

import contextlib
import logging
import random
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from ffplay.errors import HostError, Unreachable
from ffplay.model import Host
from ffplay.remote.hostkeys import KnownHosts
from ffplay.remote.sshconfig import Settings, resolve_hop

if "invoke" not in sys.modules:
    # Paramiko takes in invoke where it is installed, for `Match exec` alone, and that is 40 ms of every start.
    sys.modules["invoke"] = None  # type: ignore[assignment]
    import paramiko

    del sys.modules["invoke"]
else:
    import paramiko

from paramiko.ssh_exception import IncompatiblePeer

from ffplay.remote.sshauth import authenticate  # imports paramiko, and so comes after the lines above

# All that paramiko and sockets raise for a connection that does not work.
FAILURES = (OSError, EOFError, paramiko.SSHException)

_CONNECT_FAILED = 2  # SSH_OPEN_CONNECT_FAILED, RFC 4254 section 5.1
_CIPHER = "aes128-gcm@openssh.com"
_HOPS = 8
_WINDOW = 1 << 22
# sshd's MaxStartups drops connections at random while many log in; it is worth another try.
_RETRIES = (0.2, 0.5, 1.0, 2.0)

# Without a handler, logging prints paramiko's tracebacks on standard error; all they say is in our errors.
logging.getLogger("paramiko").addHandler(logging.NullHandler())


class _Dropped(Exception):
    """The server closed the connection before it said what it is."""


class Chain:
    """The transports to a host, one for each hop."""

    def __init__(self, host: Host, silence: float) -> None:
        self._host = host.name
        self._silence = silence
        self._timeout = host.login.connect_timeout
        self._transports: list[paramiko.Transport] = []

    def close(self) -> None:
        """Close all, the farthest first."""
        while self._transports:
            with contextlib.suppress(*FAILURES):
                self._transports.pop().close()

    def connect(self, settings: Settings, password: str | None, depth: int = 0) -> paramiko.Transport:
        """Return a transport that is verified and logged in. Raise `Unreachable`."""
        where = f"{settings.address}:{settings.port}"
        if depth > _HOPS:
            raise Unreachable(self._host, f"{self._host}: more than {_HOPS} jump hosts before {where}", "Is it a loop?")
        for pause in (*_RETRIES, None):
            with translated(self._host, where, "connecting"):
                try:
                    return self._attempt(settings, password, depth)
                except _Dropped as error:
                    if pause is None:
                        raise EOFError(f"the server hung up before it said what it is: {error}") from error
            # The pause differs from host to host, or all of them would come back at once.
            time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311
        raise AssertionError

    def _attempt(self, settings: Settings, password: str | None, depth: int) -> paramiko.Transport:
        transport = paramiko.Transport(self._way(settings, depth), default_window_size=_WINDOW)
        self._transports.append(transport)
        transport.banner_timeout, transport.auth_timeout = self._timeout + 1, self._timeout
        known = KnownHosts(self._host, settings)
        _prefer(transport, known.kinds)
        started = time.monotonic()
        try:
            transport.start_client(timeout=self._timeout)
            # Says that there is no session where the time was up first.
            key = transport.get_remote_server_key()
        except FAILURES as error:
            self._transports.remove(transport)
            transport.close()
            if time.monotonic() - started >= self._timeout:
                raise TimeoutError from error
            if not transport.remote_version:
                raise _Dropped(str(error)) from error
            raise
        known.check(key.get_name(), key.asbytes())
        authenticate(self._host, transport, settings, password)
        return transport

    def _way(self, settings: Settings, depth: int) -> Any:
        """Return something like a socket that leads to the server."""
        if settings.proxy_command:
            return paramiko.ProxyCommand(settings.proxy_command)
        if not settings.jumps:
            return self._dial(settings)
        hop = resolve_hop(settings.jumps[-1], settings.config)
        if len(settings.jumps) > 1:
            hop = replace(hop, jumps=settings.jumps[:-1], proxy_command=None)
        if (hop.address, hop.port) == (settings.address, settings.port):
            # `Host *` with a ProxyJump names the jump host as its own way.
            return self._dial(settings)
        return open_tunnel(self.connect(hop, None, depth + 1), settings.address, settings.port, self._timeout)

    def _dial(self, settings: Settings) -> socket.socket:
        sock = socket.create_connection((settings.address, settings.port), self._timeout)
        # Without this each request waits some 50 ms for the acknowledgement of the one before.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            # Lets a blocked send fail; a thread that waits in it could not look at the clock.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(self._silence * 1000))
        return sock


def open_tunnel(transport: paramiko.Transport, address: str, port: int, seconds: float) -> paramiko.Channel:
    """Return a channel that the host connects to `address:port`; the caller takes care of threads and of errors."""
    return transport.open_channel("direct-tcpip", (address, port), ("127.0.0.1", 0), timeout=seconds)


def is_reachable(transport: paramiko.Transport, address: str, port: int, seconds: float) -> bool:
    """Tell whether the host can connect to `address:port`. A server that forbids tunnels raises."""
    try:
        open_tunnel(transport, address, port, seconds).close()
    except paramiko.ChannelException as error:
        if error.code == _CONNECT_FAILED:
            return False
        raise
    except paramiko.SSHException:
        # No word in time: what is sent there is dropped on the way. A connection that died is the host's own trouble.
        if not transport.is_active():
            raise
        return False
    return True


def _prefer(transport: paramiko.Transport, kinds: tuple[str, ...]) -> None:
    """Ask the server for a type of key that known_hosts has, or it shows another one that nobody can check."""
    options = transport.get_security_options()
    usual = tuple(options.key_types)
    wanted = [name for kind in kinds for name in usual if name == kind or (kind == "ssh-rsa" and "rsa" in name)]
    options.key_types = (*wanted, *(name for name in usual if name not in wanted))
    # Of what is usual the fastest by far; a server that lacks it takes the next.
    options.ciphers = (_CIPHER, *(name for name in options.ciphers if name != _CIPHER))


@contextlib.contextmanager
def translated(host: str, where: str, doing: str) -> Iterator[None]:
    """Turn every error of the network and of paramiko into `Unreachable`; `doing` is what is under way."""
    try:
        yield
    except (HostError, _Dropped):
        raise
    except FAILURES as error:
        what, advice = _explain(error)
        raise Unreachable(host, f"{host} ({where}): {what} while {doing}", advice) from error


def _explain(error: Exception) -> tuple[str, str]:
    """Return what happened and what to do about it."""
    known: list[tuple[type[Exception], str, str]] = [
        (socket.gaierror, "the name cannot be resolved", "Check `ansible_host`, or the name in DNS or /etc/hosts."),
        (ConnectionRefusedError, "connection refused", "Check `ansible_port`, and that sshd runs there."),
        (TimeoutError, "no answer in time", "Check the address, the route and firewalls; or raise `ansible_timeout`."),
        (
            ConnectionResetError,
            "the connection was reset",
            "Check sshd's log on the host, MaxStartups and firewalls; fewer `forks` may help.",
        ),
        (
            paramiko.ChannelException,
            f"the host refuses a channel ({error})",
            "Check sshd's MaxSessions and AllowTcpForwarding.",
        ),
        (
            IncompatiblePeer,
            f"no algorithm in common ({error})",
            "Its SSH server is too old or too strict for us.",
        ),
        (paramiko.ProxyCommandFailure, f"the ProxyCommand failed ({error})", "Try that command by hand."),
        (EOFError, f"the connection was closed{_because(error)}", "Check sshd's log on the host, and its MaxStartups."),
    ]
    for kind, what, advice in known:
        if isinstance(error, kind):
            return what, advice
    return f"failed{_because(error)}", "Try `ssh -v` to the same address."


def _because(error: Exception) -> str:
    text = str(error)
    return f" ({text})" if text else ""
