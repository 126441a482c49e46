"""Which files an input was read from, so that a saved plan can tell whether they are still the same.

Everything that a playbook or an inventory is made of is read here: it is noted where somebody `watching` wants to know.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path

# Begins the name of what a program printed.
OUTPUT_OF = "output of "

_SEEN: ContextVar[dict[str, str] | None] = ContextVar("files that were read", default=None)


@contextlib.contextmanager
def watching() -> Iterator[dict[str, str]]:
    """Give a mapping that fills with the path of each file that is read meanwhile, as it was named, and its SHA-256."""
    found: dict[str, str] = {}
    token = _SEEN.set(found)
    try:
        yield found
    finally:
        _SEEN.reset(token)


def note(name: str, content: bytes) -> None:
    """Note a file, or what a program printed in the place of one."""
    seen = _SEEN.get()
    if seen is not None:
        seen[name] = hashlib.sha256(content).hexdigest()


def read_bytes(path: Path) -> bytes:
    """Return a file's content. Raise OSError."""
    content = path.read_bytes()
    note(str(path), content)
    return content


def read_text(path: Path) -> str:
    """Return a text file's content, its line ends as line feeds. Raise OSError, or UnicodeDecodeError."""
    return read_bytes(path).decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")
