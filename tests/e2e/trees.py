"""What lies on the hosts of a lab, to the byte and to the nanosecond: a test sees whether anybody wrote there."""

from __future__ import annotations

import hashlib
import stat
from pathlib import Path

from ffplay.lab.layout import LabSite

# What the services themselves write while they serve.
_ALIVE = ("run/", "var/log/")


def trees(lab: LabSite) -> dict[str, tuple[object, ...]]:
    """Return mode, owner, times and digest of everything on every host, by HOST:PATH."""
    found = {}
    for host in lab.hosts:
        for path in host.root.rglob("*"):
            name = str(path.relative_to(host.root))
            if not name.startswith(_ALIVE):
                found[f"{host.name}:{name}"] = _entry(path)
    return found


def differences(before: dict[str, tuple[object, ...]], after: dict[str, tuple[object, ...]]) -> list[str]:
    """Return what is there more, less, or otherwise."""
    return sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))


def _entry(path: Path) -> tuple[object, ...]:
    seen = path.lstat()
    body = b""
    if stat.S_ISREG(seen.st_mode):
        body = path.read_bytes()
    elif stat.S_ISLNK(seen.st_mode):
        body = str(path.readlink()).encode()
    return (seen.st_mode, seen.st_uid, seen.st_gid, seen.st_mtime_ns, seen.st_ctime_ns, hashlib.sha256(body).digest())
