"""Restores faces from a dump into a real database over a real wire, with everything that happened to it since."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import bson
import pytest

from ffplay.errors import ChangeFailed, Interrupted, SiteError
from ffplay.resources import mongo_compare
from ffplay.resources.mongo_compare import Ids
from ffplay.resources.mongo_restore import FacesRestore, RestoreState
from tests.unit.resources.mongo_site import HOST, MongoSite, face, mongo_site

FIELDS = ("facen", "normalized", "thumbnail", "x1", "y1", "x2", "y2", "score")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[MongoSite]:
    with mongo_site(tmp_path) as found:
        found.dump()
        yield found


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mongo_compare, "_BATCH", 7)
    monkeypatch.setattr(mongo_compare, "_TELL_SECONDS", 0)


def restore_of(site: MongoSite, fields: tuple[str, ...] = ("facen",), run: str = "run1") -> FacesRestore:
    return FacesRestore(site.place, str(site.directory / "backups"), run, fields)


def bring(site: MongoSite, restore: FacesRestore) -> RestoreState:
    """Restore as an apply does, and return what is read again."""
    before = restore.read(site, HOST)
    after = RestoreState(0, before.enrolled, before.gone)
    restore.bring(site, HOST, before, after)
    observed = restore.read(site, HOST)
    assert restore.reached(before, after, observed)
    return observed


def faces(site: MongoSite) -> dict[int, dict[str, Any]]:
    return {found["_id"]: found for found in site.faces.find()}


def id_of(number: int) -> int:
    return int(face(number)["_id"])


def new_model(site: MongoSite) -> None:
    for number in faces(site):
        site.faces.update_one({"_id": number}, {"$set": {"facen": b"new" * 640}})


def test_what_differs_in_nothing_is_left(site: MongoSite) -> None:
    assert restore_of(site, FIELDS).read(site, HOST) == RestoreState(0, Ids(), Ids())


def test_a_new_model_is_undone_and_a_face_without_a_facen_has_none_again(site: MongoSite) -> None:
    before = faces(site)
    new_model(site)
    restore = restore_of(site)
    seen = restore.read(site, HOST)
    assert seen.differing == 50
    assert not restore.reached(seen, RestoreState(0), seen)
    assert restore.show(seen, RestoreState(0)) == "50 faces get back facen as of run1"
    bring(site, restore)
    assert faces(site) == before
    assert "facen" not in faces(site)[id_of(10)]
    assert "compared 49 of 50 faces" in site.told
    assert "restored 50 faces" in site.told
    assert any(text.startswith("restored 14 of 50 faces, looked at 14 of 50") for text in site.told)


def test_a_new_detector_is_undone_field_by_field_and_type_by_type(site: MongoSite) -> None:
    odd = {"normalized": bson.Binary(b"n", 5), "x1": bson.Int64(3), "y1": 2.0, "x2": None, "thumbnail": {"a": [b"t"]}}
    site.faces.update_one({"_id": id_of(3)}, {"$set": odd, "$unset": {"y2": ""}})
    site.dump("run2")
    raw = {number: bson.encode(found) for number, found in faces(site).items()}
    site.faces.update_many({}, {"$set": {"facen": None, "normalized": None, "thumbnail": None, "score": 0.5}})
    site.faces.update_many({}, {"$set": {"x1": 90, "y1": 91, "x2": 92, "y2": 93}})
    assert bring(site, restore_of(site, FIELDS, "run2")).differing == 0
    assert {number: bson.decode(found) for number, found in raw.items()} == faces(site)
    back = faces(site)[id_of(3)]
    assert (type(back["x1"]), type(back["y1"]), back["normalized"].subtype) == (bson.Int64, float, 5)


def test_what_happened_since_the_dump_stays(site: MongoSite) -> None:
    before = faces(site)
    new_model(site)
    site.faces.insert_many([face(number) for number in (60, 0)])
    site.faces.delete_many({"_id": {"$in": [id_of(5), id_of(6)]}})
    site.faces.update_one({"_id": id_of(7)}, {"$set": {"meta": "edited", "galleries": []}, "$unset": {"thumbnail": ""}})
    enrolled = {number: faces(site)[number] for number in (id_of(60), id_of(0))}
    restore = restore_of(site)
    seen = restore.read(site, HOST)
    assert seen == RestoreState(48, Ids((id_of(0), id_of(60)), 2), Ids((id_of(5), id_of(6)), 2))
    assert restore.show(seen, RestoreState(0)).splitlines() == [
        "48 faces get back facen as of run1",
        f"2 faces enrolled since stay as they are: {id_of(0)}, {id_of(60)}",
        f"2 faces deleted since stay deleted: {id_of(5)}, {id_of(6)}",
    ]
    assert bring(site, restore) == RestoreState(0, seen.enrolled, seen.gone)
    edited = {**before[id_of(7)], "meta": "edited", "galleries": []}
    edited.pop("thumbnail")
    wanted = {number: found for number, found in before.items() if number not in (id_of(5), id_of(6))}
    assert faces(site) == {**wanted, **enrolled, id_of(7): edited}


def test_of_very_many_enrolled_faces_the_first_are_listed(site: MongoSite) -> None:
    site.faces.insert_many([{"_id": number} for number in range(3000, 0, -1)])
    seen = restore_of(site).read(site, HOST)
    assert seen.enrolled == Ids(tuple(range(1, 1001)), 3000)
    assert "3,000 faces enrolled since stay as they are: 1, 2, 3, 4, 5 and 2,995 more" in restore_of(site).show(
        seen, seen
    )


def test_a_restore_that_was_stopped_is_gone_on_with(site: MongoSite) -> None:
    before = faces(site)
    new_model(site)
    restore = restore_of(site)
    seen = restore.read(site, HOST)
    site.stop = lambda: any(text.startswith("restored 21 ") for text in site.told)
    with pytest.raises(Interrupted, match="21 faces are restored"):
        restore.bring(site, HOST, seen, RestoreState(0))
    site.stop = None
    assert restore.read(site, HOST).differing == 29
    bring(site, restore)
    assert faces(site) == before


def damage_flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (damage_flip, "faces.bson is damaged"),
        (lambda path: path.write_bytes(path.read_bytes()[:-1]), "faces.bson is damaged"),
        (lambda path: path.unlink(), r"faces.bson( is missing|: )"),
        (lambda path: (path.parents[1] / "ffplay-manifest.json").unlink(), "there is no verified dump of faces in"),
    ],
    ids=["flipped", "cut", "gone", "without-a-manifest"],
)
def test_of_a_damaged_dump_nothing_is_restored(site: MongoSite, harm: Callable[[Path], Any], said: str) -> None:
    new_model(site)
    restore = restore_of(site)
    seen = restore.read(site, HOST)
    before = faces(site)
    harm(site.bson_of())
    with pytest.raises((ChangeFailed, SiteError), match=said):
        restore.bring(site, HOST, seen, RestoreState(0))
    with pytest.raises((ChangeFailed, SiteError), match=said):
        restore.read(site, HOST)
    assert faces(site) == before


def test_a_document_without_an_id_is_named(site: MongoSite) -> None:
    site.faces.insert_one({"_id": "7"})
    with pytest.raises(SiteError, match="a document without a whole number as _id"):
        restore_of(site).read(site, HOST)


def test_the_lock_is_looked_at_before_each_batch(site: MongoSite, monkeypatch: pytest.MonkeyPatch) -> None:
    new_model(site)
    connection = site.connection("app1")
    run = connection.run
    scripts: list[str] = []

    def fenced(script: str, **options: Any) -> Any:
        scripts.append(script)
        if scripts.count(":") == 3:
            raise SiteError("app1", "this run's lock was taken over")
        return run(script, **options)

    monkeypatch.setattr(connection, "run", fenced)
    with pytest.raises(SiteError, match="taken over"):
        restore_of(site).bring(site, HOST, RestoreState(50), RestoreState(0))
    monkeypatch.undo()
    assert restore_of(site).read(site, HOST).differing == 50 - 14
