"""`ff-play apply`: show the plan, ask, make the changes and verify each of them."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from ffplay.engine.plan_name import is_plan_file
from ffplay.verbs import _options, _saved, plan
from ffplay.verbs._playbook import load_playbook, open_session, options_of
from ffplay.verbs._session import apply_plan, report_for

if TYPE_CHECKING:
    from ffplay.report.output import Output
    from ffplay.report.style import Style


EXAMPLES = (
    ("ff-play apply playbooks/switch-model.yml -i site.yml", "show the plan, ask, make it so; again to go on"),
    ("ff-play apply switch.ffplan", "exactly the plan of `plan -o switch.ffplan`, or refuse"),
    ("ff-play apply playbooks/rolling-restart.yml -i site.yml --limit db1 --yes", "one host, without a question"),
)


def options(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    plan.playbook_options(parser)
    _options.asking(parser, "the same as `plan`")


def run(args: argparse.Namespace, output: Output, style: Style) -> int:
    """Show the plan, ask, and make it so."""
    if is_plan_file(args.playbook):
        return _saved.apply(args, output, style)
    if args.check or args.list_hosts or args.list_steps:
        return plan.run(args, output, style)
    loaded = load_playbook(args)
    report = report_for(args, output, style)
    with open_session(loaded, options_of(args, measure=args.measure), report) as session:
        return apply_plan(session, args, report, output, style)
