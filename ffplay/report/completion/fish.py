"""Completion for fish 3 and later."""

from __future__ import annotations

from collections.abc import Iterator

from ffplay.report.commands import Argument, Command

# The verbs come first on ffplay's command line, so the leading words say which command it is.
_FRAME = """# Completion of ff-play for fish.
function __ff_play_at --description 'Whether the command line begins with these verbs; with --only: has no more words'
    set -l words (commandline -opc)
    set -e words[1]
    if test "$argv[1]" = --only
        set -e argv[1]
        test (count $words) -eq (count $argv); or return 1
    end
    for i in (seq (count $argv))
        test "$words[$i]" = "$argv[$i]"; or return 1
    end
end
complete -c ff-play -f
"""


def script(program: Command) -> str:
    """Return the script."""
    return _FRAME + "".join(f"{line}\n" for command in program.every() for line in _command(command))


def _command(command: Command) -> Iterator[str]:
    at = " ".join(("__ff_play_at", *command.words))
    only = " ".join(("__ff_play_at", "--only", *command.words))
    for inner in command.commands:
        yield f"complete -c ff-play -n {quote(only)} -a {inner.words[-1]} -d {quote(inner.summary)}"
    for argument in command.arguments:
        condition = at if command.words else only
        if argument.is_option:
            yield from _option(argument, condition)
        elif argument.choices:
            yield f"complete -c ff-play -n {quote(at)} -a {quote(' '.join(argument.choices))}"
        elif argument.kind == "directory":
            yield f"complete -c ff-play -n {quote(at)} -a '(__fish_complete_directories)'"
        elif argument.kind:
            yield f"complete -c ff-play -n {quote(at)} -F"


def _option(option: Argument, condition: str) -> Iterator[str]:
    """Yield what completes an option. One that has its value in its name (`--diff=full`) is a word of its own."""
    whole = [name for name in option.names if "=" in name]
    yield from (f"complete -c ff-play -n {quote(condition)} -a {name} -d {quote(option.help)}" for name in whole)
    names = [
        f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in option.names if "=" not in name
    ]
    if names:
        line = f"complete -c ff-play -n {quote(condition)} {' '.join(names)} -d {quote(option.help)}"
        yield line + _value(option)


def _value(option: Argument) -> str:
    if option.choices:
        return f" -x -a {quote(' '.join(option.choices))}"
    if option.kind == "directory":
        return " -x -a '(__fish_complete_directories)'"
    if option.kind:
        return " -r -F"
    return " -x" if option.value else ""


def quote(text: str) -> str:
    """Return a word as fish reads it."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
