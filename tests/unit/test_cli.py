from __future__ import annotations

import argparse
import io
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ffplay import cli
from ffplay.arguments import parse
from ffplay.engine.events import Event, Kind, Listener
from ffplay.engine.plan import Plan
from ffplay.errors import ChangeFailed, Error, Finding, InputError, SiteErrors, Unreachable
from ffplay.load.vaultkeys import Vault
from ffplay.model import Check, Host, Login, Mark, Play, Playbook, Site, Status
from ffplay.resources.lock import Held, Holder
from ffplay.secret import Secrets
from tests.unit.report import samples

STOP = samples.step("stop", service="tarantool")
CHANGES = samples.plan_of(samples.group(STOP, samples.planned(STOP, "db1", samples.stop("db1", 1))))
EMPTY = samples.plan_of(samples.group(STOP, samples.planned(STOP, "db1")))
CHECKS = samples.plan_of(samples.group(STOP, samples.planned(STOP, "db1", Check("db1", object(), "look"))))
PROBLEMS = samples.plan_of(
    samples.group(STOP, samples.planned(STOP, "db1", samples.PROBLEM, samples.stop("db1", 1))),
)


class FakeSession:
    """Gives the plan that a test wants and notes what was applied."""

    found: Plan | Error = CHANGES
    failure: BaseException | None = None
    applied: list[Plan]
    options: Any = None

    def __init__(self, loaded: Any, planner: Any, options: Any, listener: Listener) -> None:
        type(self).options = options
        self.listener = listener

    def __enter__(self) -> FakeSession:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def plan(self) -> Plan:
        if isinstance(self.found, Error):
            raise self.found
        return self.found

    verify = plan

    def apply(self, plan: Plan) -> None:
        self.applied.append(plan)
        self.listener.event(Event(Kind.RECAP, data={"hosts": {"db1": {"changed": 1}}, "seconds": 1.0}))
        if self.failure:
            raise self.failure

    hosts = ("db1",)

    def closes(self, plan: Plan) -> bool:
        return bool(plan.continues)

    def stop(self) -> None:
        """Nothing is under way here."""

    def counts(self) -> tuple[int, int, int]:
        return 2, 5, 3


@pytest.fixture(autouse=True)
def session(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[FakeSession]]:
    """Put fakes where the engine and the loader are."""
    fake = type("Session", (FakeSession,), {"applied": []})
    mark = Mark("pb.yml", 1, 1)
    site = Site(
        (Host("db1", ("tntapi",), Login("db1"), (samples.shard("db1", 1),)),), {"all": ("db1",), "tntapi": ("db1",)}
    )
    book = Playbook("pb.yml", (Play("Switch", "all", mark, (STOP,)),))
    loaded = SimpleNamespace(site=site, playbook=book, vault=Vault(Secrets()))
    monkeypatch.setattr("ffplay.engine.runner.Session", fake, raising=False)
    monkeypatch.setattr("ffplay.load.load", lambda _: loaded)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    return fake


class Terminal(io.StringIO):
    """A standard input with a person at it."""

    def isatty(self) -> bool:
        return True


def test_plan_shows_and_applies_nothing(session: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["plan", "pb.yml"]) == 0
    assert "stop tarantool@FindFace_shard_1" in capsys.readouterr().out
    assert session.applied == []


@pytest.mark.parametrize(
    ("found", "words", "code"),
    [
        (CHANGES, ["plan", "pb.yml", "--detailed-exitcode"], 2),
        (EMPTY, ["plan", "pb.yml", "--detailed-exitcode"], 0),
        (CHANGES, ["apply", "pb.yml", "--check", "--detailed-exitcode"], 2),
        (PROBLEMS, ["plan", "pb.yml", "--detailed-exitcode"], 7),
        (PROBLEMS, ["plan", "pb.yml"], 7),
        (PROBLEMS, ["apply", "pb.yml", "--yes"], 7),
        (CHANGES, ["apply", "pb.yml"], 7),
        (CHANGES, ["apply", "pb.yml", "--json"], 7),
        (CHANGES, ["apply", "pb.yml", "--check"], 0),
        (EMPTY, ["apply", "pb.yml"], 0),
        (Unreachable("db1", "no route to host"), ["plan", "pb.yml"], 4),
    ],
)
def test_exit_codes_where_nothing_is_applied(session: Any, found: Any, words: list[str], code: int) -> None:
    session.found = found
    assert cli.main(words) == code
    assert session.applied == []


@pytest.mark.parametrize("words", [["apply", "pb.yml", "-y"], ["apply", "--yes", "-i", "inv.yml", "pb.yml", "--json"]])
def test_apply_with_yes(session: Any, words: list[str]) -> None:
    assert cli.main(words) == 0
    assert session.applied == [CHANGES]


@pytest.mark.parametrize(("answer", "code", "applied"), [("yes\n", 0, 1), ("y\n", 130, 0), ("", 130, 0)])
def test_apply_asks(
    session: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    answer: str,
    code: int,
    applied: int,
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal(answer))
    assert cli.main(["apply", "pb.yml"]) == code
    assert len(session.applied) == applied
    assert "Apply this change to 1 host? Only 'yes' is accepted: " in capsys.readouterr().err


def test_an_empty_plan_still_runs_its_checks(session: Any, capsys: pytest.CaptureFixture[str]) -> None:
    session.found = CHECKS
    assert cli.main(["apply", "pb.yml"]) == 0
    assert "Nothing to do: the site is as the playbook wants it." in capsys.readouterr().out
    assert session.applied == [CHECKS]


def test_verify_runs_checks(session: Any) -> None:
    session.found = CHECKS
    assert cli.main(["verify", "pb.yml"]) == 0
    assert session.applied == [CHECKS]


@pytest.mark.parametrize(
    ("failure", "code", "text"),
    [
        (ChangeFailed("db1", "stop failed", "look at the unit"), 2, "error: db1: stop failed\n  look at the unit\n"),
        (KeyboardInterrupt(), 130, "error: interrupted"),
        (ZeroDivisionError("oops"), 70, "this is a bug in ffplay"),
    ],
)
def test_failures(
    session: Any, capsys: pytest.CaptureFixture[str], failure: BaseException, code: int, text: str
) -> None:
    session.failure = failure
    assert cli.main(["apply", "pb.yml", "-y"]) == code
    error = capsys.readouterr().err
    assert text in error
    assert "Traceback" not in error


def test_a_bug_shows_its_traceback_when_asked(session: Any, capsys: pytest.CaptureFixture[str]) -> None:
    session.failure = ZeroDivisionError("oops")
    assert cli.main(["apply", "pb.yml", "-y", "-vvv"]) == 70
    assert "Traceback" in capsys.readouterr().err


def test_every_mistake_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    findings = [
        Finding(Mark("pb.yml", 3, 5), "no such step `stpo`", "did you mean `stop`?", "    stpo: tarantool"),
        Finding(None, "no inventory"),
    ]

    def load(_: Any) -> None:
        raise InputError(findings)

    monkeypatch.setattr("ffplay.load.load", load)
    assert cli.main(["plan", "pb.yml", "--json"]) == 3
    captured = capsys.readouterr()
    assert (
        "pb.yml:3:5: no such step `stpo`\n      stpo: tarantool\n      ^\n  hint: did you mean `stop`?" in captured.err
    )
    assert "2 mistakes; nothing was done." in captured.err
    assert len(json.loads(captured.out)["error"]["findings"]) == 2


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ([], "no verb given"),
        (["pln", "pb.yml"], "did you mean `plan`?"),
        (["plan", "pb.yml", "--lmit", "db1"], "did you mean `--limit`?"),
        (["lab", "up", "--shard", "1"], "did you mean `--shards`?"),
        (["plan"], "required: PLAYBOOK"),
        (["plan", "pb.yml", "-f", "0"], "must be at least 1"),
        (["-i", "inv.yml", "plan", "pb.yml"], "the verb comes first"),
        (["inventory", "--host", "db7"], "no host `db7`"),
        (["inventory", "--host", "db1/7"], "its shards: FindFace_shard_1"),
        (["inventory", "--explain", "memtx_gb"], "--explain needs a host"),
        (["inventory", "--graph", "tntapy"], "did you mean `tntapi`?"),
        (["plan", "pb.yml", "--list-steps", "--start-at-step", "no"], "no step is called `no`"),
        (["plan", "pb.yml", "other.yml"], "`plan` has no argument `other.yml`"),
    ],
)
def test_a_wrong_command_line_ends_with_3(capsys: pytest.CaptureFixture[str], words: list[str], text: str) -> None:
    assert cli.main(words) == 3
    assert text in capsys.readouterr().err


def test_a_playbook_in_the_verbs_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    book = tmp_path / "site.yml"
    book.touch()
    assert cli.main([str(book)]) == 3
    assert f"did you mean `ff-play plan {book}`?" in capsys.readouterr().err


def test_options_reach_the_engine(session: Any) -> None:
    words = [
        "plan",
        "-t",
        "a,b",
        "pb.yml",
        "--skip-tags",
        "c",
        "-t",
        "d",
        "-l",
        "db1",
        "-f",
        "3",
        "--start-at-step",
        "Wipe",
    ]
    assert cli.main(words) == 0
    chosen = session.options
    assert (chosen.limit, chosen.tags, chosen.skip_tags) == ("db1", ("a", "b", "d"), ("c",))
    assert (chosen.start_at, chosen.forks) == ("Wipe", 3)


@pytest.mark.parametrize(
    ("words", "lines"),
    [
        (["plan", "pb.yml", "--list-hosts"], ["PLAY Switch (all)", "  db1"]),
        (["apply", "pb.yml", "--list-steps"], ["PLAY Switch (all)", "    1 stop: tarantool"]),
        (["validate", "pb.yml"], ["pb.yml: valid: 1 play, 1 step, 1 host, 1 shard"]),
        (["inventory", "--hosts", "tntapi"], ["db1"]),
        (["inventory", "--limit", "db1"], ["db1"]),
        (["inventory", "--hosts", "all:!tntapi", "--json"], ["[]"]),
    ],
)
def test_what_reaches_no_host(
    session: Any, capsys: pytest.CaptureFixture[str], words: list[str], lines: list[str]
) -> None:
    session.found = Unreachable("db1", "must not be asked")
    assert cli.main(words) == 0
    assert capsys.readouterr().out.splitlines() == lines


def test_verbose_tells_the_cost(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["plan", "pb.yml", "-v"]) == 0
    assert capsys.readouterr().out.endswith("2 connections, 5 round trips, 3 tunnels\n")


def test_plan_as_json_is_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["plan", "pb.yml", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["counts"]["changes"] == 1


def test_apply_as_json_is_lines(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["apply", "pb.yml", "--json", "--yes"]) == 0
    events = [json.loads(line)["event"] for line in capsys.readouterr().out.splitlines()]
    assert events == ["plan", "recap"]


@pytest.mark.parametrize(
    ("no_color", "option", "colour"),
    [("", None, True), ("1", None, False), ("1", True, True), ("", False, False)],
)
def test_colour(monkeypatch: pytest.MonkeyPatch, no_color: str, option: bool | None, colour: bool) -> None:
    monkeypatch.setenv("NO_COLOR", no_color)
    monkeypatch.setenv("TERM", "xterm")
    assert cli.style_for(Terminal(), argparse.Namespace(color=option, verbose=0)).colour is colour
    assert cli.style_for(io.StringIO(), argparse.Namespace(color=None, verbose=0)).colour is False


@pytest.mark.parametrize(
    ("words", "amount"),
    [
        ([], ""),
        (["-D"], "short"),
        (["--diff"], "short"),
        (["--diff=full"], "full"),
        (["--diff=summary"], "summary"),
        (["--no-diff"], "none"),
        (["--no-diff", "--diff"], "short"),
        (["-vD"], "short"),
    ],
)
@pytest.mark.parametrize("verb", ["plan", "apply", "rollback", "show"])
def test_how_much_of_diffs_is_asked_for_and_the_word_after_it_is_not_its_value(
    verb: str, words: list[str], amount: str
) -> None:
    args = parse([verb, *words, "name"])
    assert cli.style_for(io.StringIO(), args).diff == amount
    assert "name" in (getattr(args, "playbook", None), getattr(args, "run", None))


def test_an_amount_of_diffs_that_there_is_not_is_refused() -> None:
    with pytest.raises(InputError, match="-D/--diff: there is no value 'all'"):
        parse(["plan", "--diff=all", "book.yml"])


def _python(*words: str, **given: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False, **given)


@pytest.mark.parametrize("words", [["--version"], ["--help"], ["plan", "--help"], ["pln"]])
def test_nothing_heavy_is_imported_for_a_simple_answer(words: list[str]) -> None:
    ended = _python("-X", "importtime", "-m", "ffplay", *words)
    assert ended.returncode in (0, 3)
    imported = {line.rpartition("|")[2].strip() for line in ended.stderr.splitlines()}
    assert "argparse" in imported
    assert not {"jinja2", "paramiko", "yaml", "jsonschema", "pymongo", "tarantool", "msgspec"} & imported


def test_help_documents_every_exit_code() -> None:
    text = _python("-m", "ffplay", "--help").stdout
    for code in (0, 1, 2, 3, 4, 5, 6, 7, 9, 70, 130):
        assert f"\n  {code:>3}  " in text


def test_a_closed_pipe_is_quiet() -> None:
    script = 'python="$1"; "$python" -m ffplay --help | true'
    ended = subprocess.run(["sh", "-c", script, "sh", sys.executable], capture_output=True, text=True, check=False)
    assert ended.stderr == ""


def test_all_unreachable_hosts_are_told_at_once(session: Any, capsys: pytest.CaptureFixture[str]) -> None:
    session.found = SiteErrors((Unreachable("db1", "no route", "is it on?"), Unreachable("db2", "refused")))
    assert cli.main(["plan", "pb.yml"]) == 4
    assert capsys.readouterr().err == "error: db1: no route\n  is it on?\nerror: db2: refused\n"


def test_a_failure_that_was_told_is_repeated_in_one_line(session: Any, capsys: pytest.CaptureFixture[str]) -> None:
    class Failing(session):  # type: ignore[misc]
        def apply(self, plan: Plan) -> None:
            error = ChangeFailed("db1", "stop failed", "look at the unit")
            self.listener.event(Event(Kind.RESULT, "db1", step=STOP, status=Status.FAILED, error=error))
            raise error

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ffplay.engine.runner.Session", Failing)
        assert cli.main(["apply", "pb.yml", "-y"]) == 2
    captured = capsys.readouterr()
    assert "look at the unit" in captured.out
    assert captured.err == "error: db1: stop failed\n"


@pytest.mark.parametrize(
    ("words", "typed", "code", "text"),
    [
        ([], None, 7, "there is no terminal to ask on"),
        ([], "run1\n", 0, "broke the lock of run1 on db1"),
        ([], "yes\n", 130, "the answer was not the run's name"),
        (["--force", "run1"], None, 0, "broke the lock of run1 on db1"),
        (["--force", "run2"], None, 7, "run run2 holds no lock here; nothing was done"),
    ],
)
def test_unlock_wants_the_name_of_the_run(
    session: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    typed: str | None,
    code: int,
    text: str,
) -> None:
    locks = FakeLocks({"db1": Held(Holder("anna", "laptop", 7, "2026-01-01 00:00:00 UTC", "run1", "pb.yml", "t"), 12)})
    session.locks = lambda _: locks
    if typed is not None:
        monkeypatch.setattr("sys.stdin", Terminal(typed))
    assert cli.main(["unlock", "pb.yml", *words]) == code
    captured = capsys.readouterr()
    shown = (
        "run1 on db1: run run1: anna on laptop (pid 7) applies pb.yml since 2026-01-01 00:00:00 UTC; last sign of life"
    )
    assert shown in captured.out
    assert text in captured.out + captured.err
    assert locks.released == (["db1"] if code == 0 else [])


def test_unlock_without_a_lock_says_so(session: Any, capsys: pytest.CaptureFixture[str]) -> None:
    session.locks = lambda _: FakeLocks({})
    assert cli.main(["unlock", "pb.yml"]) == 0
    assert capsys.readouterr().out == "no lock: nobody applies anything on these hosts\n"


class FakeLocks:
    """Locks that were read already."""

    def __init__(self, held: dict[str, Held]) -> None:
        self.held = held
        self.released: list[str] = []

    def read(self, _: object) -> tuple[dict[str, Held], list[Any]]:
        return self.held, []

    def release(self, holders: dict[str, Holder]) -> tuple[list[str], list[Any]]:
        self.released += holders
        return list(holders), []


def test_names_of_runs_sort_by_time_also_within_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    from ffplay.verbs import _session

    moments = [1_796_000_000 + part / 1000 for part in range(0, 3000, 7)]
    names = []
    for moment in moments:
        monkeypatch.setattr(_session.time, "time", lambda moment=moment: moment)
        names.append(_session.run_name())
    assert names == sorted(names)
    assert all(re.fullmatch(r"20261130T\d{6}Z-[0-9a-f]{4}", name) for name in names), names[0]
