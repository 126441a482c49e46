"""Hosts that are reached over SSH.

This module and its parts `sshdial` and `sshauth` are the only ones that import paramiko. Whatever it and the socket
layer raise becomes one of our errors here, so nothing above knows them.
"""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, cast

from ffplay.errors import Unreachable
from ffplay.model import Host
from ffplay.remote.connection import ShellConnection
from ffplay.remote.shell import Stream
from ffplay.remote.sshconfig import resolve
from ffplay.remote.sshdial import FAILURES, Chain, is_reachable, open_tunnel, translated
from ffplay.remote.tunnel import listening

if TYPE_CHECKING:
    import paramiko

_READ_SIZE = 1 << 20


class ChannelStream:
    """A program on the host, over a session channel of its own."""

    def __init__(self, channel: paramiko.Channel) -> None:
        self._channel = channel
        self._poller = select.poll()
        self._poller.register(channel.fileno(), select.POLLIN)

    def write(self, data: bytes, seconds: float) -> int:
        """Send what can be sent within the time and return how many bytes that was."""
        self._channel.settimeout(seconds)
        try:
            sent = self._channel.send(data)
        except TimeoutError:
            return 0
        except FAILURES as error:
            raise EOFError(str(error)) from error
        if not sent:
            raise EOFError("the channel is closed")
        return sent

    def read(self, seconds: float) -> tuple[bytes, bytes]:
        """Return what came on standard output and error; both are empty when nothing came within the time."""
        channel = self._channel
        self._poller.poll(seconds * 1000)
        # Asked first: what came before the end is in the buffers by then.
        ended = channel.closed or channel.eof_received
        try:
            out = channel.recv(_READ_SIZE) if channel.recv_ready() else b""
            err = channel.recv_stderr(_READ_SIZE) if channel.recv_stderr_ready() else b""
        except FAILURES as error:
            raise EOFError(str(error)) from error
        if ended and not out and not err:
            raise EOFError
        return out, err

    def close(self) -> None:
        """Close the channel, unless the connection is gone: then nobody would take the farewell."""
        with contextlib.suppress(*FAILURES):
            self._channel.close()


class DialledChannel:
    """A channel to a server, in the part of a socket that clients use.

    It is closed under the connection's lock: two closings at once can kill the SSH connection.
    """

    def __init__(self, channel: paramiko.Channel, lock: threading.Lock) -> None:
        self._channel = channel
        self._lock = lock
        self.recv = channel.recv
        self.makefile = channel.makefile
        self.settimeout = channel.settimeout

    def sendall(self, data: bytes) -> None:
        """Send everything. Raise OSError, also where paramiko has an error of its own for a connection that went."""
        try:
            self._channel.sendall(data)
        except FAILURES as error:
            raise OSError(str(error) or "the connection was lost") from error

    def close(self) -> None:
        """End it."""
        with self._lock, contextlib.suppress(*FAILURES):
            self._channel.close()


class SshConnection(ShellConnection):
    """One SSH connection, jump hosts included."""

    def __init__(self, host: Host, silence: float) -> None:
        settings = resolve(host.login)
        super().__init__(host, silence, settings.user)
        self._lock = threading.Lock()
        self._chain = Chain(host, silence)
        self._where = f"{settings.address}:{settings.port}"
        try:
            self._transport = self._chain.connect(settings, host.login.password)
            self.require_shell()
        except BaseException:
            self._chain.close()
            raise

    @property
    def dead(self) -> bool:
        """Return whether the connection was lost or closed."""
        return super().dead or not self._transport.is_active()

    def open(self, command: str) -> Stream:
        """Start a program on the host."""
        with self._lock, translated(self.host, self._where, "starting a program"):
            channel = self._transport.open_session(timeout=self._login.connect_timeout)
            channel.exec_command(command)
        return ChannelStream(channel)

    def forward(self, address: str, port: int) -> AbstractContextManager[tuple[str, int]]:
        """Listen on a local port and tunnel its connections; see `Connection.forward`."""
        if not self._transport.is_active():
            raise Unreachable(self.host, f"{self.host}: the connection is lost; no tunnel to {address}:{port}")
        self.tunnels += 1
        return listening(lambda: self._tunnel(address, port), self._lock)

    def dial(self, address: str, port: int, seconds: float) -> socket.socket:
        """Connect to `address:port` as seen from the host; see `Connection.dial`."""
        self.tunnels += 1
        channel = self._tunnel(address, port)
        channel.settimeout(seconds)
        return cast("socket.socket", DialledChannel(channel, self._lock))

    def reachable(self, address: str, port: int) -> bool:
        """Tell whether something listens on `address:port` as seen from the host."""
        with self._lock, translated(self.host, self._where, f"looking for {address}:{port} from there"):
            self.tunnels += 1
            return is_reachable(self._transport, address, port, self._login.connect_timeout)

    def close(self) -> None:
        """End the connection; harmless when it has ended."""
        if not self.dead:
            super().close()
        self._chain.close()

    def _tunnel(self, address: str, port: int) -> paramiko.Channel:
        try:
            return open_tunnel(self._transport, address, port, self._login.connect_timeout)
        except FAILURES as error:
            raise OSError(str(error)) from error
