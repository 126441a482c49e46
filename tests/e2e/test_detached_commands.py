"""Detached commands and tools at a lab, with what they run over killed: none is lost, and none runs twice."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ffplay.lab import site as lab_site
from ffplay.lab.layout import LabOptions, LabSite
from tests.e2e.judge import judge
from tests.waiting import lives, wait_for

TOP = Path(__file__).parent.parent.parent

PLAYBOOK = """
- name: Warm
  hosts: app1
  steps:
  - command: {cmd: "echo $$ >> before; echo fast", chdir: FOLDER}
    register: fast
  - command: {cmd: "echo $$ >> started; echo begun; while [ ! -e go ]; do sleep 0.1; done; cat go", detach: true, chdir: FOLDER}
    register: slow
    timeout: SECONDS
  - command: {cmd: "echo '{{ fast.stdout }} {{ slow.rc }} {{ slow.stdout_lines[-1] }}' >> after", chdir: FOLDER}
  - command: {cmd: "[ ! -e bad ]", chdir: FOLDER}
"""  # noqa: E501  (a command is one line)

pytestmark = pytest.mark.lab


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[LabSite]:
    """Give a small lab."""
    directory = tmp_path / "lab"
    yield lab_site.up(LabOptions(directory=directory, hosts=1, faces=60))
    (tmp_path / "go").write_text("late\n")
    lab_site.down(directory)


class Play:
    """The playbook in a folder, and an operator who applies it."""

    def __init__(self, lab: LabSite, folder: Path, seconds: int = 600) -> None:
        self.folder, self._lab = folder, lab
        self.file = folder / "warm.yml"
        self.file.write_text(PLAYBOOK.replace("FOLDER", str(folder)).replace("SECONDS", str(seconds)))

    def ffplay(self, verb: str, *options: str) -> subprocess.Popen[str]:
        return operator(self._lab, verb, str(self.file), *options)

    def apply(self) -> subprocess.Popen[str]:
        return self.ffplay("apply", "--yes")

    def killed(self) -> None:
        """Apply, and kill that controller as soon as the command runs."""
        process = self.apply()
        wait_for(lambda: self.lines("started"))
        process.send_signal(signal.SIGKILL)
        process.communicate()

    def lines(self, name: str) -> list[str]:
        file = self.folder / name
        return file.read_text().splitlines() if file.exists() else []


def operator(lab: LabSite, verb: str, playbook: str, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "ffplay", verb, playbook, "-i", str(lab.inventory), *options]
    return subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=TOP
    )


def end(process: subprocess.Popen[str]) -> tuple[int, str]:
    output = process.communicate(timeout=120)[0]
    return process.returncode, output


def test_a_killed_controller_is_followed_by_one_that_waits(lab: LabSite, tmp_path: Path) -> None:
    play = Play(lab, tmp_path)
    play.killed()
    code, output = end(play.ffplay("plan"))
    assert code == 0, output
    assert re.search(r"wait for `echo .*`, which run \S+ started .* \(pid \d+\)", output), output
    second = play.apply()
    time.sleep(1)
    assert second.poll() is None
    (tmp_path / "go").write_text("warm\n")
    code, output = end(second)
    assert code == 0, output
    assert [len(play.lines(name)) for name in ("before", "started")] == [1, 1]
    assert play.lines("after") == ["fast 0 warm"]


def test_an_end_that_nobody_heard_of_is_taken_and_the_next_work_begins_anew(lab: LabSite, tmp_path: Path) -> None:
    play = Play(lab, tmp_path)
    play.killed()
    (tmp_path / "go").write_text("warm\n")
    wait_for(lambda: not lives(play.lines("started")[0]))
    (tmp_path / "bad").touch()
    every = ""
    for said in ("take the good end of", "was done by run"):  # the second goes on with one that failed afterwards
        code, output = end(play.apply())
        every += output
        assert (code, said in output) == (2, True), output
    (tmp_path / "bad").unlink()
    code, output = end(play.apply())
    assert code == 0, output
    assert len(play.lines("started")) == 1, every + output
    assert play.lines("after") == ["fast 0 warm"]
    assert [path.name for path in (lab.app.root / "var/lib/ffplay/jobs").glob("command-*")] == []
    code, output = end(play.apply())
    assert (code, len(play.lines("started"))) == (0, 2), output


def test_a_deadline_holds_while_nobody_listens(lab: LabSite, tmp_path: Path) -> None:
    play = Play(lab, tmp_path, seconds=3)
    play.killed()
    wait_for(lambda: not lives(play.lines("started")[0]))
    code, output = end(play.apply())
    assert code == 2, output
    assert "ended at its deadline of 3 s" in output
    assert len(play.lines("started")) == 1
    (tmp_path / "go").write_text("warm\n")
    code, output = end(play.apply())
    assert code == 0, output
    assert len(play.lines("started")) == 2


def test_a_killed_ssh_session_leaves_the_regeneration_running(lab: LabSite, tmp_path: Path) -> None:
    tool = lab.app.root / "usr/bin/findface-regenerate"
    tool.rename(f"{tool}.real")
    tool.write_text(
        f'#!/bin/sh\necho "$$" >> {tmp_path}/started\n'
        f'while [ ! -e {tmp_path}/go ]; do sleep 0.1; done\nexec {tool}.real "$@"\n'
    )
    tool.chmod(0o755)
    started = tmp_path / "started"
    process = operator(lab, "apply", "playbooks/switch-model.yml", "--yes", "-v")
    wait_for(started.exists)
    sessions = sessions_of(lab.app.root)
    assert sessions
    for pid in sessions:
        os.kill(pid, signal.SIGKILL)
    (tmp_path / "go").touch()
    code, output = end(process)
    assert code == 0, output
    assert "connecting again" in output
    assert judge(lab, "cherry_480") == []


def sessions_of(root: Path) -> list[int]:
    """Return the processes that sshd of a host has for its sessions."""
    table: dict[int, tuple[int, str]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "stat").read_text().rpartition(") ")[2].split()
            line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue
        table[int(folder.name)] = (int(words[1]), line)
    mine = {pid for pid, (_, line) in table.items() if f"{root}/" in line and "sshd_config" in line}
    while True:
        more = {pid for pid, (parent, line) in table.items() if parent in mine and line.startswith("sshd: ")} - mine
        if not more:
            return [pid for pid in mine if table[pid][1].startswith("sshd: ") and "sshd_config" not in table[pid][1]]
        mine |= more
