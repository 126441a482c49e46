"""`ff-play inventory`: show hosts, groups, shards and variables, and where a value comes from."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ffplay.errors import usage_error
from ffplay.verbs import _options
from ffplay.verbs._vault import vault_of

if TYPE_CHECKING:
    from ffplay.load import Loaded
    from ffplay.report.output import Output
    from ffplay.report.style import Style


EXAMPLES = (
    ("ff-play inventory -i site.yml", "groups, hosts and shards as a tree"),
    ("ff-play inventory -i site.yml --host db1", "one host's variables"),
    ("ff-play inventory -i site.yml --host db1/2 --explain memtx_gb", "where a value comes from, and what it beats"),
    ("ff-play inventory -i site.yml --hosts 'tntapi:!db1'", "the hosts that a pattern names"),
)


def options(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    _options.limited_inventories(parser)
    _options.common(parser)
    site, shown = _options.group(parser, _options.SITE), _options.group(parser, _options.SHOWN)
    site.add_argument("--playbook", metavar="FILE", help="a playbook, whose variables and group_vars/ count as well")
    action = shown.add_mutually_exclusive_group()
    action.add_argument("--list", action="store_true", help="everything, as `ansible-inventory --list` prints it")
    action.add_argument(
        "--graph",
        nargs="?",
        const="all",
        metavar="GROUP",
        help="groups, hosts and shards as a tree (the default); of one group",
    )
    action.add_argument("--host", metavar="NAME", help="one host's variables; HOST/SHARD: those of one shard")
    action.add_argument("--hosts", metavar="PATTERN", help="the hosts that a pattern names")
    shown.add_argument("--vars", action="store_true", help="with --graph: the variables of groups and hosts too")
    shown.add_argument(
        "--explain",
        metavar="VARIABLE",
        help="with --host: its value, the place that gives it, and those that lose, the strongest first",
    )


def run(args: argparse.Namespace, output: Output, style: Style) -> int:
    """Show the inventory."""
    from ffplay.load import Sources, load, select

    if args.explain and args.host is None:
        raise usage_error("--explain needs a host", f"ff-play inventory --host NAME --explain {args.explain}")
    playbook = Path(args.playbook) if args.playbook else None
    inventories = tuple(map(Path, args.inventory))
    loaded = load(Sources(playbook, inventories, tuple(args.extra_vars), args.limit, vault_of(args)))
    if args.host is not None:
        _host(args, loaded, output, style)
    elif args.list:
        _list(loaded, args.limit, output)
    elif args.hosts is not None or (args.limit is not None and args.graph is None):
        chosen = [host.name for host in select(loaded.site, args.hosts or "all", args.limit)]
        output.lines([json.dumps(chosen)] if args.json else chosen)
    elif args.json:
        _list(loaded, None, output)
    else:
        _graph(loaded, args.graph or "all", args.vars, output)
    return 0


def _host(args: argparse.Namespace, loaded: Loaded, output: Output, style: Style) -> None:
    from ffplay.load import explain, find_host
    from ffplay.report import inventory as view

    host, shard = find_host(loaded.site, args.host)
    if args.explain is None:
        _dump(view.shard_variables(shard) if shard else view.variables(host), output)
        return
    found = explain(loaded, host, args.explain, shard)
    if args.json:
        _dump([view.explanation_json(one) for one in found], output)
        return
    for one in found:
        output.lines(view.explanation(one, style))


def _list(loaded: Loaded, limit: str | None, output: Output) -> None:
    from ffplay.load import select
    from ffplay.report import inventory as view

    hosts = {host.name for host in select(loaded.site, "all", limit)}
    _dump(view.listing(loaded.site, loaded.origins, hosts), output)


def _graph(loaded: Loaded, group: str, with_variables: bool, output: Output) -> None:
    from ffplay.load import did_you_mean
    from ffplay.report import inventory as view

    if group not in loaded.site.groups:
        hint = did_you_mean(group, loaded.site.groups) or f"groups: {', '.join(loaded.site.groups)}"
        raise usage_error(f"the inventory has no group `{group}`", hint)
    output.lines(view.graph(loaded.site, loaded.origins, group, with_variables))


def _dump(document: Any, output: Output) -> None:
    output.line(json.dumps(document, indent=4, sort_keys=True, ensure_ascii=False))
