"""POSIX sh taken apart as far as it needs to be known which commands a script may run, and where their output goes.

A part that only the shell can tell (`$x`, `$(...)`) stands in a word as `UNKNOWN`; what is inside `$(...)` and back
quotes is taken apart as well. Raise `Unreadable` for what this does not understand: then nobody can say what it does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

UNKNOWN = "\ufffd"

_OPERATORS = ("&&", "||", ";;", ";", "&", "|", "(", ")", "\n")
_REDIRECTION = re.compile(r"(\d*)(<<-|<<<|<<|<&|<>|<|&>>|&>|>>|>&|>\||>)")
_VARIABLE = re.compile(r"[A-Za-z_]\w*|[0-9@*#?$!-]")
_BLANKS = " \t"
_ENDS = set("&|;()<>\n \t")


class Unreadable(ValueError):
    """A script that cannot be taken apart."""


@dataclass
class Token:
    """A word, an operator, or a redirection with its target in `text`; `quoted` tells that quotes were in the word."""

    kind: str
    text: str
    quoted: bool = False
    operator: str = ""
    inner: list[str] = field(default_factory=list)


class Words:
    """Reads tokens from a text."""

    def __init__(self, text: str) -> None:
        self._text = text.replace("\\\n", "")
        self._at = 0
        self._documents: list[tuple[str, bool]] = []

    def tokens(self) -> Iterator[Token]:
        """Yield every token; the bodies of here-documents are gone past."""
        while self._at < len(self._text):
            char = self._text[self._at]
            if char in _BLANKS:
                self._at += 1
            elif char == "#":
                self._at = self._end_of_line()
            else:
                yield self._token(char)

    def _token(self, char: str) -> Token:
        redirection = _REDIRECTION.match(self._text, self._at)
        if redirection:
            return self._redirection(redirection)
        operator = next((one for one in _OPERATORS if self._text.startswith(one, self._at)), None)
        if operator is not None:
            self._at += len(operator)
            if char == "\n":
                self._skip_documents()
            return Token("operator", operator)
        return self._word()

    def _redirection(self, found: re.Match[str]) -> Token:
        self._at = found.end()
        while self._text[self._at : self._at + 1] in set(_BLANKS):
            self._at += 1
        word = self._word()
        operator = found[2]
        if operator in {"<<", "<<-"}:
            self._documents.append((word.text, operator == "<<-"))
        return Token("redirection", word.text, word.quoted, operator, word.inner)

    def _skip_documents(self) -> None:
        for end, indented in self._documents:
            while True:
                if self._at >= len(self._text):
                    raise Unreadable(f"a here-document does not end with {end}")
                stop = self._end_of_line()
                line = self._text[self._at : stop]
                self._at = stop + 1
                if (line.lstrip("\t") if indented else line) == end:
                    break
        self._documents = []

    def _end_of_line(self) -> int:
        found = self._text.find("\n", self._at)
        return len(self._text) if found < 0 else found

    def _word(self) -> Token:
        made = Token("word", "")
        while self._at < len(self._text) and self._text[self._at] not in _ENDS:
            char = self._text[self._at]
            if char == "'":
                made.quoted, made.text = True, made.text + self._until("'")
            elif char == '"':
                made.quoted = True
                self._at += 1
                self._double(made)
            elif char == "\\":
                made.quoted, made.text = True, made.text + self._text[self._at + 1 : self._at + 2]
                self._at += 2
            else:
                self._plain(made, char)
        return made

    def _double(self, made: Token) -> None:
        while True:
            char = self._text[self._at : self._at + 1]
            if not char:
                raise Unreadable("a quote is opened and never closed")
            if char == '"':
                self._at += 1
                return
            if char == "\\":
                escaped = self._text[self._at + 1 : self._at + 2]
                made.text += escaped if escaped in '$`"\\' else f"\\{escaped}"
                self._at += 2
            else:
                self._plain(made, char)

    def _plain(self, made: Token, char: str) -> None:
        """Read one character that quotes do not protect, or what it begins."""
        if char == "`":
            made.inner.append(self._until("`"))
            made.text += UNKNOWN
        elif char == "$":
            self._expansion(made)
        else:
            made.text += char
            self._at += 1

    def _expansion(self, made: Token) -> None:
        rest = self._text[self._at + 1 : self._at + 3]
        if rest == "((":
            self._balanced("(", ")")
        elif rest[:1] == "(":
            made.inner.append(self._balanced("(", ")"))
        elif rest[:1] == "{":
            body = self._balanced("{", "}")
            # `${x:-$(command)}` runs something, too.
            made.inner += [token for one in Words(f'"{body}"').tokens() for token in one.inner] if "$(" in body else []
        else:
            name = _VARIABLE.match(self._text, self._at + 1)
            if name is None:
                made.text += "$"
                self._at += 1
                return
            self._at = name.end()
        made.text += UNKNOWN

    def _until(self, quote: str) -> str:
        end = self._text.find(quote, self._at + 1)
        if end < 0:
            raise Unreadable("a quote is opened and never closed")
        found = self._text[self._at + 1 : end]
        self._at = end + 1
        return found

    def _balanced(self, opening: str, closing: str) -> str:
        """Go past `$(...)` or `${...}` and return what is inside, quotes respected."""
        start = self._at + 2
        at, depth = start, 1
        while depth:
            if at >= len(self._text):
                raise Unreadable(f"{opening} is opened and never closed")
            char = self._text[at]
            if char == "\\":
                at += 1
            elif char == "'" and opening == "(":
                at = self._text.find("'", at + 1)
                if at < 0:
                    raise Unreadable("a quote is opened and never closed")
            depth += (char == opening) - (char == closing)
            at += 1
        self._at = at
        return self._text[start : at - 1]


@dataclass
class Command:
    """A simple command: its words without the assignments before them, and its redirections as (operator, target)."""

    words: list[Token] = field(default_factory=list)
    redirections: list[tuple[str, str]] = field(default_factory=list)


_OPENERS = {"if", "then", "elif", "else", "while", "until", "do", "{", "!"}
_CLOSERS = {"fi", "done", "esac", "}"}
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")


def commands(script: str) -> tuple[list[Command], set[str]]:
    """Return every simple command that a script may run, and the names of the functions that it defines."""
    found: list[Command] = []
    functions: set[str] = set()
    tokens = list(Words(script).tokens())
    for token in tokens:
        for inner in token.inner:
            more, names = commands(inner)
            found += more
            functions |= names
    return [*found, *_simple(tokens, functions)], functions


def _simple(tokens: list[Token], functions: set[str]) -> list[Command]:
    walk = _Walk(tokens, functions)
    while walk.at < len(tokens):
        walk.step()
    walk.end()
    return walk.found


class _Walk:
    """Goes over tokens and puts words together to commands."""

    def __init__(self, tokens: list[Token], functions: set[str]) -> None:
        self._tokens = tokens
        self._functions = functions
        self._current = Command()
        self.found: list[Command] = []
        self.at = 0

    def end(self) -> None:
        """End the command."""
        if self._current.words or self._current.redirections:
            self.found.append(self._current)
        self._current = Command()

    def step(self) -> None:
        """Take one token."""
        token = self._tokens[self.at]
        self.at += 1
        if token.kind == "operator":
            self._operator(token)
        elif token.kind == "redirection":
            self._current.redirections.append((token.operator, token.text))
        elif self._current.words:
            self._current.words.append(token)
        else:
            self._first(token)

    def _operator(self, token: Token) -> None:
        following = self._tokens[self.at].text if self.at < len(self._tokens) else ""
        if token.text == "(" and len(self._current.words) == 1 and following == ")":
            self._functions.add(self._current.words[0].text)
            self._current, self.at = Command(), self.at + 1
            return
        self.end()
        if token.text == ";;":
            self.at = _past_pattern(self._tokens, self.at)

    def _first(self, token: Token) -> None:
        """Take a word that may be the shell's own."""
        word = "" if token.quoted else token.text
        if word == "case":
            self.at = _past_pattern(self._tokens, _past(self._tokens, self.at, "in"))
        elif word == "for":
            self.end()
            self.at = _past_list(self._tokens, self.at)
        elif word in _OPENERS or word in _CLOSERS:
            self.end()
        elif not _ASSIGNMENT.match(token.text):
            self._current.words.append(token)


def _past(tokens: list[Token], at: int, word: str) -> int:
    while at < len(tokens) and tokens[at].text != word:
        at += 1
    return at + 1


def _past_list(tokens: list[Token], at: int) -> int:
    """Go past `NAME in WORDS` of a loop, to its `do`."""
    while at < len(tokens) and tokens[at].text not in {";", "\n", "do"}:
        at += 1
    return at


def _past_pattern(tokens: list[Token], at: int) -> int:
    """Go past a pattern of `case`, unless the next thing is its end."""
    while at < len(tokens) and tokens[at].text == "\n":
        at += 1
    if at < len(tokens) and tokens[at].text == "esac":
        return at
    return _past(tokens, at, ")")
