"""What the formats share: the error, splices, and how a new entry is put between two brackets."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any


class EditError(ValueError):
    """A text cannot be read, or not be edited safely; line and column count from 1."""

    def __init__(self, line: int, column: int, message: str, line_text: str = "") -> None:
        super().__init__(f"line {line}, column {column}: {message}")
        self.line = line
        self.column = column
        self.message = message
        self.line_text = line_text


@dataclass(frozen=True, slots=True)
class Opaque:
    """The value of an expression that only the program which reads the file can evaluate."""

    source: str


@dataclass(frozen=True, slots=True)
class Splice:
    """Put `new` in place of `text[start:end]`."""

    start: int
    end: int
    new: str


@dataclass(frozen=True, slots=True)
class Bracketed:
    """A bracketed list of entries as it stands in a text; all numbers are offsets.

    `start` is the opening bracket, `close` the closing one, `separator` the one after the last entry if there is one.
    """

    start: int
    close: int
    entries: Sequence[tuple[int, int]]
    separator: int | None = None
    comments: Sequence[tuple[int, int]] = field(default=())


def error_at(text: str, offset: int, message: str, kind: type[EditError] = EditError) -> EditError:
    """Return an error of that kind which points at an offset of the text."""
    start = text.rfind("\n", 0, offset) + 1
    line_text = text[start : line_end(text, start)]
    return kind(text.count("\n", 0, offset) + 1, offset - start + 1, message, line_text)


def splice(text: str, edits: Iterable[Splice]) -> str:
    """Apply edits that do not overlap; those at the same offset keep their order."""
    parts: list[str] = []
    position = 0
    for edit in sorted(edits, key=lambda edit: (edit.start, edit.end)):
        parts += (text[position : edit.start], edit.new)
        position = edit.end
    return "".join([*parts, text[position:]])


def newline_of(text: str) -> str:
    """Return the line end that the text uses."""
    return "\r\n" if "\r\n" in text else "\n"


def line_start(text: str, offset: int) -> int:
    """Return the offset where the line of `offset` begins."""
    return text.rfind("\n", 0, offset) + 1


def line_end(text: str, offset: int) -> int:
    """Return the offset of the line end at or after `offset` (of its carriage return, where it has one)."""
    end = text.find("\n", offset)
    if end < 0:
        return len(text)
    return end - 1 if end > offset and text[end - 1] == "\r" else end


def indent_of(text: str, offset: int) -> str:
    """Return the white space that the line of `offset` begins with."""
    found = re.compile(r"[ \t]*").match(text, line_start(text, offset))
    return found.group() if found else ""


def begins_line(text: str, offset: int) -> bool:
    """Tell whether nothing but white space stands before `offset` on its line."""
    return not text[line_start(text, offset) : offset].strip()


def same(left: Any, right: Any) -> bool:
    """Tell whether two values mean the same; unlike in Python, true is not 1. An empty Lua table is {} and []."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(value, right[key]) for key, value in left.items())
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    return bool(left == right)


def insert_entries(text: str, box: Bracketed, entries: Sequence[str]) -> list[Splice]:
    """Return the edits that add entries (one at least) behind the last one, laid out as the others are."""
    if not box.entries:
        return _insert_into_empty(text, box, entries)
    first, last = box.entries[-1]
    trailing = "," if box.separator is None else text[box.separator]
    behind = last if box.separator is None else box.separator + 1
    if not begins_line(text, first):
        between = _one_line_separator(text, box)
        joined = between.join(entries)
        if box.separator is None:
            return [Splice(behind, behind, between + joined)]
        return [Splice(behind, behind, f" {joined}{trailing}")]
    indent = newline_of(text) + text[line_start(text, first) : first]
    body = indent + (trailing + indent).join(entries) + ("" if box.separator is None else trailing)
    edits = [] if box.separator is not None else [Splice(last, last, trailing)]
    place = _end_of_entry_line(text, box, behind)
    return [*edits, Splice(place, place, body)]


def _end_of_entry_line(text: str, box: Bracketed, behind: int) -> int:
    """Return where a new line may begin after the last entry: behind its comment, unless the bracket closes before."""
    place = line_end(text, behind)
    for start, end in box.comments:
        if start < place < end:
            place = line_end(text, end)
    return behind if box.close < place else place


def _one_line_separator(text: str, box: Bracketed) -> str:
    if len(box.entries) > 1:
        between = text[box.entries[-2][1] : box.entries[-1][0]]
        if re.fullmatch(r"[ \t]*[,;][ \t]*", between):
            return between
    return ", "


def _insert_into_empty(text: str, box: Bracketed, entries: Sequence[str]) -> list[Splice]:
    inside = text[box.start + 1 : box.close]
    if not inside.strip() and "\n" not in inside:
        return [Splice(box.start + 1, box.close, ", ".join(entries))]
    if "\n" not in inside or not begins_line(text, box.close):
        return [Splice(box.close, box.close, ", ".join(entries))]
    outer = indent_of(text, box.start)
    comment = re.search(r"\n([ \t]+)\S", inside)
    indent = comment.group(1) if comment else outer + "    "
    place = line_start(text, box.close)
    newline = newline_of(text)
    return [Splice(place, place, indent + f",{newline}{indent}".join(entries) + newline)]
