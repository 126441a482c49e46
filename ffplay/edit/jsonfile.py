"""JSON files: one value, however deep, read and changed in place."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ffplay.edit.base import (
    Bracketed,
    Splice,
    begins_line,
    error_at,
    indent_of,
    insert_entries,
    newline_of,
    same,
    splice,
)
from ffplay.edit.tree import Path, list_index, lookup, replaced

_SPACE = re.compile(r"[ \t\r\n]*")
_ATOM = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?|true|false|null")


@dataclass(slots=True)
class _Node:
    """A value and its place; `items` are the members (key, its offset, node) of an object or an array."""

    start: int
    end: int
    value: Any
    items: list[tuple[Any, int, _Node]] = field(default_factory=list)

    def find(self, part: str | int) -> _Node | None:
        """Return the member that a part of a path means; the last of equal keys, as JSON readers do."""
        wanted = list_index(part) if isinstance(self.value, list) else str(part)
        return next((node for key, _, node in reversed(self.items) if key == wanted), None)


def get(text: str, path: Path) -> Any:
    """Return what is at the path. Raise KeyError where there is nothing, `EditError` where the text is not JSON."""
    return lookup(_parse(text).value, path)


def set_value(text: str, path: Path, value: Any) -> str:
    """Return the text with the value at the path; objects on the way are made, and an array may grow by one.

    Raise `EditError` where the text is not JSON or the path leads through something that is no object or array.
    """
    root = _parse(text)
    try:
        wanted = json.loads(json.dumps(replaced(root.value, path, value), allow_nan=False))
    except KeyError as error:
        raise error_at(text, root.start, f"{error.args[0]!r}: the path leads through a plain value") from error
    except (TypeError, ValueError) as error:
        raise error_at(text, root.start, f"{value!r} cannot be written in JSON: {error}") from error
    result = splice(text, _edits(text, root, wanted))
    if not same(_parse(result).value, wanted):
        raise error_at(text, root.start, f"{'.'.join(map(str, path))} cannot be edited here")
    return result


def _edits(text: str, node: _Node, wanted: Any) -> Iterator[Splice]:
    """Yield the edits that make the node's value the wanted one, in as small pieces as they go."""
    if same(node.value, wanted):
        return
    fits = (isinstance(wanted, dict) and isinstance(node.value, dict) and node.value.keys() <= wanted.keys()) or (
        isinstance(wanted, list) and isinstance(node.value, list) and len(node.value) <= len(wanted)
    )
    if not fits:
        yield Splice(node.start, node.end, _render(text, wanted, node, indent_of(text, node.start)))
        return
    members = wanted if isinstance(wanted, dict) else dict(enumerate(wanted))
    for key, value in members.items():
        child = node.find(key)
        if child is not None:
            yield from _edits(text, child, value)
    new = [_entry(text, node, key, value) for key, value in members.items() if node.find(key) is None]
    if new:
        spans = [(start, child.end) for _, start, child in node.items]
        yield from insert_entries(text, Bracketed(node.start, node.end - 1, spans), new)


def _entry(text: str, node: _Node, key: Any, value: Any) -> str:
    """Return a new member as text, with the colon spaced as the others' are."""
    indent = indent_of(text, node.items[-1][1]) if node.items else indent_of(text, node.start)
    source = _render(text, value, node, indent)
    if isinstance(node.value, list):
        return source
    colon = ": "
    if node.items:
        _, start, last = node.items[-1]
        found = re.search(r"\s*:[ \t]*\Z", text[start : last.start])
        colon = found.group() if found else colon
    return f"{json.dumps(key, ensure_ascii=False)}{colon}{source}"


def _render(text: str, value: Any, like: _Node, indent: str) -> str:
    """Return a value as JSON: over several lines where what it joins or replaces is."""
    if not (isinstance(value, dict | list) and like.items and begins_line(text, like.items[0][1])):
        return json.dumps(value, ensure_ascii=False)
    step = indent_of(text, like.items[0][1])[len(indent_of(text, like.start)) :] or "  "
    return json.dumps(value, ensure_ascii=False, indent=step).replace("\n", newline_of(text) + indent)


def _parse(text: str) -> _Node:
    try:
        node = _value(text, _skip(text, 1 if text.startswith("\ufeff") else 0))
    except RecursionError as error:
        raise error_at(text, 0, "nested too deeply") from error
    rest = _skip(text, node.end)
    if rest < len(text):
        raise error_at(text, rest, f"not JSON: {text[rest]!r} behind the end")
    return node


def _skip(text: str, position: int) -> int:
    found = _SPACE.match(text, position)
    return found.end() if found else position


def _value(text: str, start: int) -> _Node:
    mark = text[start : start + 1]
    if mark == "{":
        items, end = _members(text, start, "}")
        return _Node(start, end, {key: node.value for key, _, node in items}, items)
    if mark == "[":
        items, end = _members(text, start, "]")
        return _Node(start, end, [node.value for _, _, node in items], items)
    if mark == '"':
        value, end = _string(text, start)
        return _Node(start, end, value)
    found = _ATOM.match(text, start)
    if found is None:
        raise error_at(
            text, start, f"not JSON: {mark!r} where a value is expected" if mark else "not JSON: it ends early"
        )
    return _Node(start, found.end(), json.loads(found.group()))


def _members(text: str, start: int, closing: str) -> tuple[list[tuple[Any, int, _Node]], int]:
    """Read an object's or array's members from its opening bracket on; return them and where it ends."""
    items: list[tuple[Any, int, _Node]] = []
    position = _skip(text, start + 1)
    while not text.startswith(closing, position) or items:
        first, key = position, len(items)
        if closing == "}":
            key, position = _string(text, position)
            position = _expect(text, _skip(text, position), ":")
        node = _value(text, _skip(text, position))
        items.append((key, first, node))
        position = _skip(text, node.end)
        if text.startswith(closing, position):
            break
        position = _skip(text, _expect(text, position, ","))
    return items, position + 1


def _string(text: str, start: int) -> tuple[Any, int]:
    _expect(text, start, '"')
    try:
        value, end = json.JSONDecoder().raw_decode(text, start)
    except json.JSONDecodeError as error:
        raise error_at(text, error.pos, f"not JSON: {error.msg}") from error
    return value, end


def _expect(text: str, position: int, mark: str) -> int:
    if not text.startswith(mark, position):
        seen = repr(text[position]) if position < len(text) else "the end"
        raise error_at(text, position, f"not JSON: {mark!r} is missing before {seen}")
    return position + 1
