"""The control groups of a lab: one for the lab, one below it for each host. They tell which processes are whose."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

from ffplay.errors import Error
from ffplay.lab.layout import LabHost, LabSite

_MOUNTS = Path("/proc/self/mountinfo")
_REMOVE_SECONDS = 5.0


def hierarchy() -> Path:
    """Return where this machine has mounted the unified hierarchy. Raise `Error` where it has not."""
    for line in _MOUNTS.read_text().splitlines():
        before, _, after = line.partition(" - ")
        if after.split(" ")[0] == "cgroup2":
            return Path(before.split(" ")[4])
    raise Error(
        "this machine has not mounted cgroup v2, which systemd needs in the lab's hosts",
        "mkdir -p /sys/fs/cgroup/unified && mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified",
    )


def of_lab(site: LabSite) -> Path:
    """Return the lab's group; it may not be there."""
    return hierarchy() / f"ffplay-lab-{site.identity}"


def of_host(site: LabSite, host: LabHost) -> Path:
    """Return a host's group; it may not be there."""
    return of_lab(site) / host.name


def members(group: Path) -> set[int]:
    """Return the ids of all processes in a group and those below it."""
    found = set()
    for directory, _, _ in os.walk(group):
        with contextlib.suppress(OSError):
            found |= {int(line) for line in (Path(directory) / "cgroup.procs").read_text().split()}
    return found


def remove(group: Path) -> None:
    """Remove a group that has no processes any more, with those below it."""
    deadline = time.monotonic() + _REMOVE_SECONDS
    while group.exists():
        for directory, _, _ in os.walk(group, topdown=False):
            with contextlib.suppress(OSError):
                Path(directory).rmdir()
        if group.exists():
            if time.monotonic() > deadline:
                raise Error(f"the control group {group} cannot be removed", f"look for its processes: {members(group)}")
            time.sleep(0.02)  # a process that has ended leaves its group a moment later
