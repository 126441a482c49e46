"""`ff-play commit`: remove what verified runs set aside."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from ffplay.verbs import _options
from ffplay.verbs._session import apply_plan, load_site, plan_only, report_for, run_name

if TYPE_CHECKING:
    from ffplay.report.output import Output
    from ffplay.report.style import Style


EXAMPLES = (
    ("ff-play commit -i site.yml --check", "show what would go"),
    ("ff-play commit -i site.yml --keep-backups 2", "remove what was set aside, and all but two backups"),
)


def options(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    _options.whole_site(parser)
    keep = "also remove all but the newest N backups of each shard and dumps of MongoDB; by default all are kept"
    parser.add_argument("--keep-backups", type=_options.positive, metavar="N", help=keep)
    _options.detailed_exitcode(parser)
    _options.asking(parser, "show what would go, and change nothing")


def run(args: argparse.Namespace, output: Output, style: Style) -> int:
    """Show what is not needed any more, ask, and remove it."""
    from ffplay.engine.commit import CommitPlanner
    from ffplay.engine.options import Options
    from ffplay.engine.runner import Session

    loaded = load_site(args)
    report = report_for(args, output, style)
    chosen = Options(forks=args.forks)
    planner = CommitPlanner(loaded, chosen, run_name(), args.keep_backups)
    with Session(loaded, planner, chosen, report) as session:
        if args.check:
            return plan_only(session, args, output, style)
        return apply_plan(session, args, report, output, style, "there is nothing to remove")
