"""Reads a file of concatenated BSON documents, as mongodump writes it, without building the documents.

Every length, type and end byte is looked at, so that what is taken for a document is one. The driver's decoder is not
used: it refuses what MongoDB stores well (a date after the year 9999, text that is no UTF-8). Source: bsonspec.org.
"""

from __future__ import annotations

import contextlib
import hashlib
import struct
import time
from collections.abc import Generator, Iterable, Iterator, Mapping

from ffplay.errors import Interrupted
from ffplay.model import Host
from ffplay.remote.base import Access

NULL = 0x0A

# What MongoDB takes at most, with the room that it leaves itself for internal use.
_LARGEST = (16 << 20) + (16 << 10)
_SMALLEST = 5
_DEEPEST = 200

_INT = struct.Struct("<i").unpack_from
_NUMBERS = {0x01: struct.Struct("<d"), 0x10: struct.Struct("<i"), 0x12: struct.Struct("<q")}

# Bytes of a value by its type; text, documents and the rest have their length in themselves.
_FIXED = {1: 8, 6: 0, 7: 12, 8: 1, 9: 8, NULL: 0, 0x10: 4, 0x11: 8, 0x12: 8, 0x13: 16, 0x7F: 0, 0xFF: 0}
_TEXTS = (0x02, 0x0D, 0x0E)
_NESTED = (0x03, 0x04)
_BINARY, _REGEX, _POINTER, _SCOPED = 0x05, 0x0B, 0x0C, 0x0F

# How often somebody who waits hears how far it is, in seconds.
_TELL_SECONDS = 5.0

# Name -> (type, where the element begins, where its value begins, where it ends).
Elements = Mapping[bytes, tuple[int, int, int, int]]


def walk(document: bytes, start: int = 0, end: int | None = None, depth: int = 0) -> Elements:
    """Return where the elements of a document are. Raise ValueError where it is none, however deep inside."""
    end = len(document) if end is None else end
    if end - start < _SMALLEST or _INT(document, start)[0] != end - start or document[end - 1] or depth > _DEEPEST:
        raise ValueError("a document that does not end where it says")
    found = {}
    at, last = start + 4, end - 1
    while at < last:
        name_end = document.find(b"\0", at + 1, last)
        if name_end < 0:
            raise ValueError("a field whose name does not end")
        kind, value = document[at], name_end + 1
        size = _FIXED.get(kind)
        stop = value + size if size is not None else _stop(document, kind, value, last, depth)
        if stop > last:
            raise ValueError("a value that is longer than its document")
        found[document[at + 1 : name_end]] = (kind, at, value, stop)
        at = stop
    return found


def _stop(document: bytes, kind: int, value: int, last: int, depth: int) -> int:
    """Return where a value of varying length ends."""
    if kind == _REGEX:
        pattern = document.find(b"\0", value, last)
        options = document.find(b"\0", pattern + 1, last) if pattern >= 0 else -1
        if options < 0:
            raise ValueError("a regular expression that does not end")
        return options + 1
    if value + 4 > last:
        raise ValueError("a length outside its document")
    (length,) = _INT(document, value)
    stop = int(value + length + {_BINARY: 5, _POINTER: 16}.get(kind, 0 if kind in (*_NESTED, _SCOPED) else 4))
    if length < 0 or stop > last:
        raise ValueError("a value that is longer than its document")
    if kind in _NESTED:
        walk(document, value, stop, depth + 1)
    elif kind in _TEXTS or kind == _POINTER:
        if not length or document[value + 3 + length]:
            raise ValueError("text that does not end")
    elif kind not in (_BINARY, _SCOPED):
        raise ValueError(f"a value of type {kind}, which BSON lacks")
    return stop


def number_in(document: bytes, elements: Elements, name: bytes) -> int:
    """Return a whole number, however it is stored. Raise ValueError where there is none."""
    kind, _, value, _ = elements.get(name, (0, 0, 0, 0))
    if kind in _NUMBERS:
        (number,) = _NUMBERS[kind].unpack_from(document, value)
        if number == int(number):
            return int(number)
    raise ValueError(f"a document without a whole number as {name.decode(errors='replace')}")


def documents(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the documents of a file that comes in pieces. Raise ValueError where that is not what it holds."""
    pieces: list[bytes] = []
    held = at = 0
    needed = 4
    for chunk in chunks:
        pieces.append(chunk)
        held += len(chunk)
        if held < needed:
            continue
        data = b"".join(pieces)
        begin = 0
        while held - begin >= 4:
            (needed,) = _INT(data, begin)
            if not _SMALLEST <= needed <= _LARGEST:
                raise ValueError(f"a document of {needed} bytes at byte {at + begin}")
            if held - begin < needed:
                break
            yield data[begin : begin + needed]
            begin += needed
            needed = 4
        pieces = [data[begin:]]
        at += begin
        held -= begin
    if held:
        raise ValueError(f"it ends in the middle of the document at byte {at}")


class BsonFile:
    """One file of documents on a host, read once from its begin to its end; then `count`, `bytes` and `digest` hold.

    `what` is told with how far it is, as of `expected` documents.
    """

    def __init__(self, access: Access, host: Host, path: str, what: str = "", expected: int = 0) -> None:
        self._access, self._host, self.path = access, host, path
        self._what, self._expected = what, expected
        self._digest = hashlib.sha256()
        self.count = self.bytes = 0
        self.began = time.monotonic()

    @property
    def digest(self) -> str:
        """Return the SHA-256 of what was read."""
        return self._digest.hexdigest()

    def read(self) -> Iterator[tuple[bytes, Elements]]:
        """Yield each document and where its fields are.

        Raise ValueError with the place of the damage, `ChangeFailed` where the file cannot be read, `Interrupted`
        where the operator stops the run.
        """
        told = self.began
        with contextlib.closing(self._chunks()) as chunks:
            at = 0
            for document in documents(chunks):
                self.count += 1
                try:
                    elements = walk(document)
                except ValueError as error:
                    raise ValueError(f"{error}, in document {self.count} at byte {at}") from error
                yield document, elements
                at += len(document)
                if time.monotonic() - told > _TELL_SECONDS:
                    told = time.monotonic()
                    self._tell()

    def _tell(self) -> None:
        if self._what:
            whole = f" of {self._expected:,}" if self._expected else ""
            self._access.tell(self._host.name, f"{self._what} {self.count:,}{whole}")

    def _chunks(self) -> Generator[bytes, None, None]:
        for chunk in self._access.connection(self._host.name).get(self.path):
            if self._access.stopping:
                raise Interrupted(f"stopped by the operator in the middle of reading {self.path}")
            self._digest.update(chunk)
            self.bytes += len(chunk)
            yield chunk
