from __future__ import annotations

import dataclasses
import hashlib
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ffplay.model import Generation, Host, Login, Shard, Unknown
from ffplay.remote.base import Reply
from ffplay.resources.record import Record
from ffplay.resources.restored import ShardRestored
from ffplay.resources.shard_data import DataState, Restored, ShardData

RunOn = Callable[[str], Reply]
DB = Host("db1", (), Login("db1"))
OLD = Record(Generation("apricot_320", 320, "nnd"), run="run0")
NEW = Record(Generation("cherry_480", 480, "nnd"), run="run1")
BACK = DataState(Unknown("they are put back"), OLD, restored=Restored(("run1", "run2"), "run3"))


def state(host: RunOn, shard: Shard) -> DataState:
    data = ShardData(shard)
    return data.parse(host(data.read_script()))


def contents(shard: Shard) -> Mapping[str, bytes]:
    return {
        str(path.relative_to(shard.data_dir)): path.read_bytes()
        for directory in (shard.snap_dir, shard.wal_dir, shard.index_dir)
        for path in sorted(Path(directory).glob("*"))
    }


def aside(shard: Shard, run: str) -> None:
    """Set the data aside as a wipe does, and fill the shard with others."""
    for directory, ending in ((shard.snap_dir, ".snap"), (shard.wal_dir, ".xlog"), (shard.index_dir, ".idx")):
        shutil.move(directory, f"{directory}.aside-{run}")
        Path(directory).mkdir()
        (Path(directory) / f"00000000000000000007{ending}").write_text(run)


def back(host: RunOn, shard: Shard) -> Reply:
    return host(ShardData(shard).bring_script(state(host, shard), BACK))


def test_what_was_set_aside_comes_back_and_what_was_there_goes_aside(host: RunOn, shard: Shard) -> None:
    before = contents(shard)
    aside(shard, "run1")
    # A later run of the same work wiped the half-filled shard again.
    aside(shard, "run2")
    now = contents(shard)
    reply = back(host, shard)
    assert reply.code == 0, reply.error_text
    assert contents(shard) == before
    after = state(host, shard)
    assert after.record == OLD
    assert {Path(path).name.partition(".aside-")[2] for path, _ in after.aside} == {"run2", "run3"}
    again = dataclasses.replace(BACK, record=NEW, restored=Restored(("run3",), "run4"))
    assert host(ShardData(shard).bring_script(after, again)).code == 0
    assert contents(shard) == now
    assert state(host, shard).record == NEW


@pytest.mark.parametrize("done", range(4))
def test_it_is_finished_from_every_point(host: RunOn, shard: Shard, done: int) -> None:
    """The host went down when so many of the directories were back, the last of them only half."""
    before = contents(shard)
    aside(shard, "run1")
    directories = [shard.snap_dir, shard.wal_dir, shard.index_dir]
    for directory in directories[:done]:
        shutil.move(directory, f"{directory}.aside-run3")
        shutil.move(f"{directory}.aside-run1", directory)
    for directory in directories[done : done + 1]:
        shutil.move(directory, f"{directory}.aside-run3")
    script = ShardData(shard).bring_script(
        state(host, shard), dataclasses.replace(BACK, restored=Restored(("run1",), "run9"))
    )
    assert host(script).code == 0
    assert contents(shard) == before


def test_the_record_says_meanwhile_that_nobody_may_trust_it(host: RunOn, shard: Shard) -> None:
    aside(shard, "run1")
    (Path(shard.data_dir) / "index.aside-run3").mkdir()
    (Path(shard.data_dir) / "index.aside-run3/x").touch()
    reply = back(host, shard)
    assert reply.code != 0
    found = state(host, shard).record
    assert found is not None
    assert (found.state, found.generation) == ("restoring", OLD.generation)


def test_a_shard_that_runs_keeps_its_data(host: RunOn, shard: Shard, tmp_path: Path) -> None:
    aside(shard, "run1")
    now = contents(shard)
    (tmp_path / "active").touch()
    reply = back(host, shard)
    assert (reply.code != 0, "still runs" in reply.error_text) == (True, True)
    assert contents(shard) == now


def test_what_came_back_is_compared_with_the_backup(host: RunOn, shard: Shard, tmp_path: Path) -> None:
    access: Any = SimpleNamespace(connection=lambda _: SimpleNamespace(run=lambda script, timeout=None: host(script)))
    manifest = tmp_path / "manifest"
    names = {"snapshots": "snap", "xlogs": "wal", "index": "index"}
    lines = ["ffplay-backup 2", "instance x"]
    for name, content in contents(shard).items():
        folder, _, file = name.partition("/")
        lines.append(f"file {hashlib.sha256(content).hexdigest()} {len(content)} {names[folder]}/{file}")
    manifest.write_text("\n".join(lines) + "\n")
    check = ShardRestored(shard, str(manifest), "run1")
    found = check.read(access, DB)
    assert found.problems == ()
    assert f"{len(lines) - 2} files equal those of backup run1" in found.info
    xlog = max(Path(shard.wal_dir).glob("*.xlog"), key=lambda path: path.stat().st_size)
    xlog.write_bytes(xlog.read_bytes() + b"more")
    assert check.read(access, DB).problems == ()
    snap = next(iter(Path(shard.snap_dir).glob("*.snap")))
    content = bytearray(snap.read_bytes())
    content[-20] ^= 1
    snap.write_bytes(content)
    assert check.read(access, DB).problems == (f"{snap} is not as in backup run1",)
    snap.unlink()
    assert check.read(access, DB).problems == (f"{snap} is not there, and backup run1 has it",)
    manifest.unlink()
    found = check.read(access, DB)
    assert (found.problems, "nothing to compare with" in found.info) == ((), True)
