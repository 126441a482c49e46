"""What two values of one thing differ in, in words: of a value that was read then and now, or planned and found.

A value is taken for its named facts, short texts that a plan may be held to without keeping the value itself. A file's
lines are the one fact that is no text to read: `LINES` holds a short digest of each, with the setting's name where the
line has one, so that the line that changed can be named and none of them be told.
"""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from ffplay.model import Unknown

# The fact with the digests of a file's lines, and the one that tells whether its content is the same at all.
LINES = "lines"
CONTENT = "content"

# Longer texts are told by their beginning, and told apart by their digest.
_LONGEST = 120

# A file of more lines is known by its digest alone.
_MOST_LINES = 2000

_SETTING = re.compile(r"^\s*[#-]*\s*([A-Za-z_][\w.-]*)\s*[:=]")


def facts_of(value: Any) -> dict[str, str]:
    """Return a value's facts: those that it tells itself, or its fields that count in comparisons.

    The fields of a field are `FIELD name`.
    """
    if hasattr(value, "facts"):
        return dict(value.facts)
    if is_dataclass(value) and not isinstance(value, type | Unknown):
        return dict(_fields(value))
    return {"value": text_of(value)}


def _fields(value: Any) -> Iterator[tuple[str, str]]:
    for field in fields(value):
        if not field.compare:
            continue
        name, inner = field.name.replace("_", " "), getattr(value, field.name)
        if is_dataclass(inner) and not isinstance(inner, type | Unknown):
            yield name, "there"
            yield from ((f"{name} {part}", text) for part, text in _fields(inner))
        else:
            yield name, text_of(inner)


def members(noun: str, names: Iterable[str]) -> dict[str, str]:
    """Return the facts of a collection, of backups for instance: how many there are, and which."""
    found = tuple(names)
    return {f"number of {noun}s": str(len(found)), **{f"{noun} {name}": "there" for name in found}}


def text_of(value: Any) -> str:
    """Return a value as a short text; a long one with its digest."""
    if value is None or isinstance(value, bool):
        return {None: "none", True: "yes", False: "no"}[value]
    if isinstance(value, Unknown):
        return f"known after apply: {value.why}"
    if isinstance(value, bytes):
        return f"{len(value)} bytes, SHA-256 {hashlib.sha256(value).hexdigest()[:16]}"
    if isinstance(value, Mapping):
        value = tuple(f"{key}={text_of(item)}" for key, item in value.items())
    if isinstance(value, tuple | list | set | frozenset):
        return _short(", ".join(map(text_of, value)) or "none")
    if is_dataclass(value) and not isinstance(value, type):
        return _short(" ".join(f"{name} {text}" for name, text in _fields(value)))
    return _short(str(value)) or "empty"


def _short(text: str) -> str:
    if len(text) <= _LONGEST:
        return text
    digest = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return f"{text[:_LONGEST]}... ({len(text)} characters, SHA-256 {digest})"


def content_facts(content: bytes) -> dict[str, str]:
    """Return the facts of a file's content."""
    found = {CONTENT: text_of(content)}
    lines = content.split(b"\n")
    if b"\0" not in content and len(lines) <= _MOST_LINES:
        found[LINES] = " ".join(map(_line, lines))
    return found


def _line(line: bytes) -> str:
    """Return a digest that tells a line from another one and is too short to tell what it was, and its setting."""
    named = None if b"," in line else _SETTING.match(line.decode("utf-8", "replace"))
    return hashlib.sha256(line).hexdigest()[:4] + (f"/{named[1]}" if named else "")


def since(was: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Return what of a thing changed, from its facts then and now: `facen_size was 320, is now 480`."""
    found = [f"{name} was {old}, is now {new}" for name, old, new in _named(was, now)]
    words = {"replace": "changed", "delete": "removed", "insert": "added"}
    return found + [f"{where} {words[kind]}" for kind, where in _content(was, now)]


def otherwise(planned: Mapping[str, str], seen: Mapping[str, str]) -> list[str]:
    """Return what of a thing is not as it was planned: `facen_size: predicted 480, found 320`."""
    found = [f"{name}: predicted {old}, found {new}" for name, old, new in _named(planned, seen)]
    words = {
        "replace": "found another text than predicted",
        "delete": "predicted, and not found",
        "insert": "found, and not predicted",
    }
    return found + [f"{where}: {words[kind]}" for kind, where in _content(planned, seen)]


def _named(one: Mapping[str, str], other: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """Yield (name, one, other) of each fact that differs; of a content only where its lines do not tell.

    What only one of them has is told where nothing else is: a file that is gone has no owner either.
    """
    by_line = bool(list(_content(one, other)))
    names = [name for name in dict.fromkeys((*one, *other)) if name != LINES and not (name == CONTENT and by_line)]
    found = [name for name in names if one.get(name) != other.get(name)]
    for name in [name for name in found if name in one and name in other] or found:
        yield name, one.get(name, "none"), other.get(name, "none")


def _content(one: Mapping[str, str], other: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield (how, which) lines of a file differ; those that are gone by their former numbers."""
    if LINES not in one or LINES not in other:
        return
    before, after = one[LINES].split(" "), other[LINES].split(" ")
    for kind, start, end, first, last in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if kind != "equal":
            yield kind, _lines(start, end, before) if kind == "delete" else _lines(first, last, after)


def _lines(start: int, end: int, lines: list[str]) -> str:
    """Return lines by their numbers, counted from 1, and the settings on them."""
    names = [name for line in lines[start:end] if (name := line.partition("/")[2])]
    told = f" ({', '.join(names[:3])})" if names else ""
    return f"line {start + 1}{told}" if end - start == 1 else f"lines {start + 1} to {end}{told}"
