"""How a session reaches its hosts before it plans."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ffplay.engine import runner
from ffplay.engine.access import read_host
from ffplay.engine.options import Options
from ffplay.engine.plan import Plan
from ffplay.engine.planner import Planner
from ffplay.engine.runner import Session
from ffplay.errors import SiteError, SiteErrors, Unreachable
from ffplay.load import Sources, load
from ffplay.model import Host
from ffplay.remote import pool
from ffplay.remote.base import Access
from ffplay.remote.connection import ShellConnection
from tests.unit.engine.bench import Recorder

HOSTS = [f"h{number:02}" for number in range(20)]


def session(folder: Path, steps: str) -> Session:
    hosts = ", ".join(f"{name}: {{ansible_connection: local, state_dir: {folder}/{name}}}" for name in HOSTS)
    (folder / "site.yml").write_text(f"all: {{hosts: {{{hosts}}}}}\n")
    (folder / "play.yml").write_text(f"- hosts: all\n  steps:\n{steps}\n")
    loaded = load(Sources(folder / "play.yml", (folder / "site.yml",)))
    return Session(loaded, Planner(loaded, Options(), "run1"), Options(forks=5), Recorder())


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> tuple[set[str], Counter[str]]:
    """Give the hosts that do not answer, and how often each host was dialled."""
    gone: set[str] = set()
    dialled: Counter[str] = Counter()
    plain = pool.connect

    def connect(host: Host) -> ShellConnection:
        dialled[host.name] += 1
        if host.name in gone:
            raise Unreachable(host.name, "no answer")
        return plain(host)

    monkeypatch.setattr(pool.Pool.__init__, "__defaults__", (50, connect))
    return gone, dialled


@pytest.mark.parametrize("read", [True, False], ids=["something to read", "nothing to read"])
@pytest.mark.parametrize("gone", [["h00"], ["h19"], ["h02", "h11", "h18"]], ids=" ".join)
def test_every_host_that_does_not_answer_is_told_at_once(
    tmp_path: Path,
    away: tuple[set[str], Counter[str]],
    gone: Sequence[str],
    read: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    away[0].update(gone)
    if not read:
        monkeypatch.setattr(Planner, "plan", lambda *_: Plan((), "run1"))
    with session(tmp_path, "  - command: {cmd: 'true'}") as one, pytest.raises(SiteErrors) as caught:
        one.plan()
    assert [error.host for error in caught.value.errors] == gone
    # Who does not answer is not waited for twice.
    assert away[1] == Counter(HOSTS)
    assert not list(tmp_path.glob("h*"))


def test_a_host_that_cannot_be_read_is_told_beside_those_that_do_not_answer(
    tmp_path: Path, away: tuple[set[str], Counter[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    away[0].add("h15")

    def unreadable(access: Access, host: Host, *wanted: Any, **more: Any) -> Any:
        if host.name == "h17":
            raise SiteError(host.name, "its record is damaged")
        return read_host(access, host, *wanted, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(runner, "read_host", unreadable)
    with session(tmp_path, "  - command: {cmd: 'true'}") as one, pytest.raises(SiteErrors) as caught:
        one.plan()
    assert [error.host for error in caught.value.errors] == ["h15", "h17"]
