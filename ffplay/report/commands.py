"""The command line as data, made from the parsers themselves: what completion and the manual page are written from."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Argument:
    """One option or positional argument.

    `names` are an option's words, none for a positional one. `value` is how its value is called, empty where it takes
    none. `choices` are all values that it may have; `kind` is "file" or "directory" where a path is meant, else empty.
    `repeats` tells that it may be given again. `group` is the title of the help that it stands under.
    """

    names: tuple[str, ...]
    value: str
    help: str
    choices: tuple[str, ...] = ()
    kind: str = ""
    required: bool = False
    repeats: bool = False
    group: str = ""

    @property
    def is_option(self) -> bool:
        """Tell whether it is an option."""
        return bool(self.names)


@dataclass(frozen=True, slots=True)
class Command:
    """A verb, or the program itself: the words that lead to it, and what it takes. `commands` are verbs of its own."""

    words: tuple[str, ...]
    summary: str
    arguments: tuple[Argument, ...]
    commands: tuple[Command, ...]
    usage: str
    examples: tuple[tuple[str, str], ...] = ()

    @property
    def options(self) -> tuple[Argument, ...]:
        """Return its options."""
        return tuple(argument for argument in self.arguments if argument.is_option)

    @property
    def positionals(self) -> tuple[Argument, ...]:
        """Return its positional arguments in order."""
        return tuple(argument for argument in self.arguments if not argument.is_option)

    def every(self) -> Iterator[Command]:
        """Yield it and all commands below it."""
        yield self
        for command in self.commands:
            yield from command.every()


def command_of(
    parser: argparse.ArgumentParser,
    words: Mapping[str, tuple[str, ...]],
    path: tuple[str, ...] = (),
    summary: str = "",
) -> Command:
    """Return a parser and those below it.

    `words` gives the values of arguments that the parser itself does not hold to choices, by how they are called.
    """
    arguments: list[Argument] = []
    commands: list[Command] = []
    for group in parser._action_groups:
        for action in group._group_actions:
            if isinstance(action, argparse._SubParsersAction):
                for name, inner in action.choices.items():
                    commands.append(command_of(inner, words, (*path, name), inner.description or ""))
            else:
                arguments.append(_argument(action, group.title or "", words))
    usage = re.sub(r"\s+", " ", parser.format_usage()).removeprefix("usage: ").strip()
    examples = re.findall(r"^  # (.*)\n  (.*)$", parser.epilog or "", re.M)
    return Command(
        path,
        summary,
        tuple(arguments),
        tuple(commands),
        usage,
        tuple((command, what) for what, command in examples),
    )


def _argument(action: argparse.Action, group: str, words: Mapping[str, tuple[str, ...]]) -> Argument:
    takes = action.nargs != 0
    value = str(action.metavar or action.dest) if takes else ""
    choices = tuple(map(str, action.choices)) if action.choices is not None else words.get(value, ())
    return Argument(
        tuple(action.option_strings),
        value,
        (action.help or "").replace("%%", "%"),
        choices,
        _kind(value),
        action.required and action.nargs not in ("?", "*"),
        isinstance(action, argparse._AppendAction | argparse._CountAction) or action.nargs in ("*", "+"),
        group,
    )


def _kind(value: str) -> str:
    """Return what kind of path a value is, by how it is called: PLAYBOOK, FILE, RUN|FILE, DIR."""
    names = set(re.split(r"[^A-Z]+", value))
    if names & {"FILE", "PLAYBOOK", "INVENTORY", "PLAN"}:
        return "file"
    return "directory" if "DIR" in names else ""
