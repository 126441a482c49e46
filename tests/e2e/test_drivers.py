"""Migrates a lab with each line of the MongoDB driver, against servers that answer as old and as later ones."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ffplay.lab import site as lab_site
from ffplay.lab.layout import LabOptions, LabSite
from tests.e2e.judge import judge

TOP = Path(__file__).parent.parent.parent
PYMONGO_3 = sys.executable
# Made by test.sh beside the first environment.
PYMONGO_4 = str(TOP / ".venv-pymongo4/bin/python")

pytestmark = pytest.mark.lab


@pytest.fixture
def lab(wire_version: int, tmp_path: Path) -> Iterator[LabSite]:
    """Give a lab whose MongoDB advertises a wire version; nothing of it runs afterwards."""
    directory = tmp_path / "lab"
    yield lab_site.up(LabOptions(directory=directory, hosts=1, faces=60, wire_version=wire_version))
    lab_site.down(directory)


def ffplay(python: str, lab: LabSite, verb: str, *options: str) -> subprocess.CompletedProcess[str]:
    if not Path(python).exists():
        pytest.skip(f"{python} is not there: ./test.sh makes it")
    command = [python, "-m", "ffplay", verb, "playbooks/switch-model.yml", "-i", str(lab.inventory), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=TOP, check=False)


@pytest.mark.parametrize(
    ("python", "wire_version"),
    [(PYMONGO_3, 4), (PYMONGO_3, 5), (PYMONGO_3, 13), (PYMONGO_4, 9), (PYMONGO_4, 21)],
    ids=[
        "pymongo-3.13-server-3.2",
        "pymongo-3.13-server-3.4",
        "pymongo-3.13-server-5",
        "pymongo-4-server-4.4",
        "pymongo-4-server-7",
    ],
)
def test_the_driver_migrates_a_site(python: str, lab: LabSite) -> None:
    done = ffplay(python, lab, "apply", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert ffplay(python, lab, "plan", "--detailed-exitcode").returncode == 0
    assert judge(lab, "cherry_480") == []


@pytest.mark.parametrize("wire_version", [5])
def test_a_driver_that_does_not_fit_says_which_one_to_install(lab: LabSite) -> None:
    done = ffplay(PYMONGO_4, lab, "plan")
    assert done.returncode == 1
    assert "pip install 'pymongo==3.13.0'" in done.stderr
