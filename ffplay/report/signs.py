"""The sign of a change, from its values alone."""

from __future__ import annotations

from typing import Any

from ffplay.model import Change, Unknown
from ffplay.resources.command import Command, DetachedCommand
from ffplay.resources.job import Job

MEANING = {
    "+": "create or start",
    "~": "modify or restart",
    "-": "remove, stop or set aside",
    ">": "run a tool",
    "?": "known after apply",
}


def sign(change: Change) -> str:
    """Return the sign of a change: a key of `MEANING`."""
    if isinstance(change.after, Unknown):
        return "?"
    if isinstance(change.resource, (Command, DetachedCommand, Job)):
        return ">"
    if _grows(change.before, change.after):
        return "+"
    there, shall = present(change.before), present(change.after)
    if there == shall:
        return "~"
    return "+" if shall else "-"


def present(value: Any) -> bool:
    """Tell whether a value is that of a thing which is there, runs, or holds data."""
    if value is None or isinstance(value, (str, tuple)):
        return bool(value)
    if hasattr(value, "running"):
        return bool(value.running)
    if hasattr(value, "empty"):
        return not value.empty
    return getattr(value, "kind", "") != "absent"


def _grows(before: Any, after: Any) -> bool:
    """Tell whether a collection, of backups for instance, gets further members and keeps the ones it has."""
    both = isinstance(before, tuple) and isinstance(after, tuple)
    return both and len(after) > len(before) and after[: len(before)] == before
