"""The verbs that look at a whole site, and `commit`, as the command line has them."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from ffplay import cli
from ffplay.engine.survey import HostStatus, RunStory, SiteRuns, SiteStatus
from ffplay.errors import HostError, Refused, SiteError, Unreachable
from ffplay.resources.runs import RunEnd, RunHead, RunState

RUN = "20261123T205251Z-10b8"
STATE = RunState(RunHead(RUN, "apply", "ann", "laptop", "x", "/p/s.yml", "0.1.0", "9"), RunEnd("ok"), "done", RUN, 9, 9)


class FakeSurvey:
    """Knows one run, and has the errors that a test wants."""

    errors: tuple[HostError, ...] = ()

    def __init__(self, loaded: Any, forks: int) -> None:
        self.forks = forks

    def __enter__(self) -> FakeSurvey:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def runs(self) -> SiteRuns:
        return SiteRuns((STATE,), self.errors)

    def story(self, run: str) -> RunStory:
        if run != RUN:
            raise Refused("", f"no host of the inventory knows a run {run}", f"known runs: {RUN}")
        return RunStory(STATE, (), self.errors)

    def status(self) -> SiteStatus:
        return SiteStatus((HostStatus("db1", errors=self.errors),), (STATE,))


@pytest.fixture(autouse=True)
def survey(monkeypatch: pytest.MonkeyPatch) -> type[FakeSurvey]:
    fake = type("Survey", (FakeSurvey,), {})
    monkeypatch.setattr("ffplay.engine.survey.Survey", fake)
    monkeypatch.setattr("ffplay.load.load", lambda _: SimpleNamespace())
    return fake


VERBS = pytest.mark.parametrize("words", [["runs"], ["show", RUN], ["status"]], ids=lambda words: words[0])


@VERBS
def test_what_is_known_is_shown(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([*words, "-i", "site.yml"]) == 0
    shown = capsys.readouterr()
    assert RUN in shown.out
    assert shown.err == ""


@VERBS
@pytest.mark.parametrize(("error", "code"), [(Unreachable("db1", "no route"), 4), (SiteError("db1", "no route"), 1)])
def test_a_host_that_fails_is_named_and_the_rest_is_shown(
    survey: type[FakeSurvey], words: list[str], error: HostError, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    survey.errors = (error,)
    assert cli.main([*words, "-i", "site.yml"]) == code
    shown = capsys.readouterr()
    assert RUN in shown.out
    assert "error: db1: no route" in shown.err


@VERBS
def test_json_is_one_document_with_the_errors_in_it(
    survey: type[FakeSurvey], words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    survey.errors = (Unreachable("db1", "no route"),)
    assert cli.main([*words, "-i", "site.yml", "--json"]) == 4
    found = json.loads(capsys.readouterr().out)
    errors = found["hosts"][0]["errors"] if "hosts" in found else found["errors"]
    assert [one["message"] for one in errors] == ["no route"]


def test_a_run_that_nobody_knows(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["show", "nope", "-i", "site.yml"]) == 7
    assert f"known runs: {RUN}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["show"], "required: RUN"),
        (["commit", "--keep-backups", "0"], "must be at least 1"),
        (["status", "site.yml"], "`status` has no argument `site.yml`"),
    ],
)
def test_a_wrong_command_line(words: list[str], text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(words) == 3
    assert text in capsys.readouterr().err


def test_commit_asks_for_what_the_command_line_says(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    class Planner:
        def __init__(self, loaded: Any, options: Any, run: str, keep: int | None) -> None:
            asked.append(keep)
            raise Refused("db1", "not in this test")

    monkeypatch.setattr("ffplay.engine.commit.CommitPlanner", Planner)
    assert cli.main(["commit", "-i", "site.yml", "--keep-backups", "2"]) == 7
    assert cli.main(["commit", "-i", "site.yml", "--yes"]) == 7
    assert asked == [2, None]
