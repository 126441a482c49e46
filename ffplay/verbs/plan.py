"""`ff-play plan`: show every change that a playbook would make."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ffplay.engine.plan_name import is_plan_file
from ffplay.errors import usage_error
from ffplay.verbs import _options, _saved
from ffplay.verbs._playbook import listing, load_playbook, open_session, options_of
from ffplay.verbs._session import plan_only, report_for

if TYPE_CHECKING:
    from ffplay.engine.plan import Plan
    from ffplay.report.output import Output
    from ffplay.report.style import Style


EXAMPLES = (
    ("ff-play plan playbooks/switch-model.yml -i site.yml", "every change, nothing done"),
    (
        "ff-play plan playbooks/switch-model.yml -i site.yml -e model=en2_face0 --diff=full",
        "to another model; files' diffs whole",
    ),
    ("ff-play plan playbooks/switch-model.yml -i site.yml --json", "the same for programs"),
    ("ff-play plan playbooks/switch-model.yml -i site.yml -o switch.ffplan", "kept, to be looked at and applied later"),
)


def options(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    playbook_options(parser)
    _options.group(parser, _options.DOING).add_argument(
        "-o", "--out", metavar="FILE", help="write the plan to a file too, for `show` and `apply`"
    )


def playbook_options(parser: argparse.ArgumentParser) -> None:
    """Add what `apply` takes too."""
    _options.playbook(parser)
    _options.detailed_exitcode(parser)
    _options.measure(parser)


def run(args: argparse.Namespace, output: Output, style: Style) -> int:
    """Show the plan, and write it to a file where that is asked for."""
    from ffplay.load.seen import watching

    out = getattr(args, "out", None)
    if is_plan_file(args.playbook):
        raise usage_error(f"{args.playbook} is a plan already", f"to look at it: ff-play show {args.playbook}")
    with watching() as seen:
        loaded = load_playbook(args)
        if args.list_hosts or args.list_steps:
            output.lines(listing(loaded, args))
            return 0
        with open_session(loaded, options_of(args, measure=args.measure), report_for(args, output, style)) as session:

            def taken(found: Plan) -> None:
                if out is not None:
                    _saved.save(Path(out), session, found, loaded, _saved.inputs_of(args, seen))

            code = plan_only(session, args, output, style, taken)
    if out is not None and not args.json:
        output.line(f"Saved: ff-play apply {out} makes exactly this, or refuses")
    return code
