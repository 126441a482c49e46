from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from ffplay.engine.options import Options
from ffplay.engine.plan import Plan, StepGroup
from ffplay.engine.planner import Planner
from ffplay.engine.rollback import RollbackPlanner
from ffplay.engine.runner import Session
from ffplay.errors import ChangeFailed, Error, Refused
from ffplay.load import Sources, load
from ffplay.model import Change, Note
from ffplay.resources.job import Job
from tests.unit.engine.bench import Bench, Recorder

Make = Callable[..., Bench]

STEPS = """
- file: {path: '{{ here }}/edited', state: file, mode: '0600'}
- line_in_file: {path: '{{ here }}/edited', line: 'two', regexp: '^one'}
- copy_file: {content: new, dest: '{{ here }}/made'}
- file: {path: '{{ here }}/link', state: link, src: '{{ here }}/made'}
- file: {path: '{{ here }}/gone', state: absent}
"""


def apply(bench: Bench, run: str) -> Error | None:
    loaded = load(Sources(bench.folder / "play.yml", (bench.folder / "site.yml",)))
    with Session(loaded, Planner(loaded, Options(), run), Options(), Recorder()) as one:
        plan = one.plan()
        try:
            one.apply(plan)
        except Error as error:
            return error
    return None


def roll_back(bench: Bench, run: str, wanted: str | None = None) -> Plan:
    """Roll back as the verb does, and return the plan."""
    loaded = load(Sources(None, (bench.folder / "site.yml",)))
    with Session(loaded, RollbackPlanner(loaded, Options(), run, wanted), Options(), Recorder()) as one:
        plan = one.plan()
        one.apply(plan)
    return plan


def prepare(bench: Bench) -> None:
    for host in "abc":
        here = bench.folder / host
        (here / "edited").write_text("one\n")
        (here / "edited").chmod(0o644)
        (here / "gone").write_bytes(b"\xff\x00 kept")


def tree(bench: Bench) -> Mapping[str, tuple[int, bytes | str]]:
    """Return mode and content of everything but ffplay's own files."""
    return {
        str(path.relative_to(bench.folder)): (
            path.lstat().st_mode,
            str(path.readlink()) if path.is_symlink() else path.read_bytes() if path.is_file() else "",
        )
        for host in "abc"
        for path in sorted((bench.folder / host).rglob("*"))
        if "state" not in path.relative_to(bench.folder).parts
    }


def notes(plan: Plan) -> list[str]:
    return [one.summary for step in plan.step_plans() for one in step.outcomes if isinstance(one, Note)]


def test_files_come_back_byte_for_byte_and_go_forth_again(bench: Make) -> None:
    one = bench(STEPS)
    prepare(one)
    before = tree(one)
    assert apply(one, "r1") is None
    after = tree(one)
    assert after != before
    roll_back(one, "r2")
    assert tree(one) == before
    roll_back(one, "r3")
    assert tree(one) == after
    roll_back(one, "r4")
    assert tree(one) == before


@pytest.mark.parametrize("count", range(6))
def test_from_every_prefix_of_a_run(bench: Make, count: int) -> None:
    lines = STEPS.strip().splitlines()
    one = bench("\n".join([*lines[:count], "- command: exit 1"]))
    prepare(one)
    before = tree(one)
    assert isinstance(apply(one, "r1"), ChangeFailed)
    plan = roll_back(one, "r2")
    assert tree(one) == before
    assert [
        note
        for note in notes(plan)
        if "cannot be rolled back: nothing is known that undoes the command `exit 1`" in note
    ]


def test_runs_that_went_on_with_one_another_are_undone_together(bench: Make) -> None:
    one = bench(STEPS + "- command: {cmd: '[ -e {{ top }}/go ]', creates: '{{ top }}/go'}\n")
    prepare(one)
    before = tree(one)
    assert isinstance(apply(one, "r1"), ChangeFailed)
    (one.folder / "a/edited").write_text("one\nby hand\n")
    (one.folder / "go").touch()
    assert apply(one, "r2") is None
    roll_back(one, "r3")
    # What was edited by hand between the two runs was not there before the first.
    assert tree(one) == before


def test_an_earlier_run_goes_with_all_behind_it(bench: Make) -> None:
    one = bench("- copy_file: {content: '{{ text }}', dest: '{{ here }}/made'}\n  vars: {text: first}")
    before = tree(one)
    assert apply(one, "r1") is None
    play = one.folder / "play.yml"
    play.write_text(play.read_text().replace("text: first", "text: second"))
    assert apply(one, "r2") is None
    roll_back(one, "r3", "r2")
    assert one.text("a/made") == "first"
    assert apply(one, "r4") is None
    roll_back(one, "r5", "r1")
    assert tree(one) == before
    with pytest.raises(Refused, match="run r1 is rolled back already"):
        roll_back(one, "r6", "r1")


def test_a_rollback_that_is_broken_off_is_finished(bench: Make) -> None:
    one = bench(STEPS)
    prepare(one)
    before = tree(one)
    assert apply(one, "r1") is None
    loaded = load(Sources(None, (one.folder / "site.yml",)))
    with Session(loaded, RollbackPlanner(loaded, Options(), "r2", None), Options(), Recorder()) as session:
        plan = session.plan()
        # An editor's swap file in the way of the one that is put back, on one host.
        (one.folder / "b/made").unlink()
        (one.folder / "b/made").mkdir()
        (one.folder / "b/made/x").touch()
        with pytest.raises(Refused, match="the site changed"):
            session.apply(plan)
    (one.folder / "b/made/x").unlink()
    (one.folder / "b/made").rmdir()
    roll_back(one, "r3")
    assert tree(one) == before


def test_a_rollback_of_nothing_closes_the_run(bench: Make) -> None:
    one = bench("- command: {cmd: 'touch {{ here }}/made', creates: '{{ here }}/made'}")
    assert apply(one, "r1") is None
    assert roll_back(one, "r2").empty
    with pytest.raises(Refused, match="there is no run to roll back"):
        roll_back(one, "r3")


def test_a_large_file_and_a_directory_are_told(bench: Make) -> None:
    one = bench(
        "- file: {path: '{{ here }}/dir', state: directory}\n- copy_file: {content: small, dest: '{{ here }}/large'}"
    )
    (one.folder / "a/large").write_bytes(b"x" * (2 << 20))
    loaded = load(Sources(one.folder / "play.yml", (one.folder / "site.yml",)))
    with Session(loaded, Planner(loaded, Options(), "r1"), Options(), Recorder()) as session:
        plan = session.plan()
        assert plan.irreversible == (
            ("a", f"{one.folder}/a/large: the file is larger than the 1 MiB that a journal keeps"),
        )
        session.apply(plan)
    told = notes(roll_back(one, "r2"))
    assert any("cannot be rolled back" in note and "1 MiB" in note for note in told)
    assert any("which run r1 made, stays" in note for note in told)
    assert (one.text("a/large"), Path(one.folder / "b/large").exists()) == ("small", False)


def test_commands_are_named_before_the_first_apply(bench: Make) -> None:
    one = bench("- command: echo x > {{ here }}/made")
    assert [what for _, what in one.plan().irreversible] == [
        f"nothing is known that undoes the command `echo x > {one.folder}/{host}/made`" for host in "abc"
    ]


def test_the_vendor_s_tools_are_no_commands_that_nothing_undoes(bench: Make) -> None:
    one = bench("- debug: {msg: x}")
    copy = Job("copy", "/state/jobs/copy-1", ("tool",), began="r1", run="r1", once=True)
    plan = one.plan()
    step = next(plan.step_plans())
    outcomes = (Change("a", copy, "none", "done", "copy facens"),)
    group = StepGroup(step.step, (dataclasses.replace(step, outcomes=outcomes),))
    play = dataclasses.replace(plan.plays[0], groups=(group,))
    assert dataclasses.replace(plan, plays=(play,)).irreversible == ()
