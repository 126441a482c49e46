from __future__ import annotations

import pytest

from ffplay.engine.history import Choice, chosen_runs
from ffplay.errors import Refused
from ffplay.resources.runs import RunEnd, RunHead, RunState


def run(
    name: str,
    verb: str = "apply",
    closed: str = "done",
    continues: tuple[str, ...] = (),
    reverts: tuple[str, ...] = (),
) -> RunState:
    """Return a run as the site knows it; one that is not closed was broken off."""
    head = RunHead(name, verb, "anna", "laptop", "2026-01-01 00:00:00 UTC", "p.yml", "1", "", continues, reverts)
    return RunState(head, RunEnd("ok") if closed else None, closed, "r9" if closed not in ("", "done") else "")


@pytest.mark.parametrize(
    ("states", "wanted", "choice"),
    [
        ([run("r1")], None, Choice(("r1",))),
        ([run("r1"), run("r2")], None, Choice(("r2",))),
        ([run("r1"), run("r2")], "r1", Choice(("r1", "r2"))),
        ([run("r1"), run("r2", continues=("r1",))], None, Choice(("r1", "r2"))),
        ([run("r1", closed=""), run("r2", closed="")], None, Choice(("r2",))),
        ([run("r1"), run("r2"), run("r3", continues=("r1",))], "r3", Choice(("r1", "r2", "r3"))),
        ([run("r1", closed="rolled back"), run("r2", "rollback", reverts=("r1",))], None, Choice(("r2",))),
        (
            [run("r1"), run("r2", closed="rolled back"), run("r3", "rollback", "rolled back", reverts=("r2",))],
            None,
            Choice(("r1",)),
        ),
        # A broken-off rollback is finished, however often it was tried.
        ([run("r1"), run("r2", "rollback", "", reverts=("r1",))], None, Choice(("r1",), ("r2",))),
        (
            [run("r1"), run("r2", "rollback", "", reverts=("r1",)), run("r3", "rollback", "", reverts=("r1",))],
            None,
            Choice(("r1",), ("r2", "r3")),
        ),
        # Named, it is what is undone.
        ([run("r1"), run("r2", "rollback", "", reverts=("r1",))], "r2", Choice(("r2",))),
        ([run("r1", closed="committed"), run("r2")], None, Choice(("r2",))),
        ([run("r1"), run("own")], None, Choice(("r1",))),
    ],
)
def test_what_a_rollback_undoes(states: list[RunState], wanted: str | None, choice: Choice) -> None:
    assert chosen_runs(states, wanted, "own") == choice


@pytest.mark.parametrize(
    ("states", "wanted", "said"),
    [
        ([], None, "there is no run to roll back"),
        ([run("r1", closed="committed")], None, "there is no run to roll back"),
        ([run("r1", closed="rolled back")], "r1", "run r1 is rolled back already (by r9)"),
        ([run("r1", closed="committed")], "r1", "run r1 is committed already (by r9)"),
        ([run("r1")], "r2", "no host of the inventory knows a run r2"),
        ([run("r1"), run("r2", "commit")], "r1", "run r2 committed the site"),
    ],
)
def test_what_no_rollback_undoes(states: list[RunState], wanted: str | None, said: str) -> None:
    with pytest.raises(Refused) as caught:
        chosen_runs(states, wanted, "own")
    assert said in caught.value.message
    assert caught.value.advice
