"""Rules about single plays and steps."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ffplay.lint.base import Book, Rule, Seen, given
from ffplay.model import Step

_GUARDS = ("creates", "removes", "unless", "onlyif", "probe")
# What keeps a site whole: a failure of it that is passed over is a site in pieces.
_KEEPING = ("preflight", "backup", "configure", "regenerate", "stop", "wipe", "template", "start", "copy", "verify")
_GLOB = re.compile(r"[*?\[]")
_START_OF_GLOB = re.compile(r"\bsystemctl\b[^;&|\n]*\b(?:re)?start\b[^;&|\n]*[*?\[]")


def _command_without_guard(book: Book) -> Iterator[Seen]:
    for play in book.plays:
        # A handler has its guard: it runs only when it was notified.
        for step in play.steps:
            if step.kind == "command" and not any(given(step.args, name) for name in _GUARDS):
                yield Seen(step.mark, f"this command has no {', '.join(_GUARDS[:-1])} or {_GUARDS[-1]}: it always runs")


def _tool_without_timeout(book: Book) -> Iterator[Seen]:
    for step in book.entries():
        if step.kind == "command" and given(step.args, "detach") and step.timeout is None:
            yield Seen(step.mark, "this detached command has no `timeout`")


def _ignored_failure(book: Book) -> Iterator[Seen]:
    for step in book.entries():
        if step.ignore_errors and step.kind in _KEEPING:
            yield Seen(step.mark, f"a failure of this {step.kind} is passed over")


def _glob_in_unit(book: Book) -> Iterator[Seen]:
    for step in book.entries():
        name = step.args.get("name")
        if step.kind == "service" and isinstance(name, str) and _GLOB.search(_plain(name)):
            yield Seen(step.mark, f"the unit `{name}` is a glob")
        if step.kind == "command" and _START_OF_GLOB.search(_plain(_line(step))):
            yield Seen(step.mark, "this command starts units by a glob")


def _line(step: Step) -> str:
    argv = step.args.get("argv")
    return " ".join(map(str, argv)) if isinstance(argv, list) and argv else str(step.args.get("cmd") or "")


def _plain(text: str) -> str:
    """Return a text without its templates, in which brackets and stars mean something else."""
    return re.sub(r"\{\{.*?\}\}|\{%.*?%\}", "x", text, flags=re.S)


def _unnamed_play(book: Book) -> Iterator[Seen]:
    for play in book.plays:
        if play.name == play.hosts:
            yield Seen(play.mark, "this play has no `name`")


RULES = (
    Rule(
        "command-without-guard",
        "A command that nothing makes needless.",
        "It runs again with every apply, and a plan cannot tell what it would change.",
        _command_without_guard,
    ),
    Rule(
        "tool-without-timeout",
        "A detached command without a timeout.",
        "Nothing ends it when it hangs, and every later run waits for it. (A plain command has the variable "
        "ansible_command_timeout; how long regenerate and copy take is a matter of the site's faces.)",
        _tool_without_timeout,
    ),
    Rule(
        "ignored-failure",
        "A step of a migration with ignore_errors.",
        "The steps after it rely on it: a switch that goes on without one leaves a site in pieces.",
        _ignored_failure,
    ),
    Rule(
        "glob-in-unit",
        "Units that are named by a glob.",
        "A glob matches loaded units only: starting stopped shards by one starts nothing, and the exit code is 0.",
        _glob_in_unit,
    ),
    Rule(
        "unnamed-play",
        "A play without a name.",
        "Plans, journals and recaps call it by its hosts, and two such plays are told apart by nothing.",
        _unnamed_play,
    ),
)
