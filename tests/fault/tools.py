"""Notes who starts the vendor's tools in a lab, and whether one is started while it still runs."""

from __future__ import annotations

from pathlib import Path

from ffplay.lab.layout import LabHost, LabSite

# Tools by host group, and which of their processes may run beside one another: those of other arguments, or none.
_TOOLS = (("app", "usr/bin/findface-regenerate"), ("app", "usr/bin/python3"), ("db", "usr/bin/findface-build-index"))

# A lock that a process holds by an open descriptor ends with the last process that inherited it, however that dies.
_WRAPPER = """#!/bin/sh
kind="{name} $*"
case $kind in *mongo2searchapi*) ;; python3*) exec {real} "$@";; esac
exec 9>>"{log}.$(printf '%s' "$kind" | cksum | tr -dc 0-9)"
flock -n 9 || printf 'overlap %s %s\\n' "$$" "$kind" >> {log}
printf 'start %s %s\\n' "$$" "$kind" >> {log}
exec {real} "$@"
"""


def watch(lab: LabSite) -> None:
    """Put a note-taker before each tool."""
    for host in lab.hosts:
        for group, name in _TOOLS:
            tool = host.root / name
            if (group == "app") == (host == lab.app) and tool.exists():
                _wrap(lab, host, tool)


def _wrap(lab: LabSite, host: LabHost, tool: Path) -> None:
    real = tool.with_name(f"{tool.name}.real")
    tool.rename(real)
    tool.write_text(_WRAPPER.format(name=tool.name, real=real, log=log_of(lab)))
    tool.chmod(0o755)


def log_of(lab: LabSite) -> Path:
    """Return the file with all starts; it is on another disk than the lab's where that one is to be filled."""
    return lab.directory.parent.parent / f"{lab.directory.parent.name}-tools.log"


def overlaps(lab: LabSite) -> list[str]:
    """Return each start of a tool that ran already."""
    log = log_of(lab)
    lines = log.read_text().splitlines() if log.exists() else []
    return [f"started while it ran: {line.split(' ', 2)[2]}" for line in lines if line.startswith("overlap ")]


def starts(lab: LabSite) -> int:
    """Return how often tools were started."""
    log = log_of(lab)
    return log.read_text().count("start ") if log.exists() else 0
