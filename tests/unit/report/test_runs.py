from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from ffplay.engine.survey import RunStory, SiteRuns
from ffplay.errors import Unreachable
from ffplay.report.runs import run_plain, runs_document, state_of, story, story_document, table, ways_on
from ffplay.report.style import Style
from ffplay.resources.runs import Entry, RunEnd, RunHead, RunState
from tests.unit.report import samples

ONE, TWO = "20261123T205251Z-10b8", "20261124T010203Z-aaaa"
HEAD = RunHead(ONE, "apply", "ann", "laptop", "2026-11-23 20:52:51 UTC", "/home/ann/switch.yml", "0.1.0", "9 changes")


def run(end: RunEnd | None = None, closed: str = "", by: str = "", **head: Any) -> RunState:
    return RunState(dataclasses.replace(HEAD, **head), end, closed, by or (ONE if closed else ""), 9, 7)


OK = RunEnd("ok", verified=True)
FAILED = RunEnd("failed", "copy: exit code 9\nsee its log")


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (run(OK, "done"), "ok"),
        (run(FAILED), "failed"),
        (run(RunEnd("interrupted")), "interrupted"),
        (run(), "broken off"),
        (run(FAILED, "done", TWO), f"failed, done by {TWO}"),
        (run(None, "done", TWO), f"broken off, done by {TWO}"),
        (run(OK, "rolled back", TWO), f"rolled back by {TWO}"),
        (run(OK, "committed", TWO), f"committed by {TWO}"),
    ],
)
def test_what_became_of_a_run_in_words(state: RunState, words: str) -> None:
    assert state_of(state) == words


def test_a_run_that_has_the_lock_is_under_way_until_its_end_is_noted() -> None:
    assert state_of(run(), locking=True) == "under way"
    assert state_of(run(FAILED), locking=True) == "failed"
    lines = list(table(SiteRuns((run(),), locking=frozenset({ONE})), Style()))
    assert "under way" in lines[1]
    assert "see with ff-play status whether it lives" in "\n".join(
        story(RunStory(run(), (), locking=True), None, Style())
    )
    assert run_plain(run(), True)["state"] == "under way"


def test_the_table_has_the_newest_last_and_fits_the_screen() -> None:
    long = run(RunEnd("interrupted"), "done", TWO, machine="m" * 90)
    lines = list(table(SiteRuns((long, run(OK, "done", run=TWO, verb="rollback"))), Style()))
    assert lines[0].split() == ["run", "verb", "state", "changes", "verified"]
    assert lines[1].split() == [ONE, "apply", "interrupted,", "done", "by", TWO, "7/9", "no"]
    assert lines[2].startswith("  ann@mmm")
    assert lines[3].split() == [TWO, "rollback", "ok", "7/9", "yes"]
    assert lines[4] == "  ann@laptop, 2026-11-23 20:52:51 UTC, switch.yml"
    assert max(map(len, lines)) <= 100


def test_a_site_without_runs_says_so() -> None:
    assert list(table(SiteRuns(()), Style())) == ["no run is known on these hosts"]
    silent = SiteRuns((), (Unreachable("db1", "no route"),))
    assert list(table(silent, Style())) == ["no run is known on the hosts that answered"]


def test_what_a_host_says_cannot_steer_the_terminal() -> None:
    evil = run(RunEnd("failed", "\x1b[2Jgone\x07"), user="\x1b]0;title\x07ann", playbook="/p/\x1b[31mred.yml")
    entry = Entry(1, "stop", "\x1b[5mstop", dataclasses.replace(samples.stop("db1", 1), summary="\x1b[1mstop"), 1.0)
    text = "\n".join([*table(SiteRuns((evil,)), Style()), *story(RunStory(evil, (entry,)), None, Style(False, 1))])
    assert "\x1b" not in text
    assert "\x07" not in text


def test_a_run_is_told_step_by_step_with_what_is_left() -> None:
    entries = (
        Entry(1, "stop", "stop", samples.stop("db1", 1), 1.0, True),
        Entry(2, "template", "Lua files", samples.template("db1", 1), 2.0),
    )
    lines = list(story(RunStory(run(FAILED, continues=(TWO,)), entries), Path("/here/run.jsonl"), Style()))
    text = "\n".join(lines)
    assert lines[0] == f"run {ONE}: apply of /home/ann/switch.yml"
    assert f"  goes on with: {TWO}" in lines
    assert "  journal on this machine: /here/run.jsonl" in lines
    assert lines[lines.index("STEP stop") + 1] == (
        "    1 db1 FindFace_shard_1: stop tarantool@FindFace_shard_1 ... done"
    )
    assert lines[lines.index("STEP Lua files (template)") + 1].endswith("... begun, its end was not noted")
    assert "failed: 7 of 9 begun changes done\n  copy: exit code 9\n  see its log\n" in text
    assert "facen_size=480" not in text
    assert "(+1 -1) ... begun, its end was not noted" in text
    for style in (Style(False, 1), Style(diff="short"), Style(diff="full")):
        assert "+    facen_size=480" in "\n".join(story(RunStory(run(FAILED), entries), None, style))
    nothing = "\n".join(story(RunStory(run(FAILED), entries), None, Style(diff="none")))
    assert "facen_size" not in nothing
    assert "(+1 -1)" not in nothing


@pytest.mark.parametrize(
    ("state", "commands"),
    [
        (run(), ["ff-play apply /home/ann/switch.yml -i FILE", f"ff-play rollback {ONE} -i FILE"]),
        (run(verb="rollback"), ["ff-play rollback -i FILE", f"ff-play rollback {ONE} -i FILE"]),
        (run(verb="commit"), ["ff-play commit -i FILE"]),
        (run(OK, "done"), [f"ff-play rollback {ONE} -i FILE", "ff-play commit -i FILE"]),
        (run(OK, "rolled back", TWO), [f"ff-play rollback {TWO} -i FILE"]),
        (run(OK, "committed", TWO), []),
        (run(OK, "done", verb="commit"), []),
    ],
)
def test_the_ways_on_are_commands(state: RunState, commands: list[str]) -> None:
    told = list(ways_on(state))
    assert [line.partition(": ")[2] for line in told if "ff-play" in line] == commands
    assert told


def test_runs_as_json() -> None:
    found = runs_document(SiteRuns((run(FAILED),), (Unreachable("db1", "no route"),)))
    assert json.loads(json.dumps(found)) == found
    (one,) = found["runs"]
    assert {key: one[key] for key in ("run", "state", "open", "error", "verified", "changes_done")} == {
        "run": ONE,
        "state": "failed",
        "open": True,
        "error": "copy: exit code 9\nsee its log",
        "verified": False,
        "changes_done": 7,
    }
    assert [error["host"] for error in found["errors"]] == ["db1"]
    assert run_plain(run(OK, "rolled back", TWO), False)["by"] == TWO


def test_a_run_as_json() -> None:
    entry = Entry(2, "template", "Lua files", samples.template("db1", 1), 2.0)
    found = story_document(RunStory(run(), (entry,)), None)
    assert json.loads(json.dumps(found)) == found
    (change,) = found["changes"]
    assert (change["host"], change["shard"], change["done"]) == ("db1", "FindFace_shard_1", False)
    assert "+    facen_size=480" in change["diff"]
    assert len(found["ways_on"]) == 2
