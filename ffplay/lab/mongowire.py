"""MongoDB's wire protocol: read a request from a socket, write its reply.

Two ways to send a command are understood: OP_QUERY on `DB.$cmd`, which is all that servers before 3.6 have, and OP_MSG.
Every header is four little-endian int32: length, request id, response to, opcode.
"""

from __future__ import annotations

import itertools
import socket
import struct
from dataclasses import dataclass
from typing import Any

from ffplay.lab.mongostore import Document, decode, encode, split

OP_REPLY, OP_QUERY, OP_MSG = 1, 2004, 2013
MAX_MESSAGE = 48_000_000

_HEADER = struct.Struct("<iiii")
_REPLY = struct.Struct("<iqii")
_CHECKSUM, _MORE_TO_COME = 1, 2
_ids = itertools.count(1)


class WireError(Exception):
    """What came is not a request that this server understands; the connection is of no more use."""


@dataclass(frozen=True, slots=True)
class Request:
    """A command. `raws` has the raw documents that came beside the body, by field; `silent`: no reply is wanted."""

    id: int
    opcode: int
    database: str
    body: Document
    raws: dict[str, list[bytes]]
    silent: bool = False


def receive(sock: socket.socket) -> Request | None:
    """Return the next request, or None where the peer has closed. Raise WireError for what is not understood."""
    header = _exactly(sock, _HEADER.size)
    if header is None:
        return None
    length, request_id, _, opcode = _HEADER.unpack(header)
    if not _HEADER.size < length <= MAX_MESSAGE + 16384:
        raise WireError(f"message of {length} bytes")
    payload = _exactly(sock, length - _HEADER.size)
    if payload is None:
        return None
    if opcode == OP_QUERY:
        return _query(request_id, payload)
    if opcode == OP_MSG:
        return _message(request_id, payload)
    raise WireError(f"opcode {opcode} is not supported")


def reply(sock: socket.socket, request: Request, raw: bytes) -> None:
    """Send one BSON document as the answer to a request."""
    opcode, payload = OP_MSG, b"\0\0\0\0\0" + raw
    if request.opcode == OP_QUERY:
        # Bit 3: the server can await data, which every server since 1.6 says.
        opcode, payload = OP_REPLY, _REPLY.pack(8, 0, 0, 1) + raw
    sock.sendall(_HEADER.pack(_HEADER.size + len(payload), next(_ids), request.id, opcode) + payload)


def with_array(body: Document, path: tuple[str, str], raws: list[bytes]) -> bytes:
    """Return `body` as BSON with its sub-document `path[0]` led by an array `path[1]` of raw documents.

    Joining bytes spares decoding and encoding documents which only pass through.
    """
    items = b"".join(b"\x03%d\0" % index + raw for index, raw in enumerate(raws))
    array = struct.pack("<i", len(items) + 5) + items + b"\0"
    rest: dict[str, Any] = dict(body)
    inner = b"\x04" + path[1].encode() + b"\0" + array + encode(rest.pop(path[0]))[4:]
    outer = b"\x03" + path[0].encode() + b"\0" + struct.pack("<i", len(inner) + 4) + inner + encode(rest)[4:]
    return struct.pack("<i", len(outer) + 4) + outer


def _query(request_id: int, payload: bytes) -> Request:
    end = payload.index(b"\0", 4)
    database, _, collection = payload[4:end].decode().partition(".")
    if collection != "$cmd":
        raise WireError("OP_QUERY is supported for commands alone")
    body = decode(next(split(payload[end + 9 :])))
    # Drivers wrap a command to send a read preference with it.
    body = body.get("$query", body)
    return Request(request_id, OP_QUERY, database, body, {})


def _message(request_id: int, payload: bytes) -> Request:
    flags = int.from_bytes(payload[:4], "little")
    end = len(payload) - (4 if flags & _CHECKSUM else 0)
    body: Document = {}
    raws: dict[str, list[bytes]] = {}
    at = 4
    while at < end:
        kind, size = payload[at], int.from_bytes(payload[at + 1 : at + 5], "little")
        section = payload[at + 1 : at + 1 + size]
        if kind == 0:
            body = decode(section)
        elif kind == 1:
            name_end = section.index(b"\0", 4)
            raws[section[4:name_end].decode()] = list(split(section[name_end + 1 :]))
        else:
            raise WireError(f"OP_MSG section of kind {kind}")
        at += 1 + size
    return Request(request_id, OP_MSG, body.pop("$db", "admin"), body, raws, bool(flags & _MORE_TO_COME))


def _exactly(sock: socket.socket, size: int) -> bytes | None:
    buffer = bytearray(size)
    view = memoryview(buffer)
    while view:
        count = sock.recv_into(view)
        if not count:
            return None
        view = view[count:]
    return bytes(buffer)
