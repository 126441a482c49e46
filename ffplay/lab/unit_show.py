"""How the lab's systemctl prints units: `show`, `status` and the lists, in systemd 252's form."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

from ffplay.lab import unit_files
from ffplay.lab.unit import Unit

_CODES = {"": "0", "exited": "1", "killed": "2"}


def _wall(stamp: tuple[float, float] | None) -> str:
    return time.strftime("%a %Y-%m-%d %H:%M:%S %Z", time.localtime(stamp[0])) if stamp else ""


def _monotonic(stamp: tuple[float, float] | None) -> str:
    return str(int(stamp[1] * 1_000_000)) if stamp else "0"


def _span(seconds: float) -> str:
    return f"{seconds:g}s" if seconds >= 1 else f"{seconds * 1000:g}ms"


def _file_state(root: Path, name: str, unit: Unit | None) -> str:
    if unit is None:
        return ""
    return "enabled" if unit_files.enabled(root, name) else "disabled"


def _all(root: Path, name: str, unit: Unit | None) -> dict[str, str]:
    """Return every property, in the order in which systemd prints them."""
    names = {"Id": name, "Names": name}
    if unit is None:
        return {"MainPID": "0", **names, "Description": name, "LoadState": "not-found", "ActiveState": "inactive"} | {
            "SubState": "dead", "UnitFileState": "",
        }  # fmt: skip
    return {
        "Type": unit.file.kind,
        "Restart": unit.file.restart,
        "RestartUSec": _span(unit.file.restart_seconds),
        "MainPID": str(unit.pid),
        "Result": unit.result,
        "NRestarts": str(unit.restarts),
        "ExecMainStartTimestamp": _wall(unit.started),
        "ExecMainStartTimestampMonotonic": _monotonic(unit.started),
        "ExecMainPID": str(unit.main_pid),
        "ExecMainCode": _CODES[unit.exited_by],
        "ExecMainStatus": str(unit.exit_status),
        **names,
        "Description": unit.file.description,
        "LoadState": "loaded",
        "ActiveState": unit.active,
        "SubState": unit.sub,
        "FragmentPath": str(unit.file.path),
        "UnitFileState": _file_state(root, name, unit),
        "ActiveEnterTimestamp": _wall(unit.entered),
        "ActiveEnterTimestampMonotonic": _monotonic(unit.entered),
        "InactiveEnterTimestamp": _wall(unit.stopped),
        "InactiveEnterTimestampMonotonic": _monotonic(unit.stopped),
        "InvocationID": unit.invocation,
    }


def properties(root: Path, name: str, unit: Unit | None, keys: list[str], bare: bool) -> str:
    """Return the properties asked for (all where none is) in systemd's order, not in that of `keys`."""
    found = _all(root, name, unit)
    return "".join(
        f"{value}\n" if bare else f"{key}={value}\n" for key, value in found.items() if not keys or key in keys
    )


def status(root: Path, unit: Unit, lines: int) -> str:
    """Return what `systemctl status` prints of a unit: its state, then the end of its log."""
    dot = {"active": "●", "failed": "×"}.get(unit.active, "○")  # noqa: RUF001 - systemd's own signs
    enabled = _file_state(root, unit.name, unit)
    since = _wall(unit.entered if unit.active == "active" else unit.stopped)
    result = f" (Result: {unit.result})" if unit.result != "success" else f" ({unit.sub})"
    text = (
        f"{dot} {unit.name} - {unit.file.description}\n"
        f"     Loaded: loaded ({unit.file.path}; {enabled}; preset: enabled)\n"
        f"     Active: {unit.active}{result}{f' since {since}' if since else ''}\n"
    )
    if unit.pid:
        text += f"   Main PID: {unit.pid} ({Path(unit.file.command[0]).name})\n"
    elif unit.exited_by:
        text += f"   Main PID: {unit.main_pid} (code={unit.exited_by}, status={unit.exit_status})\n"
    log = unit.log.read_text(errors="replace").splitlines()[-lines:] if lines and unit.log.exists() else []
    return text + "".join(f"{line}\n" for line in ["", *log] if log)


def table(units: Iterable[Unit], legend: bool, plain: bool) -> str:
    """Return what `systemctl list-units` prints."""
    rows = [(unit.name, "loaded", unit.active, unit.sub, unit.file.description) for unit in units]
    width = max((len(row[0]) for row in rows), default=4)
    lines = [
        f"{'' if plain else '● ' if row[2] == 'failed' else '  '}"
        f"{row[0]:<{width}} {row[1]:<6} {row[2]:<10} {row[3]:<12} {row[4]}"
        for row in rows
    ]
    if legend:
        head = f"{'' if plain else '  '}{'UNIT':<{width}} {'LOAD':<6} {'ACTIVE':<10} {'SUB':<12} DESCRIPTION"
        lines = [head, *lines, "", f"{len(rows)} loaded units listed."]
    return "".join(f"{line}\n" for line in lines)


def file_table(root: Path, names: list[str], legend: bool) -> str:
    """Return what `systemctl list-unit-files` prints."""
    width = max((len(name) for name in names), default=9)
    lines = [f"{name:<{width}} {'enabled' if unit_files.enabled(root, name) else 'disabled'}" for name in names]
    if legend:
        lines = [f"{'UNIT FILE':<{width}} STATE", *lines, "", f"{len(names)} unit files listed."]
    return "".join(f"{line}\n" for line in lines)
