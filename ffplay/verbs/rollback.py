"""`ff-play rollback`: show the way back to before a run, ask, and go it."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from ffplay.verbs import _options
from ffplay.verbs._session import apply_plan, load_site, plan_only, report_for, run_name

if TYPE_CHECKING:
    from ffplay.report.output import Output
    from ffplay.report.style import Style


EXAMPLES = (
    ("ff-play rollback -i site.yml --check", "show the way back from the last run"),
    ("ff-play rollback 20261123T205251Z-10b8 -i site.yml", "show it for this run and all after it, ask, and go it"),
)


def options(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument(
        "run", metavar="RUN", nargs="?", help="go back to before this run; by default the last that was not undone"
    )
    _options.whole_site(parser)
    _options.diff(parser)
    _options.detailed_exitcode(parser)
    _options.asking(parser, "show the way back, and change nothing")


def run(args: argparse.Namespace, output: Output, style: Style) -> int:
    """Show the way back, ask, and go it."""
    from ffplay.engine.options import Options
    from ffplay.engine.rollback import RollbackPlanner
    from ffplay.engine.runner import Session

    loaded = load_site(args)
    report = report_for(args, output, style)
    chosen = Options(forks=args.forks)
    planner = RollbackPlanner(loaded, chosen, run_name(), args.run)
    with Session(loaded, planner, chosen, report) as session:
        if args.check:
            return plan_only(session, args, output, style)
        return apply_plan(session, args, report, output, style)
