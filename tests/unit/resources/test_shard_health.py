"""Looks at a shard whose unit is a stand-in for systemctl, whose files are real, and whose API is a small server."""

from __future__ import annotations

import dataclasses
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ffplay.errors import SiteError
from ffplay.model import Generation, Shard
from ffplay.remote.base import Reply
from ffplay.resources.record import Record, record_text
from ffplay.resources.shard_health import ShardHealthy
from tests.unit.resources.test_audit import GOOD, serving
from tests.unit.resources.test_census import HOST, Here

STARTED = 1_500_000_000
OLD, NEW = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"

_SYSTEMCTL = """#!/bin/sh
printf 'LoadState=loaded\\nActiveState=active\\nMainPID=7\\nExecMainStartTimestamp=@%d\\n'
"""


class Machine(Here):
    """This machine with a systemctl of its own."""

    def __init__(self, programs: Path) -> None:
        super().__init__()
        self._path = f"{programs}:{os.environ['PATH']}"

    def run(self, script: str, **_: Any) -> Reply:
        environment = {**os.environ, "PATH": self._path}
        done = subprocess.run(["sh", "-c", script], capture_output=True, check=False, timeout=60, env=environment)
        return Reply(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    systemctl = tmp_path / "bin/systemctl"
    systemctl.parent.mkdir()
    systemctl.write_text(_SYSTEMCTL % STARTED)
    systemctl.chmod(0o755)
    return Machine(systemctl.parent)


@pytest.fixture
def shard(tmp_path: Path) -> Shard:
    """A shard with a file that is older than its process, a snapshot of a new instance, and a record."""
    data = tmp_path / "data"
    for directory in ("snapshots", "xlogs", "index"):
        (data / directory).mkdir(parents=True)
    header = f"SNAP\n0.13\nVersion: 2.6.0\nInstance: {NEW}\nVClock: {{1: 5}}\n\n".encode()
    (data / "snapshots/00000000000000000005.snap").write_bytes(header + b"\xd5\xba\x0b\xab\xff\xfe" * 200)
    record = Record(Generation("m", 4), left=(OLD,))
    (data / "ffplay-generation.json").write_text(record_text(record))
    conf = tmp_path / "shard.lua"
    conf.write_text('FindFace.start("127.0.0.1", 8001, {facen_size = 4})\n')
    os.utime(conf, (STARTED, STARTED))
    places = (str(data / name) for name in ("snapshots", "xlogs", "index"))
    return Shard("FindFace_shard_1", 1, "tarantool@x", str(conf), str(data), *places, "127.0.0.1", 33001, 0)


def problems(machine: Machine, shard: Shard) -> tuple[str, ...]:
    with serving(1, {"o_g": {1: GOOD}}) as (_, served):
        there = dataclasses.replace(shard, http_port=served.http_port)
        return ShardHealthy(there, 4, 0.0).read(machine, HOST).problems  # type: ignore[arg-type]


def test_a_shard_that_is_well(machine: Machine, shard: Shard) -> None:
    assert problems(machine, shard) == ()


def test_a_file_that_is_newer_than_its_process(machine: Machine, shard: Shard) -> None:
    os.utime(shard.conf, (STARTED + 1, STARTED + 1))
    assert problems(machine, shard) == (f"{shard.conf} was written after tarantool@x started: restart the unit",)


def test_a_linked_file_that_is_newer_than_its_process(machine: Machine, shard: Shard) -> None:
    conf = Path(shard.conf)
    conf.rename(conf.with_suffix(".real"))
    conf.symlink_to(conf.with_suffix(".real"))
    assert problems(machine, shard) == ()
    os.utime(conf, (STARTED + 9, STARTED + 9))
    assert problems(machine, shard) == (f"{shard.conf} was written after tarantool@x started: restart the unit",)


@pytest.mark.parametrize("word", ["Instance", "Server"])
def test_data_that_were_put_back(machine: Machine, shard: Shard, word: str) -> None:
    header = f"XLOG\n0.12\n{word}: {OLD}\nVClock: {{1: 5}}\n\n".encode()
    (Path(shard.wal_dir) / "00000000000000000005.xlog").write_bytes(header + b"\xd5\xba\x0b\xba" * 99)
    assert problems(machine, shard) == ("FindFace_shard_1 holds data that were set aside when it was emptied",)


def test_a_record_that_is_damaged(machine: Machine, shard: Shard) -> None:
    Path(shard.stamp).write_text("{")
    (problem,) = problems(machine, shard)
    assert problem.startswith(f"{shard.stamp} is damaged")


def test_a_file_of_another_size(machine: Machine, shard: Shard) -> None:
    Path(shard.conf).write_text('FindFace.start("127.0.0.1", 8001, {facen_size = 5})\n')
    os.utime(shard.conf, (STARTED, STARTED))
    assert problems(machine, shard) == (f"{shard.conf} says facen_size 5",)


def test_a_file_that_cannot_be_read(machine: Machine, shard: Shard) -> None:
    Path(shard.conf).unlink()
    (problem,) = problems(machine, shard)
    assert problem.startswith(f"cannot read {shard.conf}: ")
    assert "No such file" in problem


def test_a_systemd_that_does_not_answer(machine: Machine, shard: Shard, tmp_path: Path) -> None:
    (tmp_path / "bin/systemctl").write_text("#!/bin/sh\necho 'Failed to connect to bus' >&2\nexit 1\n")
    with pytest.raises(SiteError, match=r"cannot read tarantool@x: .*Failed to connect to bus"):
        problems(machine, shard)
