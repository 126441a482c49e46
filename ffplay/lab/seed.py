"""Give a lab its faces: documents in MongoDB, original images in Uploads, facens on the shards."""

from __future__ import annotations

import concurrent.futures
import datetime
import hashlib
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ffplay import findface
from ffplay.errors import Error
from ffplay.lab import facens
from ffplay.lab.http_client import Connection

_FIRST_ID = 1_514_764_800_000_000  # Ids are time-based: microseconds of 2018-01-01.
_EPOCH = datetime.datetime(2018, 1, 1)  # MongoDB's dates have no zone.
_GALLERIES = (("default",), ("default", "staff"), ("vip",), ("default", "vip"), ("staff",))
_OWNERS = 2
_BATCH = 500


def seed(  # noqa: PLR0913 - a lab's parts are many
    mongo_host: str,
    mongo_port: int,
    shards: Sequence[tuple[str, int]],
    table: Sequence[str],
    faces: int,
    model: str,
    uploads: Path,
    seed: int = 0,
    *,
    detector: str = "nnd",
    db: str = "facenapi",
    facen_size: int | None = None,
    photos: Path | None = None,
) -> list[int]:
    """Enrol `faces` faces as facenapi would, after those that are there, and return their ids.

    `photos` is the directory `uploads` as the site's own programs see it, where that differs.
    The same arguments on an empty site give the same faces. `shards` are the HTTP addresses, `table` has the shard of
    each cell as tntapi.json does. `facen_size` is needed for a model that the vendor's list lacks.
    Raise Error where a shard refuses a face.
    """
    import pymongo

    size = facen_size or findface.MODELS[model]
    client: Any = pymongo.MongoClient(mongo_host, mongo_port)
    with client:
        collection = client[db]["faces"]
        last = collection.find_one(sort=[("_id", -1)])
        made = list(_faces(faces, uploads, photos or uploads, seed, detector, last["_id"] + 1 if last else _FIRST_ID))
        for face in made:
            face["facen"] = facens.facen(face["normalized"], model, size)
        # MongoDB first, as facenapi: what is on a shard alone would be lost with the next copy.
        for start in range(0, len(made), _BATCH):
            collection.insert_many(made[start : start + _BATCH])
    _fill(shards, table, made)
    return [int(face["_id"]) for face in made]


def _faces(count: int, uploads: Path, photos: Path, seed: int, detector: str, first: int) -> Iterator[dict[str, Any]]:
    """Yield faces without their facens, and write their original images."""
    from bson import Int64

    chance = random.Random(f"{seed} {first}")
    # The owners are the same in every enrolment of a lab.
    owners = [hashlib.sha256(f"{seed} owner {number}".encode()).hexdigest()[:24] for number in range(_OWNERS)]
    number = first
    for index in range(count):
        number += chance.randint(1, 2_000_000)
        photo, face = _photo(f"{seed} {number}", _detector(detector))
        digest = hashlib.md5(photo, usedforsecurity=False).hexdigest()
        path = uploads / digest[:2] / f"{digest}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(photo)
        yield {
            "_id": Int64(number),
            "owner": owners[chance.randrange(_OWNERS)],
            "galleries": list(_GALLERIES[index % len(_GALLERIES)]),
            "meta": f"face {index}",
            "photo": str(photos / path.relative_to(uploads)),
            "photo_hash": digest,
            "normalized": face.normalized,
            "thumbnail": facens.thumbnail(face.normalized),
            "timestamp": _EPOCH + datetime.timedelta(microseconds=(number - _FIRST_ID) // 1000 * 1000),
            **dict(zip(("x1", "y1", "x2", "y2"), face.box, strict=True)),
        }


def _detector(facenapi: str) -> str:
    """Return extraction-api's name of facenapi's detector."""
    return "nnd" if facenapi == "nnd" else "legacy"


def _photo(name: str, detector: str) -> tuple[bytes, facens.Face]:
    """Return a photo on which the detector finds a face: others would never have been enrolled."""
    attempt = 0
    while True:
        photo = facens.image(f"{name} {attempt}")
        face = facens.detect(photo, detector)
        if face is not None:
            return photo, face
        attempt += 1


def _fill(shards: Sequence[tuple[str, int]], table: Sequence[str], faces: Sequence[dict[str, Any]]) -> None:
    by_shard: dict[str, list[dict[str, Any]]] = {f"{host}:{port}": [] for host, port in shards}
    for face in faces:
        by_shard[table[face["_id"] % len(table)]].append(face)
    with concurrent.futures.ThreadPoolExecutor(min(16, len(by_shard) or 1)) as pool:
        list(pool.map(_post, by_shard, by_shard.values()))


def _post(address: str, faces: Sequence[dict[str, Any]]) -> None:
    connection = Connection.to(address)
    for face in faces:
        for gallery in face["galleries"]:
            path = f"/v1/{face['owner']}_{gallery}/add/{face['_id']}"
            status, text = connection.request("POST", path, face["facen"])
            if status != 200:
                raise Error(f"{address}{path} answered {status}: {text.decode(errors='replace')}")
    connection.close()
