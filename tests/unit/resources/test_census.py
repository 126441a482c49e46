"""Counts faces in the lab's MongoDB against shards that are small HTTP servers, while the site enrols and deletes."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pymongo
import pytest

from ffplay.lab.http_server import Response
from ffplay.model import Host, Login, Shard
from ffplay.resources.census import Census, CensusState, Copying, NothingLeftOut, by_gallery
from ffplay.resources.job import Job
from ffplay.resources.mongo import MongoPlace, count_sizes, of_other_length
from ffplay.resources.shard_http import ShardFaces, Silent
from tests.unit.lab.servers import answering, running

HOST = Host("app1", ("all",), Login("app1"), (), {})


class Here:
    """A site whose hosts are this machine."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def connection(self, host: str) -> Here:
        return self

    def tell(self, host: str, text: str) -> None:
        self.told.append(text)

    @contextlib.contextmanager
    def forward(self, address: str, port: int) -> Iterator[tuple[str, int]]:
        yield address, port

    def dial(self, address: str, port: int, seconds: float) -> socket.socket:
        return socket.create_connection((address, port), seconds)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    # MongoDB 3.2, or the lowest one that the driver speaks to.
    wire = 4 if pymongo.version_tuple < (4,) else 9
    with running("mongod", "--dbpath", tmp_path_factory.mktemp("db"), "--wire-version", wire) as program:
        yield program.port


@pytest.fixture
def faces(server: int) -> Iterator[Any]:
    with pymongo.MongoClient("127.0.0.1", server) as client:
        client["facenapi"]["faces"].delete_many({})
        yield client["facenapi"]["faces"]


@pytest.fixture
def place(server: int) -> MongoPlace:
    return MongoPlace("127.0.0.1", server, "facenapi", "faces", "_id", "facen", "galleries", "owner")


def shard_at(port: int, number: int = 1, seconds: float = 10.0) -> tuple[str, Shard]:
    """Return a shard with its HTTP API at a port of this machine."""
    paths = ("unit", "conf", "data", "snap", "wal", "index")
    return "db1", Shard(f"FindFace_shard_{number}", number, *paths, "127.0.0.1", 33001, port, seconds)


@contextlib.contextmanager
def shard(counts: dict[str, int], *, first: Callable[[], None] = lambda: None) -> Iterator[tuple[str, Shard]]:
    """Give a shard with so many faces of each gallery, a part of them indexed; `first` happens before it answers."""

    def answer(_: Any) -> Response:
        first()
        galleries = [
            {"id": number, "name": name, "cnt_linear": count - count // 2, "cnt_preindex": 0, "cnt_indexed": count // 2}
            for number, (name, count) in enumerate(counts.items(), 1)
        ]
        return Response(200, {"galleries": galleries, "total": len(galleries)})

    with answering(answer) as port:
        yield shard_at(port, port)


def enrol(faces: Any, *numbers: int, facen: bytes | None = b"1234", galleries: tuple[str, ...] = ("g",)) -> None:
    faces.insert_many([{"_id": n, "owner": "o", "galleries": list(galleries), "facen": facen} for n in numbers])


def census(place: MongoPlace, *shards: tuple[str, Shard]) -> Census:
    return Census(place, shards, "{owner}_{gallery}")


def test_both_have_the_same_faces(faces: Any, place: MongoPlace) -> None:
    enrol(faces, 1, 2, 3)
    enrol(faces, 4, galleries=("g", "vip", "vip"))
    enrol(faces, 5, facen=None)  # The detector finds no face on it any more.
    faces.insert_one({"_id": 6, "owner": "o", "facen": b"1234"})  # In no gallery.
    with shard({"o_g": 3, "o_vip": 0}) as one, shard({"o_g": 1, "o_vip": 1, "o_empty": 0}) as other:
        counted = census(place, one, other)
        assert counted.read(Here(), HOST) == CensusState()  # type: ignore[arg-type]
        assert NothingLeftOut(counted).read(Here(), HOST).problems == ()  # type: ignore[arg-type]


def test_what_is_missing_and_what_is_too_much(faces: Any, place: MongoPlace) -> None:
    enrol(faces, 1, 2, 3, galleries=("g", "vip"))
    with shard({"o_g": 1, "o_old": 4}) as one, shard({"o_vip": 5}) as other:
        counted = census(place, one, other)
        state = counted.read(Here(), HOST)  # type: ignore[arg-type]
        assert state == CensusState((("o_g", 2),), (("o_old", 4), ("o_vip", 2)))
        (problem,) = NothingLeftOut(counted).read(Here(), HOST).problems  # type: ignore[arg-type]
    assert problem == "2 faces are in MongoDB and on no shard (o_g: 2): the copy left them out"


def test_faces_enrolled_while_it_counts_are_no_difference(faces: Any, place: MongoPlace) -> None:
    enrol(faces, 1)
    counts = {"o_g": 1}

    def enrolled() -> None:
        enrol(faces, 10, 11)
        counts["o_g"] += 2

    with shard(counts, first=enrolled) as one:
        assert census(place, one).read(Here(), HOST) == CensusState()  # type: ignore[arg-type]


def test_faces_deleted_while_it_counts_are_no_difference(faces: Any, place: MongoPlace) -> None:
    enrol(faces, 1, 2, 3)
    counts = {"o_g": 3}

    def deleted() -> None:
        faces.delete_many({"_id": {"$in": [1, 2]}})
        counts["o_g"] -= 2

    with shard(counts, first=deleted) as one:
        assert census(place, one).read(Here(), HOST) == CensusState()  # type: ignore[arg-type]


def test_faces_enrolled_on_the_shard_while_it_counts_hide_none_in_another_gallery(
    faces: Any, place: MongoPlace
) -> None:
    enrol(faces, 1, 2)
    enrol(faces, 3, galleries=("vip",))
    with shard({"o_g": 2}, first=lambda: enrol(faces, 10)) as one:
        state = census(place, one).read(Here(), HOST)  # type: ignore[arg-type]
    assert state.missing == (("o_vip", 1),)


def test_shards_that_do_not_answer_are_named_and_nothing_is_judged(faces: Any, place: MongoPlace) -> None:
    enrol(faces, 1, 2)
    with shard({"o_g": 1}) as one, socket.create_server(("127.0.0.1", 0)) as silent:
        other = shard_at(silent.getsockname()[1], 2, seconds=0.2)
        counted = census(place, one, other)
        assert counted.read(Here(), HOST) == CensusState(silent=("db1 FindFace_shard_2",))  # type: ignore[arg-type]
        (problem,) = NothingLeftOut(counted).read(Here(), HOST).problems  # type: ignore[arg-type]
    assert problem == "the faces cannot be counted: db1 FindFace_shard_2 not answering"


def test_a_silent_shard_is_told_from_a_closed_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        _, there = shard_at(silent.getsockname()[1], seconds=0.2)
        begun = time.monotonic()
        assert ShardFaces(there).read(Here(), HOST) == Silent(0.2)  # type: ignore[arg-type]
        assert time.monotonic() - begun < 30
        port = silent.getsockname()[1]
    assert ShardFaces(shard_at(port)[1]).read(Here(), HOST) is None  # type: ignore[arg-type]


class Tool:
    """A copy tool that brings so many faces with each run."""

    def __init__(self, counts: dict[str, int], *brings: int) -> None:
        self.counts, self.brings, self.runs = counts, list(brings), 0

    def bring(self, *_: Any) -> None:
        self.counts["o_g"] += self.brings[self.runs]
        self.runs += 1


@pytest.mark.parametrize(
    ("brings", "runs"), [((9,), 1), ((4, 5), 2), ((6, 2, 1), 3), ((8, 0), 2), ((0, 0), 2), ((5, 3, 0), 3)]
)
def test_the_tool_runs_again_while_it_brings_faces(
    faces: Any, place: MongoPlace, monkeypatch: pytest.MonkeyPatch, brings: tuple[int, ...], runs: int
) -> None:
    enrol(faces, *range(1, 10))
    counts = {"o_g": 0}
    tool = Tool(counts, *brings)
    monkeypatch.setattr(Job, "bring", lambda _, *given: tool.bring(*given))
    site = Here()
    with shard(counts) as one:
        job = Copying("copy", "/jobs/copy-1", ("tool",), census=census(place, one), mongo="app1")
        job.bring(site, HOST, "none", "done")  # type: ignore[arg-type]
    assert tool.runs == runs
    assert len(site.told) == runs - 1


def test_facens_are_counted_by_their_size(faces: Any, place: MongoPlace) -> None:
    enrol(faces, *range(1, 50), facen=b"\xff" * 16)
    enrol(faces, *range(50, 60), facen=b"\0" * 20)  # In the middle, where no sample of both ends sees them.
    enrol(faces, *range(60, 99), facen=b"\x7f" * 16)
    enrol(faces, 99, 100, facen=None)
    enrol(faces, 101, facen=b"")
    enrol(faces, 102, facen=b"x" * 18)  # No whole number of floats.
    faces.insert_one({"_id": 103, "owner": "o", "galleries": ["g"]})
    enrol(faces, 104, facen=b"x" * 16)
    assert count_sizes(faces, place) == {0: 4, 4: 90, 5: 10}
    assert sorted(face["_id"] for face in faces.find(of_other_length(place, [16]))) == [*range(50, 60), 102]


def test_no_faces_have_no_sizes(faces: Any, place: MongoPlace) -> None:
    assert count_sizes(faces, place) == {}


def test_galleries_in_words() -> None:
    assert by_gallery((("a", 1), ("b", 7))) == "b: 7, a: 1"
    assert by_gallery((("a", 1), ("b", 1), ("c", 1), ("d", 2))) == "d: 2, a: 1, b: 1, and 1 more galleries"
