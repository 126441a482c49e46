"""What a step, a word or a variable means, for who writes a playbook in a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

from ffplay import steps
from ffplay.findface import DEFAULTS
from ffplay.lint.check import RULES
from ffplay.load import did_you_mean
from ffplay.report import reference
from ffplay.report.reference import Row
from ffplay.report.style import Style

_WIDTH = 100
_INDENT = "  "


@dataclass(frozen=True, slots=True)
class Explained:
    """One step kind: its sentence, its whole text, an example, what it goes by and alters, and its parameters."""

    name: str
    summary: str
    about: str
    example: str
    where: str
    reads: str
    changes: str
    parameters: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Topic:
    """All that one name stands for: a step, and words as (what it is a word of, its row)."""

    step: Explained | None
    words: tuple[tuple[str, Row], ...]


def topic(name: str) -> Topic | None:
    """Return what a name stands for; None for one that is nothing."""
    words = tuple((holder, row) for holder, row in _words() if row.name == name)
    step = _explained(name) if name in steps.kinds() else None
    return Topic(step, words) if step or words else None


def names() -> tuple[str, ...]:
    """Return every name that stands for something: steps, then words, variables and rules."""
    return tuple(dict.fromkeys((*steps.kinds(), *(row.name for _, row in _words()))))


def nearest(name: str) -> str:
    """Return a hint for a name that is nothing: the closest one, or where all of them are listed."""
    return did_you_mean(name, names()) or "`ff-play explain` lists the steps"


def overview() -> dict[str, dict[str, str]]:
    """Return all steps by section, each with its sentence."""
    return {title: {name: steps.kind(name).summary for name in names} for title, names in reference.sections()}


def overview_lines(style: Style) -> Iterator[str]:
    """Yield all steps, a line each."""
    for title, names in overview().items():
        yield style.paint("bold", title)
        for name, summary in names.items():
            yield f"  {name:<15}{summary}"
        yield ""
    for holder, rules in reference.WORDS:
        yield from textwrap.wrap(
            f"Words of {holder}: {', '.join(rules)}.", _WIDTH, subsequent_indent=_INDENT, break_on_hyphens=False
        )
    yield from textwrap.wrap(
        f"Rules of `ff-play lint`: {', '.join(RULES)}.", _WIDTH, subsequent_indent=_INDENT, break_on_hyphens=False
    )
    yield "More: ff-play explain STEP, or any of these words and rules, or a variable of the inventory."


def lines(found: Topic, style: Style) -> Iterator[str]:
    """Yield what a name stands for."""
    if found.step is not None:
        yield from _step(found.step, style)
    for number, (holder, row) in enumerate(found.words):
        if number or found.step is not None:
            yield ""
        yield f"{style.paint('bold', row.name)} of {holder} ({row.type}{_default(row)})"
        yield from _wrapped(row.meaning, "    ")


def _step(found: Explained, style: Style) -> Iterator[str]:
    yield f"{style.paint('bold', found.name)}: {found.summary}"
    yield from ("", *found.about.splitlines(), "")
    yield from (f"    {line}" for line in found.example.splitlines())
    yield ""
    if found.where:
        yield from _wrapped(found.where, "")
    for title, text in (("Reads", found.reads), ("Changes", found.changes)):
        first, *more = textwrap.wrap(f"{title}: {text}", _WIDTH, subsequent_indent="  ", break_on_hyphens=False)
        yield first.replace(title, style.paint("bold", title), 1)
        yield from more
    yield from ("", style.paint("bold", "Parameters"))
    for row in found.parameters:
        yield f"  {style.paint('cyan', row.name)} ({row.type}{_default(row)})"
        yield from _wrapped(row.meaning, "      ")


def _explained(name: str) -> Explained:
    kind = steps.kind(name)
    return Explained(
        name,
        kind.summary,
        reference.about(kind),
        kind.example,
        reference.where(kind),
        kind.reads,
        kind.changes,
        tuple(reference.parameters(kind)),
    )


def _words() -> Iterator[tuple[str, Row]]:
    """Yield every word that is no step, with what it is a word of."""
    for holder, rules in reference.WORDS:
        for row in reference.rows(rules):
            yield holder, row
    for name in steps.kinds():
        for row in reference.parameters(steps.kind(name)):
            yield f"the step {name}", row
    for name, value in DEFAULTS.items():
        meaning = "Set it in the inventory where your site has another value; docs/variables.md has all of them."
        yield "the inventory", Row(name, "variable", reference.shown_default(value), meaning)
    for rule in RULES.values():
        yield "`ff-play lint`", Row(rule.id, "rule", "none", f"{rule.summary} {rule.reason}")


def _default(row: Row) -> str:
    if row.default == "required":
        return ", required"
    return "" if row.default == "none" else f", {row.default} by default"


def _wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)
