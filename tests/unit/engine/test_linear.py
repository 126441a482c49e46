"""A plan's own work grows as the site does, and no faster: seen by what is called, not by the clock."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from ffplay.report.plan_text import render
from ffplay.report.style import Style
from tests.benchmarks.planning import Imagined, prepared


def _calls(folder: Path, hosts: int) -> dict[str, int]:
    """Return how many functions are called to load, to plan, and to show a site of so many hosts."""
    count = 0

    def called(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        count += event in {"call", "c_call"}

    found: dict[str, int] = {}
    before = sys.getprofile()
    sys.setprofile(called)
    try:
        loaded = prepared(folder, hosts)
        found["load"] = count
        with Imagined(loaded) as session:
            plan = session.plan()
        found["plan"] = count - found["load"]
        list(render(plan, Style(False)))
        found["show"] = count - found["load"] - found["plan"]
    finally:
        sys.setprofile(before)
    assert not plan.problems
    assert len(plan.changes) == 56 * hosts + 10
    return found


def test_twice_the_hosts_are_twice_the_work(tmp_path: Path) -> None:
    # What is imported or parsed once is there from then on.
    _calls(tmp_path, 36)
    few, more, most = (_calls(tmp_path, hosts) for hosts in (12, 24, 36))
    for part in few:
        step, next_step = more[part] - few[part], most[part] - more[part]
        assert next_step == pytest.approx(step, rel=0.02), part


def test_a_plan_takes_two_readings_however_many_hosts(tmp_path: Path) -> None:
    asked = []
    for hosts in (3, 6):
        with Imagined(prepared(tmp_path, hosts)) as session:
            session.plan()
        asked.append(session.rounds)
    # The second one asks the licence servers that the files named which the first one read.
    assert [len(rounds) for rounds in asked] == [2, 2]
    assert [rounds[1] for rounds in asked] == [4, 7]
