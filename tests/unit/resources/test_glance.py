from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ffplay.remote.base import Reply
from ffplay.resources.glance import RunningJob, RunningJobs


def running(state_dir: Path) -> tuple[RunningJob, ...]:
    resource = RunningJobs(str(state_dir))
    done = subprocess.run(["sh", "-c", resource.read_script()], capture_output=True, check=True)
    return resource.parse(Reply(0, done.stdout, done.stderr))


@pytest.fixture
def process(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A detached process as a job starts one, whose command line names its folder."""
    folder = tmp_path / "jobs/regenerate-1234/1"
    folder.mkdir(parents=True)
    script = "echo ready; read -r line"
    made = subprocess.Popen(
        ["sh", "-c", script, "ffplay-job", str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert made.stdout is not None
    assert made.stdout.readline() == b"ready\n"
    (folder / "pid").write_text(f"{made.pid}\n")
    yield made
    made.kill()
    made.communicate()


def test_a_process_that_runs_is_told_with_its_folder(tmp_path: Path, process: subprocess.Popen[bytes]) -> None:
    assert running(tmp_path) == (RunningJob(str(tmp_path / "jobs/regenerate-1234/1"), process.pid),)


def test_what_is_over_or_whose_pid_another_has_is_not_told(tmp_path: Path, process: subprocess.Popen[bytes]) -> None:
    ended, reused, odd = (tmp_path / "jobs" / name / "1" for name in ("copy-1", "copy-2", "copy-3"))
    for folder, pid in ((ended, 4194304), (reused, process.pid), (odd, "no number")):
        folder.mkdir(parents=True)
        (folder / "pid").write_text(f"{pid}\n")
    (tmp_path / "jobs/regenerate-1234/1/rc").write_text("0\n")
    assert running(tmp_path) == ()


def test_a_host_without_jobs_has_none(tmp_path: Path) -> None:
    assert running(tmp_path) == ()
