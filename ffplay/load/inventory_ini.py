"""Ansible's INI inventories: sections of hosts, of children and of variables.

A value is a Python literal where it is one, and else a string. On a host's line words go by the shell's quotes, and a
`#` behind a blank begins a comment; in a section of variables a value is all that stands behind the `=`.
"""

from __future__ import annotations

import ast
import io
import re
import shlex
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ffplay.load.findings import Findings, did_you_mean
from ffplay.load.hostnames import hosts_of
from ffplay.load.inventory import Group, Inventory
from ffplay.load.marked import Dict, List, Place, Source, Text

_SECTION = re.compile(r"^\[(?P<name>[^:\]\s]+)(?::(?P<kind>\w+))?\]\s*(?:#.*)?$")
_CHILD = re.compile(r"^(?P<name>[^:\]\s]+)\s*(?:#.*)?$")
_KINDS = ("hosts", "children", "vars")
# Surely strings: no literal of Python's looks like these.
_WORD = re.compile(r"(?!(?:True|False|None)$)[A-Za-z_/][\w./:@-]*|\d+\.\d+\.\d+\.\d+")


def add_ini(source: Source, into: Inventory, findings: Findings) -> None:
    """Add what an INI file says to an inventory; mistakes go to `findings`."""
    _Reader(source, into, findings).read()


@dataclass
class _Reader:
    """Reads one file from top to bottom. `declared` are the groups that the file or one before it has a section of.

    `wanted` are children that were named before they had a section, with their parents; `sections` are those of
    variables, which a group must have beside another one.
    """

    source: Source
    into: Inventory
    findings: Findings
    group: Group = field(init=False)
    kind: str = "hosts"
    vars: Dict | None = None
    declared: set[str] = field(default_factory=set)
    wanted: dict[str, dict[str, Place]] = field(default_factory=dict)
    sections: dict[str, Place] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.group = self.into.groups["ungrouped"]
        self.declared = set(self.into.groups)

    def read(self) -> None:
        """Read every line."""
        for number, line in enumerate(self.source.lines, 1):
            text = line.strip()
            if not text or text[0] in "#;":
                continue
            place = Place(self.source, number, len(line) - len(line.lstrip()) + 1, number)
            if text.startswith("[") and (text.endswith("]") or _SECTION.match(text)):
                self._section(text, place)
            elif self.kind == "hosts":
                self._host(text, place)
            elif self.kind == "children":
                self._child(text, place)
            elif self.kind == "vars":
                self._variable(text, place)
        self._undeclared()

    def _section(self, text: str, place: Place) -> None:
        found = _SECTION.match(text)
        if found is None:
            self.kind = ""  # what belongs to a section that cannot be read is not judged
            hint = "write [group], [group:children] or [group:vars], without blanks"
            self.findings.add(place, f"the section `{text}` cannot be read", hint)
            return
        name, self.kind = found["name"], found["kind"] or "hosts"
        if self.kind not in _KINDS:
            hint = did_you_mean(self.kind, _KINDS) or "there are [group], [group:children] and [group:vars]"
            self.findings.add(place, f"the section `[{name}:{self.kind}]` is of no known kind", hint, self.kind)
            self.kind = ""
            return
        self.group, self.vars = self.into.group(name, place, self.findings), None
        if self.kind == "vars":
            self.sections.setdefault(name, place)
            return
        self.declared.add(name)
        for parent, where in self.wanted.pop(name, {}).items():
            self.into.groups[parent].children.setdefault(name, where)

    def _child(self, text: str, place: Place) -> None:
        found = _CHILD.match(text)
        if found is None:
            hint = "one name a line; variables go to [group:vars]"
            self.findings.add(place, f"`{text}` cannot be a group's name", hint)
            return
        name = found["name"]
        if name in self.into.groups:
            self.group.children.setdefault(name, place)
        if name not in self.declared:
            self.wanted.setdefault(name, {})[self.group.name] = place

    def _variable(self, text: str, place: Place) -> None:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            self.findings.add(place, f"`{text}` sets no variable", "write name=value")
            return
        start = place.column + len(name) + 1 + len(value) - len(value.lstrip())
        if self.vars is None or name.strip() in self.vars:
            self.vars = Dict()
            self.vars.place = place
            self.group.written.append(self.vars)
        _set(self.vars, name.strip(), value.strip(), place, Place(self.source, place.line, start, place.line))

    def _host(self, text: str, place: Place) -> None:
        given = Dict()
        given.place = place
        try:
            words = list(_words(text))
            names, port = hosts_of(words[0][0])
        except ValueError as error:
            said = "a quote is opened and never closed" if "quotation" in str(error) else error
            self.findings.add(place, f"`{text.split(maxsplit=1)[0]}`: {said}")
            return
        if names == ["---"]:
            self.findings.add(place, "`---` begins a YAML file, and this one is read as INI", "call it NAME.yml")
            return
        for word, start in words[1:]:
            name, equals, value = word.partition("=")
            where = Place(self.source, place.line, place.column + start, place.line)
            if equals:
                _set(
                    given, name, value, where, Place(self.source, where.line, where.column + len(name) + 1, where.line)
                )
            else:
                hint = "write name=value, without blanks around the `=`; one host a line"
                self.findings.add(where, f"`{word}` sets no variable of `{words[0][0]}`", hint)
        for name in names:
            entry = self.into.host(name, place, self.group, port)
            entry.written += [given] if given else []

    def _undeclared(self) -> None:
        for name, parents in self.wanted.items():
            hint = did_you_mean(name, self.declared) or f"a group without hosts has an empty section [{name}]"
            for parent, place in parents.items():
                self.findings.add(place, f"`[{parent}:children]` names the group `{name}`, which there is not", hint)
        for name in self.sections.keys() - self.declared:
            hint = did_you_mean(name, self.declared) or f"write [{name}] too, empty where no host is in it"
            self.findings.add(
                self.sections[name], f"`[{name}:vars]` is of a group that has no section `[{name}]`", hint
            )


def _words(text: str) -> Iterator[tuple[str, int]]:
    """Yield a line's words as the shell has them, each with how many characters stand before it."""
    stream = io.StringIO(text)
    lexer = shlex.shlex(stream, posix=True)
    lexer.whitespace_split, lexer.commenters = True, "#"
    end = 0
    while (word := lexer.get_token()) is not None:
        yield word, len(text) - len(text[end:].lstrip())
        end = stream.tell()


def _set(into: Dict, name: str, text: str, key: Place, value: Place) -> None:
    into[name] = literal(text, value)
    into.key_places[name], into.value_places[name] = key, value


def literal(text: str, place: Place) -> Any:
    """Return a value of an INI file: a Python literal where it is one, and else the text itself."""
    if _WORD.fullmatch(text):
        return Text(text, place)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _marked(ast.literal_eval(text), place)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return Text(text, place)


def _marked(value: Any, place: Place) -> Any:
    """Return a literal as a file's values are; what YAML has no equal of becomes the nearest thing."""
    if isinstance(value, (list, tuple, set)):
        made = List(_marked(item, place) for item in value)
        made.place, made.item_places = place, [place] * len(made)
        return made
    if isinstance(value, dict):
        mapping = Dict({_marked(key, place): _marked(item, place) for key, item in value.items()})
        mapping.place = place
        mapping.key_places = mapping.value_places = dict.fromkeys(mapping, place)
        return mapping
    if isinstance(value, bytes):
        return Text(value.decode("utf-8", "replace"), place)
    if isinstance(value, str | complex) or value is ...:
        return Text("..." if value is ... else str(value), place)
    return value
