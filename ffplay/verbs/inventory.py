"""`ff-play inventory`: show hosts, groups, shards and variables."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from ffplay.errors import usage_error
from ffplay.verbs import _options

if TYPE_CHECKING:
    from ffplay.report.output import Output
    from ffplay.report.style import Style


EXAMPLES = (
    ("ff-play inventory -i site.yml", "groups, hosts and shards as a tree"),
    ("ff-play inventory -i site.yml --host db1", "one host's variables"),
    ("ff-play inventory -i site.yml --hosts 'tntapi:!db1'", "the hosts that a pattern names"),
)


def options(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    _options.limited_inventories(parser)
    _options.common(parser)
    action = _options.group(parser, _options.SHOWN).add_mutually_exclusive_group()
    action.add_argument("--list", action="store_true", help="everything, as `ansible-inventory --list` prints it")
    action.add_argument("--graph", action="store_true", help="groups, hosts and shards as a tree (the default)")
    action.add_argument("--host", metavar="NAME", help="one host's variables")
    action.add_argument("--hosts", metavar="PATTERN", help="the hosts that a pattern names")


def run(args: argparse.Namespace, output: Output, style: Style) -> int:
    """Show the inventory."""
    from ffplay.load import Sources, load, select
    from ffplay.report import inventory as view

    site = load(Sources(None, tuple(map(Path, args.inventory)), tuple(args.extra_vars), args.limit)).site
    if args.host is not None:
        names = [host.name for host in site.hosts]
        if args.host not in names:
            raise usage_error(f"the inventory has no host `{args.host}`", f"hosts: {', '.join(names)}")
        output.line(json.dumps(view.variables(site.host(args.host)), indent=2, ensure_ascii=False))
    elif args.hosts is not None or args.limit is not None:
        chosen = [host.name for host in select(site, args.hosts or "all", args.limit)]
        output.lines([json.dumps(chosen)] if args.json else chosen)
    elif args.list or args.json:
        output.line(json.dumps(view.listing(site), indent=2, ensure_ascii=False))
    else:
        output.lines(view.graph(site))
    return 0
