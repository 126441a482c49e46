"""Verifies a dump by reading it: every document walked, and counts and sampled facens compared with the database."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ffplay.errors import ChangeFailed
from ffplay.model import Host
from ffplay.remote.base import Access
from ffplay.resources.bson_file import NULL, BsonFile, Elements, number_in, walk
from ffplay.resources.mongo import MongoPlace

# So many faces' facens are compared with the database byte for byte.
_SAMPLE = 1000

_AGAIN = "it is left there and is made anew when you apply again; see that nothing else writes into the database then"


@dataclass(frozen=True, slots=True)
class Counts:
    """How many documents each collection of a database has, and how many of the faces have a facen."""

    documents: Mapping[str, int]
    facens: int


@dataclass(slots=True)
class _Faces:
    """What the dump has of the faces: how many have a facen, and digests of some facens by the face's id."""

    facens: int = 0
    sample: dict[int, bytes] = field(default_factory=dict)


def collections_of(database: Any) -> list[str]:
    """Return the collections that a dump holds: no views, and not what MongoDB keeps for itself."""
    found = [entry["name"] for entry in database.list_collections() if entry.get("type") != "view"]
    return sorted(name for name in found if not name.startswith("system."))


def counts_of(database: Any, place: MongoPlace) -> Counts:
    """Count what a dump holds."""
    documents = {name: int(database[name].count_documents({})) for name in collections_of(database)}
    facens = int(database[place.faces].count_documents({place.field_facen: {"$ne": None}}))
    return Counts(documents, facens)


def read_back(
    access: Access, host: Host, directory: str, database: Any, place: MongoPlace, before: Counts
) -> tuple[list[tuple[str, int, int, str]], int]:
    """Return (collection, documents, bytes, SHA-256) of each dumped file, and how many faces in it have a facen.

    `before` was counted before the dump. Raise `ChangeFailed` where a file is not whole, or has another count than the
    database, or another facen in a sample.
    """
    after = counts_of(database, place)
    faces = _Faces()
    found = []
    for name, documents in before.documents.items():
        file = BsonFile(access, host, f"{directory}/{name}.bson", f"{name}: read back", documents)
        try:
            _read(file, place, faces if name == place.faces else None, max(1, documents // _SAMPLE))
        except ValueError as error:
            raise ChangeFailed(host.name, f"{file.path} is damaged: {error}", _AGAIN) from error
        _compare(host, f"{file.path} holds {{}} documents", file.count, (documents, after.documents.get(name, 0)))
        found.append((name, file.count, file.bytes, file.digest))
    path = f"{directory}/{place.faces}.bson"
    _compare(host, f"{path} holds {{}} faces with a facen", faces.facens, (before.facens, after.facens))
    _compare_sample(host, path, database, place, faces.sample)
    return found, faces.facens


def _read(file: BsonFile, place: MongoPlace, faces: _Faces | None, every: int) -> None:
    """Read a file; of the faces count the facens, and keep each so manieth."""
    facen_name, id_name = place.field_facen.encode(), place.field_id.encode()
    for document, elements in file.read():
        if faces is None:
            continue
        facen = facen_in(document, elements, facen_name)
        faces.facens += facen is not None
        if facen is not None and file.count % every == 0:
            faces.sample[number_in(document, elements, id_name)] = hashlib.sha256(facen).digest()


def facen_in(document: bytes, elements: Elements, name: bytes) -> bytes | None:
    """Return a facen as it is stored, with its type; None where the face has none."""
    if name not in elements or elements[name][0] == NULL:
        return None
    _, begin, _, end = elements[name]
    return document[begin:end]


def _compare(host: Host, text: str, count: int, counted: tuple[int, int]) -> None:
    """Compare a count with those of the database before and after the dump."""
    low, high = sorted(counted)
    if not low <= count <= high:
        there = str(low) if low == high else f"{low} to {high}"
        raise ChangeFailed(host.name, f"{text.format(count)}, the database {there}", _AGAIN)


def _compare_sample(host: Host, path: str, database: Any, place: MongoPlace, sample: Mapping[int, bytes]) -> None:
    """Compare sampled facens with the database's; a face that went meanwhile is none to compare."""
    from bson.codec_options import CodecOptions
    from bson.raw_bson import RawBSONDocument

    options: Any = CodecOptions(document_class=RawBSONDocument)
    faces = database.get_collection(place.faces, codec_options=options)
    fields = {place.field_id: 1, place.field_facen: 1}
    wrong = []
    for found in faces.find({place.field_id: {"$in": list(sample)}}, fields):
        elements = walk(found.raw)
        number = number_in(found.raw, elements, place.field_id.encode())
        facen = facen_in(found.raw, elements, place.field_facen.encode())
        if facen is None or hashlib.sha256(facen).digest() != sample[number]:
            wrong.append(number)
    if wrong:
        said = f"{path} has other facens than the database: {len(wrong)} of {len(sample)}, among them face {min(wrong)}"
        raise ChangeFailed(host.name, said, _AGAIN)
