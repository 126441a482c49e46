"""The lab's extraction-api: its documented API, and what it refuses."""

import base64
import json
import math
import struct

import pytest

from ffplay.lab import extraction_api, facens
from ffplay.lab.http_client import Connection
from ffplay.lab.http_server import Request
from ffplay.lab.vendor.extraction import Extractor, Wanted
from tests.unit.lab.servers import Program, answering, eventually, running

IMAGES = [facens.image(f"image {number}") for number in range(600)]


@pytest.fixture
def site(tmp_path):
    facens.install_model(tmp_path / "models", "cherry_480", 480)
    facens.install_model(tmp_path / "models", "ours_512", 512)
    (tmp_path / "ini").write_text("models: {facen: cherry_480}\nnnd: {min_face_size: 30, max_face_size: .inf}\n")
    return tmp_path


def service(site, rate=0.0):
    settings = extraction_api.read_settings(site / "ini", site / "models")
    found = extraction_api.Extraction(settings, rate)
    found.loaded.set()
    return found


def ask(found, content):
    answer = found.answer(Request("POST", "/", {}, json.dumps(content).encode()))
    return answer.status, answer.content


def arguments(site):
    return ["--config", site / "ini", "--models-dir", site / "models"]


def test_it_answers_503_until_its_model_is_loaded(site):
    with running("extraction_api", *arguments(site), "--load-seconds", 0.4) as program:
        connection = Connection("127.0.0.1", program.port)
        assert connection.request("POST", "/", b'{"requests": []}')[0] == 503
        eventually(lambda: connection.request("POST", "/", b'{"requests": []}') == (200, b'{"responses": []}'))
        extractor = Extractor(f"http://127.0.0.1:{program.port}", 5)
        faces = extractor.extract([Wanted(n, image) for n, image in enumerate(IMAGES)], "nnd", need_facen=True)
        found = [face for face in faces if face is not None]
        assert 550 < len(found) < 600
        for face in found:
            values = struct.unpack("<480f", face.facen)
            assert math.isclose(sum(value * value for value in values), 1, rel_tol=1e-5)
            assert face.facen == facens.facen(face.normalized, "cherry_480", 480)
        assert connection.request("GET", "/")[0] == 405
        assert program.end() == 0


def test_the_crop_gives_the_same_facen_as_the_photo(site):
    with answering(service(site).answer) as port:
        extractor = Extractor(f"http://127.0.0.1:{port}", 5)
        (first,) = extractor.extract([Wanted(1, IMAGES[0])], "nnd", need_facen=True)
        (again,) = extractor.extract([Wanted(1, first.normalized)], "prenormalized", need_facen=True)
        assert again.facen == first.facen
        (other,) = extractor.extract([Wanted(1, IMAGES[0])], "legacy", need_facen=True)
        assert other.facen != first.facen


def test_another_detector_and_its_settings_miss_other_faces():
    def count(*how):
        return sum(facens.detect(image, *how) is not None for image in IMAGES)

    assert count("nnd") > count("legacy") > 0.9 * len(IMAGES)
    assert count("nnd", 60) < count("nnd")
    assert facens.facen(IMAGES[0], "en_1", 320) != facens.facen(IMAGES[0], "apricot_320", 320)


@pytest.mark.parametrize(
    "ini", ["models: {facen: banana_800f}", "models: {}", "models: [", "", "nnd: {min_face_size: 1}"]
)
def test_it_refuses_a_configuration_that_it_cannot_use(site, ini):
    (site / "ini").write_text(ini)
    program = Program("extraction_api", *arguments(site))
    assert program.process.wait(10) == 1
    assert program.said.startswith("findface-extraction-api: ")


def test_a_model_of_the_sites_own_says_its_size(site):
    (site / "ini").write_text("models: {facen: ours_512}")
    assert service(site).settings.facen_size == 512


def test_wrong_requests_are_told_so(site):
    found = service(site)
    assert found.answer(Request("POST", "/", {}, b"no json")).status == 400
    assert ask(found, [])[0] == 400
    assert ask(found, {"requests": 1})[0] == 400
    for entry, code in [
        ({"image": "multipart:none"}, "BAD_REQUEST"),
        ({}, "BAD_REQUEST"),
        ({"image": "file:///nowhere", "detector": "best"}, "BAD_REQUEST"),
        ({"image": "file:///nowhere"}, "FETCH_FAILED"),
        ({"image": "file:///etc/hostname"}, "IMAGE_DECODING_FAILED"),
    ]:
        status, content = ask(found, {"requests": [entry]})
        assert (status, content["responses"][0]["error"]["code"]) == (200, code)
        assert content["responses"][0]["error"]["desc"]


def test_images_are_fetched_from_urls(site, tmp_path):
    (tmp_path / "photo.jpg").write_bytes(IMAGES[0])
    request = {"image": f"file://{tmp_path}/photo.jpg", "need_facen": True}
    _, content = ask(service(site), {"requests": [request]})
    (face,) = content["responses"][0]["faces"]
    assert len(base64.b64decode(face["facen"])) == 4 * 480
    assert set(face["bbox"]) == {"left", "top", "right", "bottom"}


def test_facenapi_reads_its_ini_at_the_start(tmp_path):
    ini = tmp_path / "ini"
    ini.write_text("detector = 'nnd'\n# mongo_host = 'x'\n")
    with running("facenapi", "--config", ini) as program:
        assert Connection("127.0.0.1", program.port).request("GET", "/")[0] == 200
        assert program.end() == 0
    for text in ("detector = nnd", "detector = 'best'", "detector = "):
        ini.write_text(text)
        assert Program("facenapi", "--config", ini).process.wait(10) == 1
