"""findface-facenapi.ini: Python source of `name = value` lines, many of them commented out; changed in place."""

from __future__ import annotations

import ast
import keyword
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ffplay.edit.base import EditError, Opaque, Splice, error_at, line_end, newline_of, same, splice

_LINE_END = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class _Assignment:
    """The last word of a file on a name; `span` is the value's place, None where it cannot be edited there."""

    value: Any
    span: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class _Source:
    """The text, where its lines begin, and its statements."""

    text: str
    starts: list[int]
    tree: ast.Module

    def offset(self, line: int, column: int) -> int:
        """Return the offset of a place that `ast` names: lines from 1, columns in bytes of UTF-8."""
        start = self.starts[line - 1]
        ahead = self.text[start:].split("\n", 1)[0].encode("utf-8")[:column]
        return start + len(ahead.decode("utf-8"))


def get(text: str) -> dict[str, Any]:
    """Return the values by name, `Opaque` where one is no literal. Raise `EditError` where the text is not Python."""
    return {name: found.value for name, found in _assignments(_parse(text)).items()}


def set_values(text: str, wanted: Mapping[str, Any]) -> str:
    """Return the text with the wanted values; one that is equal already keeps its text.

    A name's last assignment is edited; a name that is there only in a comment gets its line right behind that; any
    other comes last. Raise `EditError` where the text is not Python or the result would not say what is wanted.
    """
    result = text
    before = get(text)
    for name, value in wanted.items():
        if not name.isidentifier() or keyword.iskeyword(name):
            raise error_at(text, 0, f"{name!r} cannot be a name in this file")
        result = _set(result, name, value)
    after = get(result)
    for name in before.keys() | wanted.keys():
        if not same(after.get(name), wanted.get(name, before.get(name))):
            raise error_at(text, 0, f"{name} cannot be set to {wanted.get(name)!r} here")
    return result


def _parse(text: str) -> _Source:
    try:
        tree = ast.parse(text.removeprefix("\ufeff"))
    except SyntaxError as error:
        line = (error.text or "").rstrip("\r\n")
        raise EditError(error.lineno or 1, error.offset or 1, f"this is not Python: {error.msg}", line) from error
    except ValueError as error:
        raise error_at(text, 0, f"this is not Python: {error}") from error
    starts = [0, *(found.end() for found in _LINE_END.finditer(text))]
    if text.startswith("\ufeff"):
        starts[0] = 1
    return _Source(text, starts, tree)


def _assignments(source: _Source) -> dict[str, _Assignment]:
    found: dict[str, _Assignment] = {}
    for statement in source.tree.body:
        if isinstance(statement, ast.AnnAssign) and statement.value is None:
            continue
        if isinstance(statement, ast.Assign | ast.AnnAssign) and statement.value is not None:
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            if len(targets) == 1 and isinstance(targets[0], ast.Name):
                found.pop(targets[0].id, None)
                found[targets[0].id] = _assignment(source, statement.value)
                continue
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        segment = ast.get_source_segment(source.text, statement) or ""
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                found[node.id] = _Assignment(Opaque(segment), None)
    return found


def _assignment(source: _Source, value: ast.expr) -> _Assignment:
    start = source.offset(value.lineno, value.col_offset)
    end = source.offset(value.end_lineno or value.lineno, value.end_col_offset or 0)
    try:
        literal = ast.literal_eval(value)
    except (ValueError, TypeError, MemoryError, RecursionError):
        literal = Opaque(source.text[start:end])
    return _Assignment(literal, (start, end))


def _set(text: str, name: str, value: Any) -> str:
    source = _parse(text)
    present = _assignments(source)
    old = present.get(name)
    if old is None or old.span is None:
        return splice(text, [_new_line(source, present, name, value)])
    if same(old.value, value):
        return text
    start, end = old.span
    return splice(text, [Splice(start, end, _literal(value, text[start:end]))])


def _new_line(source: _Source, present: Mapping[str, _Assignment], name: str, value: Any) -> Splice:
    """Return the edit that adds an assignment, aligned as its commented form or as the last assignment is."""
    text, newline = source.text, newline_of(source.text)
    if name not in present:
        for found in reversed(list(re.finditer(rf"(?m)^[ \t]*#[ \t#]*{re.escape(name)}([ \t]*=[ \t]*)", text))):
            if not _inside_statement(source, found.start()):
                place = line_end(text, found.end())
                return Splice(place, place, f"{newline}{name}{found.group(1)}{_literal(value)}")
    line = f"{name}{_last_sign(source, present, name)}{_literal(value)}"
    if text and not text.endswith("\n"):
        return Splice(len(text), len(text), newline + line)
    return Splice(len(text), len(text), line + newline)


def _inside_statement(source: _Source, offset: int) -> bool:
    """Tell whether the line belongs to a statement of several lines, so that its `#` may be part of a string."""
    spans = ((source.offset(node.lineno, 0), source.offset(node.end_lineno or 0, 0)) for node in source.tree.body)
    return any(start < offset <= end for start, end in spans)


def _last_sign(source: _Source, present: Mapping[str, _Assignment], name: str) -> str:
    """Return the equals sign with the white space that puts it below the one of the last assignment."""
    ends = [found.span[0] for found in present.values() if found.span]
    if ends:
        start = source.text.rfind("\n", 0, max(ends)) + 1
        left = re.match(r"\w+([ \t]*)=", source.text[start : max(ends)])
        if left and len(left.group(1)) > 1:
            return name.ljust(left.end() - 1)[len(name) :] + "= " if len(name) < left.end() - 1 else " = "
    return " = "


def _literal(value: Any, old: str = "") -> str:
    """Return a value as Python source; a string in the quotes of the one that it replaces."""
    source = repr(value)
    try:
        readable = same(ast.literal_eval(source), value)
    except (ValueError, SyntaxError):
        readable = False
    if not readable:
        raise error_at("", 0, f"{value!r} cannot be written as a Python literal")
    if isinstance(value, str) and old.startswith('"') and source.startswith("'") and '"' not in source:
        return f'"{source[1:-1]}"'
    return source
