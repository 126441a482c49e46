"""Dumps a real database over a real wire, and damages dumps in every way that the verification must see."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bson
import pytest
from bson import json_util

from ffplay.errors import ChangeFailed, Interrupted, SiteError
from ffplay.resources import job_follow, mongo_readback
from ffplay.resources.mongo_dump import DumpWhole
from tests.unit.lab.servers import eventually
from tests.unit.resources.mongo_site import HOST, MongoSite, face, mongo_site


@pytest.fixture
def site(tmp_path: Path) -> Iterator[MongoSite]:
    with mongo_site(tmp_path) as found:
        yield found


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_follow, "_POLL_SECONDS", 0.5)


@pytest.mark.parametrize("own", [False, True], ids=["by-the-driver", "by-the-site-s-mongodump"])
def test_a_dump_holds_every_document_and_says_so(site: MongoSite, own: bool) -> None:
    dump = site.dump(mongodump=site.program() if own else "")
    faces = list(site.faces.find())
    path = site.bson_of()
    assert [entry[:3] for entry in dump.collections] == [  # type: ignore[union-attr]
        ("faces", 50, path.stat().st_size),
        ("galleries", 1, site.bson_of(collection="galleries").stat().st_size),
    ]
    assert dump.facens == 49
    assert list(bson.decode_file_iter(path.open("rb"))) == faces
    assert DumpWhole(site.dumps(), "run1").read(site, HOST).problems == ()
    assert sorted(entry.name for entry in path.parents[2].iterdir()) == ["run1"]
    assert path.stat().st_mode & 0o77 == 0


def test_the_files_are_those_that_mongorestore_reads(site: MongoSite) -> None:
    dump = site.dump()
    names = {"facenapi/faces.bson", "facenapi/galleries.bson"}
    names |= {"facenapi/faces.metadata.json", "facenapi/galleries.metadata.json"}
    assert {path for path, _ in dump.files} == names
    metadata = json_util.loads(site.bson_of().with_suffix("").with_suffix(".metadata.json").read_text())
    assert metadata["options"] == {}
    assert [(index["name"], index["key"], index["ns"]) for index in metadata["indexes"]] == [
        ("_id_", {"_id": 1}, "facenapi.faces"),
        ("owner_1", {"owner": 1}, "facenapi.faces"),
    ]


# What a mongodump may do wrong, and what is said of it.
WRONG = {
    "one face less": (
        "if name == 'faces': documents.pop()",
        "faces.bson holds 49 documents, the database 50",
    ),
    "one face twice": (
        "if name == 'faces': documents.append(documents[0])",
        "faces.bson holds 51 documents, the database 50",
    ),
    "one facen less": (
        "if name == 'faces': documents[3].pop('facen')",
        "faces.bson holds 48 faces with a facen, the database 49",
    ),
    "another facen": (
        "if name == 'faces': documents[3]['facen'] = b'x' * 1280",
        "faces.bson has other facens than the database: 1 of 49, among them face 1514764800000004",
    ),
    "a collection left out": ("if name == 'galleries': continue", "cannot read .*galleries.bson"),
    "a cut file": (
        "if name == 'faces': (out / 'faces.bson').write_bytes(b''.join(map(bson.encode, documents))[:-9]); continue",
        "faces.bson is damaged: it ends in the middle of the document",
    ),
    "a wrong length": (
        "if name == 'faces': (out / 'faces.bson').write_bytes(b'!' + bson.encode(documents[0])[1:]); continue",
        "faces.bson is damaged: .* document",
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_dump_that_is_not_whole_gets_no_name(site: MongoSite, wrong: str) -> None:
    extra, said = WRONG[wrong]
    with pytest.raises(ChangeFailed, match=said):
        site.dump(mongodump=site.program(extra))
    assert site.dumps().read(site, HOST) == ()
    assert DumpWhole(site.dumps(), "run1").read(site, HOST).problems
    assert site.dump("run2", site.program()).run == "run2"


def test_a_dump_that_changes_while_it_is_read_back_gets_no_name(
    site: MongoSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_back(*args: Any) -> Any:
        found = mongo_readback.read_back(*args)
        flip(Path(args[2]) / "faces.bson")
        return found

    monkeypatch.setattr("ffplay.resources.mongo_dump.read_back", read_back)
    with pytest.raises(ChangeFailed, match=r"faces\.bson changed while it was read back"):
        site.dump()
    assert site.dumps().read(site, HOST) == ()


def test_faces_enrolled_meanwhile_are_no_damage(site: MongoSite) -> None:
    extra = f"if name == 'faces': database[name].insert_one({{'_id': {face(51)['_id']}, 'facen': b'new'}})"
    assert site.dump(mongodump=site.program(extra)).facens == 49


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


DAMAGE = {
    "flipped": (flip, "faces.bson is damaged"),
    "cut": (lambda path: path.write_bytes(path.read_bytes()[:-1]), "faces.bson is damaged"),
    "longer": (lambda path: path.write_bytes(path.read_bytes() + b"\0"), "faces.bson is damaged"),
    "gone": (lambda path: path.unlink(), "faces.bson is missing, or cannot be read"),
    "indexes": (lambda path: flip(path.with_suffix(".metadata.json")), "faces.metadata.json is damaged"),
    "all gone": (lambda path: path.parent.rename(path.parent.with_name("elsewhere")), "faces.bson is missing"),
    "no manifest": (lambda path: (path.parents[1] / "ffplay-manifest.json").unlink(), "there is no verified dump in"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_dump_that_was_damaged_since_is_named(site: MongoSite, kind: str) -> None:
    site.dump("run0")
    site.dump("run1")
    damage, said = DAMAGE[kind]
    damage(site.bson_of())
    problems = DumpWhole(site.dumps(), "run1").read(site, HOST).problems
    assert any(f"{site.directory}/backups/mongo/run1" in problem and said in problem for problem in problems)
    assert DumpWhole(site.dumps(), "run0").read(site, HOST).problems == ()


@pytest.mark.parametrize("text", ["{", '{"format": 1, "run": "run1"}', "[]"])
def test_a_damaged_manifest_is_an_error(site: MongoSite, text: str) -> None:
    site.dump()
    (site.bson_of().parents[1] / "ffplay-manifest.json").write_text(text + "\n")
    with pytest.raises(SiteError, match=r"a manifest is damaged"):
        site.dumps().read(site, HOST)


def test_a_manifest_of_another_format_is_an_error(site: MongoSite) -> None:
    site.dump()
    manifest = site.bson_of().parents[1] / "ffplay-manifest.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "format": 3}) + "\n")
    with pytest.raises(SiteError, match=r"a manifest is damaged \(format 3"):
        site.dumps().read(site, HOST)


def test_a_later_run_waits_for_the_dump_that_an_earlier_one_started(site: MongoSite) -> None:
    gate, starts = site.directory / "gate", site.directory / "starts"
    program = site.program(
        f"open('{starts}', 'a').write(name + '\\n')\nimport os, time\n"
        f"while not os.path.exists('{gate}'): time.sleep(0.05)"
    )
    site.stop = starts.exists
    with pytest.raises(Interrupted, match="mongodump of facenapi runs on by itself on app1"):
        site.dump("run1", program)
    site.stop = None
    site.told.clear()  # the gate opens once the second run follows it
    threading.Thread(target=lambda: (eventually(lambda: "dumping\n" in site.told), gate.touch())).start()
    assert site.dump("run2", program).facens == 49
    assert sorted(starts.read_text().split()) == ["faces", "galleries"]
    assert [dump.run for dump in site.dumps().read(site, HOST)] == ["run2"]


def test_a_dump_that_ended_when_nobody_waited_is_made_anew(site: MongoSite) -> None:
    gate = site.directory / "gate"
    program = site.program(f"import os, time\nwhile not os.path.exists('{gate}'): time.sleep(0.05)")
    site.stop = lambda: True
    with pytest.raises(Interrupted):
        site.dump("run1", program)
    site.stop = None
    gate.touch()
    (folder,) = (site.directory / "jobs").glob("mongodump-*/1")
    eventually((folder / "rc").exists, 30)
    site.faces.insert_one(face(51))
    dump = site.dump("run2", program)
    assert dump.collections[0][1] == 51  # type: ignore[index]


def test_an_operator_who_stops_leaves_no_dump_of_the_driver(site: MongoSite) -> None:
    site.faces.insert_many([{**face(number), "meta": "x" * 4000} for number in range(1000, 1400)])
    site.stop = lambda: True
    with pytest.raises(Interrupted):
        site.dump()
    site.stop = None
    assert site.dumps().read(site, HOST) == ()
    assert site.dump("run2").facens == 449


def test_a_manifest_is_one_line_of_json(site: MongoSite) -> None:
    site.dump()
    (line,) = (site.bson_of().parents[1] / "ffplay-manifest.json").read_text().splitlines()
    assert json.loads(line)["run"] == "run1"
