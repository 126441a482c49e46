"""Faults on hosts that are whole machines with systemd: those that its presence makes a difference to."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from ffplay.lab.layout import LabSite
from tests.e2e import labs
from tests.e2e.judge import judge
from tests.fault.operations import Fault, Mode, Operation
from tests.fault.state import State, Treasure
from tests.fault.test_faults import OPTIONS, SEED, drawn, reference, sure
from tests.fault.trial import PLAYBOOK, TARGET, ffplay

__all__ = ["reference"]

pytestmark = [pytest.mark.nspawn, labs.machines]

MODES = (Mode.CUT_DURING, Mode.KILL_DURING, Mode.REBOOT_DURING)


# What runs on the application host beside the migration.
SERVICES = ("ntls", "mongod", "findface-facenapi", "findface-extraction-api")


def booted(lab: LabSite) -> None:
    """Wait until the application host's services are up, as its operator would."""
    deadline = time.monotonic() + 120
    while labs.at(lab, "app1", f"systemctl is-active {' '.join(SERVICES)}").returncode:
        assert time.monotonic() < deadline, labs.at(lab, "app1", f"systemctl status {' '.join(SERVICES)}").stdout
        time.sleep(0.5)


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.value)
def test_no_fault_breaks_anything(mode: Mode, reference: tuple[list[Operation], State], tmp_path: Path) -> None:
    changing = [one for one in sure(reference[0]) if one.changes]
    with labs.lab(tmp_path / "lab", hosts=OPTIONS.hosts, shards=OPTIONS.shards, faces=OPTIONS.faces) as lab:
        treasure = Treasure.of(lab)
        log = tmp_path / "operations.jsonl"
        fault = Fault(drawn(changing, mode).operation, mode, SEED)
        code, output = ffplay(lab, "apply", PLAYBOOK, "--yes", machine=tmp_path / "first", fault=fault, log=log)
        told = f"{fault}: {code}\n{output}"
        assert any(json.loads(line)["hit"] for line in log.read_text().splitlines()), f"not met: {told}"
        assert "Traceback" not in output, told
        assert treasure.lost(lab) == [], told
        booted(lab)
        if code == 0:
            assert judge(lab, TARGET) == [], told
        # Who goes on knows nothing of the run before, but where a lock was left that only its own machine may take.
        machine = tmp_path / ("first" if mode is Mode.KILL_DURING else "second")
        code, output = ffplay(lab, "apply", PLAYBOOK, "--yes", machine=machine)
        told += f"--- again: {code}\n{output}"
        assert code == 0, told
        assert judge(lab, TARGET) == [], told
        assert treasure.lost(lab) == [], told
        code, output = ffplay(lab, "plan", PLAYBOOK, "--detailed-exitcode", machine=machine)
        assert code == 0, f"{told}--- plan: {code}\n{output}"


def test_a_rollback_after_a_fault_ends_at_the_start(reference: tuple[list[Operation], State], tmp_path: Path) -> None:
    shards = [one for one in sure(reference[0]) if one.changes and one.host != "app1"]
    with labs.lab(tmp_path / "lab", hosts=OPTIONS.hosts, shards=OPTIONS.shards, faces=OPTIONS.faces) as lab:
        treasure = Treasure.of(lab)
        model = judge(lab, "apricot_320")
        assert model == []
        fault = drawn(shards[len(shards) // 2 :], Mode.KILL_AFTER)
        log = tmp_path / "operations.jsonl"
        code, output = ffplay(lab, "apply", PLAYBOOK, "--yes", machine=tmp_path, fault=fault, log=log)
        assert code != 0, f"{fault} was not met\n{output}"
        code, output = ffplay(lab, "rollback", "--yes", machine=tmp_path)
        assert code == 0, output
        assert judge(lab, "apricot_320") == [], output
        assert treasure.out_of_place(lab) == [], output
