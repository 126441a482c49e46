"""One host of the lab: its disk, its power, and its systemctl as this machine calls it."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shlex
import signal
import subprocess
import time
from pathlib import Path

from ffplay.errors import Error
from ffplay.lab import access, processes, services
from ffplay.lab.layout import LabHost, LabSite
from ffplay.lab.nspawn import base, cgroups, wires
from ffplay.lab.nspawn.commands import run

_BOOT_SECONDS = 20.0
_LOG_LINES = 15

# What the lab's programs import; it is taken from the environment that this runs in.
_MODULES = ("mongomock", "bson", "yaml", "jinja2")

# In a mount namespace of its own: there the unified hierarchy is where systemd-nspawn looks for it, wherever this
# machine has it; and in the host's group before it runs, since it makes its own groups below the one that it is in.
_START = """set -eu
[ "$1" = /sys/fs/cgroup ] || mount --bind "$1" /sys/fs/cgroup
echo $$ > "$2/cgroup.procs"
shift 2
exec systemd-nspawn "$@"
"""


def mount_disk(host: LabHost, lower: Path) -> None:
    """Mount a host's disk, unless it is: the base, with what was written on that host over it."""
    if host.root.is_mount():
        return
    upper, work = (host.root.parent / name for name in ("upper", "work"))
    for directory in (upper, work, host.root):
        directory.mkdir(parents=True, exist_ok=True)
    upper.chmod(0o755)
    paths = (f"lowerdir={lower}", f"upperdir={upper}", f"workdir={work}")
    if any(character in path for path in paths for character in ",:"):
        raise Error(f"overlayfs cannot take a path with a comma or a colon: {host.root.parent}", "take another --dir")
    hint = "the lab's directory must be on a file system of this machine's own: not on an overlay, not on a network"
    run("mount", "-t", "overlay", "ffplay-lab", "-o", ",".join(paths), host.root, hint=hint)


def unmount_disk(host: LabHost) -> None:
    """Unmount a host's disk, if it is mounted; what was written stays."""
    while host.root.is_mount():
        run("umount", host.root, hint=f"look for what uses it: fuser -vm {shlex.quote(str(host.root))}")


def boot(site: LabSite, host: LabHost) -> None:
    """Boot a host in the background, and return once it has an init."""
    group = cgroups.of_host(site, host)
    group.mkdir(parents=True, exist_ok=True)
    hierarchy = cgroups.hierarchy()
    arguments = [
        "--quiet",
        "--boot",
        "--register=no",
        "--keep-unit",
        f"--machine={host.name}",
        f"--directory={host.root}",
        f"--network-namespace-path=/run/netns/{wires.namespace(host)}",
        "--link-journal=no",
        "--resolv-conf=off",
        "--timezone=off",
        "--console=pipe",
        *_binds(host),
    ]
    seen = Path("/sys/fs/cgroup") / group.relative_to(hierarchy)
    with host.console.open("ab") as log:
        process = subprocess.Popen(
            [
                *("unshare", "--mount", "--propagation=slave"),
                *("sh", "-c", _START, "sh", str(hierarchy), str(seen), *arguments),
            ],
            env={"PATH": access.SYSTEM_PATH, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    leader = _await_leader(host, group, process)
    process.returncode = 0  # it outlives us: Popen must neither wait for it nor complain
    services.executable(host.control, f'#!/bin/sh\nexec nsenter --target {leader} --all systemctl "$@"\n')


def _binds(host: LabHost) -> list[str]:
    """Return what of this machine a host sees: this package, and what it imports."""
    package = Path(services.package_path()) / "ffplay"
    found = [f"--bind-ro={_escaped(package)}:{base.OURS}/ffplay"]
    if not host.shards:
        where = dict.fromkeys(str(Path(_origin(name)).parents[1]) for name in _MODULES)
        found += [f"--bind-ro={_escaped(path)}:{base.OURS}/packages/{n}" for n, path in enumerate(where)]
    return found


def _origin(module: str) -> str:
    found = importlib.util.find_spec(module)
    if found is None or found.origin is None:
        raise Error(f"the lab needs the Python package {module}, which is not installed", "pip install 'ffplay[lab]'")
    return found.origin


def _escaped(path: object) -> str:
    """Quote for systemd-nspawn's options, which part paths at colons."""
    return str(path).replace("\\", "\\\\").replace(":", "\\:")


def _await_leader(host: LabHost, group: Path, process: subprocess.Popen[bytes]) -> int:
    deadline = time.monotonic() + _BOOT_SECONDS
    while True:
        leader = _leader(group)
        if leader is not None:
            return leader
        if process.poll() is not None or time.monotonic() > deadline:
            said = "\n".join(host.console.read_text(errors="replace").splitlines()[-_LOG_LINES:])
            raise Error(f"the lab host {host.name} does not boot:\n{said}", f"look into {host.console}")
        time.sleep(0.01)


def _leader(group: Path) -> int | None:
    """Return the process of a group that is PID 1 to the others, once it has become systemd."""
    for member in cgroups.members(group):
        with contextlib.suppress(OSError):
            status = Path(f"/proc/{member}/status").read_text()
            numbers = next(line.split()[1:] for line in status.splitlines() if line.startswith("NSpid:"))
            if len(numbers) > 1 and numbers[-1] == "1" and "Name:\tsystemd\n" in status:
                return member
    return None


def cut(site: LabSite, host: LabHost) -> None:
    """Cut a host's power: its wire first, so nobody is told, then its init, with which the kernel ends the rest."""
    wires.unplug(host)
    host.control.unlink(missing_ok=True)
    group = cgroups.of_host(site, host)
    leader = _leader(group)
    if leader is not None:
        processes.send([leader], signal.SIGKILL)
    processes.kill(lambda: cgroups.members(group))
    cgroups.remove(group)
    wires.forget(host)


def shut_down(site: LabSite, host: LabHost) -> None:
    """Ask a host to shut down in an orderly way; nobody waits for that here."""
    leader = _leader(cgroups.of_host(site, host))
    if leader is not None:
        # systemd's own signal for `halt`: the host's init ends, and systemd-nspawn with it.
        with contextlib.suppress(ProcessLookupError):
            os.kill(leader, signal.SIGRTMIN + 3)
