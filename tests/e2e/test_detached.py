"""Under systemd a long tool is a unit of its own: neither the end of its session nor that of the controller ends it."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ffplay.lab import site as lab_site
from ffplay.lab.layout import LabSite
from tests.e2e import labs
from tests.e2e.judge import judge
from tests.waiting import wait_for

TOP = Path(__file__).parent.parent.parent

# The playbook's regenerate has so many processes.
PROCESSES = 2

# Stands before findface-regenerate: it notes that it was started, and waits until it may go on.
TOOL = """#!/bin/sh
echo "$$" >> /srv/started
while [ ! -e /srv/go ]; do sleep 0.1; done
exec /usr/bin/findface-regenerate.real "$@"
"""

pytestmark = [pytest.mark.nspawn, labs.machines]


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[LabSite]:
    """Give a lab whose findface-regenerate waits for a file, and notes each process of it."""
    with labs.lab(tmp_path / "lab", hosts=1, faces=60) as site:
        tool = site.app.root / "usr/bin/findface-regenerate"
        tool.rename(f"{tool}.real")
        tool.write_text(TOOL)
        tool.chmod(0o755)
        yield site


def apply(lab: LabSite) -> subprocess.Popen[str]:
    """Start ff-play, as an operator does."""
    command = [sys.executable, "-m", "ffplay", "apply", "playbooks/switch-model.yml", "-i", str(lab.inventory), "--yes"]
    return subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=TOP
    )


def started(lab: LabSite) -> list[str]:
    """Return the process of each start of the tool, by its id on the host."""
    file = lab.app.root / "srv/started"
    return file.read_text().split() if file.exists() else []


def said(lab: LabSite, script: str) -> str:
    done = labs.at(lab, "app1", script)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def units(lab: LabSite) -> set[str]:
    """Return the jobs' units that run."""
    listed = said(lab, "systemctl list-units --no-legend --plain --state=active 'ffplay-*'")
    return {line.split()[0] for line in listed.splitlines()}


def test_a_tool_outlives_its_session_and_its_controller_and_is_found_again(lab: LabSite) -> None:
    first = apply(lab)
    wait_for(lambda: len(started(lab)) == PROCESSES)
    running = units(lab)
    assert len(running) == PROCESSES
    assert all(re.fullmatch(r"ffplay-.*regenerate.*\.service", unit) for unit in running), running
    assert "Transient=yes" in said(lab, f"systemctl show -p Transient {' '.join(running)}")
    groups = {said(lab, f"grep ^0: /proc/{process}/cgroup").strip() for process in started(lab)}
    assert groups == {f"0::/system.slice/{unit}" for unit in running}
    first.send_signal(signal.SIGKILL)
    first.communicate()
    # Whatever is left of its session goes as well, as it does where logind ends the processes of who logs out.
    labs.at(lab, "app1", "loginctl kill-user --signal=SIGKILL deploy")
    wait_for(lambda: said(lab, "loginctl list-sessions --no-legend | wc -l").strip() == "1")  # the one that asks
    assert units(lab) == running
    second = apply(lab)
    assert second.stdout is not None
    before = ""
    while not re.match(r"STEP \d+/\d+ regenerate", line := second.stdout.readline()):
        before += line
        assert line, before
    (lab.app.root / "srv/go").touch()
    output = second.communicate(timeout=300)[0]
    assert second.returncode == 0, before + output
    assert len(started(lab)) == PROCESSES
    assert units(lab) == set()
    assert judge(lab, "cherry_480") == []


def test_a_tool_that_a_power_cut_ended_is_run_again(lab: LabSite) -> None:
    first = apply(lab)
    wait_for(lambda: len(started(lab)) == PROCESSES)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    lab_site.reboot(lab.directory, "app1")
    wait_for(lambda: lab_site.status(lab.directory).running)
    assert units(lab) == set()
    (lab.app.root / "srv/go").touch()
    second = apply(lab)
    output = second.communicate(timeout=300)[0]
    assert second.returncode == 0, output
    assert len(started(lab)) == 2 * PROCESSES
    assert judge(lab, "cherry_480") == []


def test_a_detached_command_of_another_user_is_a_unit_that_ends_at_its_deadline(lab: LabSite, tmp_path: Path) -> None:
    playbook = tmp_path / "long.yml"
    playbook.write_text(
        "- hosts: app1\n  steps:\n"
        "  - command:\n"
        '      cmd: "id -un; echo $HOME $LANG; sleep 600 & sleep 601"\n'
        "      detach: true\n"
        "    become_user: nobody\n    timeout: 5\n    name: Wait\n"
    )
    command = [sys.executable, "-m", "ffplay", "apply", str(playbook), "-i", str(lab.inventory), "--yes"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=TOP)
    wait_for(lambda: any("ffplay-command-" in unit for unit in units(lab)))
    process.kill()
    process.communicate()
    wait_for(lambda: not units(lab))
    assert said(lab, "pgrep -u nobody -x sleep || :") == ""
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=TOP, check=False)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "ended at its deadline of 5 s" in done.stdout + done.stderr
    assert re.search(r"\| nobody\n\s*\| /nonexistent ", done.stdout), done.stdout
