"""Options that several verbs take, named as Ansible's where Ansible has them."""

from __future__ import annotations

import argparse

from ffplay.errors import CHANGES_EXIT_CODE

# What `--help` puts options under, in this order.
SITE, STEPS, DOING, SHOWN = _TITLES = ("the site", "which steps", "how it is done", "what is shown")


def group(parser: argparse.ArgumentParser, title: str) -> argparse._ArgumentGroup:
    """Return the group of options of that title. One that stays empty is not shown."""
    if not any(found.title in _TITLES for found in parser._action_groups):
        for each in _TITLES:
            parser.add_argument_group(each)
    return next(found for found in parser._action_groups if found.title == title)


def common(parser: argparse.ArgumentParser) -> None:
    """Add how much is told, and how it looks."""
    shown = group(parser, SHOWN)
    shown.add_argument("-v", "--verbose", action="count", default=0, help="show more; -vvv shows tracebacks of bugs")
    shown.add_argument("--json", action="store_true", help="JSON on standard output, for programs")
    shown.add_argument(
        "--color",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="colours, or none; by default on a terminal unless NO_COLOR is set",
    )


def inventory_files(parser: argparse.ArgumentParser) -> None:
    """Add what names a site and its variables."""
    site = group(parser, SITE)
    site.add_argument(
        "-i",
        "--inventory",
        action="append",
        default=[],
        metavar="FILE",
        help="an inventory, a file or a directory; repeatable",
    )
    extra_vars(parser)


def extra_vars(parser: argparse.ArgumentParser) -> None:
    """Add variables."""
    group(parser, SITE).add_argument(
        "-e",
        "--extra-vars",
        action="append",
        default=[],
        metavar="VARS",
        help="variables that win over all others: NAME=VALUE, JSON or @FILE; repeatable",
    )
    vault(parser)


def vault(parser: argparse.ArgumentParser) -> None:
    """Add where the passwords of vaults come from."""
    site = group(parser, SITE)
    site.add_argument(
        "--vault-password-file",
        "--vault-pass-file",
        action="append",
        default=[],
        metavar="FILE",
        help="the vault password is in this file; a program prints it",
    )
    site.add_argument(
        "--vault-id",
        action="append",
        default=[],
        metavar="LABEL@SOURCE",
        help="a vault password by its label: of a file, a program, or `prompt`; repeatable",
    )
    site.add_argument(
        "-J", "--ask-vault-pass", "--ask-vault-password", action="store_true", help="ask for the vault password"
    )


def limited_inventories(parser: argparse.ArgumentParser) -> None:
    """Add what names a site or a part of it."""
    inventory_files(parser)
    site = group(parser, SITE)
    site.add_argument("-l", "--limit", metavar="PATTERN", help="only these hosts; HOST/SHARD names one shard")


def whole_site(parser: argparse.ArgumentParser) -> None:
    """Add what looks at a whole site, without a playbook."""
    inventory_files(parser)
    common(parser)
    forks(parser)


def playbook_file(parser: argparse.ArgumentParser) -> None:
    """Add the playbook."""
    parser.add_argument("playbook", metavar="PLAYBOOK", help="the playbook, a YAML file")


def sources(parser: argparse.ArgumentParser) -> None:
    """Add a playbook and its site."""
    playbook_file(parser)
    limited_inventories(parser)
    common(parser)


def playbook(parser: argparse.ArgumentParser) -> None:
    """Add a playbook, its site, and which part of it is meant."""
    sources(parser)
    steps = group(parser, STEPS)
    steps.add_argument(
        "-t", "--tags", action="append", default=[], metavar="WORDS", help="only steps with one of these tags"
    )
    steps.add_argument(
        "--skip-tags", action="append", default=[], metavar="WORDS", help="no steps with one of these tags"
    )
    steps.add_argument("--start-at-step", metavar="NAME", help="leave out the steps before the one of this name")
    forks(parser)
    diff(parser)
    steps.add_argument("--list-hosts", action="store_true", help="name the hosts of each play, and do nothing else")
    steps.add_argument("--list-steps", action="store_true", help="name the steps of each play, and do nothing else")


def forks(parser: argparse.ArgumentParser) -> None:
    """Add how many hosts are worked on at once."""
    group(parser, DOING).add_argument(
        "-f", "--forks", type=positive, default=50, metavar="N", help="hosts worked on at once (50)"
    )


def diff(parser: argparse.ArgumentParser) -> None:
    """Add how much of files' differences is shown.

    Each form is an option of its own: one that may have a value would take the playbook after it for that.
    """
    forms = (
        (("-D", "--diff"), "short", "show files' diffs, long ones folded; so does `plan` by itself"),
        (("--diff=full",), "full", "show files' diffs whole"),
        (("--diff=summary",), "summary", "show how many lines of each file come and go"),
        (("--no-diff",), "none", "show nothing of what is in files"),
    )
    for words, value, text in forms:
        group(parser, SHOWN).add_argument(*words, action="store_const", dest="diff", const=value, default="", help=text)


def measure(parser: argparse.ArgumentParser) -> None:
    """Add whether the forecast rests on a measurement."""
    parser.add_argument(
        "--measure", action="store_true", help="ask extraction-api for some facens, and forecast by how fast it is"
    )


def detailed_exitcode(parser: argparse.ArgumentParser) -> None:
    """Add whether the exit code tells of changes."""
    group(parser, SHOWN).add_argument(
        "--detailed-exitcode",
        action="store_true",
        help=f"end with 0 when there is nothing to change and with {CHANGES_EXIT_CODE} when there is",
    )


def asking(parser: argparse.ArgumentParser, check: str) -> None:
    """Add whether anything is done, and whether that is asked about; `check` says what `--check` does."""
    doing = group(parser, DOING)
    doing.add_argument("-C", "--check", action="store_true", help=check)
    doing.add_argument("-y", "--yes", action="store_true", help="do not ask")


def natural(text: str) -> int:
    """Return a number of at least 0."""
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{text} is negative")
    return number


def positive(text: str) -> int:
    """Return a number of at least 1."""
    if natural(text) == 0:
        raise argparse.ArgumentTypeError("must be at least 1")
    return int(text)
