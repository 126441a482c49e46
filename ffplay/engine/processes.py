"""Which process of which machine a run is: one that is surely dead can be told from one that is out of sight."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from ffplay.resources.lock import Holder


@dataclass(frozen=True, slots=True)
class Identity:
    """A process of a Linux machine.

    `machine` is the machine's own id (empty where it has none), `boot` that of its present boot, `space` the namespace
    in which `pid` counts, `started` the process's start in clock ticks since the boot: a pid is given to another
    process one day.
    """

    machine: str
    boot: str
    space: str
    pid: int
    started: str

    def __str__(self) -> str:
        return "/".join((self.machine, self.boot, self.space, str(self.pid), self.started))

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Return the identity in a text that `str` made, None where it is none."""
        words = text.split("/")
        if len(words) != 5 or not words[3].isdigit():
            return None
        return cls(words[0], words[1], words[2], int(words[3]), words[4])


def identity(pid: int) -> Identity | None:
    """Return the identity of a process of this machine, None where there is no such process, or no way to tell."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        space = str(Path("/proc/self/ns/pid").readlink()).rpartition("[")[2].rstrip("]")
        # The command's name, in parentheses, may hold blanks.
        started = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return None
    return Identity(_machine(), boot, space, pid, started)


def _machine() -> str:
    try:
        return Path("/etc/machine-id").read_text().strip()
    except OSError:
        return ""


def dead(holder: Holder) -> bool:
    """Tell whether a lock's holder is surely dead: it ran on this very machine, and its process is there no more."""
    then, here = Identity.parse(holder.process), identity(os.getpid())
    if then is None or here is None or holder.machine != socket.gethostname() or then.machine != here.machine:
        return False
    if then.boot != here.boot:
        return bool(here.machine)
    return then.space == here.space and identity(then.pid) != then
