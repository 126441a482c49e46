"""The vendor's tools as documented, against the lab's MongoDB and extraction-api and shards of the test's own."""

import json
import re
import subprocess
import sys
import threading
from http import HTTPStatus

import pymongo
import pytest

from ffplay.lab import facens, seed, services, vendor
from ffplay.lab.http_client import Connection
from ffplay.lab.http_server import Response
from tests.unit.lab.servers import answering, eventually, free_port, running

FACES = 120


class Shard:
    """A shard as far as a copy needs it: it takes facens of one size, each id once a gallery."""

    def __init__(self, size):
        self.size, self.faces, self.lock = size, {}, threading.Lock()

    def answer(self, request):
        gallery, number = re.fullmatch(r"/v1/([0-9a-f]{24}_\w+)/add/(\d+)", request.path).groups()
        if len(request.body) != self.size:
            return Response(HTTPStatus.BAD_REQUEST, "wrong size")
        with self.lock:
            if (gallery, int(number)) in self.faces:
                return Response(HTTPStatus.CONFLICT, "exists")
            self.faces[gallery, int(number)] = request.body
        return Response(HTTPStatus.OK, "")


class Site:
    """The parts that a test of a tool needs; `tool` runs one."""

    def __init__(self, root, mongo, shards, ports):
        self.root, self.mongo, self.shards = root, mongo, shards
        self.faces = mongo["facenapi"]["faces"]
        self.addresses = [("127.0.0.1", port) for port in ports]
        self.table = ["{}:{}".format(*self.addresses[cell % 2]) for cell in range(1024)]

    def tool(self, name, *arguments):
        config = f"--config={self.root}/facenapi.ini"
        command = [str(self.root / "usr/bin" / name), *arguments, config]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    def regenerate(self, *arguments):
        return self.tool("findface-regenerate", *arguments)

    def copy(self):
        return self.tool("python3", "-m", "facenapi.server.tools.mongo2searchapi")

    def sizes(self):
        return {len(face["facen"]) for face in self.faces.find()}


@pytest.fixture
def site(tmp_path):
    vendor.install(tmp_path, tmp_path, sys.executable, services.package_path())
    models = tmp_path / "usr/share/findface-data/models"
    (tmp_path / "extraction.ini").write_text("models: {facen: cherry_480}")
    shards = [Shard(1280), Shard(1280)]
    extraction = ["--config", tmp_path / "extraction.ini", "--models-dir", models, "--load-seconds", 0]
    with (
        running("mongod", "--dbpath", tmp_path / "db", "--wire-version", 9) as mongod,
        running("extraction_api", *extraction) as api,
        answering(shards[0].answer) as first,
        answering(shards[1].answer) as second,
        pymongo.MongoClient("127.0.0.1", mongod.port) as mongo,
    ):
        found = Site(tmp_path, mongo, shards, [first, second])
        ini = f"mongo_host = '127.0.0.1'\nmongo_port = {mongod.port}\nlisten = '0.0.0.0'\ndetector = 'nnd'\n"
        ini += f"extraction_api_url = 'http://127.0.0.1:{api.port}'\ntntapi_servers_file = '{tmp_path}/tntapi.json'\n"
        (tmp_path / "facenapi.ini").write_text(ini)
        (tmp_path / "tntapi.json").write_text(json.dumps([found.table]))
        uploads = tmp_path / "uploads"
        seed.seed("127.0.0.1", mongod.port, found.addresses, found.table, FACES, "apricot_320", uploads)
        found.enroll = lambda count: seed.seed(
            "127.0.0.1", mongod.port, found.addresses, found.table, count, "apricot_320", uploads
        )
        ready = Connection("127.0.0.1", api.port)
        eventually(lambda: ready.request("POST", "/", b'{"requests": []}')[0] == 200)
        yield found


def test_the_faces_are_in_mongodb_and_on_their_shards(site):
    on_shards = {key: facen for shard in site.shards for key, facen in shard.faces.items()}
    in_mongo = {}
    for face in site.faces.find():
        assert facens.facen(face["normalized"], "apricot_320", 320) == face["facen"]
        for gallery in face["galleries"]:
            in_mongo[f"{face['owner']}_{gallery}", face["_id"]] = face["facen"]
    assert on_shards == in_mongo
    assert {number % 2 for _, number in site.shards[0].faces} == {0}
    before = site.faces.count_documents({})
    new = site.enroll(5)
    assert site.faces.count_documents({"_id": {"$in": new}}) == 5
    assert site.faces.count_documents({}) == before + 5


def test_facens_are_made_from_the_normalized_images(site):
    done = site.regenerate("--regenerate=facens")
    assert (done.returncode, site.sizes()) == (0, {1920})
    assert f"regenerated {FACES}, skipped 0, failed 0" in done.stderr
    for face in site.faces.find():
        assert facens.facen(face["normalized"], "cherry_480", 480) == face["facen"]


def test_processes_share_the_work_and_smart_regeneration_skips_what_is_done(site):
    done = site.regenerate("--every-other=3", "--every-other-offset=1")
    assert f"regenerated {FACES // 3}," in done.stderr
    done = site.regenerate("--every-other=3", "--every-other-offset=1", "--facen-size=480")
    assert f"regenerated 0, skipped {FACES // 3}," in done.stderr
    ids = sorted(face["_id"] for face in site.faces.find())
    done = site.regenerate(f"--min-id={ids[0]}", f"--max-id={ids[2]}", "--facen-size=480")
    assert "regenerated 2, skipped 1," in done.stderr
    done = site.regenerate("--facen-size=480")
    assert (done.returncode, site.sizes()) == (0, {1920})


def test_a_face_that_the_new_detector_misses_is_logged_and_gets_no_new_facen(site):
    before = {face["_id"]: face for face in site.faces.find()}
    done = site.regenerate("--regenerate=normalized,thumbs,facens", "--detector=dlib")
    assert done.returncode == 0
    missed = {int(number) for number in re.findall(r"face (\d+): no face found by legacy", done.stderr)}
    for face in site.faces.find():
        old = before[face["_id"]]
        if face["_id"] in missed:
            # Undocumented is whether the old facen stays; a new one there cannot be.
            assert face["facen"] in (old["facen"], None)
        else:
            assert all(face[name] != old[name] for name in ("normalized", "thumbnail", "facen"))
    assert 0 < len(missed) < FACES / 5


def test_a_photo_that_is_gone_is_logged(site):
    face = site.faces.find_one()
    (site.root / "uploads" / face["photo_hash"][:2] / f"{face['photo_hash']}.jpg").unlink()
    done = site.regenerate("--regenerate=normalized")
    assert done.returncode == 0
    assert f"face {face['_id']}: {face['photo']}" in done.stderr
    assert f"regenerated {FACES - 1}, skipped 0, failed 1" in done.stderr


def test_regenerate_ends_with_1_without_its_services(site):
    gone = free_port()
    for option in (f"--extraction-api-url=http://127.0.0.1:{gone}", f"--mongo-port={gone}"):
        done = site.regenerate(option)
        assert done.returncode == 1
        assert "Traceback" in done.stderr
    (site.root / "facenapi.ini").write_text("detector = nnd")
    done = site.regenerate()
    assert done.returncode == 1
    assert "NameError" in done.stderr


def test_help_is_the_documented_one_and_unknown_options_are_refused(site):
    done = site.regenerate("--help")
    assert done.returncode == 0
    assert done.stdout.startswith("Usage: /usr/bin/findface-regenerate [OPTIONS]")
    assert "--every-other-offset" in done.stdout
    for wrong in ("--facens", "--coroutines", "--coroutines=many", "--regenerate=faces", "all"):
        assert site.regenerate(wrong).returncode == 2


def test_a_copy_fills_empty_shards(site):
    site.regenerate()
    for shard in site.shards:
        shard.faces.clear()
        shard.size = 1920
    done = site.copy()
    assert done.returncode == 0, done.stderr
    on_shards = {key: facen for shard in site.shards for key, facen in shard.faces.items()}
    assert len(on_shards) == sum(len(face["galleries"]) for face in site.faces.find())
    assert {len(facen) for facen in on_shards.values()} == {1920}


def test_a_copy_on_shards_that_were_not_emptied_ends_with_0_and_changes_nothing(site):
    before = dict(site.shards[0].faces)
    site.faces.update_many({}, {"$set": {"facen": b"\0" * 1280}})
    done = site.copy()
    assert done.returncode == 0
    assert "copied 0, already there" in done.stderr
    assert site.shards[0].faces == before


def test_a_copy_that_a_shard_refuses_ends_with_1(site):
    site.shards[1].faces.clear()
    site.shards[1].size = 1920
    done = site.copy()
    assert done.returncode == 1
    assert "400" in done.stderr


def test_a_copy_without_a_shard_ends_at_once(site):
    table = [f"127.0.0.1:{free_port()}"] * 1024
    (site.root / "tntapi.json").write_text(json.dumps([table]))
    done = site.copy()
    assert done.returncode == 1
    assert "ConnectionRefusedError" in done.stderr
