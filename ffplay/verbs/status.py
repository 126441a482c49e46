"""`ff-play status`: show what each host and shard is at."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from ffplay.verbs import _options
from ffplay.verbs._session import load_site

if TYPE_CHECKING:
    from ffplay.report.output import Output
    from ffplay.report.style import Style


EXAMPLES = (
    ("ff-play status -i site.yml", "hosts, shards, faces, locks, open runs"),
    ("ff-play status -i site.yml --json", "the same for programs"),
)


def options(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    _options.whole_site(parser)


def run(args: argparse.Namespace, output: Output, style: Style) -> int:
    """Show what everything is at."""
    from ffplay.engine.survey import Survey
    from ffplay.report import status as report
    from ffplay.verbs._look import ended, text

    with Survey(load_site(args), args.forks) as survey:
        found = survey.status()
    if args.json:
        output.line(text(report.document(found)))
    else:
        output.lines(report.lines(found, style))
    return ended(found.errors, style)
