"""Who looks changes nothing, sees from any machine what there is to see, and commits only what is proved."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ffplay.lab.layout import LabSite
from tests.e2e.judge import judge
from tests.e2e.labs import directories
from tests.e2e.test_operators import Operator, lab, started
from tests.e2e.trees import differences, trees
from tests.waiting import wait_for

TOP = Path(__file__).parent.parent.parent

__all__ = ["lab"]

pytestmark = [pytest.mark.lab, directories]


class Machine:
    """Another machine to work from: nothing that a run left on this one is there."""

    def __init__(self, lab: LabSite, home: Path) -> None:
        self._inventory = str(lab.inventory)
        self._env = {**os.environ, "XDG_STATE_HOME": str(home)}

    def ffplay(self, *words: str, code: int = 0) -> str:
        """Run ff-play there and return what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", "ffplay", *words, "-i", self._inventory],
            capture_output=True,
            text=True,
            timeout=300,
            cwd=TOP,
            stdin=subprocess.DEVNULL,
            check=False,
            env=self._env,
        )
        assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr


def test_another_machine_sees_a_killed_run_finishes_it_and_commits_it(lab: LabSite, tmp_path: Path) -> None:
    killed = Operator(lab, "apply", "--yes")
    wait_for(lambda: started(lab) > 0)
    other = Machine(lab, tmp_path / "other")
    assert "under way" in other.ffplay("runs")
    killed.signal(signal.SIGKILL)
    killed.end()

    before = trees(lab)
    (run,) = json.loads(other.ffplay("runs", "--json"))["runs"]
    name = run["run"]
    assert (run["state"], run["verb"], run["open"]) == ("broken off", "apply", True)
    status = other.ffplay("status")
    assert f"run {name} (apply) is open, broken off" in status
    assert "its process is gone from this machine" in " ".join(status.split())
    assert "runs: " in status
    assert "jobs/regenerate-" in status
    assert "60 faces in mongodb://" in status
    assert "regenerating, for cherry_480 (480)" in status
    site = json.loads(other.ffplay("status", "--json"))
    assert [len(host["jobs"]) > 0 for host in site["hosts"]] == [host["host"] == "app1" for host in site["hosts"]]
    shown = other.ffplay("show", name, "-v")
    assert "journal on this machine" not in shown
    assert "+  facen: cherry_480" in shown
    assert "begun, its end was not noted" in shown
    assert f"ff-play rollback {name} -i FILE" in shown
    assert f"run {name} is open" in other.ffplay("commit", "--check", code=7) + other.ffplay("runs")
    other.ffplay("plan", "playbooks/switch-model.yml")
    assert differences(before, trees(lab)) == []

    (lab.directory / "go").touch()
    other.ffplay("apply", "playbooks/switch-model.yml", "--yes")
    assert judge(lab, model="cherry_480") == []
    first, second = json.loads(other.ffplay("runs", "--json"))["runs"]
    assert (first["state"], first["open"], first["by"]) == ("broken off", False, second["run"])
    assert (second["state"], second["verified"], second["continues"]) == ("ok", True, [name])

    before = trees(lab)
    for words in (
        ["plan", "playbooks/switch-model.yml"],
        ["verify", "playbooks/switch-model.yml"],
        ["commit", "--check"],
        ["commit", "--check", "--keep-backups", "1"],
        ["show", second["run"]],
        ["status"],
    ):
        other.ffplay(*words)
    assert differences(before, trees(lab)) == []

    def aside() -> list[str]:
        return [key for key in trees(lab) if ".aside-" in key]

    assert aside()
    assert "set aside" in other.ffplay("status")
    other.ffplay("commit", "--yes")
    assert aside() == []
    assert "set aside" not in other.ffplay("status")
    assert "there is nothing to remove" in other.ffplay("commit", "--yes")
    refused = other.ffplay("rollback", "--yes", code=7)
    assert "committed the site" in refused
    assert "is committed already" in other.ffplay("rollback", name, "--yes", code=7)
    assert judge(lab, model="cherry_480") == []


def test_a_host_that_does_not_answer_hides_nothing_of_the_others(lab: LabSite, tmp_path: Path) -> None:
    (lab.directory / "go").touch()
    here = Machine(lab, tmp_path / "here")
    here.ffplay("apply", "playbooks/switch-model.yml", "--yes")
    text = Path(lab.inventory).read_text()
    broken = tmp_path / "broken.yml"
    broken.write_text(text)
    host = lab.databases[0].name
    (tmp_path / "lost.yml").write_text(f"all: {{hosts: {{{host}: {{ansible_port: 1}}}}}}\n")
    for words in (["runs"], ["status"]):
        told = here.ffplay(*words, "-i", str(broken), "-i", str(tmp_path / "lost.yml"), code=4)
        assert f"error: {host}" in told
        assert "ok" in told or "findface-facenapi" in told
    found = here.ffplay("runs", "--json", "-i", str(tmp_path / "lost.yml"), code=4)
    body = json.loads(found[: found.rindex("}") + 1])
    assert [error["host"] for error in body["errors"]] == [host]
    assert len(body["runs"]) == 1
