"""The faces' original images over HTTP, and the size of the database, against the lab's servers."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pymongo
import pytest

from ffplay.lab.http_server import Request, Response
from ffplay.model import Host, Login
from ffplay.resources.database_size import DatabaseSize
from ffplay.resources.mongo import MongoPlace
from ffplay.resources.originals import MissingPages, Originals
from tests.unit.lab.servers import answering, free_port, running

HOST = Host("app1", ("all",), Login("app1"))


class Here:
    """This machine as the site: nothing lies between."""

    def connection(self, host: str) -> Any:
        assert host == "app1"
        return self

    @contextlib.contextmanager
    def forward(self, address: str, port: int) -> Iterator[tuple[str, int]]:
        yield address, port


@pytest.fixture
def uploads() -> Iterator[tuple[int, list[Request]]]:
    """A server that has the even numbers."""
    asked: list[Request] = []

    def answer(request: Request) -> Response:
        asked.append(request)
        return Response(200 if int(request.path.rpartition("/")[2]) % 2 == 0 else 404, "")

    server: AbstractContextManager[int] = answering(answer)
    with server as port:
        yield port, asked


def test_pages_that_are_missing(uploads: tuple[int, list[Request]]) -> None:
    port, asked = uploads
    urls = tuple(f"http://127.0.0.1:{port}/uploads/{number}" for number in range(21))
    missing = MissingPages(urls).read(Here(), HOST)  # type: ignore[arg-type]
    assert sorted(missing) == sorted((url, "answered 404") for url in urls[1::2])
    assert {request.method for request in asked} == {"HEAD"}
    assert len(asked) == len(urls)


def test_pages_of_a_server_that_does_not_answer() -> None:
    port = free_port()
    urls = tuple(f"http://127.0.0.1:{port}/{number}" for number in range(3))
    missing = MissingPages(urls).read(Here(), HOST)  # type: ignore[arg-type]
    assert [url for url, _ in missing] == list(urls)
    assert all("refused" in said for _, said in missing)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[MongoPlace]:
    with running("mongod", "--bind", "127.0.0.1", "--dbpath", tmp_path) as program:
        client: Any = pymongo.MongoClient("127.0.0.1", program.port)
        with client:
            faces = client["facenapi"]["faces"]
            faces.insert_many([{"_id": number, "photo": f"/p/{number}", "blob": b"x" * 1000} for number in range(50)])
            faces.insert_many([{"_id": 50}, {"_id": 51, "photo": None}])
        yield MongoPlace("127.0.0.1", program.port, "facenapi", "faces", "_id", "facen", "galleries", "owner")


def test_originals_and_the_size_of_the_database(place: MongoPlace) -> None:
    every = Originals(place, "photo", 1000).read(Here(), HOST)  # type: ignore[arg-type]
    assert every == (*((number, f"/p/{number}") for number in range(50)), (50, ""), (51, ""))
    some = Originals(place, "photo", 10).read(Here(), HOST)  # type: ignore[arg-type]
    assert 1 <= len(some) <= 10
    assert set(some) <= set(every)
    assert 50_000 < DatabaseSize(place).read(Here(), HOST) < 60_000  # type: ignore[arg-type]
    assert DatabaseSize(place).label == f"mongodb://127.0.0.1:{place.port}/facenapi"
