"""Completion for zsh 5 and later."""

from __future__ import annotations

from collections.abc import Iterator
from shlex import quote

from ffplay.report.commands import Argument, Command


def script(program: Command) -> str:
    """Return the script: a function for each command, which hands on to that of the verb."""
    functions = "\n".join(line for command in program.every() for line in _function(command))
    # Loaded from $fpath the file itself is the function; sourced, it has to be registered.
    end = 'if [ "$funcstack[1]" = _ff_play ]; then\n  _ff_play "$@"\nelse\n  compdef _ff_play ff-play\nfi'
    return f"#compdef ff-play\n# Completion of ff-play for zsh.\n{functions}\n{end}\n"


def _function(command: Command) -> Iterator[str]:
    yield f"{_name(command)}() {{"
    specs = [spec for option in command.options for spec in _option(option)]
    if command.commands:
        yield "  local curcontext=$curcontext state line"
        yield from _arguments([*specs, "1: :->verb", "*:: :->rest"])
        yield from _verbs(command)
    else:
        yield from _arguments([*specs, *map(_positional, command.positionals)])
    yield "}"


def _arguments(specs: list[str]) -> Iterator[str]:
    yield " \\\n    ".join(("  _arguments -C", *map(quote, specs)))


def _verbs(command: Command) -> Iterator[str]:
    yield "  case $state in"
    yield "  verb)"
    yield "    local -a verbs=("
    for inner in command.commands:
        yield f"      {quote(f'{inner.words[-1]}:{inner.summary}')}"
    yield "    )"
    yield "    _describe verb verbs ;;"
    yield "  rest)"
    yield "    case $words[1] in"
    yield from (f"    {inner.words[-1]}) {_name(inner)} ;;" for inner in command.commands)
    yield "    esac ;;"
    yield "  esac"


def _option(option: Argument) -> Iterator[str]:
    """Yield the specs of an option's words; unless it repeats, one word of it excludes the others."""
    first = "*" if option.repeats else f"({' '.join(option.names)})"
    for name in option.names:
        long = "=" if option.value and name.startswith("--") else ""
        yield f"{first}{name}{long}[{_escaped(option.help)}]{_value(option) if option.value else ''}"


def _positional(argument: Argument) -> str:
    if argument.repeats:
        return f"*{_value(argument)}"
    return f"{':' if argument.required else '::'}{_value(argument)[1:]}"


def _value(argument: Argument) -> str:
    """Return `:message:action` of a value."""
    action = ""
    if argument.choices:
        action = f"({' '.join(argument.choices)})"
    elif argument.kind:
        action = "_files -/" if argument.kind == "directory" else "_files"
    return f":{_escaped(argument.value)}:{action or ' '}"


def _name(command: Command) -> str:
    return "_".join(("_ff_play", *command.words))


def _escaped(text: str) -> str:
    for sign in "\\[]:":
        text = text.replace(sign, f"\\{sign}")
    return text
