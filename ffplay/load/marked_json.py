"""JSON whose every key and value knows where it was written, as `marked` has it for YAML."""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from typing import Any

from ffplay.load.findings import Findings
from ffplay.load.marked import Dict, List, Place, Source, Text

_BLANKS = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder()


def parse_json(text: str, source: Source, findings: Findings, hint: str = "") -> Any:
    """Return the value of a JSON text; what is wrong with it goes to `findings`, with the hint."""
    try:
        json.loads(text)
        return _Builder(text, source).value(0)[0]
    except json.JSONDecodeError as error:
        place = Place(source, min(error.lineno, max(1, len(source.lines))), error.colno, error.lineno)
        findings.add(place, f"this is not JSON: {error.msg}", hint)
    except RecursionError:
        findings.add(Place(source, 1, 1, 1), "this JSON is nested too deeply", hint)
    return None


class _Builder:
    """Makes marked values of a text that is known to be JSON."""

    def __init__(self, text: str, source: Source) -> None:
        self._text, self._source = text, source
        self._starts = [0, *(found.end() for found in re.finditer("\n", text))]

    def value(self, at: int) -> tuple[Any, int]:
        """Return the value at an offset, and the offset behind it."""
        at = self._skip(at)
        first, place = self._text[at], self._place(at)
        if first == "{":
            return self._mapping(at + 1, place)
        if first == "[":
            return self._list(at + 1, place)
        value, end = _DECODER.raw_decode(self._text, at)
        return (Text(value, place) if isinstance(value, str) else value), end

    def _mapping(self, at: int, place: Place) -> tuple[Dict, int]:
        made = Dict()
        made.place = place
        at = self._skip(at)
        while self._text[at] != "}":
            key_at = self._skip(at)
            key, at = _DECODER.raw_decode(self._text, key_at)
            value_at = self._skip(self._skip(at) + 1)
            made[key], at = self.value(value_at)
            made.key_places[key], made.value_places[key] = self._place(key_at), self._place(value_at)
            at = self._next(at)
        return made, at + 1

    def _list(self, at: int, place: Place) -> tuple[List, int]:
        made = List()
        made.place = place
        at = self._skip(at)
        while self._text[at] != "]":
            at = self._skip(at)
            made.item_places.append(self._place(at))
            item, at = self.value(at)
            made.append(item)
            at = self._next(at)
        return made, at + 1

    def _next(self, at: int) -> int:
        """Return the offset of what comes after a comma, or that of the closing bracket."""
        at = self._skip(at)
        return self._skip(at + 1) if self._text[at] == "," else at

    def _skip(self, at: int) -> int:
        found = _BLANKS.match(self._text, at)
        return found.end() if found else at

    def _place(self, at: int) -> Place:
        line = bisect_right(self._starts, at)
        return Place(self._source, line, at - self._starts[line - 1] + 1, line)
