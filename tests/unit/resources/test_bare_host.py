"""Runs the resources' scripts on a host that has sh, coreutils and setsid, and nothing else; and what they do there."""

from __future__ import annotations

import dataclasses
import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast
from unittest.mock import ANY

import pytest

from ffplay.model import Generation
from ffplay.remote.base import Reply
from ffplay.resources import job
from ffplay.resources.base import ShellResource, blamed, quote
from ffplay.resources.command import ALWAYS, RAN, Command, Verdict
from ffplay.resources.facts import HostFacts, HostState, Instance
from ffplay.resources.file import ABSENT, File, FileState
from ffplay.resources.glance import RunningJobs
from ffplay.resources.job_script import poll_script
from ffplay.resources.lock import FENCED, HELD, Held, Holder, SiteLock
from ffplay.resources.notifications import Notifications
from ffplay.resources.originals import MissingFiles
from ffplay.resources.record import Record, parse_record, write_script
from ffplay.resources.removal import Leftover, SetAside, SetAsides
from ffplay.resources.unit import RUNNING, STOPPED, Unit, UnitState
from tests.waiting import wait_for

Host = Callable[[str], Reply]


def bring(host: Host, resource: ShellResource, before: object, after: object) -> object:
    """Bring a resource to a value and return what is read then; it must be what was wanted."""
    reply = host(resource.bring_script(before, after))
    assert reply.code == 0, reply.error_text
    observed = read(host, resource)
    assert resource.reached(before, after, observed), observed
    return observed


def read(host: Host, resource: ShellResource) -> object:
    return resource.parse(host(resource.read_script()))


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


def test_what_is_set_aside_goes_for_good(host: Host, tmp_path: Path) -> None:
    aside = tmp_path / "shard 1" / "snapshots.aside-20261123T205251Z-10b8"
    aside.mkdir(parents=True)
    (aside / "1.snap").write_bytes(b"x" * 9000)
    (found,) = cast(tuple[Leftover, ...], read(host, SetAsides((str(aside.parent / "snapshots"),))))
    assert (found.path, found.state) == (str(aside), "there")
    assert bring(host, SetAside(found.path), found.kib, None) is None
    assert list(aside.parent.iterdir()) == []
    assert read(host, RunningJobs(str(tmp_path))) == ()


def failing(tmp_path: Path, name: str) -> None:
    """Have a program write a part of what it should, and fail, as on a full disk."""
    path = tmp_path / "bin" / name
    path.unlink()
    path.write_text("#!/bin/sh\nprintf half; exit 1\n")
    path.chmod(0o755)


@pytest.mark.parametrize("content", [b"two\n", b"\xff\n", b"\0\n"], ids=["a text", "no text", "with a NUL"])
def test_a_file_that_cannot_be_written_whole_stays_as_it_was(host: Host, tmp_path: Path, content: bytes) -> None:
    file = File(str(tmp_path / "conf"))
    before = bring(host, file, ABSENT, FileState("file", b"one\n", "0640"))
    bring(host, File(f"{file.path} too"), ABSENT, FileState("file", content))
    Path(f"{file.path} too").unlink()
    failing(tmp_path, "base64")
    full = "" if b"\0" in content or b"\xff" in content else "trap '' XFSZ; ulimit -f 0\n"
    assert host(full + file.bring_script(before, FileState("file", content))).code != 0
    assert read(host, file) == before
    assert [path.name for path in tmp_path.iterdir() if path.name != "bin"] == ["conf"]


def test_files_are_written_together_or_not_at_all(host: Host, tmp_path: Path) -> None:
    files = [File(str(tmp_path / name)) for name in ("one file", "two", "three")]
    before = [bring(host, one, ABSENT, FileState("file", b"old\n", "0640")) for one in files]
    contents = (b"one\n", b"it's two", b"\0three")
    after = [FileState("file", content, owner=str(os.getuid())) for content in contents]
    changes = list(zip(files, before, after, strict=True))
    failing(tmp_path, "base64")
    number, reply = blamed(host(File.joint(changes)))
    assert (reply.code != 0, number) == (True, 2)
    assert [read(host, one) for one in files] == before
    assert {path.name for path in tmp_path.iterdir()} == {"bin", "one file", "two", "three"}
    (tmp_path / "bin/base64").unlink()
    (tmp_path / "bin/base64").symlink_to(shutil.which("base64") or "")
    assert host(File.joint(changes)).code == 0
    for one, content in zip(files, contents, strict=True):
        found = read(host, one)
        assert isinstance(found, FileState)
        assert (found.content, found.mode) == (content, "0640")
    # What is to be made before another one can be written is made in its turn.
    made = (File(str(tmp_path / "folder")), ABSENT, FileState("directory"))
    assert File.joint([made, (File(str(tmp_path / "folder/in it")), ABSENT, after[0])]) == ""
    assert File.joint([changes[0], changes[0]]) == ""


def test_what_a_deadline_leaves_of_files_goes_at_once(host: Host, tmp_path: Path) -> None:
    files = [File(str(tmp_path / name)) for name in ("one", "two")]
    before = [bring(host, one, ABSENT, FileState("file", b"old\n")) for one in files]
    sync = tmp_path / "bin/sync"
    sync.unlink()
    # As `timeout` ends a script: all processes of its group at once.
    sync.write_text(f"#!/bin/sh\n: > {tmp_path}/reached; kill -TERM 0; exec sleep 60\n")
    sync.chmod(0o755)
    script = File.joint([(one, was, FileState("file", b"new\n")) for one, was in zip(files, before, strict=True)])
    assert host(f"timeout -k 5 60 sh -c {quote([script])}").code != 0
    assert (tmp_path / "reached").exists()
    wait_for(lambda: not list(tmp_path.glob("*.ffplay-new")))
    assert {path.name for path in tmp_path.iterdir()} == {"bin", "one", "reached", "two"}
    assert [read(host, one) for one in files] == before


def test_what_a_loss_of_power_left_of_a_file_is_written_over(host: Host, tmp_path: Path) -> None:
    (tmp_path / "other").write_text("of somebody else")
    (tmp_path / "conf.ffplay-new").symlink_to("other")
    bring(host, File(str(tmp_path / "conf")), ABSENT, FileState("file", b"text\n"))
    assert (tmp_path / "other").read_text() == "of somebody else"
    (tmp_path / "link.ffplay-new").write_text("half")
    bring(host, File(str(tmp_path / "link")), ABSENT, FileState("link", target="/nowhere"))
    assert {path.name for path in tmp_path.iterdir()} == {"bin", "conf", "link", "other"}


def test_a_record_that_cannot_be_written_whole_stays_as_it_was(host: Host, tmp_path: Path) -> None:
    path = tmp_path / "of it/generation.json"
    one, two = (Record(Generation(model, 480)) for model in ("one", "two"))
    assert host(write_script(str(path), one)).code == 0
    assert host(f"trap '' XFSZ; ulimit -f 0\n{write_script(str(path), two)}").code != 0
    assert parse_record(path.read_text(), str(path)) == one


def test_facts(host: Host, tmp_path: Path) -> None:
    there, to_be = str(tmp_path), str(tmp_path / "not/there yet")
    facts = read(host, HostFacts((there, to_be, "/proc"), ("cat", "no-such-program")))
    assert isinstance(facts, HostState)
    assert facts.memory > 1 << 20
    assert facts.cores > 0
    assert [room.path for room in facts.rooms] == [there, to_be, "/proc"]
    assert all(0 < room.free <= room.total for room in facts.rooms[:2])
    assert facts.room(there).device == facts.room(to_be).device == tmp_path.stat().st_dev
    assert Path(facts.room(there).mount).is_mount()
    assert (facts.room("/proc").mount, facts.room("/proc").device) == ("/proc", Path("/proc").stat().st_dev)
    assert facts.programs == ("cat",)
    assert (facts.files, facts.instances, facts.models) == ((), (), ())


def test_facts_of_shards_and_models(host: Host, tmp_path: Path) -> None:
    instances, units, models = tmp_path / "in stances", tmp_path / "system", tmp_path / "mo dels"
    for folder in (instances, units / "multi-user.target.wants", models / "face"):
        folder.mkdir(parents=True)
    for name in ("one.lua", "two.lua", "two.lua.old"):
        (instances / name).touch()
    for name in ("tarantool@run.service", "tarantool@off.service", "ssh.service"):
        (units / "multi-user.target.wants" / name).symlink_to("/lib/systemd/system/any.service")
    for name in ("apricot_160f.cpu.fnk", "face/cherry_480.gpu.fnk", "whole"):
        (models / name).touch()
    wanted = ("apricot_160", "apricot_160f", "cherry_480", "whole", "banana_800f")
    facts = read(
        host,
        HostFacts((), (), str(instances), "tarantool@", str(units), str(models), wanted),
    )
    assert isinstance(facts, HostState)
    assert facts.files == ("one.lua", "two.lua")
    assert facts.instances == (
        Instance("tarantool@off", "", True),
        Instance("tarantool@run", "active", True),
        Instance("tarantool@x", "failed", False),
    )
    assert facts.models == ("apricot_160f", "cherry_480", "whole")
    nothing = HostFacts((), (), "/nowhere", "other@", "/nowhere", "/nowhere", wanted)
    assert read(host, nothing) == dataclasses.replace(facts, files=(), instances=(), models=(), available=ANY)


@pytest.mark.parametrize(
    ("offset", "took", "least", "most"),
    [(0, 0, 0, 0), (0, 20, 0, 0), (90, 0, 88, 90), (90, 20, 68, 90), (-90, 0, -90, -88), (-90, 20, -90, -88)],
)
def test_a_clock_is_told_with_what_the_question_took_in_its_favour(
    host: Host, monkeypatch: pytest.MonkeyPatch, offset: int, took: int, least: int, most: int
) -> None:
    """The host's clock is this machine's; that which asks is off the other way, and sees its answer late."""
    now = time.time
    resource = HostFacts()
    monkeypatch.setattr("ffplay.resources.facts.time.time", lambda: now() - offset)
    script = resource.read_script()
    reply = host(script)
    monkeypatch.setattr("ffplay.resources.facts.time.time", lambda: now() - offset + took)
    assert least <= resource.parse(reply).skew <= most


def test_facts_of_a_host_that_tells_nothing() -> None:
    with pytest.raises(ValueError, match=r"told too little of itself: sh: no date"):
        HostFacts().parse(Reply(1, b"cores 4\n", b"sh: no date\n"))


def test_missing_files(host: Host, tmp_path: Path) -> None:
    (tmp_path / "there's one.jpg").write_text("x")
    (tmp_path / "empty.jpg").touch()
    paths = tuple(str(tmp_path / name) for name in ("there's one.jpg", "empty.jpg", "gone $(touch x).jpg"))
    assert read(host, MissingFiles(paths)) == paths[1:]


def test_units(host: Host) -> None:
    unit = Unit("tarantool@FindFace")
    stopped = read(host, unit)
    assert isinstance(stopped, UnitState)
    assert stopped.active == "inactive"
    started = bring(host, unit, stopped, RUNNING)
    bring(host, unit, dataclasses.replace(started, pid=0), STOPPED)


def test_commands_and_notifications(host: Host, tmp_path: Path) -> None:
    made = tmp_path / "made"
    command = Command(f"echo 'a \"quoted\" word' > '{made}'", creates=str(made))
    assert read(host, command) == Verdict(True, (f"creates {made}: is not there",))
    assert bring(host, command, ALWAYS, RAN) == Verdict(False, (f"creates {made}: is there",))
    pending = Notifications(str(tmp_path / "state"), "A play")
    assert bring(host, pending, (), ("Restart it's unit", "b")) == ("Restart it's unit", "b")
    assert bring(host, pending, ("Restart it's unit", "b"), ("Restart it's unit",)) == ("Restart it's unit",)


def test_a_handler_that_cannot_be_noted_is_told_wherever_that_is_asked(host: Host, tmp_path: Path) -> None:
    pending = Notifications(str(tmp_path / "state"), "A play")
    assert bring(host, pending, (), ("a",)) == ("a",)
    (note,) = Path(pending.directory).iterdir()
    note.unlink()
    Path(f"{note}.new").mkdir()
    assert host(f"({pending.bring_script((), ('a', 'b'))}) || exit 3").code == 3


def test_what_the_guards_of_a_command_say(host: Host, tmp_path: Path) -> None:
    def asked(**guards: str) -> Verdict:
        found = read(host, Command("true", str(tmp_path), **guards))
        assert isinstance(found, Verdict)
        return found

    (tmp_path / "it's here").touch()
    assert asked(creates="it's h*", unless="exit 9") == Verdict(False, ("creates it's h*: is there",))
    assert asked(creates="no*") == Verdict(True, ("creates no*: is not there",))
    assert asked(removes="it's*") == Verdict(True, ("removes it's*: is there",))
    assert asked(removes="no*") == Verdict(False, ("removes no*: is not there",))
    assert asked(unless="echo ffplay-guard unless 0; exit 7") == Verdict(
        True, ("unless `echo ffplay-guard unless 0; exit 7` exited 7",)
    )
    assert asked(onlyif="test -e it*") == Verdict(True, ("onlyif `test -e it*` exited 0",))
    assert asked(onlyif="exit 3", probe="exit 1") == Verdict(
        False, ("probe `exit 1` exited 1", "onlyif `exit 3` exited 3"), 1
    )
    assert asked(probe="cat; echo one; echo two >&2", creates="it*") == Verdict(
        False, ("probe `cat; echo one; echo two >&2` exited 0, said: one",), 0, "one\ntwo"
    )
    long = asked(probe="head -c 9999 /dev/zero | tr '\\0' x; exit 1", unless="false")
    assert (long.needed, long.probe, long.output) == (True, 1, "x" * 4096)
    assert asked(probe="no-such-tool").broken


def test_guards_in_a_directory_that_is_not_there_give_no_verdict(host: Host, tmp_path: Path) -> None:
    command = Command("true", f"{tmp_path}/none", probe="true")
    with pytest.raises(ValueError, match=r"the guards of `true` gave no verdict: .*none"):
        command.parse(host(command.read_script()))


def job_of(tmp_path: Path, *lines: str, digest: str = "1234", began: str = "run1") -> job.Job:
    return job.Job("tool", str(tmp_path / f"jobs/tool-{digest}"), lines, began=began)


def until(gate: Path) -> str:
    """Return sh that ends as soon as a file is there."""
    return f"while [ ! -e {gate} ]; do sleep 0.1; done"


def folders(tool: job.Job) -> list[str]:
    return [part.folder for part in tool.status.parts]


def ended(tool: job.Job, host: Host) -> list[str]:
    """Wait until every process is over; return exit code and log of each."""
    found = []
    for folder in folders(tool):
        deadline = time.monotonic() + 60
        while (told := host(poll_script(folder, 0, 5)).text).startswith("running"):
            assert time.monotonic() < deadline, told
        found.append(told)
    return found


def test_jobs(host: Host, tmp_path: Path) -> None:
    tool = job_of(tmp_path, f"echo begun; {until(tmp_path / 'go')}; echo done; exit 3")
    assert host(tool.start_script()).code == 0
    pid = Path(tool.directory, "1/pid").read_text()
    assert host(tool.start_script()).code == 0
    assert Path(tool.directory, "1/pid").read_text() == pid
    (tmp_path / "go").touch()
    assert ended(tool, host) == ["3\nbegun\ndone\n"]


@pytest.mark.parametrize(
    ("lines", "digest", "began"),
    [
        (("one",), "1234", "run1"),
        (("one", "two", "three"), "1234", "run1"),
        (("one", "three"), "1234", "run1"),
        (("one", "two"), "5678", "run1"),
        (("one", "two"), "1234", "run2"),
    ],
    ids=["fewer processes", "more processes", "another option", "another target", "other work"],
)
def test_a_job_is_not_taken_for_another_one(
    host: Host, tmp_path: Path, lines: tuple[str, ...], digest: str, began: str
) -> None:
    gate = tmp_path / "go"
    tool = job_of(tmp_path, *(f"{until(gate)}; : {name}" for name in ("one", "two")))
    assert host(tool.start_script()).code == 0
    other = job_of(tmp_path, *(f"{until(gate)}; : {name}" for name in lines), digest=digest, began=began)
    reply = host(other.start_script())
    gate.touch()
    if len(lines) == 3:  # Those that run are two of its three: the third is started beside them, and no face is left.
        assert reply.code == 0
        return
    assert reply.code != 0
    assert "still runs" in reply.error_text
    assert ": two" in reply.error_text
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
    tool = job_of(tmp_path, f": > {tmp_path}/begun; {until(tmp_path / 'go')}")
    assert host(tool.start_script()).code == 0
    pid = Path(tool.directory, "1/pid").read_text()
    wait_for((tmp_path / "begun").exists)  # A start is over before what it starts has begun.
    os.kill(int(pid), signal.SIGKILL)
    assert host(tool.start_script()).code == 0
    assert Path(tool.directory, "1/pid").read_text() == pid
    (tmp_path / "go").touch()
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


@pytest.mark.parametrize("when", ["before", "in between"])
def test_a_lock_of_another_is_not_given_back(host: Host, tmp_path: Path, when: str) -> None:
    """Another run has the lock, or takes it between the look and the rename, after somebody broke the first one's."""
    lock, elsewhere = SiteLock(str(tmp_path / "state")), SiteLock(str(tmp_path / "elsewhere"))
    one = Holder("anna", "laptop", 7, "2026-01-01 00:00:00 UTC", "run1", "a playbook.yml", "aaaa")
    other = dataclasses.replace(one, run="run2", token="bbbb")
    assert host(lock.bring_script(None, one if when == "in between" else other)).code == 0
    assert host(elsewhere.bring_script(None, other)).code == 0
    swap = f"rm -r {lock.label}; command mv -T {elsewhere.label} {lock.label}" if when == "in between" else ":"
    moved = tmp_path / "moved"
    first = f'mv() {{ [ -e {moved} ] || {{ : > {moved}; {swap}; }}; command mv "$@"; }}\n'
    reply = host(first + lock.bring_script(one, None))
    assert (reply.code, reply.text) == (0, "")
    assert moved.exists() is (when == "in between")
    held = read(host, lock)
    assert isinstance(held, Held)
    assert held.holder == other
