"""A forecast on a real site: measuring changes nothing there, and what a run took stands beside it, on any machine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e import labs
from tests.e2e.labs import directories
from tests.e2e.test_looking import Machine
from tests.e2e.trees import differences, trees

pytestmark = [pytest.mark.lab, directories]

SWITCH = "playbooks/switch-model.yml"


def test_a_measured_forecast_and_what_it_took(tmp_path: Path) -> None:
    with labs.lab(tmp_path / "lab", hosts=1, faces=60) as lab:
        here, other = Machine(lab, tmp_path / "here"), Machine(lab, tmp_path / "other")
        before = trees(lab)
        forecast = json.loads(here.ffplay("plan", SWITCH, "--measure", "--json"))["forecast"]
        assert differences(before, trees(lab)) == []
        (made,) = (step["parts"][1] for step in forecast["steps"] if step["title"] == "regenerate")
        assert made["what"] == "make 60 facens"
        assert made["source"].startswith("measured just now: ")
        assert "a second on app1 with apricot_320, so " in made["source"]
        assert made["source"].endswith(" with cherry_480 by the vendor's table")
        assert any("apricot_320 is loaded until `configure`" in line for line in forecast["assumptions"])
        (down,) = forecast["search_down"]
        assert (down["from"]["number"], down["until"]["number"], down["already"]) == (3, 10, False)
        assert [(host["host"], host["memory"]["facens_then"] > 0) for host in forecast["hosts"]] == [
            ("app1", False),
            ("db1", True),
        ]

        told = here.ffplay("apply", SWITCH, "--yes", "--measure")
        assert "FORECAST: about " in told
        assert told.index("RECAP") < told.index("FORECAST AND REALITY")
        (run,) = json.loads(other.ffplay("runs", "--json"))["runs"]
        times = json.loads(other.ffplay("show", run["run"], "--json"))["times"]
        assert times["seconds"] >= sum(step["seconds"] for step in times["steps"]) > 0
        titles = [step["title"] for step in forecast["steps"]]
        assert [step["title"] for step in times["steps"]] == titles
        assert times["forecast"] > 0
        shown = other.ffplay("show", run["run"])
        assert shown[shown.index("FORECAST AND REALITY") :].splitlines()[-1].startswith("To stay")
        # Nothing is left to do, so there is nothing to forecast, and nothing to measure.
        assert "FORECAST" not in here.ffplay("plan", SWITCH, "--measure")
