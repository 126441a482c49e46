"""Which hosts an entry of an inventory names: ranges, and a port behind the name."""

from __future__ import annotations

import re
import string
from collections.abc import Iterator

_RANGE = re.compile(r"\[(?P<first>\d+|[A-Za-z])?:(?P<last>\d+|[A-Za-z])(?::(?P<step>\d+))?\]")
_PORT = re.compile(r"^(?P<name>(?:[^:\[\]]|\[[^\]]*\])*):(?P<port>\d+)$")
# The only way to give an IPv6 address a port.
_BRACKETS = re.compile(r"^\[(?P<name>[^\[\]]+)\]:(?P<port>\d+)$")


def hosts_of(pattern: str) -> tuple[list[str], int | None]:
    """Return the names that an entry stands for, and the port that it gives them. Raise ValueError."""
    if pattern.endswith(":"):
        raise ValueError("a name does not end with a colon; a port follows one, `db1:22`")
    brackets = _BRACKETS.match(pattern)
    address = brackets is not None and not _RANGE.fullmatch(f"[{brackets['name']}]")
    found = brackets if address else _PORT.match(pattern)
    name = found["name"] if found else pattern
    return list(expand(name)), int(found["port"]) if found else None


def expand(pattern: str) -> Iterator[str]:
    """Yield the names that a pattern with ranges stands for: `db[1:3]`, `db[01:10:2]`, `db[a:c]`. Raise ValueError."""
    found = _RANGE.search(pattern)
    if found is None:
        if "[" in pattern:
            raise ValueError("a range is written [1:4], [01:10:2] or [a:c]")
        yield pattern
        return
    first, last, step = found["first"] or "0", found["last"], int(found["step"] or 1)
    for value in _range(first, last, step):
        yield from expand(pattern[: found.start()] + value + pattern[found.end() :])


def _range(first: str, last: str, step: int) -> list[str]:
    if step < 1 or first.isdigit() != last.isdigit():
        raise ValueError("a range runs from a number to a number, or from a letter to a letter")
    if not first.isdigit():
        letters = string.ascii_letters  # small ones, then capitals: `[y:B]` is y, z, A, B
        values = list(letters[letters.index(first) : letters.index(last) + 1 : step])
    else:
        if first.startswith("0") and len(first) > 1 and len(first) != len(last):
            raise ValueError("both ends of a range with leading zeros have the same number of digits")
        width = len(first) if first.startswith("0") else 0
        values = [str(number).zfill(width) for number in range(int(first), int(last) + 1, step)]
    if not values:
        raise ValueError("the range is empty: it ends before it begins")
    return values
