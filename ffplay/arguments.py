"""The command line: verbs and options, named as Ansible's where Ansible has them."""

from __future__ import annotations

import argparse
import difflib
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NoReturn

from ffplay import __version__, errors

# What a plan's `--detailed-exitcode` ends with when there are changes; 2, as Terraform has it, is a failed change here.
CHANGES_EXIT_CODE = 8
BUG_EXIT_CODE = 70

VERBS = {
    "plan": "show every change that a playbook would make, and change nothing",
    "apply": "show the plan, ask, make the changes and verify each of them",
    "rollback": "show the way back to before a run, ask, and go it",
    "commit": "remove what verified runs set aside, and old backups if asked; no way back is left",
    "runs": "show the runs that the site's hosts know",
    "show": "show one run: what it changed, how it ended, and the ways on",
    "status": "show what each host and shard is at, open runs, locks, and what is set aside",
    "unlock": "remove the lock that a dead run left on a site",
    "verify": "check that the site is at a playbook's target, and change nothing",
    "validate": "check a playbook and its inventory without reaching any host",
    "inventory": "show hosts, groups, shards and variables",
    "lab": "bring up a small real site on this machine to rehearse on",
}


class _Parser(argparse.ArgumentParser):
    """Reports what is wrong as an InputError: argparse's own exit code 2 is a failed change here."""

    def error(self, message: str) -> NoReturn:
        raise usage_error(message, f"see: {self.prog} --help")


def usage_error(message: str, hint: str = "") -> errors.InputError:
    """Return the error for a wrong command line."""
    return errors.InputError([errors.Finding(None, message, hint)])


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Return the parsed command line. Raise InputError; end the process after `--help` or `--version`."""
    _check_verb(argv)
    parser = build_parser()
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
    if Path(word).is_file():
        hint = f"did you mean `ff-play plan {word}`?"
    raise usage_error(f"there is no verb `{word}`", hint)


def _did_you_mean(word: str, choices: Iterable[str]) -> str:
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


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    parser = _Parser(
        prog="ff-play",
        description="Migrate FindFace Enterprise Server SDK sites to another model or detector.",
        epilog=exit_codes(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"ff-play {__version__}")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    fill: dict[str, Callable[[argparse.ArgumentParser], None]] = {
        "plan": _plan,
        "apply": _apply,
        "rollback": _rollback,
        "commit": _commit,
        "runs": _look,
        "show": _show,
        "status": _look,
        "unlock": _unlock,
        "verify": _playbook,
        "validate": _sources,
        "inventory": _inventory,
        "lab": _lab,
    }
    for name, text in VERBS.items():
        verb = verbs.add_parser(name, help=text, description=f"{text.capitalize()}.", allow_abbrev=False)
        fill[name](verb)
    return parser


def _common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-v", "--verbose", action="count", default=0, help="show more; -vvv shows tracebacks of bugs")
    parser.add_argument("--json", action="store_true", help="JSON on standard output, for programs")
    parser.add_argument(
        "--color",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="colours, or none; by default on a terminal unless NO_COLOR is set",
    )


def _site(parser: argparse.ArgumentParser) -> None:
    """Add what names a whole site, without a playbook."""
    _inventory_files(parser)
    _common(parser)


def _inventories(parser: argparse.ArgumentParser) -> None:
    _inventory_files(parser)
    parser.add_argument("-l", "--limit", metavar="PATTERN", help="only these hosts; HOST/SHARD names one shard")


def _inventory_files(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-i", "--inventory", action="append", default=[], metavar="FILE", help="may be repeated")
    parser.add_argument(
        "-e", "--extra-vars", action="append", default=[], metavar="VARS", help="NAME=VALUE, JSON or @FILE; repeatable"
    )


def _sources(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("playbook", metavar="PLAYBOOK")
    _inventories(parser)
    _common(parser)


def _playbook(parser: argparse.ArgumentParser) -> None:
    _sources(parser)
    parser.add_argument("-t", "--tags", action="append", default=[], help="only steps with one of these tags")
    parser.add_argument("--skip-tags", action="append", default=[], help="no steps with one of these tags")
    parser.add_argument("--start-at-step", metavar="NAME", help="leave out the steps before the one of this name")
    parser.add_argument("-f", "--forks", type=_positive, default=50, metavar="N", help="hosts worked on at once (50)")
    parser.add_argument("-D", "--diff", action=argparse.BooleanOptionalAction, default=True, help="show files' diffs")
    parser.add_argument("--list-hosts", action="store_true", help="name the hosts of each play, and do nothing else")
    parser.add_argument("--list-steps", action="store_true", help="name the steps of each play, and do nothing else")


def _plan(parser: argparse.ArgumentParser) -> None:
    _playbook(parser)
    _detailed(parser)


def _detailed(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--detailed-exitcode",
        action="store_true",
        help=f"end with 0 when there is nothing to change and with {CHANGES_EXIT_CODE} when there is",
    )


def _apply(parser: argparse.ArgumentParser) -> None:
    _plan(parser)
    parser.add_argument("-C", "--check", action="store_true", help="the same as `plan`")
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask")


def _rollback(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "run", metavar="RUN", nargs="?", help="go back to before this run; by default the last that was not undone"
    )
    _look(parser)
    parser.add_argument("-D", "--diff", action=argparse.BooleanOptionalAction, default=True, help="show files' diffs")
    _detailed(parser)
    parser.add_argument("-C", "--check", action="store_true", help="show the way back, and change nothing")
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask")


def _commit(parser: argparse.ArgumentParser) -> None:
    _look(parser)
    keep = "also remove all but the newest N backups of each shard and dumps of MongoDB; by default all are kept"
    parser.add_argument("--keep-backups", type=_positive, metavar="N", help=keep)
    _detailed(parser)
    parser.add_argument("-C", "--check", action="store_true", help="show what would go, and change nothing")
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask")


def _look(parser: argparse.ArgumentParser) -> None:
    """Add what looks at a whole site."""
    _site(parser)
    parser.add_argument("-f", "--forks", type=_positive, default=50, metavar="N", help="hosts worked on at once (50)")


def _show(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN", help="the run's name, as `ff-play runs` shows it")
    _look(parser)


def _unlock(parser: argparse.ArgumentParser) -> None:
    _sources(parser)
    parser.add_argument("--force", metavar="RUN", help="do not ask: break the lock of the run of this name")


def _inventory(parser: argparse.ArgumentParser) -> None:
    _inventories(parser)
    _common(parser)
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--list", action="store_true", help="everything, as `ansible-inventory --list` prints it")
    action.add_argument("--graph", action="store_true", help="groups, hosts and shards as a tree (the default)")
    action.add_argument("--host", metavar="NAME", help="one host's variables")
    action.add_argument("--hosts", metavar="PATTERN", help="the hosts that a pattern names")


def _lab(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="lab_verb", metavar="up|down|status", required=True)
    for name, text in (("up", "bring the lab up"), ("down", "end it"), ("status", "tell what runs")):
        verb = verbs.add_parser(name, help=text, description=f"{text.capitalize()}.", allow_abbrev=False)
        verb.add_argument("--dir", default="ffplay-lab", help="the lab's directory (./ffplay-lab)")
        _common(verb)
        if name == "up":
            verb.add_argument("--hosts", type=_positive, default=2, metavar="N", help="hosts with shards (2)")
            verb.add_argument("--shards", type=_positive, default=2, metavar="N", help="shards on each (2)")
            verb.add_argument("--faces", type=_natural, default=2000, metavar="N", help="faces in MongoDB (2000)")
            verb.add_argument("--model", default="apricot_320", help="the model that the site is at (apricot_320)")
            kinds = "what its hosts are: directories of this machine, or whole machines with systemd (root) (loopback)"
            verb.add_argument("--driver", choices=("loopback", "nspawn"), default="loopback", help=kinds)
            verb.add_argument("--standalone", action="store_true", help="everything on one host with one shard")


def _natural(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{text} is negative")
    return number


def _positive(text: str) -> int:
    if _natural(text) == 0:
        raise argparse.ArgumentTypeError("must be at least 1")
    return int(text)


def exit_codes() -> str:
    """Return the exit codes as a table, made from the errors themselves."""
    table = {0: ["done; nothing failed"]}
    for error in _tree(errors.Error):
        if error not in (errors.Error, errors.HostError, errors.SiteErrors):
            meaning = (error.__doc__ or "").partition("\n")[0].partition(";")[0]
            table.setdefault(error.exit_code, []).append(meaning.rstrip("."))
    table[CHANGES_EXIT_CODE] = ["`plan --detailed-exitcode`: there are changes"]
    table[BUG_EXIT_CODE] = ["a bug in ffplay"]
    lines = ["exit codes:"]
    for code, meanings in sorted(table.items()):
        text = "; ".join(f"{meaning[0].lower()}{meaning[1:]}" for meaning in meanings)
        lines += textwrap.wrap(text, 100, initial_indent=f"  {code:>3}  ", subsequent_indent=" " * 7)
    return "\n".join(lines)


def _tree(root: type[errors.Error]) -> Iterator[type[errors.Error]]:
    yield root
    for child in root.__subclasses__():
        # Subclasses of other modules are refinements of these; which of them are loaded is an accident.
        if child.__module__ == errors.__name__:
            yield from _tree(child)
