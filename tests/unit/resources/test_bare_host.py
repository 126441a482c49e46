"""Runs the resources' scripts on a host that has sh, coreutils and setsid, and nothing else; and what they do there."""

from __future__ import annotations

import dataclasses
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ffplay.model import Generation, Shard, Unknown
from ffplay.remote.base import Reply
from ffplay.resources import job
from ffplay.resources.base import ShellResource
from ffplay.resources.command import Command
from ffplay.resources.facts import HostFacts
from ffplay.resources.file import ABSENT, File, FileState
from ffplay.resources.job_script import poll_script
from ffplay.resources.lock import FENCED, HELD, Held, Holder, SiteLock
from ffplay.resources.notifications import Notifications
from ffplay.resources.record import Record
from ffplay.resources.shard_backup import ShardBackup, ShardBackups
from ffplay.resources.shard_data import DataState, ShardData
from ffplay.resources.unit import RUNNING, STOPPED, Unit, UnitState

# All that is asked of a host beside sh and coreutils; systemctl is here a unit that is stopped and starts at once.
COREUTILS = [
    "base64",
    "cat",
    "chgrp",
    "chmod",
    "chown",
    "cp",
    "cut",
    "date",
    "df",
    "dirname",
    "du",
    "echo",
    "env",
    "expr",
    "head",
    "id",
    "ln",
    "ls",
    "mkdir",
    "mktemp",
    "mv",
    "nproc",
    "od",
    "printf",
    "readlink",
    "rm",
    "rmdir",
    "sha256sum",
    "sleep",
    "sort",
    "stat",
    "sync",
    "tail",
    "test",
    "timeout",
    "touch",
    "tr",
    "true",
    "uname",
    "wc",
]
SYSTEMCTL = """#!/bin/sh
case $1 in
  show) if [ -e {state} ]; then echo ActiveState=active; echo MainPID=7
        else echo ActiveState=inactive; echo MainPID=0; fi
        echo LoadState=loaded; echo ExecMainStartTimestamp=;;
  start|restart) touch {state};;
  stop) rm -f {state};;
esac
"""

Host = Callable[[str], Reply]


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """Give a function that runs a script on the bare host."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in (*COREUTILS, "setsid"):
        (programs / name).symlink_to(shutil.which(name) or f"/missing/{name}")
    (programs / "sh").symlink_to("/bin/sh")
    (programs / "systemctl").write_text(SYSTEMCTL.format(state=tmp_path / "active"))
    (programs / "systemctl").chmod(0o755)

    def run(script: str) -> Reply:
        done = subprocess.run(
            [str(programs / "sh"), "-s"],
            input=script.encode(),
            capture_output=True,
            env={"PATH": str(programs)},
            timeout=60,
            check=False,
        )
        assert b"not found" not in done.stderr, done.stderr.decode()
        return Reply(done.returncode, done.stdout, done.stderr)

    return run


def bring(host: Host, resource: ShellResource, before: object, after: object) -> object:
    """Bring a resource to a value and return what is read then; it must be what was wanted."""
    reply = host(resource.bring_script(before, after))
    assert reply.code == 0, reply.error_text
    observed = read(host, resource)
    assert resource.reached(before, after, observed), observed
    return observed


def read(host: Host, resource: ShellResource) -> object:
    return resource.parse(host(resource.read_script()))


@pytest.fixture
def shard(tmp_path: Path) -> Shard:
    data = tmp_path / "shard one"
    for name in ("snapshots", "xlogs", "index"):
        (data / name).mkdir(parents=True)
    (data / "snapshots/00.snap").write_bytes(b"SNAP\n0.13\n\nrows" + bytes.fromhex("d510aded"))
    (data / "xlogs/00.xlog").write_bytes(b"XLOG\n0.13\n\n" + b"x" * 5000)
    (data / "index/g.idx").write_bytes(b"index")
    conf = tmp_path / "FindFace_shard_1.lua"
    conf.write_text("FindFace.start()\n")
    return Shard(
        "FindFace_shard_1",
        1,
        "tarantool@FindFace_shard_1",
        str(conf),
        str(data),
        str(data / "snapshots"),
        str(data / "xlogs"),
        str(data / "index"),
        "127.0.0.1",
        33001,
        8001,
    )


def test_files(host: Host, tmp_path: Path) -> None:
    file = File(str(tmp_path / "a file's name"))
    assert read(host, file) == ABSENT
    first = bring(host, file, ABSENT, FileState("file", b"one\0\xff\n", "0640"))
    second = bring(host, file, first, FileState("file", b"no newline at the end"))
    assert isinstance(second, FileState)
    assert second.mode == "0640"
    bring(host, file, second, FileState("file", second.content, "0600"))
    bring(host, file, second, ABSENT)
    folder = File(str(tmp_path / "folder/in/folder"))
    made = bring(host, folder, ABSENT, FileState("directory", mode="0750"))
    bring(host, folder, made, ABSENT)
    link = File(str(tmp_path / "link"))
    bring(host, link, ABSENT, FileState("link", target="/nowhere at all"))


def test_facts(host: Host, tmp_path: Path) -> None:
    facts = read(
        host, HostFacts((str(tmp_path), str(tmp_path / "not/there yet")), ("cat", "no-such-program"), str(tmp_path))
    )
    assert facts.memory > 1 << 20
    assert facts.cores > 0
    assert abs(facts.clock - time.time()) < 60
    assert [path for path, _, _ in facts.free] == [str(tmp_path), str(tmp_path / "not/there yet")]
    assert all(0 < free <= total for _, free, total in facts.free)
    assert facts.programs == ("cat",)


def test_units(host: Host) -> None:
    unit = Unit("tarantool@FindFace")
    stopped = read(host, unit)
    assert isinstance(stopped, UnitState)
    assert stopped.active == "inactive"
    started = bring(host, unit, stopped, RUNNING)
    bring(host, unit, dataclasses.replace(started, pid=0), STOPPED)


def test_a_shard_is_backed_up_and_set_aside(host: Host, shard: Shard) -> None:
    data = ShardData(shard)
    before = read(host, data)
    assert isinstance(before, DataState)
    assert before.files == (("index/g.idx", 5), ("snap/00.snap", 19), ("wal/00.xlog", 5011))
    backups = ShardBackups(shard, f"{shard.data_dir}/../backups of all")
    made = bring(host, backups, (), (ShardBackup("run1", Unknown("read back")),))
    assert isinstance(made, tuple)
    assert made[0].covers(before)
    assert [name for name, _, _ in made[0].files] == [
        "snap/00.snap",
        "wal/00.xlog",
        "index/g.idx",
        "FindFace_shard_1.lua",
    ]
    linked = Path(backups.label, "run1/snap/00.snap")
    assert linked.stat().st_nlink == 2
    emptied = bring(host, data, before, DataState((), Record(Generation("cherry_480", 480), "emptied", run="run1")))
    assert isinstance(emptied, DataState)
    assert {Path(path).name for path, _ in emptied.aside} == {
        "snapshots.aside-run1",
        "xlogs.aside-run1",
        "index.aside-run1",
    }
    assert Path(f"{shard.snap_dir}.aside-run1/00.snap").stat().st_nlink == 2


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda snap: snap.write_bytes(snap.read_bytes()[:-1]), "no end marker"),
        (lambda snap: snap.write_bytes(b"JUNK" + snap.read_bytes()[4:]), "does not begin"),
    ],
    ids=["cut", "junk"],
)
def test_a_damaged_snapshot_is_no_backup(host: Host, shard: Shard, spoil: Callable[[Path], object], said: str) -> None:
    spoil(Path(shard.snap_dir, "00.snap"))
    backups = ShardBackups(shard, f"{shard.data_dir}/backups")
    reply = host(backups.bring_script((), (ShardBackup("run1"),)))
    assert reply.code != 0
    assert said in reply.error_text
    assert read(host, backups) == ()


def test_data_of_a_running_shard_stay(host: Host, shard: Shard, tmp_path: Path) -> None:
    (tmp_path / "active").touch()
    data = ShardData(shard)
    before = read(host, data)
    reply = host(data.bring_script(before, DataState((), Record(Generation("cherry_480", 480), "emptied", run="run1"))))
    assert reply.code != 0
    assert "still runs" in reply.error_text
    assert Path(shard.snap_dir, "00.snap").exists()


def test_commands_and_notifications(host: Host, tmp_path: Path) -> None:
    made = tmp_path / "made"
    command = Command(f"echo 'a \"quoted\" word' > '{made}'", creates=str(made))
    assert read(host, command) == "needed"
    assert bring(host, command, "needed", "ran") == f"creates: {made}"
    pending = Notifications(str(tmp_path / "state"), "A play")
    assert bring(host, pending, (), ("Restart it's unit", "b")) == ("Restart it's unit", "b")
    assert bring(host, pending, ("Restart it's unit", "b"), ("Restart it's unit",)) == ("Restart it's unit",)


def job_of(tmp_path: Path, *lines: str, digest: str = "1234", began: str = "run1") -> job.Job:
    return job.Job("tool", str(tmp_path / f"jobs/tool-{digest}"), lines, began=began)


def folders(tool: job.Job) -> list[str]:
    return [part.folder for part in tool.status.parts]


def ended(tool: job.Job, host: Host) -> list[str]:
    """Wait until every process is over; return exit code and log of each."""
    return [host(poll_script(folder, 0, 5)).text for folder in folders(tool)]


def test_jobs(host: Host, tmp_path: Path) -> None:
    tool = job_of(tmp_path, "echo begun; sleep 1; echo done; exit 3")
    assert host(tool.start_script()).code == 0
    pid = Path(tool.directory, "1/pid").read_text()
    assert host(tool.start_script()).code == 0
    assert Path(tool.directory, "1/pid").read_text() == pid
    assert ended(tool, host) == ["3\nbegun\ndone\n"]


@pytest.mark.parametrize(
    ("lines", "digest", "began"),
    [
        (("sleep 1",), "1234", "run1"),
        (("sleep 1", "sleep 2", "sleep 3"), "1234", "run1"),
        (("sleep 1", "sleep 3"), "1234", "run1"),
        (("sleep 1", "sleep 2"), "5678", "run1"),
        (("sleep 1", "sleep 2"), "1234", "run2"),
    ],
    ids=["fewer processes", "more processes", "another option", "another target", "other work"],
)
def test_a_job_is_not_taken_for_another_one(
    host: Host, tmp_path: Path, lines: tuple[str, ...], digest: str, began: str
) -> None:
    tool = job_of(tmp_path, "sleep 1", "sleep 2")
    assert host(tool.start_script()).code == 0
    other = job_of(tmp_path, *lines, digest=digest, began=began)
    if len(lines) == 3:  # Those that run are two of its three: the third is started beside them, and no face is left.
        assert host(other.start_script()).code == 0
        return
    reply = host(other.start_script())
    assert reply.code != 0
    assert "still runs" in reply.error_text
    assert "sleep 2" in reply.error_text
    ended(tool, host)
    assert host(other.start_script()).code == 0


def test_what_ended_well_while_nobody_looked_is_not_done_again(host: Host, tmp_path: Path) -> None:
    count = tmp_path / "count"
    tool = job_of(tmp_path, f"echo a >> {count}", f"echo b >> {count}; sleep 1")
    assert host(tool.start_script()).code == 0
    assert ended(job_of(tmp_path, ""), host) == ["0\n"]
    assert host(tool.start_script()).code == 0
    assert ended(tool, host) == ["0\n", "0\n"]
    assert host(tool.start_script()).code == 0
    assert sorted(count.read_text().split()) == ["a", "b"]
    for times, began in ((2, "run2"), (3, ""), (4, "")):
        assert host(dataclasses.replace(tool, began=began).start_script()).code == 0
        ended(tool, host)
        assert sorted(count.read_text().split()) == ["a"] * times + ["b"] * times


def test_after_a_failure_every_part_is_done_again(host: Host, tmp_path: Path) -> None:
    count = tmp_path / "count"
    tool = job_of(tmp_path, f"echo a >> {count}", f"echo b >> {count}; exit 1")
    for _ in range(2):
        assert host(tool.start_script()).code == 0
        assert ended(tool, host) == ["0\n", "1\n"]
    assert sorted(count.read_text().split()) == ["a", "a", "b", "b"]


def test_a_tool_outlives_what_started_it(host: Host, tmp_path: Path) -> None:
    tool = job_of(tmp_path, "sleep 2; :")
    assert host(tool.start_script()).code == 0
    pid = Path(tool.directory, "1/pid").read_text()
    os.kill(int(pid), signal.SIGKILL)
    assert host(tool.start_script()).code == 0
    assert Path(tool.directory, "1/pid").read_text() == pid
    assert ended(tool, host) == ["vanished\n"]
    assert host(tool.start_script()).code == 0
    assert Path(tool.directory, "1/pid").read_text() != pid


def test_a_lock_is_held_by_one(host: Host, tmp_path: Path) -> None:
    lock = SiteLock(str(tmp_path / "state of it"))
    one = Holder("anna", "laptop", 7, "2026-01-01 00:00:00 UTC", "run1", "a playbook.yml", "aaaa")
    other = dataclasses.replace(one, run="run2", token="bbbb")
    assert read(host, lock) is None
    assert host(lock.bring_script(None, one)).code == 0
    assert host(lock.bring_script(None, other)).code == HELD
    os.utime(tmp_path / "state of it/lock/holder", (time.time() - 100, time.time() - 100))
    held = read(host, lock)
    assert isinstance(held, Held)
    assert (held.holder, 100 <= held.silent < 130) == (one, True)
    assert host(lock.fence(one) + "echo made") == Reply(0, b"made\n", b"")
    refused = host(lock.fence(other) + "echo made")
    assert (refused.code, refused.stdout) == (FENCED, b"")
    assert (lock.fenced(other, refused), lock.fenced(one, refused)) == (True, False)
    held = read(host, lock)
    assert isinstance(held, Held)
    assert held.silent < 30
    assert host(lock.bring_script(other, None)).text == ""
    assert host(lock.bring_script(one, None)).text == "released\n"
    assert host(lock.bring_script(one, None)) == Reply(0, b"", b"")
    assert host(lock.fence(one) + "echo made").code == FENCED
    assert [path.name for path in (tmp_path / "state of it").iterdir()] == ["writer"]
