"""`ff-play show`: show one run, or a plan that was saved."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from ffplay.engine.plan_name import is_plan_file
from ffplay.verbs import _options, _saved
from ffplay.verbs._session import load_site

if TYPE_CHECKING:
    from ffplay.report.output import Output
    from ffplay.report.style import Style


EXAMPLES = (
    ("ff-play show 20261123T205251Z-10b8 -i site.yml -v", "one run, with the difference of each change"),
    ("ff-play show switch.ffplan", "the plan that `plan -o switch.ffplan` wrote; no inventory is needed"),
)


def options(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("run", metavar="RUN", help="the run's name, as `ff-play runs` shows it; or a plan's file")
    _options.whole_site(parser)
    _options.diff(parser)


def run(args: argparse.Namespace, output: Output, style: Style) -> int:
    """Show one run, what it changed, how it ended, and the ways on; or a plan that was saved."""
    if is_plan_file(args.run):
        return _saved.show(args, output, style)
    from ffplay.engine.journal import runs_folder
    from ffplay.engine.survey import Survey
    from ffplay.report import runs as report
    from ffplay.verbs._look import ended, text

    with Survey(load_site(args), args.forks) as survey:
        found = survey.story(args.run)
    path = runs_folder() / f"{found.state.head.run}.jsonl"
    here = path if path.exists() else None
    if args.json:
        output.line(text(report.story_document(found, here)))
    else:
        output.lines(report.story(found, here, style))
    return ended(found.errors, style)
