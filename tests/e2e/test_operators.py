"""Two operators at one lab, and one who stops in the middle: the site comes out right, and nothing is done twice."""

from __future__ import annotations

import os
import pty
import re
import select
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
from tests.waiting import wait_for

TOP = Path(__file__).parent.parent.parent

pytestmark = pytest.mark.lab


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[LabSite]:
    """Give a small lab whose findface-regenerate waits for a file, and notes each process of it."""
    directory = tmp_path / "lab"
    site = lab_site.up(LabOptions(directory=directory, hosts=1, faces=60))
    tool = site.app.root / "usr/bin/findface-regenerate"
    tool.rename(f"{tool}.real")
    tool.write_text(
        f'#!/bin/sh\necho "$$" >> {directory}/started\n'
        f'while [ ! -e {directory}/go ]; do sleep 0.1; done\nexec {tool}.real "$@"\n'
    )
    tool.chmod(0o755)
    yield site
    (directory / "go").touch()
    lab_site.down(directory)


class Operator:
    """An `ff-play` of one operator, started and not waited for."""

    def __init__(self, lab: LabSite, verb: str, *options: str) -> None:
        command = [sys.executable, "-m", "ffplay", verb, "playbooks/switch-model.yml", "-i", str(lab.inventory)]
        self._process = subprocess.Popen(
            [*command, *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=TOP,
        )

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def hear(self, text: str) -> None:
        """Read its output up to `text`; the output is not part of what `end` returns."""
        assert self._process.stdout
        heard = b""
        while text.encode() not in heard:
            assert select.select([self._process.stdout], [], [], 60)[0], heard
            heard += os.read(self._process.stdout.fileno(), 1)

    def end(self) -> tuple[int, str]:
        """Return exit code and output."""
        output = self._process.communicate(timeout=120)[0]
        return self._process.returncode, output

    @property
    def running(self) -> bool:
        return self._process.poll() is None


def started(lab: LabSite) -> int:
    """Return how many processes of the tool were started."""
    file = lab.directory / "started"
    return len(file.read_text().split()) if file.exists() else 0


def starts(lab: LabSite) -> list[int]:
    """Return how often each shard was started: once with the lab, and once more for each time it was stopped."""
    return [log.read_text(errors="replace").count("ready to accept requests") for log in shard_logs(lab)]


def shard_logs(lab: LabSite) -> list[Path]:
    return sorted(path for host in lab.databases for path in host.root.rglob("*FindFace_shard*.log"))


def locks(lab: LabSite) -> list[Path]:
    return [path for host in lab.hosts for path in host.root.glob("var/lib/ffplay/lock*")]


def journals(lab: LabSite) -> int:
    """Return how many runs have begun a change on the application host."""
    return len(list(lab.app.root.glob("var/lib/ffplay/runs/*/journal")))


def test_of_two_who_apply_at_once_one_changes_the_site(lab: LabSite) -> None:
    (lab.directory / "go").touch()
    ended = [operator.end() for operator in [Operator(lab, "apply", "--yes"), Operator(lab, "apply", "--yes")]]
    assert sorted(code for code, _ in ended) in ([0, 9], [0, 7]), ended
    (refused,) = (output for code, output in ended if code)
    assert "the site is locked by run" in refused or "the site changed" in refused
    assert started(lab) == 2  # the playbook's two processes, once
    assert starts(lab) == [2, 2]
    assert judge(lab, "cherry_480") == []
    assert locks(lab) == []


def test_a_run_that_was_taken_over_is_refused_its_next_change(lab: LabSite) -> None:
    first = Operator(lab, "apply", "--yes")
    wait_for(lambda: started(lab) == 2)
    first.signal(signal.SIGSTOP)
    code, output = Operator(lab, "apply", "--yes").end()
    assert code == 9, output
    found = re.search(
        r"the site is locked by run (\S+): \S+ on \S+ \(pid \d+\) applies .* last sign of life \d+ s ago", output
    )
    assert found, output
    code, output = Operator(lab, "unlock").end()
    assert code == 7, output
    code, output = Operator(lab, "unlock", "--force", "no-such-run").end()
    assert code == 7, output
    code, output = Operator(lab, "unlock", "--force", found[1]).end()
    assert (code, f"broke the lock of {found[1]} on app1, db1" in output) == (0, True), output
    (lab.directory / "go").touch()
    code, output = Operator(lab, "apply", "--yes").end()
    assert code == 0, output
    first.signal(signal.SIGCONT)
    code, output = first.end()
    assert code == 9, output
    assert "this run changes nothing any more" in output
    assert (started(lab), starts(lab)) == (2, [2, 2])
    assert judge(lab, "cherry_480") == []
    code, output = Operator(lab, "unlock").end()
    assert (code, "no lock" in output) == (0, True), output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_a_run_that_is_stopped_leaves_its_tool_running(lab: LabSite, number: signal.Signals) -> None:
    first = Operator(lab, "apply", "--yes")
    wait_for(lambda: started(lab) == 2)
    first.signal(number)
    code, output = first.end()
    assert code == 130, output
    assert "RECAP" in output
    assert "runs on by itself on app1" in output
    assert "run the same command again" in output
    assert locks(lab) == []
    assert all(Path(f"/proc/{pid}").exists() for pid in (lab.directory / "started").read_text().split())
    second = Operator(lab, "apply", "--yes")
    time.sleep(2)
    assert second.running
    (lab.directory / "go").touch()
    code, output = second.end()
    assert code == 0, output
    assert started(lab) == 2
    assert judge(lab, "cherry_480") == []


def test_a_copy_of_a_killed_run_is_waited_for(lab: LabSite) -> None:
    (lab.directory / "go").touch()
    copies = lab.directory / "copies"
    python = lab.app.root / "usr/bin/python3"
    python.rename(f"{python}.real")
    python.write_text(
        f'#!/bin/sh\ncase "$*" in *mongo2searchapi*) echo $$ >> {copies}\n'
        f'while [ ! -e {lab.directory}/copy ]; do sleep 0.1; done;; esac\nexec {python}.real "$@"\n'
    )
    python.chmod(0o755)
    first = Operator(lab, "apply", "--yes")
    wait_for(copies.exists)
    first.signal(signal.SIGKILL)
    first.end()
    code, output = Operator(lab, "plan").end()
    assert (code, "wait for the copy, which run" in output, "stop tarantool@" in output) == (0, True, False), output
    second = Operator(lab, "apply", "--yes")
    wait_for(lambda: journals(lab) == 2)
    (lab.directory / "copy").touch()
    code, output = second.end()
    assert code == 0, output
    assert judge(lab, "cherry_480") == []
    assert (len(copies.read_text().split()), starts(lab)) == (1, [2, 2])
    assert locks(lab) == []


def test_a_second_signal_stops_waiting_and_leaves_the_lock(lab: LabSite) -> None:
    first = Operator(lab, "apply", "--yes")
    wait_for(lambda: started(lab) == 2)
    first.signal(signal.SIGINT)
    first.hear("Once more: do not wait")
    first.signal(signal.SIGINT)
    code, output = first.end()  # the tool itself goes on until it is let go below
    assert code == 130, output
    assert "run the same command again" in output
    assert locks(lab) != []
    (lab.directory / "go").touch()
    code, output = Operator(lab, "apply", "--yes").end()
    assert (code, "took over the lock of run" in output) == (0, True), output
    assert started(lab) == 2
    assert judge(lab, "cherry_480") == []


def test_a_closed_terminal_stops_a_run_where_it_is_well(lab: LabSite) -> None:
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "ffplay", "apply", "playbooks/switch-model.yml", "-i", str(lab.inventory), "--yes"]
    # A session of its own with the terminal as its controlling one, as a login has it.
    process = subprocess.Popen(["setsid", "--ctty", *command], stdin=slave, stdout=slave, stderr=slave, cwd=TOP)
    os.close(slave)
    wait_for(lambda: drained(master) and started(lab) == 2)
    os.close(master)
    assert process.wait(60) == 130
    assert locks(lab) == []


def drained(terminal: int) -> bool:
    """Read what is there; a terminal that nobody reads would hold the run up."""
    while select.select([terminal], [], [], 0)[0]:
        os.read(terminal, 4096)
    return True
