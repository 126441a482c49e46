"""What the verbs that take a playbook have in common."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ffplay.verbs._session import Report, run_name
from ffplay.verbs._vault import vault_of

if TYPE_CHECKING:
    from ffplay.engine.options import Options
    from ffplay.engine.runner import Session
    from ffplay.load import Loaded


def load_playbook(args: argparse.Namespace) -> Loaded:
    """Return what the command line names: a playbook and its site."""
    from ffplay.load import Sources, load

    inventories = tuple(map(Path, args.inventory))
    return load(Sources(Path(args.playbook), inventories, tuple(args.extra_vars), args.limit, vault_of(args)))


def open_session(loaded: Loaded, options: Options, report: Report) -> Session:
    """Return a session that plans a playbook."""
    from ffplay.engine.planner import Planner
    from ffplay.engine.runner import Session

    return Session(loaded, Planner(loaded, options, run_name()), options, report)


def options_of(args: argparse.Namespace, *, measure: bool = False) -> Options:
    """Return which part of the playbook is meant."""
    from ffplay.engine.options import Options

    tags, skipped = (
        tuple(tag.strip() for words in given for tag in words.split(",") if tag.strip())
        for given in (args.tags, args.skip_tags)
    )
    return Options(args.limit, tags, skipped, args.start_at_step, args.forks, measure)


def listing(loaded: Loaded, args: argparse.Namespace) -> Iterator[str]:
    """Yield each play with its hosts or its steps."""
    from ffplay.engine.options import check_start, chosen
    from ffplay.load import select
    from ffplay.report.names import heading

    options = options_of(args)
    if loaded.playbook:
        check_start(loaded.playbook, options)
    for play in loaded.playbook.plays if loaded.playbook else ():
        yield f"PLAY {play.name} ({play.hosts})"
        if args.list_hosts:
            yield from (f"  {host.name}" for host in select(loaded.site, play.hosts, args.limit))
        if args.list_steps:
            for number, step in enumerate(chosen(play.steps, options), 1):
                tags = f"  tags: {', '.join(step.tags)}" if step.tags else ""
                yield f"  {number:>3} {heading(step)}{tags}"
