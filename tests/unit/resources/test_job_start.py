"""Starts jobs through a real sh: many at once, with the starter killed at every point, and under systemd's rules."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ffplay.resources import job_start
from ffplay.resources.job import Job, JobState
from ffplay.resources.job_script import forget_script, note_script, poll_script
from ffplay.resources.job_start import BUSY
from tests.waiting import lives, wait_for

# Every program that a start uses: the points at which it can be killed.
PROGRAMS = ("cat", "mkdir", "mv", "rm", "date", "tr", "id", "setsid", "systemd-run", "systemctl", "sleep", "sh")


class Machine:
    """This machine, with or without systemd. `start` and `shell` run a script in a shell of its own."""

    def __init__(self, folder: Path, systemd: bool) -> None:
        self.folder = folder
        self.systemd = systemd
        self.programs = folder / "bin"
        self.programs.mkdir()
        units = folder / "units"
        units.mkdir()
        self.environment = {
            "PATH": f"{self.programs}:{os.environ['PATH']}",
            "HOME": str(folder),
            "LANG": "de_DE.UTF-8",
            "XDG_SESSION_ID": "7",
            "STAND_IN_UNITS": str(units),
        }
        if systemd:
            (folder / "systemd").mkdir()
            for name in ("systemd-run", "systemctl"):
                self.program(name, f'exec {sys.executable} {Path(__file__).parent}/systemd.py {name} "$@"')
            self.program("id", "case $1 in -u) echo 0;; *) echo root;; esac")

    def program(self, name: str, text: str) -> None:
        (self.programs / name).write_text(f"#!/bin/sh\n{text}\n")
        (self.programs / name).chmod(0o755)

    def popen(self, script: str, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["/bin/sh", "-c", script],
            env={**self.environment, **environment},
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def shell(self, script: str) -> tuple[int, str, str]:
        process = self.popen(script)
        out, err = process.communicate(timeout=60)
        return process.returncode, out, err

    def start(self, job: Job) -> tuple[int, str]:
        code, _, err = self.shell(job.start_script())
        return code, err

    def ended(self, job: Job) -> str:
        """Wait for a job of one process; return its state and what it printed."""
        while True:
            _, out, _ = self.shell(poll_script(job.status.parts[0].folder, 0, 5))
            if not out.startswith("running\n"):
                return out

    def read(self, job: Job) -> JobState:
        from ffplay.remote.base import Reply

        code, out, err = self.shell(job.status.read_script())
        assert (code, err) == (0, "")
        return job.status.parse(Reply(code, out.encode(), b""))

    def job(self, line: str, name: str = "tool-1", **more: object) -> Job:
        job = Job("tool", str(self.folder / "jobs" / name), (line,), began="run1", run="run1")
        return dataclasses.replace(job, **more)  # type: ignore[arg-type]


@pytest.fixture(params=["setsid", "systemd"])
def machine(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    monkeypatch.setattr(job_start, "SYSTEMD", str(tmp_path / "systemd"))
    yield Machine(tmp_path, request.param == "systemd")
    for file in tmp_path.glob("jobs/*/*/pid"):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(int(file.read_text()), signal.SIGKILL)


def lines(path: Path) -> list[str]:
    return path.read_text().split() if path.exists() else []


def test_of_twenty_starts_at_once_one_starts_it(machine: Machine) -> None:
    count = machine.folder / "count"
    job = machine.job(f"echo x >> {count}; while [ ! -e {machine.folder}/go ]; do sleep 0.1; done; exit 3")
    starts = [machine.popen(job.start_script()) for _ in range(20)]
    assert {(start.wait(100), start.communicate()[1]) for start in starts} == {(0, "")}
    assert lines(count) == ["x"]
    (machine.folder / "go").touch()
    assert machine.ended(job) == "3\n"
    assert lines(count) == ["x"]


def test_of_two_jobs_of_a_kind_one_is_started(machine: Machine) -> None:
    count = machine.folder / "count"
    jobs = [
        machine.job(f"echo {name} >> {count}; while [ ! -e {machine.folder}/go ]; do sleep 0.1; done", name)
        for name in ("tool-1", "tool-2")
    ]
    starts = [(job, machine.popen(job.start_script())) for _ in range(5) for job in jobs]
    codes = {(job.label, job.directory, start.wait(100)) for job, start in starts}
    (won,) = lines(count)
    assert {(Path(directory).name == won, code) for _, directory, code in codes} == {(True, 0), (False, BUSY)}
    (winner,) = (job for job in jobs if job.directory.endswith(won))
    (loser,) = (job for job in jobs if job is not winner)
    assert machine.read(winner).state == "running"
    assert (machine.read(loser).state, machine.read(loser).what) == ("busy", "tool, begun by run1")
    (machine.folder / "go").touch()
    assert machine.ended(winner) == "0\n"
    assert machine.read(loser).state == "none"


@pytest.mark.parametrize("goes_on", [True, False], ids=["after", "before"])
def test_a_start_that_is_killed_anywhere_neither_loses_nor_doubles_it(machine: Machine, goes_on: bool) -> None:
    """The starter is killed as its Nth program begins; that program still does its work, or does not.

    The process that it started is slow to put itself in place, so that the next start meets it before and after that.
    """
    for name in PROGRAMS:
        real = machine.programs / name
        if real.exists():
            real = real.rename(f"{real}.real")
        exits = ":" if goes_on else "exit 1"
        path = real if real.exists() else f"/usr/bin/{name}"
        machine.program(
            name,
            f"""[ -n "$LOG" ] || exec {path} "$@"
case "$(/usr/bin/tr '\\0' ' ' < /proc/$PPID/cmdline)" in
  */start' '*) case "$*" in *.new.1.*/1) /bin/sleep 0.$((POINT % 4));; esac;;
  *) echo >> "$LOG"; [ "$(/usr/bin/wc -l < "$LOG")" -ne "$POINT" ] || {{ kill -9 "$(/bin/cat "$LOG.pid")"; {exits}; }};;
esac
exec {path} "$@"
""",
        )
    points = 0
    for point in range(1, 60):
        count, log = machine.folder / f"count{point}", machine.folder / f"log{point}"
        job = machine.job(f"echo x >> {count}", f"tool{point}-1")
        starter = machine.popen(f"echo $$ > {log}.pid\n{job.start_script()}", LOG=str(log), POINT=str(point))
        killed = starter.wait(100) == -signal.SIGKILL
        assert machine.start(job) == (0, ""), point
        assert machine.ended(job) == "0\n", point
        assert lines(count) == ["x"], point
        points += killed
        if point > points + 2:
            break
    assert points > 12


def test_a_job_runs_as_in_the_session_that_started_it(machine: Machine) -> None:
    job = machine.job('echo "$LANG|$HOME|$PATH|$XDG_SESSION_ID"; pwd; umask; [ -t 0 ] || cat')
    code, _, err = machine.shell(f"umask 027\n{job.start_script()}")
    assert (code, err) == (0, "")
    path = machine.environment["PATH"]
    assert machine.ended(job) == f"0\nde_DE.UTF-8|{machine.folder}|{path}|\n{machine.folder}\n0027\n"


def test_a_job_that_was_killed_is_told_and_started_again(machine: Machine) -> None:
    job = machine.job(f"echo x >> {machine.folder}/count; sleep 60")
    assert machine.start(job)[0] == 0
    seen = machine.read(job)
    assert (seen.state, seen.run) == ("running", "run1")
    assert seen.started.startswith("run run1 started 20")
    wait_for(lambda: lines(machine.folder / "count"))  # A start is over before what it starts has begun.
    os.killpg(int(seen.pid), signal.SIGKILL)
    assert machine.ended(job) == "vanished\n"
    assert machine.read(job).state == "vanished"
    if machine.systemd:
        wait_for(lambda: list((machine.folder / "units").glob("*/failed")))
    assert machine.start(job) == (0, "")
    wait_for(lambda: len(lines(machine.folder / "count")) == 2)
    assert machine.read(job).pid != seen.pid


def test_a_job_of_before_a_reboot_is_gone(machine: Machine) -> None:
    job = machine.job("sleep 60")
    assert machine.start(job)[0] == 0
    boot = Path(job.directory, "1/boot")
    boot.write_text("another\n")
    assert machine.read(job).state == "vanished"
    boot.write_text(Path("/proc/sys/kernel/random/boot_id").read_text())
    assert machine.read(job).state == "running"


def test_a_pid_that_another_program_has_is_no_life(machine: Machine) -> None:
    """Not even where that program leads a group with others in it."""
    job = machine.job("exit 0")
    assert machine.start(job)[0] == 0
    assert machine.ended(job) == "0\n"
    with subprocess.Popen(["sh", "-c", "sleep 60 & wait"], start_new_session=True) as other:
        Path(job.directory, "1/rc").unlink()
        Path(job.directory, "1/pid").write_text(f"{other.pid}\n")
        # A process that has only just begun has no words yet.
        wait_for(lambda: Path(f"/proc/{other.pid}/cmdline").read_bytes() != b"")
        assert machine.read(job).state == "vanished"
        os.killpg(other.pid, signal.SIGKILL)


@pytest.mark.parametrize("stubborn", [False, True], ids=["ends", "ignores SIGTERM"])
def test_a_deadline_ends_the_whole_group_without_a_controller(
    machine: Machine, stubborn: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    trap = "trap '' TERM; " if stubborn else ""
    job = machine.job(f"{trap}echo begun; sleep 600 & echo $! > {machine.folder}/child; wait", timeout=1.0)
    assert machine.start(job) == (0, "")
    assert machine.ended(job).startswith("late 1\nbegun\n")
    wait_for(lambda: not lives((machine.folder / "child").read_text()))
    assert machine.read(job).state == "late"


def test_exit_code_124_of_the_tool_is_no_deadline(machine: Machine) -> None:
    job = machine.job("exit 124", timeout=60.0)
    assert machine.start(job) == (0, "")
    assert machine.ended(job) == "124\n"
    assert (machine.read(job).state, machine.read(job).code) == ("failed", 124)


def test_what_is_sent_to_the_group_leaves_an_exit_code(machine: Machine) -> None:
    job = machine.job("sleep 60; :")
    assert machine.start(job)[0] == 0
    wait_for(lambda: Path(job.directory, "1/log").exists())
    os.killpg(int(machine.read(job).pid), signal.SIGTERM)
    assert machine.ended(job).startswith("143\n")


def test_an_end_is_taken_once(machine: Machine) -> None:
    count = machine.folder / "count"
    job = machine.job(f"echo x >> {count}; exit $(cat {machine.folder}/code)", once=True)
    folder = job.status.parts[0].folder

    def times(run: str, noted: bool, code: int) -> int:
        """Start it as a run does, which takes note of the end or not; return how often it has run by now."""
        (machine.folder / "code").write_text(str(code))
        assert machine.start(dataclasses.replace(job, run=run)) == (0, "")
        machine.ended(job)
        if noted:
            assert machine.shell(note_script([folder], run))[0] == 0
        return len(lines(count))

    assert times("run1", False, 1) == 1  # the controller is killed before it hears of the failure
    assert times("run2", True, 0) == 1  # told now
    assert times("run2", False, 0) == 2  # and run again; it ends well, and nobody hears of it
    assert times("run3", False, 0) == 2
    assert times("run3", True, 0) == 2
    assert times("run4", True, 0) == 2  # run3 was killed after it took note, before its step was done
    assert times("run4", True, 0) == 3  # `until` did not hold


def test_a_finished_work_is_forgotten_and_no_other(machine: Machine) -> None:
    jobs = [machine.job("exit 0", "a-1"), machine.job("exit 0", "b-2", began="run2"), machine.job("sleep 60", "c-1")]
    for job in jobs:
        assert machine.start(job) == (0, "")
    for job in jobs[:2]:
        machine.ended(job)
    code, _, err = machine.shell(forget_script(str(machine.folder / "jobs"), ["run0", "run1"]))
    assert (code, err) == (0, "")
    assert [machine.read(job).state for job in jobs] == ["none", "ended", "running"]
