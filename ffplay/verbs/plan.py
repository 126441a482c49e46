"""`ff-play plan`: show every change that a playbook would make."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from ffplay.verbs import _options
from ffplay.verbs._playbook import listing, load_playbook, open_session, options_of
from ffplay.verbs._session import plan_only, report_for

if TYPE_CHECKING:
    from ffplay.report.output import Output
    from ffplay.report.style import Style


EXAMPLES = (
    ("ff-play plan playbooks/switch-model.yml -i site.yml", "every change, nothing done"),
    (
        "ff-play plan playbooks/switch-model.yml -i site.yml -e model=en2_face0 --diff=full",
        "to another model; files' diffs whole",
    ),
    ("ff-play plan playbooks/switch-model.yml -i site.yml --json", "the same for programs"),
)


def options(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    _options.playbook(parser)
    _options.detailed_exitcode(parser)
    _options.measure(parser)


def run(args: argparse.Namespace, output: Output, style: Style) -> int:
    """Show the plan."""
    loaded = load_playbook(args)
    if args.list_hosts or args.list_steps:
        output.lines(listing(loaded, args))
        return 0
    with open_session(loaded, options_of(args, measure=args.measure), report_for(args, output, style)) as session:
        return plan_only(session, args, output, style)
