"""How a unit is read, against a systemctl that answers as old ones do."""

from __future__ import annotations

from pathlib import Path

from ffplay.resources.unit import Unit
from tests.unit.resources.conftest import Host

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
