"""Verifies faces in the lab's MongoDB against shards that are small HTTP servers, and a shard against its files."""

from __future__ import annotations

import base64
import contextlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from ffplay.lab.http_server import Response
from ffplay.model import Shard
from ffplay.resources.audit import FacesAudit
from ffplay.resources.mongo import FacensMade, MongoPlace
from tests.unit.lab.servers import answering
from tests.unit.resources.test_census import HOST, Here, enrol, faces, place, server, shard_at

__all__ = ["faces", "place", "server"]

GOOD, OTHER, LONG = b"a" * 16, b"b" * 16, b"a" * 20


@contextlib.contextmanager
def serving(number: int, galleries: Mapping[str, Mapping[int, bytes]]) -> Iterator[tuple[str, Shard]]:
    """Give a shard that has these facens."""

    def answer(request: Any) -> Response:
        if request.path.startswith("/stat"):
            found = [{"id": n, "name": name, "cnt_linear": len(ids), "cnt_preindex": 0, "cnt_indexed": 0}
                     for n, (name, ids) in enumerate(galleries.items(), 1)]  # fmt: skip
            return Response(200, {"galleries": found, "total": len(found)})
        matched = re.fullmatch(r"/v1/(\w+)/list/(\d+)/(\d+)", request.path)
        assert matched
        ids = sorted(n for n in galleries[matched[1]] if n >= int(matched[2]))
        page, rest = ids[: int(matched[3])], ids[int(matched[3]) :]
        listed = [{"id": n, "facen": base64.b64encode(galleries[matched[1]][n]).decode()} for n in page]
        return Response(200, {"faces": listed, "next": rest[0] if rest else None})

    with answering(answer) as port:
        yield shard_at(port, number)


def problems(place: MongoPlace, *shards: tuple[str, Shard], sample: int | None = None) -> tuple[str, ...]:
    audit = FacesAudit(place, shards, 4, sample, "{owner}_{gallery}")
    return audit.read(Here(), HOST).problems  # type: ignore[arg-type]


def test_all_is_well(faces: Any, place: MongoPlace) -> None:
    enrol(faces, 1, 2, facen=GOOD, galleries=("g", "vip"))
    enrol(faces, 3, facen=OTHER)
    enrol(faces, 4, facen=None)
    served = {"o_g": {1: GOOD, 3: OTHER}, "o_vip": {1: GOOD}}, {"o_g": {2: GOOD}, "o_vip": {2: GOOD}}
    with serving(1, served[0]) as one, serving(2, served[1]) as other:
        assert problems(place, one, other) == ()


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        ({1: GOOD}, {}, "gallery o_g: 2 faces in MongoDB, 1 on the shards"),
        ({1: GOOD}, {}, "1 faces of gallery o_g in MongoDB and on no shard: 2"),
        ({1: GOOD, 2: GOOD}, {3: GOOD}, "1 faces of gallery o_g on a shard and not in MongoDB: 3"),
        ({1: GOOD, 2: GOOD}, {2: GOOD}, "1 faces on more than one shard: 2 of o_g on db1 FindFace_shard_1 and db1"),
        ({1: GOOD}, {2: LONG}, "1 faces on a shard with another size than 4 floats: 2 on db1 FindFace_shard_2 (20"),
        ({1: GOOD}, {2: OTHER}, "1 faces on a shard with other bytes than in MongoDB: 2 on db1 FindFace_shard_2"),
    ],
)
def test_each_difference_is_named(
    faces: Any, place: MongoPlace, first: dict[int, bytes], second: dict[int, bytes], said: str
) -> None:
    enrol(faces, 1, 2, facen=GOOD)
    with serving(1, {"o_g": first}) as one, serving(2, {"o_g": second}) as other:
        found = problems(place, one, other)
    assert any(problem.startswith(said) for problem in found), found


def test_a_facen_of_another_size_in_mongodb_is_found_without_being_sampled(faces: Any, place: MongoPlace) -> None:
    enrol(faces, *range(1, 200), facen=GOOD)
    faces.update_one({"_id": 77}, {"$set": {"facen": LONG}})
    with serving(1, {"o_g": dict.fromkeys(range(1, 200), GOOD)}) as one:
        assert problems(place, one, sample=0) == ("1 faces in MongoDB with another size than 4 floats: 77",)


def test_a_shard_that_does_not_answer_is_named(faces: Any, place: MongoPlace) -> None:
    enrol(faces, 1, facen=GOOD)
    with serving(1, {}) as closed:
        pass
    with serving(2, {"o_g": {1: GOOD}}) as one:
        (problem,) = problems(place, closed, one)
    assert problem.startswith("db1 FindFace_shard_1 does not answer: ")


def test_facens_that_the_tool_left_out_are_named(faces: Any, place: MongoPlace) -> None:
    enrol(faces, *range(1, 100), facen=GOOD)
    enrol(faces, 100, facen=None)
    made = FacensMade(place, 4)
    assert made.read(Here(), HOST).problems == ()  # type: ignore[arg-type]
    faces.update_many({"_id": {"$gte": 50, "$lt": 57}}, {"$set": {"facen": LONG}})
    (problem,) = made.read(Here(), HOST).problems  # type: ignore[arg-type]
    assert problem == "7 facens have another size than 4 floats: faces 50, 51, 52, 53, 54 and 2 more"
