from __future__ import annotations

from typing import Any

import pytest

from ffplay.model import Change, Unknown
from ffplay.report.signs import MEANING, sign
from ffplay.resources.backup_manifest import ShardBackup
from ffplay.resources.command import ALWAYS, RAN, Command
from ffplay.resources.file import ABSENT, File, FileState
from ffplay.resources.shard_backup import ShardBackups
from ffplay.resources.unit import RUNNING, STOPPED, Unit, UnitState, restarted
from tests.unit.report import samples

UNIT = Unit("mongod")
TEXT = FileState("file", b"x")
SHARD = samples.shard("db1", 1)
OLD_BACKUP, NEW_BACKUP = ShardBackup("r1"), ShardBackup("r2")


@pytest.mark.parametrize(
    ("resource", "before", "after", "expected"),
    [
        (UNIT, STOPPED, RUNNING, "+"),
        (UNIT, UnitState("failed"), RUNNING, "+"),
        (UNIT, RUNNING, STOPPED, "-"),
        (UNIT, RUNNING, restarted(), "~"),
        (File("/a"), ABSENT, TEXT, "+"),
        (File("/a"), TEXT, ABSENT, "-"),
        (File("/a"), TEXT, FileState("file", b"y"), "~"),
        (ShardBackups(SHARD, "/b"), (), (NEW_BACKUP,), "+"),
        (ShardBackups(SHARD, "/b"), (OLD_BACKUP,), (OLD_BACKUP, NEW_BACKUP), "+"),
        (ShardBackups(SHARD, "/b"), (OLD_BACKUP,), (NEW_BACKUP,), "~"),
        (Command("true"), ALWAYS, RAN, ">"),
        (File("/a"), TEXT, Unknown("when it was written"), "?"),
    ],
)
def test_sign_says_what_happens_to_the_thing(resource: Any, before: Any, after: Any, expected: str) -> None:
    assert sign(Change("h", resource, before, after, "")) == expected
    assert expected in MEANING


def test_sign_of_shard_data() -> None:
    assert sign(samples.wipe("db1", 1)) == "-"
