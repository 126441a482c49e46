from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from ffplay.engine.access import read_host
from ffplay.engine.journal import Journal, runs_folder
from ffplay.engine.options import Options
from ffplay.engine.plan import StepPlan
from ffplay.engine.planner import Planner
from ffplay.engine.resume import Resume
from ffplay.engine.runner import Session
from ffplay.errors import ChangeFailed, Error, Refused
from ffplay.load import Sources, load
from ffplay.model import Change, Mark, Note, Step
from ffplay.resources.job import Job
from ffplay.resources.runs import RunHead, RunJournal, Runs, RunState
from tests.unit.engine.bench import Bench, Recorder, Single

Make = Callable[..., Bench]


def session(bench: Bench, run: str) -> Session:
    loaded = load(Sources(bench.folder / "play.yml", (bench.folder / "site.yml",)))
    return Session(loaded, Planner(loaded, Options(), run), Options(), Recorder())


def apply(bench: Bench, run: str) -> Error | None:
    """Plan and apply as the verb does; return the error that ended it."""
    with session(bench, run) as one:
        plan = one.plan()
        try:
            one.apply(plan)
        except Error as error:
            return error
    return None


def runs(bench: Bench, host: str = "a") -> Mapping[str, RunState]:
    resource = Runs(f"{bench.folder}/{host}/state")
    value = read_host(bench.access, bench.loaded.site.host(host), [resource])[host, resource]
    return {state.head.run: state for state in value}


def entries(bench: Bench, run: str, host: str = "a") -> list[tuple[str, bool]]:
    resource = RunJournal(f"{bench.folder}/{host}/state", run)
    value = read_host(bench.access, bench.loaded.site.host(host), [resource])[host, resource]
    return [(entry.change.summary, entry.done) for entry in value]


def break_off(bench: Bench, run: str) -> None:
    """Make a run look as if its controller had been killed: nobody wrote its end."""
    for name in ("end.json", "closed.json"):
        for path in bench.folder.glob(f"*/state/runs/{run}/{name}"):
            path.unlink()


def test_a_change_is_noted_on_its_host_and_here(bench: Make) -> None:
    one = bench("- file: {path: '{{ here }}/made', state: directory}\n- command: 'true'")
    assert apply(one, "run1") is None
    state = runs(one)["run1"]
    assert (state.status, state.closed, state.intents, state.done) == ("ok", "done", 2, 2)
    assert (state.head.verb, Path(state.head.playbook).name, state.head.version) == ("apply", "play.yml", "0.1.0")
    assert [done for _, done in entries(one, "run1")] == [True, True]
    lines = [json.loads(line) for line in (runs_folder() / "run1.jsonl").read_text().splitlines()]
    assert lines[0]["begin"]["run"] == "run1"
    assert len(lines[0]["plan"]) == 6
    assert lines[-1] == {"end": {"status": "ok", "error": "", "verified": False}}
    noted = {line["n"] for line in lines if "n" in line}
    assert noted == {line["done"] for line in lines if "done" in line} == set(range(1, 7))
    kept = one.folder / "a/state/runs/run1"
    assert (kept.stat().st_mode & 0o777, (kept / "journal").stat().st_mode & 0o777) == (0o700, 0o600)
    assert (runs_folder() / "run1.jsonl").stat().st_mode & 0o777 == 0o600


def test_the_intent_comes_before_the_change_and_done_only_behind_one_that_went_well(bench: Make) -> None:
    one = bench("- command: 'cat {{ here }}/state/runs/run1/journal > {{ here }}/seen; exit 3'")
    assert isinstance(apply(one, "run1"), ChangeFailed)
    seen = json.loads(one.text("a/seen").strip())
    assert (seen["n"], seen["resource"]["line"].startswith("cat ")) == (1, True)
    state = runs(one)["run1"]
    assert (state.status, state.closed, state.intents, state.done) == ("failed", "", 1, 0)
    assert state.end is not None
    assert "exit code 3" in state.end.error


def test_what_cannot_be_noted_on_the_host_is_not_done(bench: Make) -> None:
    one = bench("- command: touch {{ here }}/made")
    for host in "abc":
        (one.folder / host / "state").mkdir()
        (one.folder / host / "state/runs").write_text("no directory")
    error = apply(one, "run1")
    assert isinstance(error, Refused)
    assert "without it no change is made" in error.message
    assert not list(one.folder.glob("*/made"))


def test_what_another_user_does_is_not_done_where_it_cannot_be_noted(bench: Make) -> None:
    one = bench("- command: touch {{ here }}/made\n  become: false")
    for host in "abc":
        # Every script of the run writes there who it is.
        (one.folder / host / "state/writer").mkdir(parents=True)
    error = apply(one, "run1")
    assert isinstance(error, Refused)
    assert "the journal cannot be written there: exit code" in error.message
    assert not list(one.folder.glob("*/made"))


def test_what_goes_another_way_is_not_done_where_it_cannot_be_noted(bench: Make) -> None:
    one = bench("- command: x")
    (one.folder / "a/state").mkdir()
    (one.folder / "a/state/runs").write_text("no directory")
    step = Step("command", {}, Mark("p.yml", 1, 1))
    head = RunHead("run1", "apply", "ann", "laptop", "2026-11-21", "/p.yml", "0.1.0", "1 change")
    journal = Journal(head, {"a": f"{one.folder}/a/state"}, one.folder)
    tool = Job("a tool", f"{one.folder}/jobs/tool-1", (f"touch {one.folder}/made",))
    applier = Single(one, None, journal)
    with pytest.raises(Refused, match="without it no change is made"):
        applier.apply(StepPlan(step, "a", "planned", (Change("a", tool, "none", "done", "run it"),)))
    assert not (one.folder / "made").exists()


def test_what_cannot_be_noted_here_is_not_done(bench: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    one = bench("- command: touch {{ here }}/made")
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    error = apply(one, "run1")
    assert isinstance(error, Refused)
    assert "set XDG_STATE_HOME" in error.advice
    assert not list(one.folder.glob("*/made"))
    assert runs(one) == {}


def test_a_full_disk_here_stops_before_the_next_change(bench: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    one = bench("- command: touch {{ here }}/first\n- command: touch {{ here }}/second")
    real = os.fsync

    def full(number: int) -> None:
        if list(one.folder.glob("*/first")):
            raise OSError(28, "No space left on device")
        real(number)

    monkeypatch.setattr("ffplay.engine.journal.os.fsync", full)
    error = apply(one, "run1")
    assert error is not None
    assert "No space left on device; no change is made without it" in str(error)
    assert not list(one.folder.glob("*/second"))


def test_a_line_that_a_power_cut_left_half_written_harms_nobody(bench: Make) -> None:
    one = bench("- command: 'true'")
    assert apply(one, "run1") is None
    journal = one.folder / "a/state/runs/run1/journal"
    journal.write_text(journal.read_text() + '\n{"n": 2, "time": 17')
    assert len(entries(one, "run1")) == 1
    break_off(one, "run1")
    assert runs(one)["run1"].status == "broken off"


def test_a_command_that_a_broken_off_run_did_is_not_done_again(bench: Make) -> None:
    one = bench(
        "- command: echo x >> {{ here }}/made; echo out; echo err >&2\n  register: first\n"
        "- command: 'echo {{ first.stdout }} {{ first.stderr }} > {{ here }}/second; [ -e {{ top }}/go ]'\n"
    )
    assert isinstance(apply(one, "run1"), ChangeFailed)
    break_off(one, "run1")
    (one.folder / "go").touch()
    with session(one, "run2") as second:
        plan = second.plan()
    assert plan.continues == ("run1",)
    notes = [outcome.summary for step in plan.step_plans() for outcome in step.outcomes if isinstance(outcome, Note)]
    assert len(notes) == 3
    assert all("was done by run run1" in note for note in notes)
    assert apply(one, "run2") is None
    assert [one.text(f"{host}/made") for host in "abc"] == ["x\n"] * 3
    assert [one.text(f"{host}/second") for host in "abc"] == ["out err\n"] * 3
    assert {run: state.closed for run, state in runs(one).items()} == {"run1": "done", "run2": "done"}
    # Nothing is open now: it is work anew.
    assert apply(one, "run3") is None
    assert one.text("a/made") == "x\nx\n"


def test_a_command_is_done_again_where_something_before_it_changes_anew(bench: Make) -> None:
    one = bench(
        "- file: {path: '{{ here }}/d', state: directory}\n- command: echo x >> {{ here }}/made\n"
        "- command: '[ -e {{ top }}/go ]'\n"
    )
    assert isinstance(apply(one, "run1"), ChangeFailed)
    (one.folder / "a/d").rmdir()
    (one.folder / "go").touch()
    assert apply(one, "run2") is None
    assert [one.text(f"{host}/made") for host in "abc"] == ["x\nx\n", "x\n", "x\n"]


def test_a_run_that_broke_off_behind_its_last_change_is_closed(bench: Make) -> None:
    one = bench("- command: {cmd: 'touch {{ here }}/made', creates: '{{ here }}/made'}")
    assert apply(one, "run1") is None
    break_off(one, "run1")
    with session(one, "run2") as second:
        plan = second.plan()
        assert (plan.empty, plan.continues) == (True, ("run1",))
        second.apply(plan)
    assert runs(one)["run1"].closed == "done"


def test_another_playbook_does_not_go_on_with_it(bench: Make) -> None:
    one = bench("- command: exit 1")
    assert isinstance(apply(one, "run1"), ChangeFailed)
    (one.folder / "other.yml").write_text("- hosts: all\n  steps: [{command: 'true'}]\n")
    loaded = load(Sources(one.folder / "other.yml", (one.folder / "site.yml",)))
    with Session(loaded, Planner(loaded, Options(), "run2"), Options(), Recorder()) as other:
        plan = other.plan()
        assert ([state.head.run for state in plan.open], plan.continues) == (["run1"], ())
        other.apply(plan)
    assert runs(one)["run1"].closed == ""


@pytest.mark.parametrize(("name", "text"), [("head.json", "{"), ("head.json", '{"run": "x"}'), ("end.json", "[]")])
def test_a_damaged_run_is_told(bench: Make, name: str, text: str) -> None:
    one = bench("- command: 'true'")
    assert apply(one, "run1") is None
    (one.folder / "b/state/runs/run1" / name).write_text(text)
    with session(one, "run2") as second, pytest.raises(Error, match=r"b/state/runs: .* damaged") as caught:
        second.plan()
    assert caught.value.exit_code == 1


def test_what_a_later_ffplay_wrote_is_refused(bench: Make) -> None:
    one = bench("- command: 'true'")
    assert apply(one, "run1") is None
    head = one.folder / "b/state/runs/run1/head.json"
    head.write_text(json.dumps({**json.loads(head.read_text()), "format": 2}))
    with session(one, "run2") as second, pytest.raises(Error, match="written by a later ffplay"):
        second.plan()


def test_an_error_of_several_lines_leaves_a_run_that_can_be_read(bench: Make) -> None:
    one = bench("- command: {cmd: \"true\\nprintf 'a\\\\tb'; false\"}")
    error = apply(one, "run1")
    assert error is not None
    assert "\n" in error.message
    assert runs(one)["run1"].status == "failed"
    assert apply(one, "run2") is not None


def test_a_detached_command_is_registered_and_done_once_in_a_work(bench: Make) -> None:
    one = bench(
        "- command: {cmd: 'echo x >> count; echo said', detach: true, chdir: '{{ here }}'}\n  register: it\n"
        "- command: {cmd: 'echo \"{{ it.rc }} {{ it.stdout }}\" >> after', chdir: '{{ here }}'}\n"
        "- command: {cmd: '[ -e good ]', chdir: '{{ here }}'}"
    )
    for run in ("run1", "run2"):
        assert isinstance(apply(one, run), ChangeFailed)
        assert one.text("a/count") == "x\n"
        assert one.text("a/after") == "0 said\n"
    for name in "abc":
        Path(one.folder, name, "good").touch()
    assert apply(one, "run3") is None
    assert (one.text("a/count"), one.text("a/after")) == ("x\n", "0 said\n")
    assert apply(one, "run4") is None
    assert (one.text("a/count"), one.text("a/after")) == ("x\nx\n", "0 said\n0 said\n")


def test_a_detached_command_runs_again_while_its_until_does_not_hold(bench: Make) -> None:
    one = bench(
        "- command: {cmd: 'echo x >> count; wc -l < count', detach: true, chdir: '{{ here }}'}\n  register: it\n"
        "  until: it.stdout | int > 1\n  retries: 3\n  delay: 0"
    )
    assert apply(one, "run1") is None
    assert one.text("a/count") == "x\nx\n"


def test_a_detached_command_that_fails_leaves_its_exit_code(bench: Make) -> None:
    one = bench(
        "- command: {cmd: 'echo sorry; exit 3', detach: true}\n  register: it\n  ignore_errors: true\n"
        "- command: {cmd: 'echo \"{{ it.rc }} {{ it.stdout }}\" >> after', chdir: '{{ here }}'}"
    )
    assert apply(one, "run1") is None
    assert one.text("a/after") == "3 sorry\n"


def test_the_work_is_that_of_the_run_that_began_it_whatever_the_clocks_say() -> None:
    """The second operator's clock is behind that of the first one."""

    def state(run: str, *continues: str) -> RunState:
        return RunState(RunHead(run, "apply", "ann", "laptop", "2026-11-21", "/p.yml", "0.1.0", "1 change", continues))

    states = {"a": (state("at 4", "at 5"), state("at 5"), state("at 6", "at 5", "at 4"))}
    resume = Resume(states, "p.yml", "at 7")
    assert (resume.began, resume.continues) == ("at 5", ("at 5", "at 4", "at 6"))
