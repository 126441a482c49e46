"""Whether a server is the one that known_hosts knows.

Keys are compared as the blobs that travel, so nothing here needs to understand them.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import functools
import hashlib
import hmac
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from ffplay.errors import HostKeyError
from ffplay.remote.sshconfig import Settings

_DEFAULT_PORT = 22


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a known_hosts file. `marker` is empty, `@revoked` or `@cert-authority`."""

    file: str
    line: int
    marker: str
    names: str
    kind: str
    blob: bytes

    def fits(self, name: str) -> bool:
        """Return whether the line is about the server of this name (`host` or `[host]:port`)."""
        if self.names.startswith("|1|"):
            return _hashed(self.names, name)
        fits = False
        for pattern in self.names.lower().split(","):
            # Brackets belong to a name with its port and are no character class.
            if fnmatchcase(name, pattern.removeprefix("!").replace("[", "[[]")):
                if pattern.startswith("!"):
                    return False
                fits = True
        return fits


def read(paths: Iterable[str]) -> Iterator[Entry]:
    """Yield the entries of known_hosts files; files that are not there and lines that make no sense are left out."""
    for path in paths:
        with contextlib.suppress(OSError):
            found = Path(path).stat()
            yield from _entries(path, found.st_mtime_ns, found.st_size)


@functools.lru_cache(maxsize=16)
def _entries(path: str, written: int, size: int) -> tuple[Entry, ...]:
    """Return a file's entries; it is parsed once for all hosts, as long as it stays as it is. Raise OSError."""
    lines = Path(path).read_text("utf-8", "replace").splitlines()
    found = (_parse(path, number, line) for number, line in enumerate(lines, 1))
    return tuple(entry for entry in found if entry is not None)


class KnownHosts:
    """What is known of one server."""

    def __init__(self, host: str, settings: Settings) -> None:
        self._host = host
        self._settings = settings
        self._name = lookup_name(settings.name, settings.port)
        entries = list(read((*settings.known_hosts, *settings.more_known_hosts)))
        self._entries = [entry for entry in entries if entry.fits(self._name)]
        # OpenSSH also takes an entry without the port for another port, as long as the key is the same.
        self._portless = [entry for entry in entries if entry.fits(settings.name)]

    @property
    def kinds(self) -> tuple[str, ...]:
        """Return the types of key that are known: the server must be asked for one of these, or it shows another."""
        entries = self._entries or self._portless
        return tuple(dict.fromkeys(entry.kind for entry in entries if not entry.marker))

    def check(self, kind: str, blob: bytes) -> None:
        """Accept the server's key or raise `HostKeyError`."""
        for entry in (*self._entries, *self._portless):
            if entry.marker == "@revoked" and entry.blob == blob:
                raise self._revoked(entry, kind, blob)
        if any(not entry.marker and entry.blob == blob for entry in (*self._entries, *self._portless)):
            return
        if self._settings.host_keys == "no":
            return
        others = [entry for entry in self._entries if not entry.marker]
        if others:
            same_kind = [entry for entry in others if entry.kind == kind]
            raise self._changed((same_kind or others)[0], kind, blob)
        if self._settings.host_keys == "accept-new":
            self._remember(kind, blob)
            return
        raise self._unknown(kind, blob)

    def _remember(self, kind: str, blob: bytes) -> None:
        if not self._settings.known_hosts:
            return
        path = Path(self._settings.known_hosts[0])
        if path.parent.is_dir():
            with path.open("a") as file:
                file.write(f"{self._name} {kind} {base64.b64encode(blob).decode()}\n")

    def _unknown(self, kind: str, blob: bytes) -> HostKeyError:
        settings = self._settings
        kept = [file for file in settings.known_hosts if file != "/dev/null"]
        target = kept[0] if kept else "~/.ssh/known_hosts"
        # Through a jump host ssh-keyscan has no way: the key is then to be had from the host itself.
        port = "" if settings.port == _DEFAULT_PORT else f"-p {settings.port} "
        return HostKeyError(
            self._host,
            f"{self._host}: the host key of {self._name} is not in known_hosts: {kind} {fingerprint(blob)}",
            f"Compare the fingerprint with the host's own (there: `for k in /etc/ssh/ssh_host_*.pub; do ssh-keygen -lf "
            f"$k; done`), then add it: `ssh-keyscan {port}{shlex.quote(settings.address)} >> {shlex.quote(target)}`",
        )

    def _changed(self, entry: Entry, kind: str, blob: bytes) -> HostKeyError:
        return HostKeyError(
            self._host,
            f"{self._host}: the host key of {self._name} is another one than known_hosts has: the server shows {kind} "
            f"{fingerprint(blob)}, {entry.file}:{entry.line} has {entry.kind} {fingerprint(entry.blob)}",
            f"Somebody may be in between. If the host was set up anew, compare the fingerprint there, then forget the "
            f"old key: `ssh-keygen -f {shlex.quote(entry.file)} -R {shlex.quote(self._name)}`, and add the new one.",
        )

    def _revoked(self, entry: Entry, kind: str, blob: bytes) -> HostKeyError:
        return HostKeyError(
            self._host,
            f"{self._host}: {self._name} shows a revoked host key, {kind} {fingerprint(blob)} "
            f"({entry.file}:{entry.line})",
            "Do not connect: give the host a new key.",
        )


def lookup_name(name: str, port: int) -> str:
    """Return how known_hosts writes a server."""
    return name if port == _DEFAULT_PORT else f"[{name}]:{port}"


def fingerprint(blob: bytes) -> str:
    """Return a key's fingerprint as OpenSSH prints it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def _hashed(names: str, name: str) -> bool:
    try:
        salt, digest = (base64.b64decode(part) for part in names.split("|")[2:4])
    except (ValueError, binascii.Error):
        return False
    return hmac.compare_digest(hmac.new(salt, name.encode(), hashlib.sha1).digest(), digest)


def _parse(path: str, number: int, line: str) -> Entry | None:
    words = line.split()
    marker = words.pop(0) if words and words[0].startswith("@") else ""
    if len(words) < 3 or words[0].startswith("#"):
        return None
    try:
        return Entry(path, number, marker, words[0], words[1], base64.b64decode(words[2]))
    except (ValueError, binascii.Error):
        return None
