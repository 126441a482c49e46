from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ffplay.engine.access import read_host
from ffplay.engine.framed import run_framed
from ffplay.errors import SiteError
from ffplay.model import Host, Login
from ffplay.remote.base import Reply
from ffplay.remote.local import LocalConnection
from ffplay.resources.base import DirectResource, Scripted, told

HOST = Host("here", (), Login("here"))


@pytest.fixture
def local() -> Iterator[LocalConnection]:
    connection = LocalConnection(Host("here", (), Login("here", local=True)), 30.0)
    yield connection
    connection.close()


def run(local: LocalConnection, *scripts: str, stop: bool = False) -> list[Reply]:
    return run_framed(local, scripts, stop=stop, become=None)


def test_each_script_has_its_own_streams_and_code(local: LocalConnection) -> None:
    found = run(local, "echo one; echo first >&2", "echo two >&2; false", "printf three")
    assert found == [Reply(0, b"one\n", b"first\n"), Reply(1, b"", b"two\n"), Reply(0, b"three", b"")]


def test_no_scripts_are_no_round_trip(local: LocalConnection) -> None:
    before = local.round_trips
    assert run(local) == []
    assert local.round_trips == before


def test_binary_output_survives_even_where_it_looks_like_a_marker(local: LocalConnection) -> None:
    script = r"printf '\036\000\377\n\036abc 0 0\n'"
    assert run(local, script, "echo x") == [Reply(0, b"\x1e\x00\xff\n\x1eabc 0 0\n", b""), Reply(0, b"x\n", b"")]


def test_with_stop_nothing_runs_behind_a_failure(local: LocalConnection) -> None:
    found = run(local, "echo 1", "echo no >&2; exit 7", "echo 3", stop=True)
    assert found == [Reply(0, b"1\n", b""), Reply(7, b"", b"no\n")]


def test_a_script_that_exits_ends_itself_alone(local: LocalConnection) -> None:
    assert [reply.text for reply in run(local, "exit 0", "x=2; exit", "echo x=$x")] == ["", "", "x=\n"]


def test_a_script_reads_nothing_of_the_next_one(local: LocalConnection) -> None:
    assert [reply.text for reply in run(local, "cat", "echo 2")] == ["", "2\n"]


def test_a_syntax_error_in_the_middle_fails_what_it_kept_from_running(local: LocalConnection) -> None:
    found = run(local, "echo 1", "if true; then", "echo 3", stop=True)
    assert found[-1].code
    assert len(found) < 3
    assert "yntax" in found[-1].error_text


def test_a_killed_shell_fails_the_script_that_ran(local: LocalConnection) -> None:
    found = run(local, "echo 1", "kill -9 $$", "echo 3", stop=True)
    assert [reply.code != 0 for reply in found] == [False, True]


@dataclass(frozen=True)
class Meeting(DirectResource):
    """Something that can be read only while the others of its kind are read."""

    number: int
    others: threading.Barrier

    @property
    def label(self) -> str:
        return str(self.number)

    def read(self, access: Any, host: Host) -> int:
        self.others.wait(30)
        return self.number


class Here:
    """This machine as the only host."""

    def __init__(self, connection: LocalConnection) -> None:
        self._connection = connection

    def connection(self, host: str) -> LocalConnection:
        return self._connection


def test_what_is_read_over_tunnels_is_read_at_the_same_time(local: LocalConnection) -> None:
    others = threading.Barrier(5)
    wanted = [Meeting(number, others) for number in range(5)]
    found = read_host(Here(local), HOST, wanted)  # type: ignore[arg-type]
    assert found == {("here", one): one.number for one in wanted}


@dataclass(frozen=True)
class Said(Scripted):
    """What a script prints."""

    script: str

    @property
    def label(self) -> str:
        return self.script

    def read_script(self) -> str:
        return self.script

    def parse(self, reply: Reply) -> str:
        return told(reply)


@dataclass(frozen=True)
class Beside(DirectResource):
    """Something that is read while the shell is at work, and that has a part of what that says."""

    path: str
    script: str

    @property
    def label(self) -> str:
        return self.path

    @property
    def beside(self) -> tuple[Scripted, ...]:
        return (Said(self.script),)

    def read(self, access: Any, host: Host) -> str:
        raise AssertionError("it is read beside the shell")

    def read_beside(self, access: Any, host: Host, beside: Callable[[], tuple[Any, ...]]) -> str:
        Path(self.path).touch()
        (said,) = beside()
        return f"with {said}"


def test_what_is_read_over_tunnels_does_not_wait_for_the_shell(local: LocalConnection, tmp_path: Path) -> None:
    wait = f"n=0; until [ -e {tmp_path}/begun ] || [ $n -gt 300 ]; do sleep 0.1; n=$((n+1)); done"
    one = Beside(str(tmp_path / "begun"), f"{wait}; [ $n -le 300 ] && printf it")
    other = Said("printf other")
    found = read_host(Here(local), HOST, [one, other])  # type: ignore[arg-type]
    assert found == {("here", one): "with it", ("here", other): "other"}


def test_what_the_shell_cannot_read_is_told_to_all_that_wait_for_it(local: LocalConnection, tmp_path: Path) -> None:
    one = Beside(str(tmp_path / "begun"), "echo it is damaged >&2; exit 1")
    with pytest.raises(SiteError, match="it is damaged"):
        read_host(Here(local), HOST, [one])  # type: ignore[arg-type]
