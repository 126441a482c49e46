"""Apply the rules to a playbook, and leave out what a comment in the file silences."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ffplay.lint import order, single, site, texts
from ffplay.lint.base import Book, Rule, Seen
from ffplay.load import Sources, did_you_mean, load
from ffplay.load.findings import Findings
from ffplay.load.playbook import read_playbook
from ffplay.model import Mark

# In any language's comment: a template's or a Lua file's as well as YAML's.
_IGNORE = re.compile(r"ff-play: ignore +(?P<ids>[a-z-]+(?:, *[a-z-]+)*)")
_COMMENT = re.compile(r"^\s*(#|--|\{#)")


def _nothing(book: Book) -> Iterator[Seen]:
    yield from ()


UNKNOWN = Rule(
    "unknown-rule",
    "A comment that silences a rule which is none.",
    "It silences nothing: the rule is called otherwise.",
    _nothing,  # comments are read by `check` itself
)
RULES: Mapping[str, Rule] = {
    rule.id: rule for rule in (*order.RULES, *single.RULES, *texts.RULES, *site.RULES, UNKNOWN)
}


@dataclass(frozen=True, slots=True)
class Remark:
    """What a rule found: where, and what."""

    rule: Rule
    mark: Mark
    message: str


@dataclass(frozen=True, slots=True)
class Result:
    """All remarks, file by file and line by line, and how many more a comment silences."""

    remarks: tuple[Remark, ...]
    silenced: int


def read_book(sources: Sources) -> Book:
    """Return a playbook with its site, or alone where nothing gives an inventory. Raise InputError for mistakes."""
    path = sources.playbook or Path()
    findings = Findings()
    written = read_playbook(path, findings).playbook
    if sources.inventories or written.inventory is not None:
        loaded = load(sources)
        plays = loaded.playbook.plays if loaded.playbook is not None else ()
        return Book(path, plays, loaded.site)
    findings.stop()
    return Book(path, written.plays)


def check(book: Book) -> Result:
    """Return what the rules find in a playbook."""
    lines = _Lines()
    found = [Remark(rule, *seen) for rule in RULES.values() for seen in rule.look(book)]
    read = dict.fromkeys((str(book.path), *(step.mark.file for step in book.entries())))
    found += [remark for file in (*read, *(each.mark.file for each in found)) for remark in _unknown(file, lines)]
    found = list(dict.fromkeys(found))
    told = [remark for remark in found if remark.rule.id not in lines.ignored(remark.mark)]
    files = list(dict.fromkeys((*read, *(remark.mark.file for remark in told))))
    told.sort(key=lambda remark: (files.index(remark.mark.file), remark.mark.line, remark.mark.column))
    return Result(tuple(told), len(found) - len(told))


def _unknown(file: str, lines: _Lines) -> Iterator[Remark]:
    for number, line in enumerate(lines.of(file), 1):
        for found in _IGNORE.finditer(line):
            for name in re.findall(r"[a-z-]+", found["ids"]):
                if name not in RULES:
                    hint = did_you_mean(name, RULES) or "`ff-play explain` lists them"
                    message = f"there is no rule `{name}`; {hint}"
                    yield Remark(UNKNOWN, Mark(file, number, line.find(name, found.start("ids")) + 1), message)


class _Lines:
    """The lines of files that remarks are about, each read once."""

    def __init__(self) -> None:
        self._files: dict[str, Sequence[str]] = {}

    def of(self, file: str) -> Sequence[str]:
        """Return a file's lines; none of one that cannot be read."""
        if file not in self._files:
            try:
                self._files[file] = Path(file).read_text(encoding="utf-8").splitlines()
            except (OSError, UnicodeDecodeError):
                self._files[file] = ()
        return self._files[file]

    def ignored(self, mark: Mark) -> set[str]:
        """Return the rules that are silenced on a line: by a comment on it, or in the comments right above it."""
        lines = self.of(mark.file)
        found = set(_ids(lines[mark.line - 1])) if mark.line <= len(lines) else set()
        for line in reversed(lines[: mark.line - 1]):
            if not _COMMENT.match(line):
                break
            found.update(_ids(line))
        return found


def _ids(line: str) -> list[str]:
    return [name for found in _IGNORE.finditer(line) for name in re.findall(r"[a-z-]+", found["ids"])]
