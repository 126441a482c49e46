"""Lua's words: a shard file cut into tokens, each with its place, comments set aside."""

from __future__ import annotations

import re
from typing import NamedTuple

from ffplay.edit.base import EditError, error_at


class LuaError(EditError):
    """A shard file is not the Lua that a shard can start with, or holds what cannot be edited safely."""


class Token(NamedTuple):
    """One word: `kind` is name, number, string, symbol or end; `text` its source, `start` and `end` its offsets."""

    kind: str
    text: str
    start: int
    end: int


_PIECES = re.compile(
    r"""
    \s*(?:
      (?P<nothing>\A\ufeff|\A\#[^\n]*|\Z)
    | (?P<comment>--\[(?P<level>=*)\[.*?\](?P=level)\]|--(?!\[=*\[)[^\n]*)
    | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<number>0[xX][0-9A-Fa-f]+(?:U?LL|ull|ll)?|(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?:U?LL|ull|ll)?)
    | (?P<string>'(?:[^'\\\n]|\\z\s*|\\.)*'|"(?:[^"\\\n]|\\z\s*|\\.)*"|\[(?P<depth>=*)\[.*?\](?P=depth)\])
    | (?P<symbol>(?!--)(?:\.\.\.|\.\.|::|==|~=|<=|>=|[-+*/%^\#<>=(){}\[\];:,.]))
    )""",
    re.VERBOSE | re.DOTALL,
)
# What is spelt like a name and is none.
_UNPAIRED = {"and", "break", "else", "elseif", "false", "for", "goto", "in", "local", "nil", "not", "or", "return"}
KEYWORDS = frozenset(_UNPAIRED | {"do", "end", "function", "if", "repeat", "then", "true", "until", "while"})
_BRACKETS = {"(": ")", "{": "}", "[": "]", "function": "end", "do": "end", "if": "end", "repeat": "until"}
_PAIRED = frozenset({*_BRACKETS, *_BRACKETS.values()})
_TYPOGRAPHIC = "\u2018\u2019\u201a\u201c\u201d\u201e\u00ab\u00bb"


def tokenize(text: str) -> tuple[list[Token], list[tuple[int, int]]]:
    """Return the tokens (the last is `end`) and the comments' spans. Raise `LuaError`, for unbalanced brackets too."""
    tokens: list[Token] = []
    comments: list[tuple[int, int]] = []
    position = 0
    # A site may have thousands of such files, so this loop calls as little as it can.
    make = Token._make
    for found in _PIECES.finditer(text):
        if found.start() != position:
            break
        kind = found.lastgroup or ""
        start, position = found.span(kind)
        if kind == "comment":
            comments.append((start, position))
        elif kind != "nothing":
            tokens.append(make((kind, found[kind], start, position)))
    if position < len(text):
        position = len(text) - len(text[position:].lstrip())
        raise error_at(text, position, _complaint(text, position), LuaError)
    _check_balance(text, tokens)
    tokens.append(Token("end", "", len(text), len(text)))
    return tokens, comments


def _complaint(text: str, position: int) -> str:
    mark = text[position]
    if mark in _TYPOGRAPHIC:
        return f"{mark} is a typographic quotation mark; Lua takes \" or '"
    if mark in "'\"":
        return "this string is not closed"
    if text.startswith("--", position):
        return "this comment is not closed"
    return f"{mark!r} is not Lua"


def _check_balance(text: str, tokens: list[Token]) -> None:
    open_ones: list[Token] = []
    for token in tokens:
        kind, word, _, _ = token
        if word not in _PAIRED or kind not in {"symbol", "name"}:
            continue
        if word in _BRACKETS:
            open_ones.append(token)
        else:
            if not open_ones or _BRACKETS[open_ones[-1].text] != word:
                hint = f"; {open_ones[-1].text!r} is open" if open_ones else ""
                raise error_at(text, token.start, f"nothing that {token.text!r} would close{hint}", LuaError)
            open_ones.pop()
    if open_ones:
        raise error_at(text, open_ones[-1].start, f"{open_ones[-1].text!r} is not closed", LuaError)
