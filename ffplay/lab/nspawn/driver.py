"""The driver of hosts that are whole machines."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from ffplay.errors import Error
from ffplay.lab import access, services, shards
from ffplay.lab.layout import MACHINE_USER, LabHost, LabOptions, LabSite
from ffplay.lab.nspawn import base, cgroups, machine, wires

_STOP_SECONDS = 15.0
_CAP_SYS_ADMIN = 21

# inotify instances that a booted host with somebody logged in takes, of those that root may have on this machine.
_INOTIFY_A_HOST = 10
_INOTIFY = Path("/proc/sys/fs/inotify/max_user_instances")

_PROGRAMS = {
    "systemd-nspawn": "systemd-container",
    "debootstrap": "debootstrap",
    "ip": "iproute2",
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "ssh-keygen": "openssh-client",
}

_BASE = "base"
_PYTHONS = "usr/bin/python3*"


class Nspawn:
    """The driver that boots each host with systemd-nspawn; `progress` is told where building the base takes a while."""

    def __init__(self, progress: Callable[[str], None]) -> None:
        self._progress = progress

    def check(self, options: LabOptions) -> None:
        """See `Driver.check`."""
        if os.geteuid() != 0:
            raise Error("the nspawn driver needs root: it mounts, and makes network namespaces", "run it with sudo")
        if not _capable(_CAP_SYS_ADMIN):
            raise Error(
                "the nspawn driver needs CAP_SYS_ADMIN, which this container does not have",
                "run it on a machine of its own, or take --driver loopback",
            )
        for name, package in _PROGRAMS.items():
            access.program(name, package)
        cgroups.hierarchy()
        check_inotify(options.hosts + 1)

    def claimed(self, subnet: str | None) -> AbstractContextManager[str]:
        """See `Driver.claimed`: once it is made, the bridge is the claim."""
        return wires.claimed(subnet)

    def install(self, site: LabSite) -> None:
        """See `Driver.install`."""
        lower = base.ready(self._progress)
        (site.directory / _BASE).write_text(f"{lower}\n")
        for host in site.hosts:
            machine.mount_disk(host, lower)
            _personalise(site, host)
            services.install(site, host, services.Runtime(base.PYTHON, base.OURS))
            if host.shards:
                _own_shards(host)
                for python in host.root.glob(_PYTHONS):
                    python.unlink()  # tntapi hosts need none, and nothing may come to lean on one
            _enable(site, host)

    def boot(self, site: LabSite, host: LabHost) -> None:
        """See `Driver.boot`."""
        lower = Path((site.directory / _BASE).read_text().strip())
        if not lower.exists():
            raise Error(f"the base of this lab's hosts is gone: {lower}", "make a new lab: its disks are useless")
        machine.mount_disk(host, lower)
        wires.lay(site)
        wires.plug(site, host)
        machine.boot(site, host)

    def cut(self, site: LabSite, host: LabHost) -> None:
        """See `Driver.cut`."""
        machine.cut(site, host)

    def stop(self, site: LabSite) -> int:
        """See `Driver.stop`."""
        group = cgroups.of_lab(site)
        found = self.processes(site)
        for host in site.hosts:
            machine.shut_down(site, host)
        deadline = time.monotonic() + _STOP_SECONDS
        while cgroups.members(group) and time.monotonic() < deadline:
            time.sleep(0.03)
        for host in site.hosts:
            machine.cut(site, host)
        cgroups.remove(group)
        wires.remove(site)
        for host in site.hosts:
            machine.unmount_disk(host)
        return found

    def processes(self, site: LabSite) -> int:
        """See `Driver.processes`."""
        return len(cgroups.members(cgroups.of_lab(site)))


def check_inotify(hosts: int) -> None:
    """Raise `Error` where this machine has not what so many hosts take."""
    needed, used, allowed = hosts * _INOTIFY_A_HOST, _inotify_used(), int(_INOTIFY.read_text())
    if used + needed > allowed:
        raise Error(
            f"{hosts} hosts with systemd need {needed} inotify instances; of {allowed} there are {used} in use",
            "sysctl fs.inotify.max_user_instances=4096",
        )


def _inotify_used() -> int:
    """Return how many inotify instances processes of root have; it does not matter if one is missed."""
    found = 0
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if process.stat().st_uid == 0:
                found += sum(str(file.readlink()) == "anon_inode:inotify" for file in (process / "fd").iterdir())
    return found


def _capable(number: int) -> bool:
    status = Path("/proc/self/status").read_text().splitlines()
    mask = next(line.split()[1] for line in status if line.startswith("CapEff:"))
    return bool(int(mask, 16) >> number & 1)


def _personalise(site: LabSite, host: LabHost) -> None:
    """Give a host its name, the names of the others and the key that logs in."""
    (host.root / "etc/hostname").write_text(f"{host.name}\n")
    names = "".join(f"{other.address} {other.name}\n" for other in site.hosts)
    (host.root / "etc/hosts").write_text(f"127.0.0.1 localhost\n{names}")
    allowed = host.root / f"home/{MACHINE_USER}/.ssh/authorized_keys"
    shutil.copyfile(site.directory / "keys/authorized_keys", allowed)
    allowed.chmod(0o600)
    _chown(allowed, host, MACHINE_USER)


def _own_shards(host: LabHost) -> None:
    data = host.root / shards.DATA
    for path in (data, *data.rglob("*")):
        _chown(path, host, "tarantool")


def _chown(path: Path, host: LabHost, user: str) -> None:
    """Give a file to a user of the host, whose ids this machine need not know."""
    fields = (line.split(":") for line in (host.root / "etc/passwd").read_text().splitlines())
    uid, gid = next((int(field[2]), int(field[3])) for field in fields if field[0] == user)
    os.chown(path, uid, gid)


def _enable(site: LabSite, host: LabHost) -> None:
    """Have the lab's units start with the host, as `systemctl enable` does."""
    wants = host.root / "etc/systemd/system/multi-user.target.wants"
    for name in services.units(site, host):
        link = wants / name
        file = f"{name.partition('@')[0]}@.service" if "@" in name else name
        own = (host.root / "etc/systemd/system" / file).exists()
        if not link.is_symlink():
            link.symlink_to(f"/etc/systemd/system/{file}" if own else f"/lib/systemd/system/{file}")
