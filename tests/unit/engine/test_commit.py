from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from ffplay.engine.commit import CommitPlanner
from ffplay.engine.history import chosen_runs
from ffplay.engine.options import Options
from ffplay.engine.plan import Plan
from ffplay.engine.view import PlanView
from ffplay.errors import Refused
from ffplay.load import Sources, load
from ffplay.model import Generation
from ffplay.resources.audit import FacesAudit
from ffplay.resources.glance import RunningJob, RunningJobs
from ffplay.resources.record import Record, RecordFile
from ffplay.resources.removal import BackupFolders, Leftover, OldBackup, SetAside, SetAsides
from ffplay.resources.runs import RunEnd, RunHead, Runs, RunState
from ffplay.resources.shard_data import DataState, ShardData
from ffplay.resources.shard_health import ShardHealthy
from ffplay.resources.unit import RUNNING, STOPPED, Unit

ONE, TWO, THREE, OWN = (f"2026112{number}T205251Z-10b8" for number in "1234")
NEW = Generation("cherry_480", 480, "nnd")
WHOLE = DataState((("snap/1.snap", 10),), Record(NEW))


def state(run: str, verb: str = "apply", closed: str = "done", verified: bool = True, **more: Any) -> RunState:
    head = RunHead(run, verb, "ann", "laptop", "2026-11-21", "/p/switch.yml", "0.1.0", "9 changes", **more)
    return RunState(head, RunEnd("ok", verified=verified) if closed else None, closed, run if closed else "", 9, 9)


def aside(run: str, directory: str = "/d/shard_1/snapshots", where: str = "there") -> Leftover:
    return Leftover(f"{directory}.aside-{run}", run, 4096, where)


def backup(run: str, thing: str = "FindFace_shard_1", where: str = "there") -> Leftover:
    return Leftover(f"/b/{thing}/{run}", run, 2048, where)


# A site whose last run is verified, and that keeps what it set aside.
USUAL: Mapping[type, Any] = {
    Runs: (state(ONE),),
    RunningJobs: (),
    Unit: RUNNING,
    ShardData: WHOLE,
    SetAsides: (aside(ONE),),
    BackupFolders: (),
    RecordFile: Record(NEW),
}


class Site:
    """Hosts app1 (mongo) and db1 with one shard, which are as `USUAL` says but for what a test gives."""

    def __init__(self, folder: Path) -> None:
        groups = {"mongo": {"hosts": {"app1": None}}, "tntapi": {"hosts": {"db1": {"shards": 1}}}}
        inventory = {"all": {"children": groups, "vars": {"ansible_connection": "local", "backup_dir": "/b"}}}
        (folder / "site.yml").write_text(yaml.safe_dump(inventory))
        self.loaded = load(Sources(None, (folder / "site.yml",)))
        self.planner = CommitPlanner(self.loaded, Options(), OWN)

    def plan(self, known: Mapping[type, Any] | None = None, keep: int | None = None) -> Plan:
        self.planner = CommitPlanner(self.loaded, Options(), OWN, keep)
        given = {**USUAL, **(known or {})}
        observed: dict[Any, Any] = {}
        while True:
            view = PlanView(observed)
            plan = self.planner.plan(view)
            if not view.missing:
                return plan
            for key in view.missing:
                value = given[type(key[1])]
                observed[key] = value(key[1]) if callable(value) else value


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def removed(plan: Plan) -> list[str]:
    assert all(change.after is None for change in plan.changes)
    assert all(isinstance(change.resource, SetAside | OldBackup) for change in plan.changes)
    return [change.resource.path for change in plan.changes]


def test_what_a_verified_run_set_aside_goes_and_the_runs_are_committed(site: Site) -> None:
    plan = site.plan({SetAsides: (aside(ONE), aside(ONE, "/d/shard_1/xlogs"))})
    assert plan.problems == ()
    assert removed(plan) == [f"/d/shard_1/snapshots.aside-{ONE}", f"/d/shard_1/xlogs.aside-{ONE}"]
    assert (site.planner.verb, site.planner.reverts, site.planner.reverted) == ("commit", (ONE,), "committed")
    assert plan.irreversible == (("db1", f"what run {ONE} set aside is removed for good"),)
    first = next(plan.step_plans())
    assert [type(check.resource) for check in first.checks] == [ShardHealthy]
    assert first.changes == ()


def test_a_run_that_proved_nothing_is_verified_first_at_what_the_records_say(site: Site) -> None:
    plan = site.plan({Runs: (state(ONE, verified=False),)})
    assert plan.problems == ()
    steps = [one.step.title for one in plan.step_plans()]
    assert steps.index("Verify what no run has proved") < steps.index("Remove what was set aside")
    checks = [check.resource for check in plan.checks]
    assert [type(check) for check in checks] == [FacesAudit, ShardHealthy]
    assert {check.facen_size for check in checks} == {480}


def test_nothing_set_aside_is_nothing_to_do(site: Site) -> None:
    plan = site.plan({SetAsides: ()})
    assert plan.empty
    assert plan.checks == ()
    assert site.planner.reverts == ()


@pytest.mark.parametrize(
    ("known", "text"),
    [
        ({Runs: (state(ONE), state(TWO, closed=""))}, f"run {TWO} is open (broken off)"),
        ({Runs: (state(ONE), state(TWO, "rollback", closed=""))}, f"run {TWO} is open (broken off)"),
        ({Runs: (dataclasses.replace(state(ONE, closed=""), end=RunEnd("failed")),)}, f"run {ONE} is open (failed)"),
        ({Runs: ()}, "no host knows a run that left what would be removed"),
        ({Runs: (state(ONE, closed="rolled back"),)}, "no host knows a run that left what would be removed"),
        ({RunningJobs: (RunningJob("/s/jobs/copy-1/1", 77),)}, "a tool still runs in /s/jobs/copy-1/1 (pid 77)"),
        ({Unit: STOPPED}, "tarantool@FindFace_shard_1 is inactive"),
        ({ShardData: DataState((), Record(NEW, "emptied"))}, "FindFace_shard_1 is not known to be whole: emptied"),
        ({ShardData: DataState((("snap/1.snap", 10),))}, "FindFace_shard_1 is not known to be whole: no record"),
        ({RecordFile: Record(NEW, "regenerating")}, "the faces are regenerating"),
    ],
)
def test_what_speaks_against_it_refuses_it(site: Site, known: Mapping[type, Any], text: str) -> None:
    plan = site.plan(known)
    assert any(text in problem.summary for problem in plan.problems), plan.problems
    assert all(problem.advice for problem in plan.problems)


def test_an_open_run_refuses_it_also_where_nothing_is_set_aside_yet(site: Site) -> None:
    plan = site.plan({Runs: (state(TWO, closed=""),), SetAsides: ()})
    assert [problem.summary.partition(":")[0] for problem in plan.problems] == [f"run {TWO} is open (broken off)"]


def test_the_newest_backups_stay(site: Site) -> None:
    def folders(one: BackupFolders) -> tuple[Leftover, ...]:
        thing = one.directory.rpartition("/")[2]
        return tuple(backup(run, thing) for run in (ONE, TWO, THREE))

    assert all(isinstance(change.resource, SetAside) for change in site.plan({BackupFolders: folders}).changes)
    plan = site.plan({BackupFolders: folders, SetAsides: ()}, keep=2)
    assert removed(plan) == [f"/b/mongo/{ONE}", f"/b/FindFace_shard_1/{ONE}"]
    assert removed(site.plan({BackupFolders: folders, SetAsides: ()}, keep=3)) == []


def test_the_only_whole_backup_stays_whatever_the_rest_of_a_later_one(site: Site) -> None:
    left = (backup(ONE), backup(TWO, where="going"))
    plan = site.plan({BackupFolders: lambda one: left if "shard" in one.directory else (), SetAsides: ()}, keep=1)
    assert removed(plan) == [f"/b/FindFace_shard_1/{TWO}"]
    assert "the rest of" in plan.changes[0].summary


def test_a_link_stays_and_is_told(site: Site) -> None:
    plan = site.plan({SetAsides: (aside(ONE, where="link"),)})
    assert plan.empty
    assert site.planner.reverts == ()
    assert any("is a link" in note.summary for one in plan.step_plans() for note in one.notes)


@pytest.mark.parametrize("left", [(aside(ONE, where="going"),), ()])
def test_a_commit_that_was_broken_off_is_finished(site: Site, left: tuple[Leftover, ...]) -> None:
    plan = site.plan({Runs: (state(ONE), state(TWO, "commit", closed="")), SetAsides: left})
    assert plan.problems == ()
    assert len(plan.changes) == len(left)
    assert plan.continues == (TWO,)
    assert site.planner.reverts == (ONE,)


@pytest.mark.parametrize("wanted", [None, ONE, TWO])
@pytest.mark.parametrize("ended", [True, False])
def test_a_rollback_behind_a_commit_is_refused_with_words(wanted: str | None, ended: bool) -> None:
    first = dataclasses.replace(state(ONE, closed="committed"), by=TWO) if ended else state(ONE)
    with pytest.raises(Refused, match="committed") as caught:
        chosen_runs((first, state(TWO, "commit", closed="done" if ended else "")), wanted, OWN)
    assert caught.value.advice


def test_a_run_after_a_commit_can_be_rolled_back() -> None:
    states = (state(ONE, closed="committed"), state(TWO, "commit"), state(THREE))
    assert chosen_runs(states, None, OWN).reverts == (THREE,)
