"""A disk of its own for a lab, small enough to be filled: a tmpfs, where this process may mount one."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

_SIZE = "256m"
_FILLER = "what-fills-the-disk"


def can_mount() -> bool:
    """Tell whether this process may mount a disk: root in a container without CAP_SYS_ADMIN may not."""
    if os.geteuid():
        return False
    probe = ["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    with contextlib.suppress(FileNotFoundError):
        return subprocess.run(probe, capture_output=True, check=False).returncode == 0
    return False


@contextlib.contextmanager
def mounted(directory: Path) -> Iterator[None]:
    """Have a directory be a disk of its own."""
    directory.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={_SIZE}", "tmpfs", str(directory)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(directory)], check=True)


def fill(lab: Path) -> bool:
    """Fill the disk on which a lab is; tell False, and do nothing, where it is not one of its own."""
    if not os.path.ismount(lab.parent):
        return False
    with (lab.parent / _FILLER).open("ab") as filler, contextlib.suppress(OSError):
        size = 1 << 20
        while True:
            try:
                os.write(filler.fileno(), b"\0" * size)
            except OSError:
                if size == 1:
                    raise
                size = 1 if size <= 4096 else size // 16
    return True


def free(lab: Path) -> None:
    """Give back what fills the disk."""
    (lab.parent / _FILLER).unlink(missing_ok=True)
