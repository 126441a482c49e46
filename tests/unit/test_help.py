"""`--help`: what it says of every verb and option; the command lines that it and the documents show are right."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from ffplay.arguments import build_parser, parse
from ffplay.verbs import VERBS, chapters, module

TOP = Path(__file__).resolve().parents[2]


def parsers(parser: argparse.ArgumentParser, name: str = "") -> Iterator[tuple[str, argparse.ArgumentParser]]:
    yield name, parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for verb, inner in action.choices.items():
                yield from parsers(inner, f"{name} {verb}".strip())


ALL = dict(parsers(build_parser()))


def examples() -> list[tuple[str, str, str]]:
    return [(verb, command, what) for verb in VERBS for command, what in module(verb).EXAMPLES]


def given(command: str) -> list[str]:
    """Return a command line's words, without what a shell does with its input and its output."""
    return shlex.split(next(part for part in re.split(r"\s[>|]\s", command) if part.startswith("ff-play ")))


@pytest.mark.parametrize(("verb", "command", "what"), examples(), ids=lambda value: value[:40])
def test_an_example_is_a_command_line_of_its_verb(verb: str, command: str, what: str) -> None:
    program, *words = given(command)
    assert program == "ff-play"
    assert parse(words).verb == verb
    assert what


@pytest.mark.parametrize("verb", VERBS)
def test_the_help_of_a_verb_ends_with_its_examples(verb: str) -> None:
    told = ALL[verb].format_help()
    assert told.startswith(f"usage: ff-play {verb} ")
    _, found, end = told.partition("\nexamples:\n")
    assert found
    assert [line.strip() for line in end.splitlines()[1::2]] == [command for command, _ in module(verb).EXAMPLES]


@pytest.mark.parametrize("name", ALL)
def test_every_argument_says_what_it_is(name: str) -> None:
    for action in ALL[name]._actions:
        if not isinstance(action, argparse._SubParsersAction):
            assert action.help, action.dest
            takes_value = action.option_strings and action.nargs != 0
            assert not takes_value or action.metavar or action.choices, f"{action.dest} needs a metavar"


def test_every_verb_stands_in_one_chapter_of_the_help() -> None:
    names = [name for _, verbs in chapters() for name in verbs]
    assert sorted(names) == sorted(VERBS)
    assert [title for title, _ in chapters() if title == "more"] == []
    told = build_parser().format_help()
    for title, verbs in chapters():
        chapter = told.partition(f"\n{title}:\n")[2].partition("\n\n")[0]
        assert [line.split()[0] for line in chapter.splitlines() if re.match(r"  \S", line)] == list(verbs)


def test_options_stand_in_groups_in_one_order() -> None:
    told = ALL["apply"].format_help()
    titles = re.findall(r"^(\S.*):$", told, re.M)
    assert titles == [
        "positional arguments", "options", "the site", "which steps", "how it is done", "what is shown", "examples",
    ]  # fmt: skip
    assert "usage: ff-play apply PLAYBOOK [options]" in told
    assert "usage: ff-play rollback [RUN] [options]" in ALL["rollback"].format_help()
    assert "usage: ff-play schema [playbook|inventory] [options]" in ALL["schema"].format_help()


def shown() -> list[tuple[str, str]]:
    """Return the command lines of documents and shipped files, each with where it stands."""
    pages = [TOP / "README.md", *sorted((TOP / "docs").glob("*.md")), *sorted((TOP / "playbooks").glob("*.yml"))]
    texts = [(page, re.sub(r"\\\n *", "", page.read_text())) for page in pages]  # a line may be continued
    lines = [(page, re.findall(r"^(?: {4,}|#   )(ff-play [^\n]*)$", text, re.M)) for page, text in texts]
    return [(page.name, line) for page, found in lines for line in found]


@pytest.mark.parametrize(("page", "line"), shown(), ids=str)
def test_a_command_line_of_a_document_is_one(page: str, line: str) -> None:
    _, *words = given(line.partition(" #")[0].replace("...", ""))
    assert parse(words).verb in VERBS


def test_the_documents_show_command_lines() -> None:
    assert {"README.md", "operating.md", "switch-model.yml"} <= {page for page, _ in shown()}
