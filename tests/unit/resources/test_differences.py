"""What is told of two values of one thing: what changed since, and what was predicted and what was found."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ffplay import resources
from ffplay.model import Generation, Shard, Unknown
from ffplay.resources.backup_manifest import ShardBackup
from ffplay.resources.base import Resource
from ffplay.resources.census import Census, CensusState
from ffplay.resources.command import ALWAYS, RAN, Command, DetachedCommand, Verdict
from ffplay.resources.differences import LINES, since, text_of
from ffplay.resources.facts import HostFacts, HostState, Instance, Room
from ffplay.resources.file import ABSENT, File, FileState
from ffplay.resources.job import Job, JobState
from ffplay.resources.mongo import Faces, FacesState, MongoPlace
from ffplay.resources.record import Record
from ffplay.resources.runs import RunEnd, RunHead, Runs, RunState
from ffplay.resources.shard_backup import ShardBackups
from ffplay.resources.shard_data import DataState, ShardData
from ffplay.resources.shard_http import Gallery, ShardFaces, ShardState, Silent
from ffplay.resources.unit import RUNNING, Unit, UnitState, restarted

SHARD = Shard("FindFace_shard_2", 2, "u", "c", "/d", "/d/s", "/d/x", "/d/i", "127.0.0.1", 33002, 8002)
PLACE = MongoPlace("127.0.0.1", 27017, "facenapi", "faces", "_id", "facen", "galleries", "owner")
OLD, NEW = Record(Generation("apricot_320", 320)), Record(Generation("cherry_480", 480))
LUA = """box.cfg{memtx_memory = 100}
FindFace = require("FindFace")
FindFace.start("127.0.0.1", 8001, {
    replication = "rep:hunter2@db1:3301",
    facen_size = 320,
})
"""


def lua(text: str = LUA, **more: Any) -> FileState:
    return FileState("file", text.encode(), "0644", "root", "root", **more)


def run(name: str, closed: str = "") -> RunState:
    head = RunHead(name, "apply", "root", "m", "then", "/p.yml", "1", "")
    return RunState(head, RunEnd("failed"), closed)


CHANGED: list[tuple[Resource, Any, Any, list[str]]] = [
    (File("/x.lua"), lua(), lua(LUA.replace("320", "480")), ["facen_size was 320, is now 480", "line 5 changed"]),
    (File("/x.lua"), lua(), lua("-- by hand\n" + LUA), ["line 1 added"]),
    (File("/x.lua"), lua(), lua(LUA.replace("box", "-- box")), ["memtx_memory was 100, is now none", "line 1 changed"]),
    (File("/x.lua"), lua(), ABSENT, ["kind was file, is now absent"]),
    (
        File("/x.lua"),
        lua(),
        lua("no lua {"),
        ["memtx_memory was 100, is now none", "facen_size was 320, is now none", "line 1 changed"],
    ),
    (File("/e.yml"), lua("a: 1\nb: 2\n"), lua("b: 2\n"), ["line 1 (a) removed"]),
    (File("/e.yml"), lua("a: 1\nb: 2\n"), lua("a: 1\nb: 3\n"), ["line 2 (b) changed"]),
    (File("/e.yml"), lua("a"), dataclasses.replace(lua("a"), mode="0600"), ["mode was 0644, is now 0600"]),
    (
        File("/e.bin"),
        lua("a\0"),
        lua("b\0!"),
        [f"content was {text_of(b'a' + bytes(1))}, is now {text_of(b'b' + bytes(1) + b'!')}"],
    ),
    (Unit("u"), UnitState("active"), UnitState("failed"), ["state was active, is now failed"]),
    (ShardData(SHARD), DataState(record=OLD), DataState(), ["record was complete, is now none"]),
    (
        ShardData(SHARD),
        DataState(record=OLD),
        DataState(record=NEW),
        [
            "record's generation model was apricot_320, is now cherry_480",
            "record's generation facen size was 320, is now 480",
        ],
    ),
    (
        ShardData(SHARD),
        DataState((("snap/1.snap", 5),), instances=("a",)),
        DataState((("snap/1.snap", 5),), instances=("b",)),
        ["Tarantool instance was a, is now b"],
    ),
    (
        ShardFaces(SHARD),
        ShardState((), (320,)),
        ShardState((), (320, 480)),
        ["size of facens was 320, is now 320, 480"],
    ),
    (ShardFaces(SHARD), ShardState(), None, ["shard was answers, is now does not answer"]),
    (
        Faces(PLACE, "/r"),
        FacesState(9, ((320, 9),)),
        FacesState(9, ((480, 9),)),
        ["size of facens was 320, is now 480"],
    ),
    (
        HostFacts(),
        HostState(memory=4 << 30, instances=(Instance("t@1", "active", True),)),
        HostState(memory=2 << 30, instances=(Instance("t@1", "", False),)),
        ["memory was 4096 MiB, is now 2048 MiB", "unit t@1 was active, enabled, is now not loaded, not enabled"],
    ),
    (
        ShardBackups(SHARD, "/b"),
        (),
        (ShardBackup("run1", (), ()),),
        ["number of backups was 0, is now 1"],
    ),
    (Runs("/s"), (), (run("r1"),), ["list of open runs was none, is now r1 (apply, failed)"]),
    (Command("ls"), ALWAYS, RAN, ["run was needed, is now needless"]),
    (
        Job("j", "/j", ("x",)),
        JobState("running"),
        JobState("failed", 3),
        ["state was running, is now failed", "exit code was 0, is now 3"],
    ),
]

# What a site that serves, or a clock that ticks, alters by itself.
BY_ITSELF: list[tuple[Resource, Any, Any]] = [
    (File("/x.lua"), lua(mtime=1), lua(mtime=2)),
    (Unit("u"), UnitState("active", pid=10, since=100), UnitState("active", pid=11, since=101)),
    (ShardData(SHARD), DataState((("wal/1.xlog", 5),), newest=1), DataState((("wal/1.xlog", 7), ("snap/2.snap", 9)))),
    (
        ShardFaces(SHARD),
        ShardState((Gallery("g", 5, 0, 0),), (320,), (("g", 1, b"x"),)),
        ShardState((Gallery("g", 6, 0, 0), Gallery("h", 1, 0, 0)), (320,)),
    ),
    (Faces(PLACE, "/r"), FacesState(9, ((320, 9),)), FacesState(11, ((320, 11),))),
    (
        Faces(PLACE, "/r"),
        FacesState(9, ((320, 9),), dataclasses.replace(NEW, state="regenerating")),
        FacesState(9, ((320, 5), (480, 4)), dataclasses.replace(NEW, state="regenerating")),
    ),
    (
        HostFacts(),
        HostState(available=1, skew=0, rooms=(Room("/b", 1, "/", 100, 200),)),
        HostState(available=2, skew=1, rooms=(Room("/b", 1, "/", 90, 200),)),
    ),
    (Census(PLACE, (), "{gallery}"), CensusState(missing=(("g", 1),)), CensusState()),
    (Runs("/s"), (), (run("r1", "done"),)),
    (DetachedCommand(Command("x"), Job("j", "/j", ("x",))), JobState("running"), JobState("ended")),
]


@pytest.mark.parametrize(("resource", "was", "now", "told"), CHANGED)
def test_what_changed_since_is_told_in_words(resource: Resource, was: Any, now: Any, told: list[str]) -> None:
    assert since(resource.facts(was), resource.facts(now)) == told
    assert not resource.same(was, now)


@pytest.mark.parametrize(("resource", "was", "now"), BY_ITSELF)
def test_what_a_serving_site_alters_by_itself_is_no_change(resource: Resource, was: Any, now: Any) -> None:
    assert resource.facts(was) == resource.facts(now)
    assert resource.same(was, now)


MISSED: list[tuple[Resource, Any, Any, Any, list[str]]] = [
    (
        File("/x.lua"),
        lua(),
        FileState("file", LUA.replace("320", "480").encode()),
        lua(),
        ["facen_size: predicted 480, found 320", "line 5: found another text than predicted"],
    ),
    (File("/x"), ABSENT, FileState("directory", mode="0700"), ABSENT, ["kind: predicted directory, found absent"]),
    (
        Unit("u"),
        UnitState("active", pid=7),
        UnitState("inactive"),
        RUNNING,
        ["state: predicted inactive, found active"],
    ),
    (
        Unit("u"),
        UnitState("active", pid=7),
        restarted(),
        UnitState("active", pid=7),
        ["main process: predicted a new one, found 7 as before"],
    ),
    (
        Unit("u"),
        UnitState("active"),
        UnitState("active", enabled="enabled"),
        UnitState("active", enabled="disabled"),
        ["enabled: predicted enabled, found disabled"],
    ),
    (
        ShardData(SHARD),
        DataState((("snap/1.snap", 5),)),
        DataState((), NEW),
        DataState((("snap/1.snap", 5),), OLD),
        [
            "record's generation model: predicted cherry_480, found apricot_320",
            "record's generation facen size: predicted 480, found 320",
            "data files: predicted none, found snap/1.snap, 5",
        ],
    ),
    (
        ShardData(SHARD),
        DataState(),
        DataState(Unknown("when it is filled"), NEW),
        DataState((("snap/1.snap", 5),), dataclasses.replace(NEW, state="emptied")),
        ["record: predicted complete, found emptied", "record's state: predicted complete, found emptied"],
    ),
    (
        Faces(PLACE, "/r"),
        FacesState(9, ((320, 9),)),
        FacesState(9, ((480, 9),), NEW),
        FacesState(9, ((320, 2), (480, 7)), NEW),
        ["size of facens: predicted 480, found 2 of 320"],
    ),
    (
        ShardBackups(SHARD, "/b"),
        (),
        (ShardBackup("run1", (), ()),),
        (),
        ["number of backups: predicted 1, found 0"],
    ),
    (
        Command("x", creates="/y"),
        ALWAYS,
        RAN,
        Verdict(True, ("creates /y: is not there",)),
        ["predicted that it need not run any more, found: creates /y: is not there"],
    ),
    (
        Job("j", "/j", ("x",)),
        JobState(),
        JobState("done"),
        JobState("running"),
        ["state: predicted ended, found running"],
    ),
]


@pytest.mark.parametrize(("resource", "before", "after", "seen", "told"), MISSED)
def test_what_was_predicted_and_what_was_found_is_told_in_words(
    resource: Resource, before: Any, after: Any, seen: Any, told: list[str]
) -> None:
    assert not resource.reached(before, after, seen)
    assert resource.missed(before, after, seen) == told


def test_no_text_of_a_file_is_among_its_facts() -> None:
    facts = File("/x.lua").facts(lua())
    assert facts["facen_size"] == "320"
    assert not any(word in " ".join(facts.values()) for word in ("hunter2", "require", "127.0.0.1"))
    assert all(len(line.partition("/")[0]) == 4 for line in facts[LINES].split(" "))


def test_a_shard_that_takes_connections_and_is_silent_is_not_one_whose_port_is_closed() -> None:
    shard = ShardFaces(SHARD)
    assert len({shard.facts(value)["shard"] for value in (ShardState(), Silent(10.0), None)}) == 3


def test_one_backup_is_not_another_one() -> None:
    backups = ShardBackups(SHARD, "/b")
    one, other = (backups.facts((ShardBackup(run, (), ()),)) for run in ("run1", "run2"))
    assert since(one, other) == ["backup run1 was there, is now none", "backup run2 was none, is now there"]


def test_long_texts_are_told_apart_by_more_than_their_beginning() -> None:
    one, other = "x" * 500 + "a", "x" * 500 + "b"
    assert text_of(one) != text_of(other)
    assert len(text_of(one)) < 200


# Read by a check when its turn comes, by who only looks at a site, or by what goes back and removes; no plan of a
# playbook rests on their values. Those of the last line tell all that they are by their fields.
BY_THEIR_FIELDS = {
    "BackupIntact", "DumpWhole", "FacensMade", "FacesAudit", "HttpExchange", "NothingLeftOut", "PathState", "Pause",
    "PortState", "ShardAnswers", "ShardHealthy", "ShardRestored", "Stated", "_Conf",
    "BackupFolders", "Files", "Identity", "InstanceFiles", "MongoLook", "OldBackup", "Removable", "RunJournal",
    "RunningJobs", "SetAside", "SetAsides", "ShardsData", "SiteLock", "TimesFile", "Units", "_Data",
    "Copying", "FileCopy", "Job", "JobStatus", "RecordFile",
}  # fmt: skip


def test_what_a_plan_reads_says_what_the_plan_rests_on() -> None:
    """A resource that is new has to say what of its values a serving site alters by itself."""
    for path in Path(resources.__file__).parent.glob("*.py"):
        importlib.import_module(f"ffplay.resources.{path.stem}")
    abstract = {"ShellResource", "DirectResource", "Scripted"}
    ours = [kind for kind in kinds(Resource) if kind.__module__.startswith("ffplay.")]
    silent = {kind.__name__ for kind in ours if "facts" not in vars(kind)}
    assert silent - abstract == BY_THEIR_FIELDS


def kinds(root: type) -> Iterator[type]:
    for kind in root.__subclasses__():
        yield kind
        yield from kinds(kind)
