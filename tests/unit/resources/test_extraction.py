"""How fast extraction-api is, measured against the lab's: what it is asked, and what is told where it makes nothing."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from ffplay.lab import extraction_api, facens
from ffplay.lab.http_server import Request, Response
from ffplay.resources.extraction import ExtractionSpeed, Measured
from tests.unit.lab.servers import answering, free_port
from tests.unit.resources.mongo_site import HOST, MongoSite, mongo_site

# How long each of these asks, in seconds: long enough to come to a rate, short enough to wait for.
SECONDS = 0.6


@pytest.fixture
def site(tmp_path: Path) -> Iterator[MongoSite]:
    with mongo_site(tmp_path, faces=8) as found:
        for number, face in enumerate(list(found.faces.find())):
            found.faces.update_one({"_id": face["_id"]}, {"$set": {"normalized": facens.image(f"face {number}")}})
        yield found


@pytest.fixture
def service(tmp_path: Path) -> extraction_api.Extraction:
    facens.install_model(tmp_path / "models", "cherry_480", 480)
    (tmp_path / "ini").write_text("models: {facen: cherry_480}\n")
    made = extraction_api.Extraction(extraction_api.read_settings(tmp_path / "ini", tmp_path / "models"), rate=50)
    made.loaded.set()
    return made


def measured(site: MongoSite, answer: Callable[[Request], Response], **given: object) -> Measured:
    server: AbstractContextManager[int] = answering(answer)
    with server as port:
        probe = ExtractionSpeed("127.0.0.1", port, HOST, site.place, "normalized", seconds=SECONDS, **given)  # type: ignore[arg-type]
        return probe.read(site, HOST)


def test_the_speed_is_that_of_the_service_and_nothing_is_written(
    site: MongoSite, service: extraction_api.Extraction
) -> None:
    before = list(site.faces.find())
    asked: list[Request] = []

    def answer(request: Request) -> Response:
        asked.append(request)
        return service.answer(request)

    found = measured(site, answer)
    assert found.problem == ""
    # The service makes 50 a second at most, one after the other.
    assert 20 < found.speed <= 52
    assert found.facens == len(asked)
    assert found.seconds >= SECONDS
    assert {(request.method, request.path) for request in asked} == {("POST", "/")}
    assert all(b'"detector": "prenormalized", "need_facen": true' in request.body for request in asked)
    assert list(site.faces.find()) == before


def test_several_requests_are_under_way_at_a_time(site: MongoSite) -> None:
    guard, now, most = threading.Lock(), 0, 0

    def answer(request: Request) -> Response:
        nonlocal now, most
        with guard:
            now += 1
            most = max(most, now)
        time.sleep(0.05)
        with guard:
            now -= 1
        return Response(200, {"responses": [{"faces": [{"facen": ""}]}]})

    found = measured(site, answer, at_once=6)
    assert most == 6
    # Each takes 0.05 s, and six are made at a time.
    assert 60 < found.speed <= 120


def test_an_image_that_mongodb_has_as_a_url_is_fetched_by_the_service(site: MongoSite) -> None:
    site.faces.update_many({}, {"$set": {"normalized": "http://uploads/n.png"}})
    asked: list[Request] = []

    def answer(request: Request) -> Response:
        asked.append(request)
        return Response(200, {"responses": [{"faces": [{"facen": ""}]}]})

    assert measured(site, answer).speed > 0
    assert json.loads(asked[0].body)["requests"][0]["image"] == "http://uploads/n.png"


@pytest.mark.parametrize(
    ("reply", "problem"),
    [
        (Response(503, {"error": "loading"}), 'gave no facens: it answered 503 {"error": "loading"}'),
        (Response(200, {"responses": [{"faces": [], "error": {"code": "X", "desc": "bad"}}]}), "X: bad"),
        (Response(200, {"responses": [{"faces": []}]}), "no face was found in any normalized image"),
        (Response(200, {"nothing": 1}), "gave no facens: 'responses'"),
    ],
)
def test_a_service_that_makes_no_facens_is_told(site: MongoSite, reply: Response, problem: str) -> None:
    found = measured(site, lambda _: reply)
    assert problem in found.problem
    assert found.speed == 0


def test_a_site_without_normalized_images_is_told(site: MongoSite) -> None:
    site.faces.update_many({}, {"$set": {"normalized": None}})
    found = measured(site, lambda _: Response(500, {}))
    assert found.problem == "no face has a normalized image in normalized (mongo_field_normalized in the inventory)"


def test_a_service_that_does_not_listen_is_told(site: MongoSite) -> None:
    port = free_port()
    probe = ExtractionSpeed("127.0.0.1", port, HOST, site.place, "normalized", seconds=SECONDS)
    assert probe.read(site, HOST).problem.startswith(f"extraction-api at 127.0.0.1:{port} gave no facens: ")
