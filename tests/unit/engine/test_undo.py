"""What a rollback plans for shards and faces, from journals and a site that are data; nothing is read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from ffplay.engine.options import Options
from ffplay.engine.plan import Plan
from ffplay.engine.rollback import RollbackPlanner
from ffplay.engine.view import PlanView
from ffplay.load import Sources, load
from ffplay.model import Change, Generation, Shard, Unknown
from ffplay.resources.backup_manifest import ShardBackup
from ffplay.resources.checks import ShardAnswers
from ffplay.resources.facts import HostFacts
from ffplay.resources.file import File, FileState
from ffplay.resources.job import Job, JobState, JobStatus
from ffplay.resources.mongo import Faces, FacesState, MongoPlace
from ffplay.resources.mongo_dump import MongoDump, MongoDumps
from ffplay.resources.mongo_restore import FacesRestore
from ffplay.resources.record import Record
from ffplay.resources.restored import ShardRestored
from ffplay.resources.runs import Entry, RunEnd, RunHead, RunJournal, Runs, RunState
from ffplay.resources.shard_backup import ShardBackups
from ffplay.resources.shard_data import DataState, ShardData
from ffplay.resources.unit import RUNNING, STOPPED, Unit

ONE, OWN = "20261121T205251Z-10b8", "20261124T205251Z-10b8"
OLD, NEW = Generation("apricot_320", 320, "nnd"), Generation("cherry_480", 480, "nnd")
PLACE = MongoPlace("127.0.0.1", 27017, "facenapi", "faces", "_id", "facen", "galleries", "owner")
FACES = Faces(PLACE, "/s/faces-generation.json")
DUMPS = MongoDumps(PLACE, "/b")
TOOL = Job("regenerate for cherry_480", "/s/jobs/regenerate-1", ("findface-regenerate",), began=ONE, run=ONE)
FULL = DataState((("snap/1.snap", 10),), Record(OLD))
EMPTIED = DataState((), Record(NEW, "emptied", OLD, run=ONE))
FILLED = DataState((("snap/7.snap", 10),), Record(NEW, was=OLD, run=ONE))
BEFORE = FacesState(100, ((320, 100),), Record(OLD))
UNDER_WAY = FacesState(100, ((320, 100),), Record(NEW, "regenerating", OLD, run=ONE))
NOW = FacesState(100, ((480, 100),), Record(NEW, was=OLD, run=ONE))


class Site:
    """Hosts app1 (mongo) and db1 with one shard; one run did what a test says, and ended well."""

    def __init__(self, folder: Path) -> None:
        groups = {"mongo": {"hosts": {"app1": None}}, "tntapi": {"hosts": {"db1": {"shards": 1}}}}
        inventory = {"all": {"children": groups, "vars": {"ansible_connection": "local", "backup_dir": "/b"}}}
        (folder / "site.yml").write_text(yaml.safe_dump(inventory))
        self.loaded = load(Sources(None, (folder / "site.yml",)))
        self.shard: Shard = self.loaded.site.host("db1").shards[0]

    def plan(self, deeds: tuple[Entry, ...], known: Mapping[type, Any]) -> Plan:
        head = RunHead(ONE, "apply", "ann", "laptop", "2026-11-21", "/p/switch.yml", "0.1.0", "9 changes")
        runs = (RunState(head, RunEnd("ok"), "done", ONE, len(deeds), len(deeds)),)
        observed: dict[Any, Any] = {}
        while True:
            view = PlanView(observed)
            plan = RollbackPlanner(self.loaded, Options(), OWN, None).plan(view)
            if not view.missing:
                return plan
            for host, resource in view.missing:
                if isinstance(resource, RunJournal):
                    observed[host, resource] = tuple(one for one in deeds if one.change.host == host)
                else:
                    observed[host, resource] = runs if isinstance(resource, Runs) else known[type(resource)]

    def wiped(self) -> tuple[Entry, ...]:
        """Return that the shard was backed up, stopped and set aside."""
        backup = ShardBackup(ONE, Unknown("the copies have been read back"))
        return (
            deed(1, "backup", Change("db1", ShardBackups(self.shard, "/b"), (), (backup,), "", self.shard.name)),
            deed(2, "stop", Change("db1", Unit(self.shard.unit), RUNNING, STOPPED, "", self.shard.name)),
            deed(3, "wipe", Change("db1", ShardData(self.shard), FULL, EMPTIED, "", self.shard.name)),
        )

    def aside(self) -> tuple[tuple[str, int], ...]:
        """Return what the run set aside of the shard."""
        directories = (self.shard.snap_dir, self.shard.wal_dir, self.shard.index_dir)
        return tuple((f"{path}.aside-{ONE}", 10) for path in directories)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def deed(number: int, kind: str, change: Change) -> Entry:
    return Entry(number, kind, kind, change, 1.0, done=True)


def regenerated(*, dumped: bool = True) -> tuple[Entry, ...]:
    """Return that the faces were dumped (or were not), and rewritten."""
    dump = MongoDump(ONE, Unknown("the dump has been read back"))
    made = (deed(1, "backup", Change("app1", DUMPS, (), (dump,), "")),) if dumped else ()
    return (
        *made,
        deed(2, "configure", Change("app1", FACES, BEFORE, UNDER_WAY, "")),
        deed(3, "regenerate", Change("app1", TOOL, "none", "done", "")),
        deed(4, "regenerate", Change("app1", FACES, UNDER_WAY, NOW, "")),
    )


def of_faces(*dumps: str, job: JobState | None = None) -> Mapping[type, Any]:
    return {
        JobStatus: job or JobState(),
        HostFacts: SimpleNamespace(programs=()),
        MongoDumps: tuple(MongoDump(run) for run in dumps),
        Faces: NOW,
    }


def kinds(plan: Plan) -> list[type]:
    return [type(change.resource) for change in plan.changes]


def test_data_come_back_to_a_shard_that_stops_before_and_starts_behind(site: Site) -> None:
    now = DataState(FILLED.files, FILLED.record, aside=site.aside())
    plan = site.plan(site.wiped(), {Unit: RUNNING, ShardData: now})
    assert plan.problems == ()
    assert kinds(plan) == [Unit, ShardData, Unit]
    stop, data, start = (change.after for change in plan.changes)
    assert (stop.active, start.active) == ("inactive", "active")
    assert (data.record, data.restored.runs, data.restored.run) == (FULL.record, (ONE,), OWN)
    compared, answers = (check.resource for check in plan.checks)
    assert isinstance(compared, ShardRestored)
    assert (compared.manifest, compared.run) == (f"/b/{site.shard.name}/{ONE}/manifest", ONE)
    assert isinstance(answers, ShardAnswers)


def test_a_shard_that_did_not_run_before_is_not_started(site: Site) -> None:
    backup, _, wipe = site.wiped()
    now = DataState(FILLED.files, FILLED.record, aside=site.aside())
    plan = site.plan((backup, wipe), {Unit: STOPPED, ShardData: now})
    assert kinds(plan) == [ShardData]


def test_data_that_are_there_no_more(site: Site) -> None:
    plan = site.plan(site.wiped(), {Unit: RUNNING, ShardData: FILLED})
    (problem,) = plan.problems
    assert problem.summary == f"the data of {site.shard.name} that run {ONE} set aside are there no more"
    assert "restore them from a backup by hand" in problem.advice


def test_faces_go_back_behind_a_dump_of_what_they_are(site: Site) -> None:
    plan = site.plan(regenerated(), of_faces(ONE))
    assert plan.problems == ()
    assert kinds(plan) == [MongoDumps, Faces, FacesRestore, Faces]
    dump, begin, restore, end = plan.changes
    assert [one.run for one in dump.after] == [ONE, OWN]
    assert (begin.after.record.state, begin.after.record.generation) == ("regenerating", OLD)
    assert (restore.resource.run, restore.resource.fields) == (ONE, ("facen",))
    assert end.after.record == BEFORE.record


def test_faces_that_no_dump_holds(site: Site) -> None:
    plan = site.plan(regenerated(dumped=False), of_faces())
    (problem,) = plan.problems
    assert "the runs rewrote the faces" in problem.summary
    assert "none of them made a dump before" in problem.summary


def test_faces_whose_dump_is_gone(site: Site) -> None:
    plan = site.plan(regenerated(), of_faces())
    (problem,) = plan.problems
    assert f"the dump of run {ONE} is not in /b/mongo any more" in problem.summary


def test_a_tool_that_still_runs(site: Site) -> None:
    plan = site.plan(regenerated(), of_faces(ONE, job=JobState("running", 0, ONE, "12:00", "77")))
    (problem,) = plan.problems
    assert problem.summary == f"regenerate for cherry_480, started by run {ONE}, still runs (pid 77)"
    assert "kill -TERM -77" in problem.advice


def test_a_dump_that_was_broken_off_is_not_the_one_that_faces_go_back_from(site: Site) -> None:
    begun = MongoDump("20261120T205251Z-0000", Unknown("the dump has been read back"))
    broken = Entry(0, "backup", "backup", Change("app1", DUMPS, (), (begun,), ""), 1.0, done=False)
    plan = site.plan((broken, *regenerated()), of_faces(ONE))
    assert plan.problems == ()
    assert [change.resource.run for change in plan.changes if isinstance(change.resource, FacesRestore)] == [ONE]


def test_files_come_back_host_by_host_the_last_changed_first(site: Site) -> None:
    old, new = FileState("file", b"old\n"), FileState("file", b"new\n")
    # Hosts that worked at the same time wrote their journals in whatever order they were done.
    done = (("app1", "/etc/a"), ("db1", "/etc/a"), ("app1", "/etc/b"), ("db1", "/etc/b"))
    deeds = tuple(
        deed(number, "copy", Change(host, File(path), old, new, "")) for number, (host, path) in enumerate(done, 1)
    )
    plan = site.plan(deeds, {**of_faces(), File: new})
    files = [(change.host, change.resource.path) for change in plan.changes if isinstance(change.resource, File)]
    assert files == [("app1", "/etc/b"), ("app1", "/etc/a"), ("db1", "/etc/b"), ("db1", "/etc/a")]
