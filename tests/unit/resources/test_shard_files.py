"""Reads the data directories of shards on a bare host: of one, and of several by one script."""

from __future__ import annotations

import dataclasses
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from ffplay.model import Generation, Shard
from ffplay.remote.base import Reply
from ffplay.resources.base import NOTHING
from ffplay.resources.record import Record, record_text
from ffplay.resources.shard_data import DataState, ShardData, ShardsData
from tests.unit.resources.tarantool_files import shard_with_files

RunOn = Callable[[str], Reply]
RECORD = Record(Generation("cherry_480", 480), run="run1")


@pytest.fixture
def shards(tmp_path: Path) -> list[Shard]:
    """Give two shards of two instances; the second has its snapshots and its xlogs in one directory."""
    found = []
    for number, ended in ((1, signal.SIGTERM), (2, signal.SIGKILL)):
        (tmp_path / f"record {number}").mkdir()
        shard = shard_with_files(tmp_path / f"record {number}", ended)
        found.append(dataclasses.replace(shard, name=f"FindFace_shard_{number}"))
    second = found[1]
    for path in Path(second.wal_dir).iterdir():
        path.rename(Path(second.snap_dir, path.name))
    Path(second.wal_dir).rmdir()
    return [found[0], dataclasses.replace(second, wal_dir=second.snap_dir)]


def read(host: RunOn, shard: Shard) -> DataState:
    data = ShardData(shard)
    return data.parse(host(data.read_script()))


def read_together(host: RunOn, shards: list[Shard]) -> tuple[DataState | ValueError, ...]:
    every = ShardsData(tuple(map(ShardData, shards)))
    return every.parse(host(every.read_script()))


def test_each_has_its_own_files_instance_and_record(host: RunOn, shards: list[Shard]) -> None:
    Path(shards[1].stamp).write_text(record_text(RECORD))
    for shard in shards:
        aside = Path(f"{shard.index_dir}.aside-run0")
        aside.mkdir()
        (aside / "g.idx").write_bytes(b"x" * 9000)
    found = read_together(host, shards)
    assert list(found) == [read(host, shard) for shard in shards]
    for shard, state in zip(shards, found, strict=True):
        assert isinstance(state, DataState)
        places = {"snap": shard.snap_dir, "wal": shard.wal_dir, "index": shard.index_dir}
        on_disk = {
            (f"{kind}/{path.name}", path.stat().st_size)
            for kind, ending in (("snap", ".snap"), ("wal", ".xlog"), ("index", ".idx"))
            for path in Path(places[kind]).glob(f"*{ending}")
        }
        assert set(state.files) == on_disk
        (instance,) = state.instances
        last = max(Path(shard.snap_dir).glob("*.snap")).read_bytes()
        assert f"Instance: {instance}\n".encode() in last
        written = [
            path.stat().st_mtime for path in (*Path(shard.snap_dir).glob("*.snap"), *Path(shard.wal_dir).glob("*.xlog"))
        ]
        assert state.newest == int(max(written))
        assert [path for path, _ in state.aside] == [f"{shard.index_dir}.aside-run0"]
        assert state.missing == ()
    one, other = found
    assert isinstance(one, DataState)
    assert isinstance(other, DataState)
    assert one.instances != other.instances
    assert (one.record, other.record) == (None, RECORD)


@pytest.mark.parametrize(
    "damaged", [b"{", b"\n==> {", b"\0" * 300, b"{" * (1 << 21)], ids=["cut", "odd", "NULs", "long"]
)
def test_a_damaged_record_is_told_of_its_shard_alone(host: RunOn, shards: list[Shard], damaged: bytes) -> None:
    Path(shards[1].stamp).write_bytes(damaged)
    Path(shards[0].stamp).write_text(record_text(RECORD))
    one, other = read_together(host, shards)
    assert isinstance(one, DataState)
    assert one.record == RECORD
    assert isinstance(other, ValueError)
    assert shards[1].stamp in str(other)
    with pytest.raises(ValueError, match="is damaged"):
        read(host, shards[1])


def test_a_record_that_cannot_be_read_is_not_taken_for_none(host: RunOn, shards: list[Shard], tmp_path: Path) -> None:
    Path(shards[1].stamp).write_text(record_text(RECORD))
    program = tmp_path / "bin/head"
    program.unlink()
    program.write_text(
        '#!/bin/sh\ncase "$*" in *generation*) echo "it cannot be opened" >&2; exit 1;; esac\nexec /usr/bin/head "$@"\n'
    )
    program.chmod(0o755)
    with pytest.raises(ValueError, match="it cannot be opened"):
        read_together(host, shards)


def test_records_alone_are_written_together(host: RunOn, shards: list[Shard]) -> None:
    before = [read(host, shard) for shard in shards]
    changes = [
        (ShardData(shard), state, dataclasses.replace(state, record=RECORD))
        for shard, state in zip(shards, before, strict=True)
    ]
    reply = host(ShardData.joint(changes))
    assert (reply.code, reply.error_text) == (0, "")
    assert [read(host, shard) for shard in shards] == [after for _, _, after in changes]
    assert {one.behind_joint(before, after) for one, before, after in changes} == {NOTHING}
    Path(shards[1].stamp).unlink()
    Path(f"{shards[1].stamp}.part").mkdir()
    assert host(ShardData.joint(changes)).code != 0
    # What cannot be written for one is written for none.
    assert [Path(shard.stamp).exists() for shard in shards] == [True, False]


def test_directories_that_are_missing_are_told_of_their_shard(host: RunOn, shards: list[Shard]) -> None:
    for path in Path(shards[0].index_dir).iterdir():
        path.unlink()
    Path(shards[0].index_dir).rmdir()
    one, other = read_together(host, shards)
    assert isinstance(one, DataState)
    assert isinstance(other, DataState)
    assert (one.missing, other.missing) == (("index",), ())
    assert read(host, shards[0]).missing == ("index",)


def test_of_a_snapshot_of_nothing_but_zeros_no_more_is_read_than_of_any(host: RunOn, shards: list[Shard]) -> None:
    """A crash leaves such files; a shell that looks for the end of a line in one is at it for hours."""
    with Path(shards[0].snap_dir, f"{9:020}.snap").open("wb") as file:
        file.truncate(1 << 40)
    state = read(host, shards[0])
    assert (f"snap/{9:020}.snap", 1 << 40) in state.files
    # The xlogs still name the instance.
    assert len(state.instances) == 1


def test_what_could_not_be_read_to_its_end_is_not_taken_for_nothing(shards: list[Shard]) -> None:
    for one in (ShardData(shards[0]), ShardsData(tuple(map(ShardData, shards)))):
        with pytest.raises(ValueError, match="exit code 124"):
            one.parse(Reply(124, b"", b""))
