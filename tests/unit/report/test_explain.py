from __future__ import annotations

import json
from pathlib import Path

import pytest

from ffplay import cli, steps
from ffplay.findface import DEFAULTS
from ffplay.load.schema import COMMON, PLAY, TARGET
from ffplay.report import explain
from ffplay.report.style import Style

STEPS_PAGE = (Path(__file__).resolve().parents[3] / "docs" / "steps.md").read_text()


def said(name: str) -> str:
    found = explain.topic(name)
    assert found is not None
    return "\n".join(explain.lines(found, Style()))


@pytest.mark.parametrize("kind", steps.kinds())
def test_a_step_is_explained_as_its_page_does(kind: str) -> None:
    found = explain.topic(kind)
    assert found is not None
    assert found.step is not None
    page = STEPS_PAGE.partition(f"### {kind}\n")[2].partition("\n### ")[0]
    flat = " ".join(page.split()).replace("\\|", "|")
    for text in (found.step.example, found.step.about, found.step.where, found.step.reads, found.step.changes):
        assert " ".join(text.split()) in flat
    for row in found.step.parameters:
        assert f"| `{row.name}` | {row.type} | {row.default} | {row.meaning} |" in flat
    assert {row.name for row in found.step.parameters} == set(steps.kind(kind).schema["properties"])
    told = " ".join(said(kind).split())
    for text in (found.step.summary, found.step.changes, *(row.meaning for row in found.step.parameters)):
        assert " ".join(text.split()) in told


@pytest.mark.parametrize("word", sorted({*COMMON, *PLAY, *TARGET["properties"], *DEFAULTS, "include"}))
def test_every_word_and_variable_is_explained(word: str) -> None:
    assert word in said(word)


def test_a_word_of_several_things_is_explained_for_each() -> None:
    told = said("timeout")
    assert "timeout of every step (number)" in told
    assert "timeout of the step start (number, `600` by default)" in told
    assert "timeout of the step wait_for" in told


def test_what_is_required_is_said_to_be() -> None:
    assert "part (`tarantool`, required)" in said("wipe")


def test_all_steps_are_listed_with_their_sentences(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["explain"]) == 0
    told = capsys.readouterr().out
    for name in steps.kinds():
        assert f"  {name:<15}{steps.kind(name).summary}\n" in told
    assert told.index("  preflight") < told.index("  wipe") < told.index("  verify") < told.index("  assert")


@pytest.mark.parametrize(("word", "hint"), [("wype", "`wipe`"), ("regster", "`register`"), ("qqq", "lists the steps")])
def test_a_misspelt_step_is_answered_with_the_closest(word: str, hint: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["explain", word]) == 3
    told = capsys.readouterr().err
    assert f"nothing is called `{word}`" in told
    assert hint in told


def test_json_has_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["explain", "stop", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["step"]
    assert (found["reads"], found["example"]) == (steps.kind("stop").reads, "- stop: tarantool")
    assert cli.main(["explain", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["General steps"]["debug"] == "Print a message or a variable."
