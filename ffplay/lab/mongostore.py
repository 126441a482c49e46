"""Keep MongoDB's databases: documents as raw BSON in memory, every write first in an append-only log.

The log is a run of frames: length and CRC-32 of a payload (two little-endian uint32), then the payload, which is a BSON
header `{op, ns}` followed by BSON documents. It is synced after every batch, so an acknowledged write survives SIGKILL
and a power cut. A torn last frame was never acknowledged and is cut off; a damaged frame before the end is refused.
"""

from __future__ import annotations

import bisect
import fcntl
import os
import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import bson
from bson.binary import UuidRepresentation
from bson.codec_options import CodecOptions

# UNSPECIFIED leaves UUIDs as the Binary that they are on the wire, so their subtype survives.
CODEC: CodecOptions[dict[str, Any]] = CodecOptions(uuid_representation=UuidRepresentation.UNSPECIFIED)
Document = dict[str, Any]
Key = tuple[int, Any]

_FRAME = struct.Struct("<II")
_COMPACT_BYTES = 32 << 20
_BATCH = 1000


class CorruptLog(Exception):
    """The log is damaged before its end: starting would lose documents without a word."""


def decode(raw: bytes) -> Document:
    """Return a BSON document as a mapping that encodes to the same bytes again."""
    document: Document = bson.decode(raw, CODEC)
    return document


def encode(document: Mapping[str, Any]) -> bytes:
    """Return a mapping as BSON."""
    raw: bytes = bson.encode(document, codec_options=CODEC)
    return raw


def id_key(value: Any) -> Key:
    """Return what an `_id` is looked up and ordered by: its type's rank in MongoDB's order, then its value."""
    if isinstance(value, bool):
        return (40, value)
    if isinstance(value, int | float):
        return (10, value)
    if isinstance(value, str):
        return (15, value)
    if isinstance(value, bytes):
        return (30, (len(value), getattr(value, "subtype", 0), bytes(value)))
    if isinstance(value, bson.ObjectId):
        return (35, value)
    return (20, encode({"": value}))


def split(data: bytes) -> Iterator[bytes]:
    """Yield the BSON documents that stand one after another in `data`."""
    start = 0
    while start < len(data):
        end = start + int.from_bytes(data[start : start + 4], "little")
        yield data[start:end]
        start = end


class Collection:
    """One collection: raw documents by their `_id`, in the order of insertion, and the index specifications."""

    def __init__(self) -> None:
        self.docs: dict[Key, bytes] = {}
        self.indexes: dict[str, Document] = {}
        self._order: list[Key] = []
        self._sorted = True

    def put(self, key: Key, raw: bytes) -> None:
        """Insert or replace one document."""
        if key not in self.docs:
            self._sorted = self._sorted and (not self._order or self._order[-1] < key)
            self._order.append(key)
        self.docs[key] = raw

    def remove(self, keys: Iterable[Key]) -> None:
        """Forget documents; those that are not there are ignored."""
        for key in keys:
            self.docs.pop(key, None)
        self._order = list(self.docs)
        self._sorted = False

    def ordered(self) -> list[Key]:
        """Return all keys in the order of `_id`."""
        if not self._sorted:
            self._order.sort()
            self._sorted = True
        return self._order

    def between(self, low: tuple[Any, ...], high: tuple[Any, ...], *, with_low: bool, with_high: bool) -> list[Key]:
        """Return the keys between two bounds in the order of `_id`; a bound may be a bare rank."""
        keys: list[Any] = self.ordered()
        start = (bisect.bisect_left if with_low else bisect.bisect_right)(keys, low)
        end = (bisect.bisect_right if with_high else bisect.bisect_left)(keys, high)
        return keys[start:end]


class Store:
    """All databases of one directory. Not safe for threads: the server holds its lock around every command."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._path = directory / "lab.bson.log"
        self._guard = (directory / "mongod.lock").open("a+")
        # As mongod: a second server on the same directory would interleave its writes with ours.
        fcntl.flock(self._guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self.collections: dict[str, Collection] = {}
        self._replay()
        if self._path.stat().st_size > max(_COMPACT_BYTES, 2 * self._live_bytes()):
            self._compact()
        self._log = os.open(self._path, os.O_WRONLY | os.O_APPEND)

    def close(self) -> None:
        """Sync and let go of the directory."""
        os.fsync(self._log)
        os.close(self._log)
        self._guard.close()

    def get(self, namespace: str) -> Collection:
        """Return a collection; one that does not exist is empty and is not created."""
        return self.collections.get(namespace) or Collection()

    def put(self, namespace: str, raws: list[bytes]) -> None:
        """Insert or replace whole documents, in one synced batch."""
        self._write("put", namespace, raws)

    def delete(self, namespace: str, ids: list[Any]) -> None:
        """Remove documents by their `_id`, in one synced batch."""
        self._write("delete", namespace, [encode({"_id": value}) for value in ids])

    def index(self, namespace: str, specs: list[Document]) -> None:
        """Create the collection if need be and remember index specifications."""
        self._write("index", namespace, [encode(spec) for spec in specs])

    def drop_index(self, namespace: str, names: list[str]) -> None:
        """Forget index specifications."""
        self._write("unindex", namespace, [encode({"name": name}) for name in names])

    def drop(self, namespace: str) -> None:
        """Remove a collection."""
        self._write("drop", namespace, [])

    def rename(self, namespace: str, to: str) -> None:
        """Give a collection another name, in place of the one that had it."""
        self._write("rename", namespace, [encode({"to": to})])

    def _write(self, op: str, namespace: str, raws: list[bytes]) -> None:
        frame = _frame(op, namespace, raws)
        size = os.fstat(self._log).st_size
        try:
            view = memoryview(frame)
            while view:
                view = view[os.write(self._log, view) :]
            os.fdatasync(self._log)
        except OSError:
            # A full disk: what was written of the frame must not stand before the next one.
            os.ftruncate(self._log, size)
            raise
        self._do(op, namespace, raws)

    def _do(self, op: str, namespace: str, raws: Iterable[bytes]) -> None:
        if op == "drop":
            self.collections.pop(namespace, None)
            return
        if op == "rename":
            (raw,) = raws
            self.collections[decode(raw)["to"]] = self.collections.pop(namespace)
            return
        collection = self.collections.setdefault(namespace, Collection())
        if op == "put":
            for raw in raws:
                collection.put(id_key(decode(raw)["_id"]), raw)
        elif op == "delete":
            collection.remove(id_key(decode(raw)["_id"]) for raw in raws)
        elif op == "index":
            collection.indexes.update((spec["name"], spec) for spec in map(decode, raws))
        else:
            for raw in raws:
                collection.indexes.pop(decode(raw)["name"], None)

    def _replay(self) -> None:
        self._path.touch()
        data = self._path.read_bytes()
        at = 0
        while at < len(data):
            length, checksum = _FRAME.unpack_from(data.ljust(at + _FRAME.size, b"\0"), at)
            payload = data[at + _FRAME.size : at + _FRAME.size + length]
            end = at + _FRAME.size + length
            if not length or end > len(data) or (end == len(data) and zlib.crc32(payload) != checksum):
                break
            if zlib.crc32(payload) != checksum:
                raise CorruptLog(f"{self._path}: the frame at byte {at} is damaged")
            header, *raws = split(payload)
            frame = decode(header)
            self._do(frame["op"], frame["ns"], raws)
            at = end
        if at < len(data):
            os.truncate(self._path, at)

    def _live_bytes(self) -> int:
        return sum(sum(map(len, collection.docs.values())) for collection in self.collections.values())

    def _compact(self) -> None:
        fresh = self._path.with_suffix(".tmp")
        with fresh.open("wb") as out:
            for namespace, collection in self.collections.items():
                out.write(_frame("index", namespace, [encode(spec) for spec in collection.indexes.values()]))
                raws = list(collection.docs.values())
                for start in range(0, len(raws), _BATCH):
                    out.write(_frame("put", namespace, raws[start : start + _BATCH]))
            out.flush()
            os.fsync(out.fileno())
        fresh.replace(self._path)
        directory = os.open(self._path.parent, os.O_RDONLY)
        os.fsync(directory)
        os.close(directory)


def _frame(op: str, namespace: str, raws: list[bytes]) -> bytes:
    payload = b"".join([encode({"op": op, "ns": namespace}), *raws])
    return _FRAME.pack(len(payload), zlib.crc32(payload)) + payload
