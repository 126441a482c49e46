"""Unit files of a lab host: the few keys of systemd's format that its services need.

They are real files under `<root>/etc/systemd/system`, so that `systemctl cat` has something to show and a person may
edit them; a unit is enabled where it has a link in `multi-user.target.wants`.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from pathlib import Path

# systemd's own default start limit, and the time that it lets a service take to start or stop.
START_LIMIT_BURST = 5
START_LIMIT_SECONDS = 10.0
DEFAULT_TIMEOUT_SECONDS = 90.0

_SYSTEM = "etc/systemd/system"
_WANTS = f"{_SYSTEM}/multi-user.target.wants"
_INSTANCES = "etc/tarantool/instances.enabled"


@dataclass(frozen=True, slots=True)
class UnitFile:
    """A unit as its file has it. `kind` is systemd's Type; times are seconds."""

    name: str
    path: Path
    description: str
    command: tuple[str, ...]
    kind: str = "simple"
    restart: str = "no"
    restart_seconds: float = 0.1
    stop_seconds: float = DEFAULT_TIMEOUT_SECONDS
    start_seconds: float = DEFAULT_TIMEOUT_SECONDS
    environment: tuple[tuple[str, str], ...] = field(default=())


def full_name(name: str) -> str:
    """Return the unit's name with its suffix."""
    suffixes = (".service", ".target", ".socket", ".timer", ".mount")
    return name if name.endswith(suffixes) else f"{name}.service"


def _instance(name: str) -> str | None:
    template, at, instance = name.removesuffix(".service").partition("@")
    return instance if at and template and instance else None


def load(root: Path, name: str) -> UnitFile | None:
    """Return the unit of that full name, or None where the host has none."""
    instance = _instance(name)
    path = root / _SYSTEM / name
    if instance is not None:
        path = root / _SYSTEM / f"{name.partition('@')[0]}@.service"
        # The shard's Lua file is what makes an instance exist.
        if name.startswith("tarantool@") and not (root / _INSTANCES / f"{instance}.lua").exists():
            return None
    if not path.is_file():
        return None
    return _parse(name, path, instance or "")


def _parse(name: str, path: Path, instance: str) -> UnitFile:
    keys: dict[str, str] = {}
    environment = []
    for line in path.read_text().splitlines():
        key, equals, value = line.strip().partition("=")
        if not equals or key.startswith(("#", ";")):
            continue
        if key == "Environment":
            environment += [(one.partition("=")[0], one.partition("=")[2]) for one in shlex.split(value)]
        else:
            keys[key] = value.replace("%i", instance)
    return UnitFile(
        name,
        path,
        keys.get("Description", name),
        tuple(shlex.split(keys["ExecStart"])),
        keys.get("Type", "simple"),
        keys.get("Restart", "no"),
        _seconds(keys.get("RestartSec"), 0.1),
        _seconds(keys.get("TimeoutStopSec"), DEFAULT_TIMEOUT_SECONDS),
        _seconds(keys.get("TimeoutStartSec"), DEFAULT_TIMEOUT_SECONDS),
        tuple(environment),
    )


def _seconds(text: str | None, default: float) -> float:
    if text is None:
        return default
    if text.endswith("ms"):
        return float(text[:-2]) / 1000
    return float(text.removesuffix("s"))


def names(root: Path) -> list[str]:
    """Return the full names of all units that the host has, instances of templates included, sorted."""
    found = {path.name for path in (root / _SYSTEM).glob("*.service") if not path.name.endswith("@.service")}
    found |= {f"tarantool@{path.stem}.service" for path in (root / _INSTANCES).glob("*.lua")}
    return sorted(found)


def enabled(root: Path, name: str) -> bool:
    """Tell whether the unit starts with its host."""
    return (root / _WANTS / name).is_symlink()


def enable(root: Path, unit: UnitFile) -> str:
    """Make the unit start with its host; return what systemctl prints of it, nothing where it was so before."""
    link = root / _WANTS / unit.name
    if link.is_symlink():
        return ""
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(unit.path)
    return f"Created symlink {link} → {unit.path}.\n"


def disable(root: Path, name: str) -> str:
    """Do not start the unit with its host; return what systemctl prints of it."""
    link = root / _WANTS / name
    if not link.is_symlink():
        return ""
    link.unlink()
    return f"Removed {link}.\n"
