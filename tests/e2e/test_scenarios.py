"""Runs each scenario directory against a lab of its own and judges the site afterwards without ffplay's help.

A scenario is `scenario.yml` beside the playbooks that it needs:

    lab:       options of the lab
    once:      true where it is about faces and not about hosts: the gate runs it on loopback hosts alone
    commands:  a list, in order, of either
      - at: HOST, run: SH              something that an operator or a fault does on a host ($ROOT is its tree)
      - ffplay: "plan PLAYBOOK ..."    with `exit` (0), `shows` and `hides` (regular expressions);
                                       LAB is the lab's inventory, which is given where there is no `-i`
    site:      {model: NAME, detector: NAME}: what every face and shard must be at in the end
    files:     {HOST: {PATH: regular expression}}: what files must hold in the end

A playbook is looked for in the scenario's directory, then among the shipped ones.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ffplay.lab.layout import LabSite
from tests.e2e import labs
from tests.e2e.judge import judge

HERE = Path(__file__).parent
TOP = HERE.parent.parent
SCENARIOS = sorted(path.parent.name for path in HERE.glob("*/scenario.yml"))

pytestmark = pytest.mark.lab


@pytest.fixture
def lab(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LabSite]:
    """Give the scenario's lab; nothing of it runs afterwards."""
    directory = tmp_path / "lab"
    options = {"faces": 120, **(scenario_of(request.getfixturevalue("name")).get("lab") or {})}
    with labs.lab(directory, **options) as found:
        yield found


def scenario_of(name: str) -> dict[str, Any]:
    """Return a scenario's content."""
    content: dict[str, Any] = yaml.safe_load((HERE / name / "scenario.yml").read_text())
    return content


def marked(name: str) -> Any:
    """Return a scenario as a parameter."""
    return pytest.param(name, marks=[pytest.mark.once] if scenario_of(name).get("once") else [])


@pytest.mark.parametrize("name", [marked(name) for name in SCENARIOS])
def test_scenario(name: str, lab: LabSite) -> None:
    scenario = scenario_of(name)
    for command in scenario["commands"]:
        if "at" in command:
            act(lab, command)
        else:
            ffplay(lab, name, command)
    if "site" in scenario:
        assert judge(lab, **scenario["site"]) == []
    for host, files in scenario.get("files", {}).items():
        for path, pattern in files.items():
            text = (labs.host_of(lab, host).root / path.lstrip("/")).read_text()
            assert re.search(pattern, text, re.MULTILINE), f"{host}:{path} holds no {pattern!r}:\n{text}"


def act(lab: LabSite, command: dict[str, Any]) -> None:
    """Do something on a host as a person would there."""
    done = labs.at(lab, command["at"], command["run"])
    assert done.returncode == command.get("exit", 0), done.stdout + done.stderr


def ffplay(lab: LabSite, name: str, command: dict[str, Any]) -> None:
    """Run ff-play as a person would."""
    words = [playbook(name, word) if word.endswith(".yml") else word for word in shlex.split(command["ffplay"])]
    words = [str(lab.inventory) if word == "LAB" else word for word in words]
    if "-i" not in words:
        words += ["-i", str(lab.inventory)]
    done = subprocess.run(
        [sys.executable, "-m", "ffplay", *words],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=TOP,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    output = done.stdout + done.stderr
    assert done.returncode == command.get("exit", 0), f"ff-play {command['ffplay']}: {done.returncode}\n{output}"
    for pattern in command.get("shows", []):
        assert re.search(pattern, output, re.MULTILINE), f"no {pattern!r} in:\n{output}"
    for pattern in command.get("hides", []):
        assert not re.search(pattern, output, re.MULTILINE), f"{pattern!r} in:\n{output}"


def playbook(name: str, file: str) -> str:
    """Return the path of a scenario's own file, or of a shipped playbook."""
    own = HERE / name / file
    return str(own if own.exists() else TOP / "playbooks" / file)
