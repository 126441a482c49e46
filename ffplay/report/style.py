"""How text looks: colours, and how much of everything is shown."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

_COLOURS: Mapping[str, str] = MappingProxyType(
    {"red": "31", "green": "32", "yellow": "33", "magenta": "35", "cyan": "36", "bold": "1", "dim": "2"}
)

# The colour of each sign that may stand before a line of a plan.
SIGN_COLOURS: Mapping[str, str] = MappingProxyType(
    {"+": "green", "~": "yellow", "-": "red", ">": "cyan", "?": "magenta", "!": "red", "i": "cyan", "check": "cyan"}
)

# What a host prints may hold escape sequences that would move the operator's cursor or rename the window, and
# characters that turn the order of those after them.
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")


@dataclass(frozen=True, slots=True)
class Style:
    """How much and how.

    `verbose` counts the `-v`. `diff` is how much of files' differences the operator asked for: `none`, `summary` (how
    many lines), `short` (long ones folded) or `full`; empty where nobody said.
    """

    colour: bool = False
    verbose: int = 0
    diff: str = ""

    def diffs(self, usual: str = "short") -> str:
        """Return how much of files' differences is shown; `usual` where the operator did not ask for more or less."""
        return self.diff or ("full" if self.verbose else usual)

    def mark(self, text: str) -> str:
        """Return a part of a coloured text so that it stands out."""
        return f"\x1b[7m{text}\x1b[27m" if self.colour and text else text

    def paint(self, colour: str, text: str) -> str:
        """Return the text in a colour, or as it is where there are none."""
        return f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m" if self.colour and text else text

    def sign(self, sign: str) -> str:
        """Return a sign in its colour."""
        return self.paint(SIGN_COLOURS[sign], sign)


def clean(text: str) -> str:
    """Return text from a host without what would steer a terminal; of an overwritten line the last state stays."""
    lines = text.replace("\r\n", "\n").split("\n")
    return "\n".join(_CONTROL.sub("", line.rstrip("\r").rpartition("\r")[2]) for line in lines)


def plural(count: int, noun: str) -> str:
    """Return a count with its noun: 1 change, 2 changes."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def duration(seconds: float) -> str:
    """Return seconds as people write them: 0.8 s, 2 min 5 s, 1 h 3 min, 9 days 8 h."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours >= 24:
        return f"{plural(hours // 24, 'day')} {hours % 24} h"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
