"""Logging in to an SSH server: keys, agent, password."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from pathlib import Path

import paramiko
from paramiko.pkey import PublicBlob

from ffplay.errors import AuthError
from ffplay.remote.sshconfig import Settings

_KEY_CLASSES = (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey)


class _Unusable(Exception):
    """A key file cannot be used; the text says which, why and what to do."""


def authenticate(host: str, transport: paramiko.Transport, settings: Settings, password: str | None) -> None:
    """Log in or raise `AuthError`: the keys that were named (the agent's and the default ones else), then the password.

    Paramiko's errors about the connection itself are left to the caller.
    """
    attempt = _Attempt(host, transport, settings, password)
    attempt.run()


class _Attempt:
    """One login: what was tried and what came of it."""

    def __init__(self, host: str, transport: paramiko.Transport, settings: Settings, password: str | None) -> None:
        self._host = host
        self._transport = transport
        self._settings = settings
        self._password = password
        self._tried: list[str] = []
        self._unusable: list[str] = []
        self._allowed: list[str] = []

    def run(self) -> None:
        """Try one way after another."""
        # A password that is given means more than keys that happen to be here, a key that is named more than both.
        ways = [self._with_keys, self._with_password]
        if self._password is not None and not self._settings.keys_named:
            ways.reverse()
        for way in ways:
            if way():
                return
            if not self._transport.is_active():
                raise self._refused("the server hung up after too many attempts")
        raise self._refused("the server accepts nothing that we have")

    def _with_keys(self) -> bool:
        for label, key in self._keys():
            self._tried.append(label)
            if self._offer(key):
                return True
            if not self._transport.is_active():
                break
        return False

    def _with_password(self) -> bool:
        return self._password is not None and self._try_password(self._password)

    def _offer(self, key: paramiko.PKey) -> bool:
        try:
            more = self._transport.auth_publickey(self._settings.user, key)
        except paramiko.BadAuthenticationType as error:
            self._allowed = list(error.allowed_types)
            return False
        except (paramiko.AuthenticationException, EOFError):
            return False
        # A server that wants a key and a password says so after the key.
        return not more or self._with_password()

    def _try_password(self, password: str) -> bool:
        self._tried.append("password")
        try:
            # Falls back to keyboard-interactive where the server has only that.
            self._transport.auth_password(self._settings.user, password)
        except paramiko.BadAuthenticationType as error:
            self._allowed = list(error.allowed_types)
        except (paramiko.AuthenticationException, EOFError):
            pass
        return self._transport.is_authenticated()

    def _keys(self) -> Iterator[tuple[str, paramiko.PKey]]:
        agent = _agent_keys()
        if not self._settings.keys_named:
            yield from (("agent", key) for key in agent.values())
        for path in self._settings.key_files:
            if not self._settings.keys_named and not Path(path).exists():
                continue
            try:
                yield path, _load(path, agent)
            except _Unusable as error:
                self._unusable.append(str(error))

    def _refused(self, reason: str) -> AuthError:
        settings = self._settings
        tried = f" (tried: {', '.join(self._tried)})" if self._tried else " (there was nothing to try)"
        unusable = "".join(f"; {text}" for text in self._unusable)
        allowed = f" The server allows: {', '.join(self._allowed)}." if self._allowed else ""
        return AuthError(
            self._host,
            f"{self._host}: cannot log in as {settings.user} at {settings.address}:{settings.port}: {reason}"
            f"{tried}{unusable}",
            f"Check `ansible_user`, and that the public key is in that user's authorized_keys; name the key by "
            f"`ansible_ssh_private_key_file`, or give `ansible_password`.{allowed}",
        )


def _agent_keys() -> dict[bytes, paramiko.PKey]:
    """Return the agent's keys by their public blobs; no agent has none."""
    with contextlib.suppress(paramiko.SSHException, OSError):
        return {key.asbytes(): key for key in paramiko.Agent().get_keys()}
    return {}


def _load(path: str, agent: dict[bytes, paramiko.PKey]) -> paramiko.PKey:
    """Read a private key. The certificate beside it is left alone: a stale one breaks a good key."""
    held = _held_by_agent(path, agent)
    if held:
        return held
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise _Unusable(f"the key {path} cannot be read: {error.strerror}") from error
    return _parsed(path, content)


@functools.lru_cache(maxsize=64)
def _parsed(path: str, content: bytes) -> paramiko.PKey:
    """Return the private key in a file's content; read once for all hosts. Raise `_Unusable`."""
    for kind in _KEY_CLASSES:
        try:
            return kind.from_private_key_file(path)
        except paramiko.PasswordRequiredException as error:
            raise _Unusable(f"the key {path} has a passphrase: `ssh-add {path}`, then run again") from error
        except (paramiko.SSHException, ValueError, IndexError, AssertionError):
            continue
    raise _Unusable(f"the key {path} is no private key that we can read (Ed25519, ECDSA or RSA)")


def _held_by_agent(path: str, agent: dict[bytes, paramiko.PKey]) -> paramiko.PKey | None:
    """Return the agent's copy of a key by the public half beside the file."""
    if not agent:
        return None
    try:
        blob = PublicBlob.from_file(f"{path}.pub").key_blob
    except (OSError, ValueError):
        return None
    return agent.get(blob)
