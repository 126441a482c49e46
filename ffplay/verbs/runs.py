"""`ff-play runs`: show the runs that the site's hosts know."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from ffplay.verbs import _options
from ffplay.verbs._session import load_site

if TYPE_CHECKING:
    from ffplay.report.output import Output
    from ffplay.report.style import Style


EXAMPLES = (("ff-play runs -i site.yml", "all runs, the newest last"),)


def options(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    _options.whole_site(parser)


def run(args: argparse.Namespace, output: Output, style: Style) -> int:
    """Show the runs that the hosts know."""
    from ffplay.engine.survey import Survey
    from ffplay.report import runs as report
    from ffplay.verbs._look import ended, text

    with Survey(load_site(args), args.forks) as survey:
        found = survey.runs()
    if args.json:
        output.line(text(report.runs_document(found)))
    else:
        output.lines(report.table(found, style))
    return ended(found.errors, style)
