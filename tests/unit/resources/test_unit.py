"""How a unit is read, started and stopped, against a systemctl that answers as old and as unlucky ones do."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ffplay.resources import unit_scripts as units
from ffplay.resources.base import blamed
from ffplay.resources.unit import RUNNING, STOPPED, Unit, Units, UnitState
from tests.unit.resources.conftest import Host, two_units

# systemd 229 takes the weekday from the locale.
RUSSIAN = """#!/bin/sh
day=Вт; [ "$LC_ALL" != C ] || day=Tue
[ "$3" = ExecMainStartTimestamp ] || printf 'LoadState=loaded\\nActiveState=active\\nMainPID=7\\n'
echo "ExecMainStartTimestamp=$day 2026-11-24 02:15:28 UTC"
"""


def test_the_start_is_known_where_the_host_speaks_another_language(host: Host, tmp_path: Path) -> None:
    (tmp_path / "bin/systemctl").write_text(RUSSIAN)
    unit = Unit("ssh.service")
    assert unit.parse(host(unit.read_script())).since == 1795486528


SEVERAL = """#!/bin/sh
shift 3
for unit in "$@"; do
  case $unit in
    new) echo ActiveState=active; echo ExecMainStartTimestamp=Tue 2026-11-24 02:15:29 UTC;;
    ended) echo ActiveState=inactive; echo ExecMainStartTimestamp=Tue 2026-11-24 02:15:27 UTC;;
    never) echo ActiveState=inactive; echo ExecMainStartTimestamp=;;
    odd) echo ActiveState=active; echo ExecMainStartTimestamp=some day;;
    *) echo ActiveState=active; echo ExecMainStartTimestamp=Tue 2026-11-24 02:15:28 UTC;;
  esac
  echo
done
"""


@pytest.mark.parametrize(
    ("names", "starts"),
    [
        (["old", "new"], [1795486528, 1795486529]),
        (["never", "new", "ended", "old"], [0, 1795486529, 0, 1795486528]),
        (["never"], [0]),
        (["old", "odd", "new"], [0, 0, 0]),
    ],
)
def test_each_of_several_units_has_its_own_start(
    host: Host, tmp_path: Path, names: list[str], starts: list[int]
) -> None:
    (tmp_path / "bin/systemctl").write_text(SEVERAL)
    every = Units(tuple(map(Unit, names)))
    assert [one.since for one in every.parse(host(every.read_script())) if isinstance(one, UnitState)] == starts


# `looks` holds a digit for each time that somebody asked.
LOOKED_AT = """#!/bin/sh
[ "$1" = show ] || exit 0
printf x >> {looks}
n=$(wc -c < {looks})
{answer}
"""


def answering(tmp_path: Path, answer: str) -> Path:
    """Have the unit answer so; $n counts the questions."""
    looks = tmp_path / "looks"
    (tmp_path / "bin/systemctl").write_text(LOOKED_AT.format(looks=looks, answer=answer))
    return looks


def test_a_unit_that_crashes_at_once_has_not_started(host: Host, tmp_path: Path) -> None:
    looks = answering(
        tmp_path, "if [ $n -lt 3 ]; then echo ActiveState=active; echo MainPID=7; else echo ActiveState=failed; fi"
    )
    reply = host(Unit("x.service").bring_script(STOPPED, RUNNING))
    assert (reply.code, reply.error_text) == (1, "x.service did not stay up\n")
    assert len(looks.read_text()) == 3


def test_a_unit_that_is_started_anew_all_the_time_has_not_started(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(units, "START_SECONDS", 2)
    answering(tmp_path, "echo ActiveState=active; echo MainPID=$n")
    reply = host(Unit("x.service").bring_script(STOPPED, RUNNING))
    assert (reply.code, reply.error_text) == (1, "x.service is not stably active after 2 s\n")


def test_a_unit_whose_process_lives_on_has_not_stopped(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(units, "STOP_SECONDS", 1)
    answering(tmp_path, "echo ActiveState=inactive; echo MainPID=0")
    reply = host(Unit("x.service").bring_script(UnitState("active", pid=os.getpid()), STOPPED))
    assert reply.code == 1
    assert "x.service still runs after 1 s" in reply.error_text
    assert host(Unit("x.service").bring_script(UnitState("active", pid=2**22 + 1), STOPPED)).code == 0


def together(before: UnitState, after: UnitState) -> str:
    return Unit.joint([(Unit(name), before, after) for name in ("x@1", "x@2")])


def test_each_of_units_that_start_together_must_stay_up(host: Host, tmp_path: Path) -> None:
    two_units(tmp_path, "active", "active")
    assert host(together(STOPPED, RUNNING)).code == 0
    two_units(tmp_path, "active", "failed")
    number, reply = blamed(host(together(STOPPED, RUNNING)))
    assert (reply.code, number, reply.error_text) == (1, 1, "x@2 did not stay up\n")


def test_each_of_units_that_stop_together_must_be_down(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(units, "STOP_SECONDS", 1)
    two_units(tmp_path, "inactive", "failed")
    assert host(together(RUNNING, STOPPED)).code == 0
    two_units(tmp_path, "inactive", "deactivating")
    number, reply = blamed(host(together(RUNNING, STOPPED)))
    assert (reply.code, number, reply.error_text) == (1, 1, "x@2 still runs after 1 s\n")
