"""Lua's expressions: where each one ends, and what it is worth where that follows from its text alone."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ffplay.edit.base import Bracketed, Opaque, error_at
from ffplay.edit.lua_tokens import KEYWORDS, LuaError, Token

_PRECEDENCE = {
    **{"or": 1, "and": 2, "<": 3, ">": 3, "<=": 3, ">=": 3, "~=": 3, "==": 3, "..": 4},
    **{"+": 5, "-": 5, "*": 6, "/": 6, "%": 6, "^": 8},
}
_UNARY = 7
_RIGHT = {"..", "^"}
_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    **{"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "%": operator.mod},
    "^": lambda base, exponent: float(base) ** float(exponent),
}
_CONSTANTS = {"true": True, "false": False, "nil": None}
_ESCAPE = re.compile(rb"\\(z\s*|x[0-9A-Fa-f]{2}|u\{[0-9A-Fa-f]+\}|\d{1,3}|\r?\n|.)", re.DOTALL)
_LETTERS = {b"a": b"\a", b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}
_BLOCKS = {"function": 1, "do": 1, "if": 1, "repeat": 1, "end": -1, "until": -1}


@dataclass(frozen=True, slots=True)
class Value:
    """One value of a shard file: its source, what it is worth (`Opaque` where only Lua can tell), and its place."""

    source: str
    literal: Any
    line: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a table; `key` is None for a positional one. `start` is where the key begins."""

    key: Any
    value: Value
    start: int


@dataclass(frozen=True, slots=True)
class Table:
    """A table as it is written."""

    entries: tuple[Entry, ...]
    box: Bracketed

    @property
    def literal(self) -> Any:
        """Return a list where no entry has a key, a dictionary otherwise; `Opaque` where an entry is."""
        if all(entry.key is None for entry in self.entries) and self.entries:
            return [entry.value.literal for entry in self.entries]
        result: dict[Any, Any] = {}
        position = 0
        for entry in self.entries:
            position += entry.key is None
            result[position if entry.key is None else entry.key] = entry.value.literal
        return result


class Parser:
    """Reads expressions from tokens, beginning at `at`; `tables` are those that it read, by their offset."""

    def __init__(self, text: str, tokens: list[Token], comments: list[tuple[int, int]], at: int = 0) -> None:
        self.text = text
        self.tokens = tokens
        self.comments = comments
        self.at = at
        self.tables: dict[int, Table] = {}

    @property
    def token(self) -> Token:
        """Return the token that comes next."""
        return self.tokens[self.at]

    def take(self, *texts: str) -> Token | None:
        """Return the next token and go past it if it is a symbol or name of that text."""
        token = self.token
        if token.kind not in {"symbol", "name"} or token.text not in texts:
            return None
        self.at += 1
        return token

    def expect(self, text: str) -> Token:
        """Go past a symbol that must come next. Raise `LuaError` where it does not."""
        return self.take(text) or self.fail(f"{text!r} is missing before {self.token.text or 'the end'!r}")

    def fail(self, message: str) -> Token:
        """Raise `LuaError` at the next token."""
        raise error_at(self.text, self.token.start, message, LuaError)

    def value(self) -> Value:
        """Read one expression."""
        first = self.token
        literal = self.expression(0)
        start, end = first.start, self.tokens[self.at - 1].end
        source = self.text[start:end]
        literal = Opaque(source) if _has_opaque(literal) else literal
        return Value(source, literal, self.text.count("\n", 0, start) + 1, start, end)

    def expression(self, limit: int) -> Any:
        """Read operators that bind tighter than `limit` and their operands; return what they are worth."""
        operand = self.take("not", "-", "#")
        left = self.primary() if operand is None else _negate(operand.text, self.expression(_UNARY))
        while self.token.kind in {"symbol", "name"} and _PRECEDENCE.get(self.token.text, 0) > limit:
            sign = self.token.text
            self.at += 1
            right = self.expression(_PRECEDENCE[sign] - (sign in _RIGHT))
            left = _calculate(sign, left, right)
        return left

    def primary(self) -> Any:
        """Read a constant, a table, a function, or a name with all its fields, indexes and calls."""
        token = self.token
        if token.kind == "symbol" and token.text == "{":
            return self.table().literal
        if token.kind == "name" and token.text == "function":
            self.function()
            return Opaque(token.text)
        if token.kind not in {"number", "string"} and token.text not in _CONSTANTS and token.text != "...":
            return self.suffixed()
        self.at += 1
        return _constant(token)

    def function(self) -> None:
        """Go past a function's body."""
        depth = 0
        while True:
            depth += _BLOCKS.get(self.token.text, 0) if self.token.kind == "name" else 0
            self.at += 1
            if depth == 0:
                return

    def suffixed(self) -> Any:
        """Read a name or a bracketed expression, and what is called or looked up on it."""
        literal: Any = Opaque("")
        if self.take("("):
            literal = self.expression(0)
            self.expect(")")
        elif self.token.kind == "name" and self.token.text not in KEYWORDS:
            self.at += 1
        else:
            self.fail(f"a value is missing before {self.token.text or 'the end'!r}")
        while self.suffix():
            literal = Opaque("")
        return literal

    def suffix(self) -> bool:
        """Read one field, index or call; tell whether there was one."""
        if self.token.kind == "string":
            self.at += 1
        elif self.take(".", ":"):
            if self.token.kind != "name":
                self.fail(f"a name is missing before {self.token.text or 'the end'!r}")
            self.at += 1
        elif self.take("["):
            self.expression(0)
            self.expect("]")
        elif self.token.kind == "symbol" and self.token.text == "{":
            self.table()
        elif self.token.kind == "symbol" and self.token.text == "(":
            self.arguments()
        else:
            return False
        return True

    def arguments(self) -> list[Value]:
        """Read the arguments of a call, brackets included."""
        self.expect("(")
        found: list[Value] = []
        while not self.take(")"):
            if found:
                self.expect(",")
            found.append(self.value())
        return found

    def table(self) -> Table:
        """Read a table constructor."""
        start = self.expect("{").start
        entries: list[Entry] = []
        separator: int | None = None
        while not self.take("}"):
            if entries and separator is None:
                self.fail(f"a comma is missing before {self.token.text!r}")
            entries.append(self.entry())
            mark = self.take(",", ";")
            separator = mark.start if mark else None
        close = self.tokens[self.at - 1].start
        spans = [(entry.start, entry.value.end) for entry in entries]
        table = Table(tuple(entries), Bracketed(start, close, spans, separator, self.comments))
        self.tables[start] = table
        return table

    def entry(self) -> Entry:
        """Read one entry of a table."""
        first = self.token
        key: Any = None
        following = self.tokens[self.at + 1]
        if first.kind == "name" and following.kind == "symbol" and following.text == "=":
            self.at += 2
            key = first.text
        elif self.take("["):
            key = self.expression(0)
            self.expect("]")
            self.expect("=")
            key = key if isinstance(key, str | int | float) else Opaque(first.text)
        return Entry(key, self.value(), first.start)


def _has_opaque(literal: Any) -> bool:
    if isinstance(literal, list):
        return any(map(_has_opaque, literal))
    if isinstance(literal, dict):
        return any(_has_opaque(part) for pair in literal.items() for part in pair)
    return isinstance(literal, Opaque)


def _is_number(literal: Any) -> bool:
    return isinstance(literal, int | float) and not isinstance(literal, bool)


def _negate(sign: str, operand: Any) -> Any:
    return -operand if sign == "-" and _is_number(operand) else Opaque(sign)


def _calculate(sign: str, left: Any, right: Any) -> Any:
    """Return what an operation on two numbers is worth; a whole result is an int, as Lua has no other notion of it."""
    if sign not in _ARITHMETIC or not (_is_number(left) and _is_number(right)):
        return Opaque(sign)
    try:
        result = _ARITHMETIC[sign](left, right)
    except (ArithmeticError, ValueError):
        return Opaque(sign)
    if isinstance(result, complex) or result in (float("inf"), float("-inf")) or result != result:  # noqa: PLR0124
        return Opaque(sign)
    return int(result) if result == int(result) else result


def _constant(token: Token) -> Any:
    if token.kind == "number":
        return _number(token.text)
    if token.kind == "string":
        return _string(token.text)
    return _CONSTANTS.get(token.text, Opaque(token.text))


def _number(source: str) -> int | float:
    digits = source.lower().removesuffix("ll").removesuffix("u")
    if digits.startswith("0x"):
        return int(digits, 16)
    return int(digits) if digits.isdigit() else float(digits)


def _string(source: str) -> str:
    if source.startswith("["):
        width = source.index("[", 1) + 1
        body = source[width:-width]
        return body[2:] if body.startswith("\r\n") else body.removeprefix("\n")
    raw = _ESCAPE.sub(_unescape, source[1:-1].encode("utf-8", "surrogateescape"))
    return raw.decode("utf-8", "surrogateescape")


def _unescape(found: re.Match[bytes]) -> bytes:
    code = found.group(1)
    if code.startswith(b"z"):
        return b""
    if code.startswith(b"x") and len(code) == 3:
        return bytes([int(code[1:], 16)])
    if code.startswith(b"u{"):
        return chr(int(code[2:-1], 16)).encode("utf-8", "surrogateescape")
    if code.isdigit():
        return bytes([min(int(code), 255)])
    return _LETTERS.get(code, b"\n" if code.endswith(b"\n") else code)
