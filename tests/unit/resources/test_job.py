"""Follows jobs over a connection that does not always hold."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from ffplay.errors import ChangeFailed, Interrupted, Unreachable
from ffplay.model import Host, Login
from ffplay.remote.base import Reply
from ffplay.resources import job, job_follow

HOST = Host("app1", ("all",), Login("app1"), (), {})


class Site:
    """A host that is this machine, and a connection that is lost at the calls of these numbers."""

    def __init__(self, *lost: int, stop_at: int | None = None) -> None:
        self.lost, self.stop_at = set(lost), stop_at
        self.calls = 0
        self.told: list[str] = []
        self.pauses = 0

    @property
    def stopping(self) -> bool:
        return self.stop_at is not None and self.calls >= self.stop_at

    def connection(self, host: str) -> Site:
        return self

    def tell(self, host: str, text: str) -> None:
        self.told.append(text)

    def pause(self, seconds: float) -> None:
        self.pauses += 1

    def run(self, script: str, **_: Any) -> Reply:
        self.calls += 1
        if self.calls in self.lost:
            raise Unreachable("app1", "app1: the connection was lost")
        done = subprocess.run(["sh", "-c", script], capture_output=True, check=False, timeout=60)
        return Reply(done.returncode, done.stdout, done.stderr)


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_follow, "_POLL_SECONDS", 1)
    monkeypatch.setattr(job_follow, "_RECONNECT_SECONDS", 2)


def bring(site: Site, tmp_path: Path, *lines: str, timeout: float | None = None) -> None:
    tool = job.Job("tool", str(tmp_path / "tool-1"), lines, timeout, "run1")
    tool.bring(site, HOST, "none", "done")  # type: ignore[arg-type]


def test_a_lost_connection_is_made_again(tmp_path: Path) -> None:
    site = Site(2, 3)
    count = tmp_path / "count"
    bring(site, tmp_path, f"echo once >> {count}; echo begun; sleep 1; echo done")
    assert count.read_text() == "once\n"
    assert "".join(text for text in site.told if "lost" not in text) == "begun\ndone\n"
    assert [text for text in site.told if "connecting again" in text]
    assert site.pauses == 2
    bring(Site(), tmp_path, f"echo once >> {count}; echo begun; sleep 1; echo done")
    assert count.read_text() == "once\n"


def test_a_host_that_stays_away_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_follow, "_RECONNECT_SECONDS", 0)
    with pytest.raises(Unreachable):
        bring(Site(2, 3), tmp_path, "sleep 1")


def test_one_process_that_fails_is_told_while_the_others_run(tmp_path: Path) -> None:
    with pytest.raises(ChangeFailed, match="exit code 7: echo bad; exit 7") as failure:
        bring(Site(), tmp_path, "sleep 60", "echo bad; exit 7")
    assert failure.value.output == "bad\n"
    # It is still there to be ended.
    subprocess.run(f"kill -TERM -$(cat {tmp_path}/tool-1/1/pid)", shell=True, check=True)


def test_a_timeout_ends_every_process(tmp_path: Path) -> None:
    with pytest.raises(ChangeFailed, match="ended at its deadline of 1 s: sleep 2") as failure:
        bring(Site(), tmp_path, "sleep 20", "sleep 21", timeout=1)
    assert failure.value.code == 124
    # The other process is told to end in the same moment, and may take a little longer for it.
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with pytest.raises(ChangeFailed) as failure:
            bring(Site(), tmp_path, "exit 3")
        if "could not be started" not in failure.value.message:
            break
    assert "exit code 3" in failure.value.message


def test_an_operator_who_stops_leaves_the_tool_running(tmp_path: Path) -> None:
    line = f"echo x >> {tmp_path}/started; until [ -e {tmp_path}/go ]; do sleep 0.1; done"
    with pytest.raises(Interrupted, match="runs on by itself on app1"):
        bring(Site(stop_at=2), tmp_path, line)
    (tmp_path / "go").touch()
    bring(Site(), tmp_path, line)
    assert (tmp_path / "started").read_text() == "x\n"
