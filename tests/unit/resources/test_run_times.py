from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ffplay.remote.base import Reply
from ffplay.resources.run_scripts import keep_script, times_file
from ffplay.resources.run_times import RunTimes, StepTime, TimesFile

TIMES = RunTimes(12.5, 14.0, (StepTime(1, 2, "it's done", 12.5, 13.0), StepTime(2, 1, "copy", None, 1.0)))


def written(state: Path) -> str:
    return keep_script(str(state), [times_file("run1", TIMES)])


def read(state: Path) -> RunTimes | None:
    file = TimesFile(str(state), "run1")
    done = subprocess.run(["sh", "-c", file.read_script()], capture_output=True, check=False)
    return file.parse(Reply(done.returncode, done.stdout, done.stderr))


def test_what_is_written_is_read(tmp_path: Path) -> None:
    (tmp_path / "runs" / "run1").mkdir(parents=True)
    subprocess.run(["sh", "-c", written(tmp_path)], check=True)
    assert read(tmp_path) == TIMES


def test_a_host_that_does_not_know_the_run_is_left_as_it_is(tmp_path: Path) -> None:
    subprocess.run(["sh", "-c", written(tmp_path)], check=True)
    assert list(tmp_path.iterdir()) == []
    assert read(tmp_path) is None


@pytest.mark.parametrize("text", ["{", "{}", '{"forecast": 1, "seconds": 2, "steps": [{"play": 1}]}', "[1]"])
def test_a_damaged_file_is_told(tmp_path: Path, text: str) -> None:
    with pytest.raises(ValueError, match=r"damaged|Expecting"):
        TimesFile(str(tmp_path), "run1").parse(Reply(0, text.encode(), b""))
