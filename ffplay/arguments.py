"""The command line: which verb is meant, what is wrong with it, and the exit codes; the verbs know their options."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import NoReturn

from ffplay import __version__, errors
from ffplay.errors import BUG_EXIT_CODE, CHANGES_EXIT_CODE, FINDINGS_EXIT_CODE, usage_error
from ffplay.verbs import VERBS, chapters, module


class _Parser(argparse.ArgumentParser):
    """Reports what is wrong as an InputError: argparse's own exit code 2 is a failed change here."""

    def error(self, message: str) -> NoReturn:
        # What argparse says of `--yes=no` would not tell that it is refused.
        said = message.replace("ignored explicit argument", "there is no value")
        raise usage_error(said, f"see: {self.prog} --help")


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Return the parsed command line. Raise InputError; end the process after `--help` or `--version`."""
    _check_verb(argv)
    parser = build_parser(argv[0])
    args, unknown = parser.parse_known_args(argv)
    if unknown:
        word = next((word for word in unknown if word.startswith("-")), unknown[0])
        name = word.partition("=")[0]
        hint = _did_you_mean(name, _options_of(parser, argv)) or f"see: ff-play {args.verb} --help"
        what = "option" if word.startswith("-") else "argument"
        raise usage_error(f"`{args.verb}` has no {what} `{name}`", hint)
    return args


def _check_verb(argv: Sequence[str]) -> None:
    if not argv:
        raise usage_error("no verb given", f"verbs: {', '.join(VERBS)}; see: ff-play --help")
    word = argv[0]
    if word in VERBS or word in ("-h", "--help", "--version"):
        return
    if word.startswith("-"):
        raise usage_error(f"`{word}` stands before the verb", "the verb comes first: ff-play plan PLAYBOOK [options]")
    hint = _did_you_mean(word, VERBS) or f"verbs: {', '.join(VERBS)}"
    from pathlib import Path

    if Path(word).is_file():
        hint = f"did you mean `ff-play plan {word}`?"
    raise usage_error(f"there is no verb `{word}`", hint)


def _did_you_mean(word: str, choices: Iterable[str]) -> str:
    import difflib

    close = difflib.get_close_matches(word, list(choices), 1, 0.6)
    return f"did you mean `{close[0]}`?" if close else ""


def _options_of(parser: argparse.ArgumentParser, argv: Sequence[str]) -> Iterator[str]:
    """Yield the long and short options of the verb, and of the verb's own verb, that were given."""
    for action in parser._actions:
        yield from action.option_strings
        if isinstance(action, argparse._SubParsersAction):
            verb = next((word for word in argv if word in action.choices), None)
            if verb is not None:
                yield from _options_of(action.choices[verb], argv[argv.index(verb) + 1 :])


def build_parser(only: str | None = None) -> argparse.ArgumentParser:
    """Return the parser of the whole command line; with `only`, no other verb's arguments are in it."""
    parser = _Parser(
        prog="ff-play",
        usage="ff-play VERB [options]\n       ff-play VERB --help",
        description=f"Migrate FindFace Enterprise Server SDK sites to another model or detector.\n\n{_verbs()}",
        epilog=exit_codes(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"ff-play {__version__}")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True, help=argparse.SUPPRESS, prog="ff-play")
    for name, text in VERBS.items():
        verb = verbs.add_parser(
            name,
            description=f"{text[0].upper()}{text[1:]}.",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        if only in (None, name):
            found = module(name)
            found.options(verb)
            _finish(verb, getattr(found, "EXAMPLES", ()))
    return parser


def _verbs() -> str:
    """Return all verbs by chapter, a line each."""
    lines: list[str] = []
    for title, names in chapters():
        lines += [*([""] if lines else []), f"{title}:"]
        for name in names:
            lines += textwrap.wrap(f"  {name:<11}{VERBS[name]}", 100, subsequent_indent=" " * 13)
    return "\n".join(lines)


def _finish(verb: argparse.ArgumentParser, examples: Iterable[tuple[str, str]]) -> None:
    """Give a verb's help a first line that fits one, and examples at its end, each below what it is for."""
    if not any(isinstance(action, argparse._SubParsersAction) for action in verb._actions):
        words = [_usage(action) for action in verb._actions if not action.option_strings]
        verb.usage = " ".join((verb.prog, *words, "[options]"))
    verb.epilog = "\n".join(["examples:", *(f"  # {what}\n  {command}" for command, what in examples)])


def _usage(action: argparse.Action) -> str:
    name = str(action.metavar or action.dest)
    if action.choices is not None:
        name = "|".join(map(str, action.choices))
    return f"[{name}]" if action.nargs == "?" else f"{name} ..." if action.nargs in ("*", "+") else name


def exit_codes() -> str:
    """Return the exit codes as a table."""
    lines = ["exit codes:"]
    for code, text in exit_code_meanings().items():
        lines += textwrap.wrap(text, 100, initial_indent=f"  {code:>3}  ", subsequent_indent=" " * 7)
    return "\n".join(lines)


def exit_code_meanings() -> dict[int, str]:
    """Return what each exit code means, by code, made from the errors themselves."""
    table = {0: ["done; nothing failed"]}
    for error in _tree(errors.Error):
        if error not in (errors.Error, errors.HostError, errors.SiteErrors):
            meaning = (error.__doc__ or "").partition("\n")[0].partition(";")[0]
            table.setdefault(error.exit_code, []).append(meaning.rstrip("."))
    table[CHANGES_EXIT_CODE].append("`plan --detailed-exitcode`: there are changes")
    table[FINDINGS_EXIT_CODE] = ["`lint`: a rule found something"]
    table[BUG_EXIT_CODE] = ["a bug in ffplay"]
    return {
        code: "; ".join(f"{meaning[0].lower()}{meaning[1:]}" for meaning in meanings)
        for code, meanings in sorted(table.items())
    }


def _tree(root: type[errors.Error]) -> Iterator[type[errors.Error]]:
    yield root
    for child in root.__subclasses__():
        # Subclasses of other modules are refinements of these; which of them are loaded is an accident.
        if child.__module__ == errors.__name__:
            yield from _tree(child)
