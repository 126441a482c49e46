"""What could not be read is not taken for what is not there."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from ffplay.errors import SiteError
from ffplay.model import Host, Login, Shard
from ffplay.remote.base import Reply
from ffplay.resources.base import DirectResource, ShellResource
from ffplay.resources.glance import RunningJobs
from ffplay.resources.job import Jobs, JobState, JobStatus
from ffplay.resources.mongo import Faces, MongoPlace
from ffplay.resources.mongo_dump import MongoDumps
from ffplay.resources.notifications import Notifications
from ffplay.resources.runs import RunJournal, Runs
from ffplay.resources.shard_backup import ShardBackups
from ffplay.resources.shard_live import kept

HOST = Host("app1", ("all",), Login("app1"), (), {})
PLACE = MongoPlace("127.0.0.1", 1, "facenapi", "faces", "_id", "facen", "galleries", "owner")


class Site:
    """This machine as a host; with a reply of its own, it has that for every script."""

    def __init__(self, reply: Reply | None = None) -> None:
        self._reply = reply

    def connection(self, host: str) -> Site:
        return self

    def run(self, script: str, **_: Any) -> Reply:
        if self._reply is not None:
            return self._reply
        done = subprocess.run(["sh", "-c", script], capture_output=True, check=False, timeout=60)
        return Reply(done.returncode, done.stdout, done.stderr)


def shard(top: Path) -> Shard:
    places = [str(top / name) for name in ("shard.lua", "data", "snapshots", "xlogs", "index")]
    return Shard("shard_1", 1, "tarantool@shard_1", *places, "127.0.0.1", 33001, 8001)


def resources(top: Path) -> list[DirectResource]:
    return [
        Faces(PLACE, str(top / "record")),
        MongoDumps(PLACE, str(top)),
        ShardBackups(shard(top), str(top)),
    ]


@pytest.mark.parametrize("number", range(3))
def test_a_reading_that_met_its_deadline_says_nothing(number: int, tmp_path: Path) -> None:
    with pytest.raises(SiteError, match=r"cannot read .*: exit code 124"):
        resources(tmp_path)[number].read(Site(Reply(124, b"", b"")), HOST)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "one",
    [
        Jobs("/jobs"),
        JobStatus("/jobs/copy-1", ()),
        Runs("/state"),
        RunJournal("/state", "run1"),
        RunningJobs("/state"),
        Notifications("/state", "play"),
    ],
    ids=lambda one: type(one).__name__,
)
def test_what_is_read_with_other_things_says_nothing_where_it_met_the_deadline(one: ShellResource) -> None:
    with pytest.raises(SiteError, match=r"cannot read .*: exit code 124"):
        one.parsed("db1", Reply(124, b"", b""))
    assert one.parsed("db1", Reply(0, b"", b"")) in ((), JobState())


def test_a_shard_that_systemd_tells_nothing_of_is_not_taken_for_a_stopped_one(tmp_path: Path) -> None:
    site = Site(Reply(1, b"", b"Failed to connect to bus: Connection refused"))
    with pytest.raises(SiteError, match="Failed to connect to bus"), kept(site, HOST, shard(tmp_path), "run"):  # type: ignore[arg-type]
        pass


def test_a_record_that_cannot_be_read_is_not_taken_for_none(tmp_path: Path) -> None:
    (tmp_path / "record").mkdir()
    with pytest.raises(SiteError, match=r"cannot read .*record"):
        Faces(PLACE, str(tmp_path / "record")).read(Site(), HOST)  # type: ignore[arg-type]


def test_where_there_are_no_backups_there_are_none(tmp_path: Path) -> None:
    assert [one.read(Site(), HOST) for one in resources(tmp_path)[1:]] == [(), ()]  # type: ignore[arg-type]
