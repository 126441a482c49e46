from __future__ import annotations

import dataclasses
import json
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ffplay.engine import processes
from ffplay.engine.options import Options
from ffplay.engine.planner import Planner
from ffplay.engine.runner import Session
from ffplay.engine.survey import Survey
from ffplay.errors import Refused, Unreachable
from ffplay.resources.lock import Holder
from tests.unit.engine.bench import Bench, Recorder

RUN, OTHER = "20261123T205251Z-10b8", "20261124T010203Z-aaaa"


@pytest.fixture
def site(bench: Callable[..., Bench]) -> Bench:
    """Three hosts on which two runs made a directory each."""
    one = bench("- file: {path: '{{ here }}/{{ name }}', state: directory}\n  vars: {name: made}")
    for run in (RUN, OTHER):
        with Session(one.loaded, Planner(one.loaded, Options(), run), Options(), Recorder()) as session:
            session.apply(session.plan())
        for made in one.folder.glob("?/made"):
            made.rmdir()
    return one


@pytest.fixture
def survey(site: Bench) -> Iterator[Survey]:
    with Survey(site.loaded) as found:
        yield found


def tree(folder: Path) -> dict[str, int]:
    return {str(path): path.lstat().st_ctime_ns for path in folder.rglob("*")}


def test_the_runs_of_all_hosts_are_told_as_one_and_nothing_is_written(site: Bench, survey: Survey) -> None:
    before = tree(site.folder)
    found = survey.runs()
    assert [(state.head.run, state.status, state.intents, state.done) for state in found.runs] == [
        (RUN, "ok", 3, 3),
        (OTHER, "ok", 3, 3),
    ]
    assert found.errors == ()
    # The hosts began at once, and the changes have their numbers in the order in which they came to it.
    assert sorted(entry.change.host for entry in survey.story(RUN).entries) == ["a", "b", "c"]
    assert len(survey.status().hosts) == 3
    assert tree(site.folder) == before


def test_a_run_that_no_host_knows(survey: Survey) -> None:
    with pytest.raises(Refused, match="no host of the inventory knows a run nope") as caught:
        survey.story("nope")
    assert caught.value.advice == f"known runs: {RUN}, {OTHER}"


def test_a_damaged_journal_of_one_host_leaves_the_others(site: Bench, survey: Survey) -> None:
    (site.folder / f"b/state/runs/{RUN}/head.json").write_text("{")
    found = survey.runs()
    assert [(state.head.run, state.done) for state in found.runs] == [(RUN, 2), (OTHER, 2)]
    assert [(error.host, "damaged" in error.message) for error in found.errors] == [("b", True)]


def test_an_unreachable_host_leaves_the_others(site: Bench, survey: Survey, monkeypatch: pytest.MonkeyPatch) -> None:
    class Lost:
        def connection(self, name: str) -> object:
            if name == "b":
                raise Unreachable(name, "no route")
            return site.pool.connection(name)

        def close(self) -> None:
            """Nothing is open here."""

    monkeypatch.setattr("ffplay.engine.survey.Pool", lambda *_: Lost())
    with Survey(site.loaded) as half:
        status = half.status()
    assert [len(host.errors) for host in status.hosts] == [0, 1, 0]
    assert [state.done for state in status.runs] == [2, 2]


@pytest.mark.parametrize(("machine", "locking"), [("laptop", True), (socket.gethostname(), False)])
def test_a_run_with_a_lock_is_under_way_unless_its_process_is_surely_gone(
    site: Bench, survey: Survey, machine: str, locking: bool
) -> None:
    # Of another start than this process: it had the pid before.
    mine = processes.identity(os.getpid())
    assert mine is not None
    gone = str(dataclasses.replace(mine, started="1"))
    lock = site.folder / "a/state/lock"
    lock.mkdir()
    holder = Holder("ann", machine, os.getpid(), "now", RUN, "/p/s.yml", "token", gone)
    body = {name: getattr(holder, name) for name in Holder.__slots__}
    (lock / "holder").write_text(json.dumps(body))
    (lock / "token").write_text("token")
    found = survey.runs()
    assert (RUN in found.locking) is locking
    assert survey.story(RUN).locking is locking
    (host, *_) = survey.status().hosts
    assert host.lock is not None
