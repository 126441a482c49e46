"""Judges a lab site without ffplay: straight from MongoDB, the shards and the files, face by face."""

from __future__ import annotations

import base64
import http.client
import json
from typing import Any

import pymongo

from ffplay.findface import MODELS
from ffplay.lab.facens import facen
from ffplay.lab.layout import LabHost, LabSite


def judge(lab: LabSite, model: str, detector: str = "nnd", running: bool = True, indexed: bool = False) -> list[str]:
    """Return everything in which a lab is not at a model, empty where it is. `running`: its shards must answer."""
    problems: list[str] = []
    faces = faces_of(lab)
    size = MODELS[model] * 4
    missed = [number for number, face in faces.items() if not face.get("facen")]
    if missed and detector == lab.options.detector:
        problems.append(f"{len(missed)} faces lost their facen though the detector stayed")
    if len(missed) > len(faces) // 2:
        problems.append(f"{len(missed)} of {len(faces)} faces have no facen")
    wanted: dict[tuple[str, int], bytes] = {}
    for number, face in faces.items():
        if not face.get("facen"):
            continue
        if bytes(face["facen"]) != expected(face, model):
            problems.append(f"face {number} in MongoDB was not made with {model}")
        if len(face["facen"]) != size:
            problems.append(f"face {number} in MongoDB has {len(face['facen'])} bytes")
        wanted.update({(f"{face['owner']}_{gallery}", number): bytes(face["facen"]) for gallery in face["galleries"]})
    if not running:
        return problems
    served: dict[tuple[str, int], bytes] = {}
    for host in lab.databases:
        for number in range(1, host.shards + 1):
            problems += _shard(host, 8000 + number, served, indexed)
    problems += [f"{key} is missing on the shards" for key in wanted.keys() - served.keys()]
    problems += [f"{key} is on a shard and not in MongoDB" for key in served.keys() - wanted.keys()]
    problems += [f"{key} differs" for key in wanted.keys() & served.keys() if wanted[key] != served[key]]
    return problems[:20]


def faces_of(lab: LabSite) -> dict[int, dict[str, Any]]:
    """Return every face in MongoDB by id."""
    with pymongo.MongoClient(lab.app.address, 27017, serverSelectionTimeoutMS=5000) as client:
        return {face["_id"]: face for face in client["facenapi"]["faces"].find()}


def expected(face: dict[str, Any], model: str) -> bytes:
    """Return the facen that a model makes of a face's normalized image."""
    return facen(bytes(face["normalized"]), model, MODELS[model])


def _shard(host: LabHost, port: int, served: dict[tuple[str, int], bytes], indexed: bool) -> list[str]:
    """Add what a shard serves; return what is wrong with it."""
    problems = []
    try:
        for gallery in _get(host.address, port, "/stat/list/1/1000")["galleries"]:
            if indexed and not gallery["cnt_indexed"]:
                problems.append(f"{host.name}:{port} {gallery['name']} has no fast index")
            start = 0
            while start is not None:
                page = _get(host.address, port, f"/v1/{gallery['name']}/list/{start}/1000")
                for face in page["faces"]:
                    key = (gallery["name"], face["id"])
                    if key in served:
                        problems.append(f"{key} is on two shards")
                    served[key] = base64.b64decode(face["facen"])
                start = page["next"] if page["faces"] else None
    except OSError as error:
        problems.append(f"{host.name}:{port} does not answer: {error}")
    return problems


def _get(address: str, port: int, path: str) -> Any:
    client = http.client.HTTPConnection(address, port, timeout=10)
    try:
        client.request("GET", path)
        return json.loads(client.getresponse().read())
    finally:
        client.close()
