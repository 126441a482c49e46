"""`ff-play diff INVENTORY`: show where an inventory and its site disagree."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from ffplay.errors import CHANGES_EXIT_CODE, usage_error
from ffplay.verbs import _options
from ffplay.verbs._session import load_site

if TYPE_CHECKING:
    from ffplay.report.output import Output
    from ffplay.report.style import Style


EXAMPLES = (
    ("ff-play diff site.yml", "what has changed on the site since the inventory was written"),
    ("ff-play diff site.yml --detailed-exitcode", "for a monitor: ends with 2 where they disagree"),
)


def options(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("inventories", nargs="*", metavar="INVENTORY", help="an inventory, as for -i")
    _options.whole_site(parser)
    _options.detailed_exitcode(parser)


def run(args: argparse.Namespace, output: Output, style: Style) -> int:
    """Compare them."""
    from ffplay.engine.discover.compare import differences
    from ffplay.engine.discover.discovery import Discovery
    from ffplay.report import differences as report
    from ffplay.verbs._look import ended, text

    args.inventory = [*args.inventories, *args.inventory]
    if not args.inventory:
        raise usage_error("`diff` compares an inventory with its site, and none is given", "ff-play diff site.yml")
    loaded = load_site(args)
    with Discovery(args.forks) as discovery:
        site = discovery.compare(loaded)
    found = differences(loaded, site)
    if args.json:
        output.line(text(report.document(found, site.errors)))
    else:
        output.lines(report.lines(found, site, style))
    code = ended(site.errors, style)
    return code or (CHANGES_EXIT_CODE if args.detailed_exitcode and found else 0)
