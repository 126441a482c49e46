"""`ff-play explain`: tell what a step, a word of a playbook or a variable means."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from ffplay.errors import usage_error
from ffplay.verbs import _options

if TYPE_CHECKING:
    from ffplay.report.output import Output
    from ffplay.report.style import Style


EXAMPLES = (
    ("ff-play explain", "all steps, a line each"),
    ("ff-play explain wipe", "one step"),
    ("ff-play explain register", "a word that every step takes"),
)


def options(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument(
        "word", metavar="STEP", nargs="?", help="a step, a word such as `when`, or a variable; without it: all steps"
    )
    _options.common(parser)


def run(args: argparse.Namespace, output: Output, style: Style) -> int:
    """Tell what a word means, or which steps there are."""
    from ffplay.report import explain
    from ffplay.report.plain import plain

    topic = explain.topic(args.word) if args.word is not None else None
    if args.word is not None and topic is None:
        raise usage_error(f"nothing is called `{args.word}`", explain.nearest(args.word))
    if args.json:
        output.line(json.dumps(plain(topic or explain.overview()), indent=2, ensure_ascii=False))
    elif topic is None:
        output.lines(explain.overview_lines(style))
    else:
        output.lines(explain.lines(topic, style))
    return 0
