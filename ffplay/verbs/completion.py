"""`ff-play completion`: print the script by which a shell completes ffplay's command line."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from ffplay.verbs import _options

if TYPE_CHECKING:
    from ffplay.report.output import Output
    from ffplay.report.style import Style

EXAMPLES = (
    ("ff-play completion bash > ~/.local/share/bash-completion/completions/ff-play", "for bash"),
    ("ff-play completion zsh > ~/.zfunc/_ff-play", "for zsh, where $fpath has ~/.zfunc"),
    ("ff-play completion fish > ~/.config/fish/completions/ff-play.fish", "for fish"),
)


def options(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("shell", choices=("bash", "zsh", "fish"), help="the shell")
    _options.common(parser)


def run(args: argparse.Namespace, output: Output, style: Style) -> int:
    """Print the script."""
    # The one verb that speaks of all the others.
    from ffplay.arguments import build_parser
    from ffplay.report.commands import command_of
    from ffplay.report.completion import SHELLS
    from ffplay.report.explain import names

    program = command_of(build_parser(), {"STEP": names()})
    output.line(SHELLS[args.shell](program).rstrip("\n"))
    return 0
