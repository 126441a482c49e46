"""`ff-play verify`: check that the site is at a playbook's target."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from ffplay.verbs import _options
from ffplay.verbs._playbook import listing, load_playbook, open_session, options_of
from ffplay.verbs._session import make, refuse_problems, report_for, show_plan

if TYPE_CHECKING:
    from ffplay.report.output import Output
    from ffplay.report.style import Style


EXAMPLES = (
    (
        "ff-play verify playbooks/switch-model.yml -i site.yml -e model=cherry_480",
        "prove that the site is at that model",
    ),
)


def options(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    _options.playbook(parser)


def run(args: argparse.Namespace, output: Output, style: Style) -> int:
    """Run the checks of the playbook's target."""
    loaded = load_playbook(args)
    if args.list_hosts or args.list_steps:
        output.lines(listing(loaded, args))
        return 0
    report = report_for(args, output, style)
    with open_session(loaded, options_of(args), report) as session:
        found = session.verify()
        if found.problems and not args.json:
            show_plan(found, output, style)
        refuse_problems(found)
        return make(session, found, report)
