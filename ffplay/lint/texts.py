"""Rules about the texts that a playbook writes on a site: templates, files, lines, values and commands."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ffplay.errors import InputError
from ffplay.lint.base import Book, Rule, Seen
from ffplay.load.files import find_file
from ffplay.load.marked import Text
from ffplay.load.quick import is_template
from ffplay.model import Mark, Step

_CURLY = re.compile("[\u2018\u2019\u201a\u201c\u201d\u201e]")
# The parameters that name a file of the playbook's, by kind: in which folder it is looked for.
_FILES: Mapping[str, str] = {"template": "templates", "template_file": "templates", "copy_file": "files"}
# Kinds whose texts reach a file or a shell.
_WRITING = ("command", "copy_file", "line_in_file", "set_value")


def _curly_quotes(book: Book) -> Iterator[Seen]:
    for step in book.entries():
        if step.kind in _WRITING:
            yield from _in_value(step.args)
    for path in dict.fromkeys(path for step in book.entries() for path in _file(book, step)):
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            continue
        for number, line in enumerate(lines, 1):
            if found := _CURLY.search(line):
                yield Seen(Mark(str(path), number, found.start() + 1), _message(found[0]))


def _file(book: Book, step: Step) -> Iterator[Path]:
    """Yield the file that a step names; one that is not there is validation's to tell."""
    name = step.args.get("src")
    if step.kind in _FILES and isinstance(name, str) and not is_template(name):
        try:
            yield find_file(book.path, _FILES[step.kind], name)
        except InputError:
            return


def _in_value(value: Any) -> Iterator[Seen]:
    if isinstance(value, Text) and value.place is not None and (found := _CURLY.search(value)):
        place = value.place
        for number in range(place.line, place.end_line + 1):
            line = place.source.lines[number - 1] if number <= len(place.source.lines) else ""
            column = line.find(found[0], place.column - 1 if number == place.line else 0)
            if column >= 0:
                yield Seen(Mark(place.source.file, number, column + 1), _message(found[0]))
                return
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _in_value(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _in_value(inner)


def _message(quote: str) -> str:
    return f"{quote} is a typographer's quote, not one that a program reads"


RULES = (
    Rule(
        "curly-quotes",
        "Curly quotes in a template, a file, a line or a command.",
        "Word processors and web pages make them; Lua, Python, YAML and sh take them for letters, and the file breaks.",
        _curly_quotes,
    ),
)
