"""What a run does on hosts, operation by operation, and the faults that can meet one."""

from __future__ import annotations

import enum
import random
import re
from dataclasses import dataclass, field
from typing import Any, Self

# How an operation reaches a host: a new connection, a script, a file sent or fetched, a tunnel, a
# connection through it, a look at a port.
KINDS = ("connect", "run", "put", "get", "forward", "dial", "reachable")

# What a script that changes something begins with (`SiteLock.fence`), and each further change in it (`fence_again`): a
# fault in a script comes after one of them, where the work is done.
_FENCE = re.compile(
    r'ffplay_token=; [^\n]*\n\[ "\$ffplay_token" = [^\n]*\n\[ ! -e [^\n]*/stop \][^\n]*\n'
    r'|ffplay_token=;.*?\n\[ "\$ffplay_w" = [^\n]*\n',
    re.DOTALL,
)

_FUNCTION = re.compile(r"^alive\(\) \{\n.*?^\}\n", re.DOTALL | re.MULTILINE)
# What a journal's line calls the change that a script makes.
_SUMMARY = re.compile(r'^\{"n": .*?"summary": "((?:[^"\\]|\\.)*)"', re.MULTILINE)
_ROOT = re.compile(r"/[^\s'\"]*/hosts/[a-z0-9]+/")
_RUN = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]+")


class Mode(enum.Enum):
    """What goes wrong at an operation."""

    CUT_BEFORE = "cut-before"  # the connection is lost before anything is sent
    CUT_DURING = "cut-during"  # it is lost as soon as all is sent, and the script does its work some time later
    CUT_AFTER = "cut-after"  # the work is done, and the connection is lost before the reply
    CUT_IDLE = "cut-idle"  # the work is done and the reply is there, and then the connection is lost
    GONE = "gone"  # as cut-after, and the host cannot be reached any more while the run lasts
    FAIL = "fail"  # exit code 1, nothing done
    FAIL_AFTER = "fail-after"  # the work is done, and the exit code is 1
    HANG = "hang"  # no end until the deadline, which is shortened
    KILL_BEFORE = "kill-before"  # SIGKILL of the controller before anything is sent
    KILL_DURING = "kill-during"  # SIGKILL as soon as all is sent; the script does its work some time later
    KILL_AFTER = "kill-after"  # SIGKILL when the work is done
    REBOOT_DURING = "reboot-during"  # the host loses its power while it works, and boots
    REBOOT_AFTER = "reboot-after"  # the host loses its power when the work is done, and boots
    REBOOT_IDLE = "reboot-idle"  # the work is done and the reply is there, and then the host loses its power and boots
    DISK_FULL = "disk-full"  # no byte can be written any more until the run has ended


_SCRIPTS = frozenset({"run"})
_WRITES = frozenset({"run", "put"})
_SENT = frozenset({"run", "put", "get"})
_ALL = frozenset(KINDS)

# Which of them make sense at a further change in the middle of a script: the script as a whole meets all of them.
INSIDE = frozenset({Mode.CUT_DURING, Mode.FAIL, Mode.FAIL_AFTER, Mode.HANG, Mode.KILL_DURING})

# At which kinds of operation a mode makes sense.
AT: dict[Mode, frozenset[str]] = {
    Mode.CUT_BEFORE: _ALL,
    Mode.CUT_DURING: _SENT,
    Mode.CUT_AFTER: _ALL,
    Mode.CUT_IDLE: _SENT,
    Mode.GONE: _ALL,
    Mode.FAIL: _SENT,
    Mode.FAIL_AFTER: _SCRIPTS,
    Mode.HANG: _SCRIPTS,
    Mode.KILL_BEFORE: _ALL,
    Mode.KILL_DURING: _SENT,
    Mode.KILL_AFTER: _ALL,
    Mode.REBOOT_DURING: _SENT,
    Mode.REBOOT_AFTER: _ALL,
    Mode.REBOOT_IDLE: _SENT,
    Mode.DISK_FULL: _WRITES,
}

# Modes after which a script of the run may still be at work when the run has ended.
LATE = {Mode.CUT_DURING, Mode.KILL_DURING}


@dataclass(frozen=True, order=True)
class Operation:
    """The `number`-th operation of a kind on a host in a run, or in a script of several changes one of these.

    `part` counts them from 1; 0 is the operation as a whole, with what its script begins with. `label` says what it
    does, for people; `changes` tells whether it looks at the lock first, as all do that change something.
    """

    host: str
    kind: str
    number: int
    part: int = 0
    label: str = field(default="", compare=False)
    changes: bool = field(default=False, compare=False)

    def __str__(self) -> str:
        return f"{self.host}:{self.kind}:{self.number}" + (f"/{self.part}" if self.part else "")

    @property
    def whole(self) -> Operation:
        """Return the operation that it is a part of."""
        return Operation(self.host, self.kind, self.number)

    @property
    def modes(self) -> tuple[Mode, ...]:
        """Return what can go wrong at it."""
        return tuple(mode for mode in Mode if self.kind in AT[mode] and (not self.part or mode in INSIDE))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the operation of `HOST:KIND:N` or `HOST:KIND:N/PART`. Raise ValueError."""
        host, kind, place = text.split(":")
        number, _, part = place.partition("/")
        if kind not in KINDS:
            raise ValueError(f"no such kind: {kind}; there are {', '.join(KINDS)}")
        return cls(host, kind, int(number), int(part or 0))


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong once. `seed` decides what is left to chance: where in a script, and how late."""

    operation: Operation
    mode: Mode
    seed: int = 0

    def __str__(self) -> str:
        return f"{self.mode.value} at {self.operation}"

    @property
    def chance(self) -> random.Random:
        """Return what makes this fault's choices, the same ones every time."""
        return random.Random(f"{self.seed} {self.operation} {self.mode.value}")


def matrix(operations: list[Operation], modes: list[Mode], seed: int) -> list[Fault]:
    """Return every fault that makes sense."""
    return [Fault(one, mode, seed) for one in operations for mode in modes if mode in one.modes]


def sample(faults: list[Fault], count: int, seed: int) -> list[Fault]:
    """Return so many faults, of each mode as many as of the others as far as there are."""
    chance = random.Random(seed)
    by_mode: dict[Mode, list[Fault]] = {}
    for fault in sorted(faults, key=lambda one: (one.mode.value, one.operation)):
        by_mode.setdefault(fault.mode, []).append(fault)
    for pile in by_mode.values():
        chance.shuffle(pile)
    chosen: list[Fault] = []
    while len(chosen) < count and any(by_mode.values()):
        chosen += [pile.pop() for pile in by_mode.values() if pile]
    return chosen[:count]


def changed(script: str, part: int, put_in: str) -> str:
    """Return a script with something put in where its work begins, or where that of one of its changes does."""
    fences = list(_FENCE.finditer(script))
    at = fences[part].end() if fences else 0
    return f"{script[:at]}{put_in}\n{script[at:]}"


def parts_of(what: Any) -> list[str]:
    """Return the text behind each fence of a script, up to the next."""
    text = str(what)
    fences = list(_FENCE.finditer(text))
    ends = [*(fence.start() for fence in fences[1:]), len(text)]
    return [text[fence.end() : end] for fence, end in zip(fences, ends, strict=False)]


def is_fenced(what: Any) -> bool:
    """Tell whether a script looks at the lock."""
    return _FENCE.search(str(what)) is not None


def label_of(what: Any) -> str:
    """Return in a few words what a script does, without where the lab is: its change, or its first line."""
    text = str(what)
    if text and _FENCE.fullmatch(text):
        return "look at the lock"
    noted = _SUMMARY.search(text)
    if noted:
        return _RUN.sub("RUN", _ROOT.sub("/", noted[1]))[:90]
    for line in _FUNCTION.sub("", _FENCE.sub("", text)).splitlines():
        words = _RUN.sub("RUN", _ROOT.sub("/", line.strip()))
        if words and words not in {"(", "{"} and not words.startswith(("umask", "set -e", "#", "ffplay_")):
            return words[:90]
    return ""
