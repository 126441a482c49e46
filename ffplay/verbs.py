"""What each verb does: load, ask the engine, hand to the report. No decisions about a site are made here."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ffplay.arguments import usage_error
from ffplay.console import (
    apply_plan,
    load_playbook,
    load_site,
    make,
    open_session,
    plan_only,
    refuse_problems,
    report_for,
    run_name,
    show_plan,
)
from ffplay.report.output import Output
from ffplay.report.style import Style, plural

if TYPE_CHECKING:
    from ffplay.engine.options import Options
    from ffplay.load import Loaded
    from ffplay.model import Play


def run(args: argparse.Namespace, style: Style) -> int:
    """Do what the command line says and return the exit code. Raise the `Error` that ended it."""
    output = Output(sys.stdout, terminal=sys.stdout.isatty() and not args.json)
    verbs: Mapping[str, Callable[[argparse.Namespace, Output, Style], int]] = {
        "plan": plan,
        "apply": apply,
        "rollback": rollback,
        "commit": commit,
        "runs": survey,
        "show": survey,
        "status": survey,
        "unlock": unlock,
        "verify": verify,
        "validate": validate,
        "inventory": inventory,
        "lab": lab,
    }
    return verbs[args.verb](args, output, style)


def plan(args: argparse.Namespace, output: Output, style: Style) -> int:
    """Show the plan."""
    loaded = load_playbook(args)
    if args.list_hosts or args.list_steps:
        output.lines(_listing(loaded, args))
        return 0
    with open_session(loaded, _options(args), report_for(args, output, style)) as session:
        return plan_only(session, args, output, style)


def apply(args: argparse.Namespace, output: Output, style: Style) -> int:
    """Show the plan, ask, and make it so."""
    if args.check or args.list_hosts or args.list_steps:
        return plan(args, output, style)
    loaded = load_playbook(args)
    report = report_for(args, output, style)
    with open_session(loaded, _options(args), report) as session:
        return apply_plan(session, args, report, output, style)


def rollback(args: argparse.Namespace, output: Output, style: Style) -> int:
    """Show the way back, ask, and go it."""
    from ffplay.engine.options import Options
    from ffplay.engine.rollback import RollbackPlanner
    from ffplay.engine.runner import Session

    loaded = load_site(args)
    report = report_for(args, output, style)
    options = Options(forks=args.forks)
    planner = RollbackPlanner(loaded, options, run_name(), args.run)
    with Session(loaded, planner, options, report) as session:
        if args.check:
            return plan_only(session, args, output, style)
        return apply_plan(session, args, report, output, style)


def commit(args: argparse.Namespace, output: Output, style: Style) -> int:
    """Show what is not needed any more, ask, and remove it."""
    from ffplay.engine.commit import CommitPlanner
    from ffplay.engine.options import Options
    from ffplay.engine.runner import Session

    loaded = load_site(args)
    report = report_for(args, output, style)
    options = Options(forks=args.forks)
    planner = CommitPlanner(loaded, options, run_name(), args.keep_backups)
    with Session(loaded, planner, options, report) as session:
        if args.check:
            return plan_only(session, args, output, style)
        return apply_plan(session, args, report, output, style, "there is nothing to remove")


def survey(args: argparse.Namespace, output: Output, style: Style) -> int:
    """Show the site's runs, one of them, or what everything is at."""
    from ffplay import survey as look

    looks = {"runs": look.runs, "show": look.show, "status": look.status}
    return looks[args.verb](args, output, style)


def verify(args: argparse.Namespace, output: Output, style: Style) -> int:
    """Run the checks of the playbook's target."""
    loaded = load_playbook(args)
    if args.list_hosts or args.list_steps:
        output.lines(_listing(loaded, args))
        return 0
    report = report_for(args, output, style)
    with open_session(loaded, _options(args), report) as session:
        found = session.verify()
        if found.problems and not args.json:
            show_plan(found, output, style)
        refuse_problems(found)
        return make(session, found, report)


def unlock(args: argparse.Namespace, output: Output, style: Style) -> int:
    """Break the lock that a dead run left."""
    from ffplay.engine.options import Options
    from ffplay.unlock import unlock as ask_and_break

    loaded = load_playbook(args)
    with open_session(loaded, Options(args.limit), report_for(args, output, style)) as session:
        return ask_and_break(session, args.force, output, style)


def validate(args: argparse.Namespace, output: Output, style: Style) -> int:
    """Tell that the input is right; what is wrong was raised."""
    loaded = load_playbook(args)
    plays = _plays(loaded)
    counts = {
        "plays": len(plays),
        "steps": sum(len(play.steps) for play in plays),
        "hosts": len(loaded.site.hosts),
        "shards": sum(len(host.shards) for host in loaded.site.hosts),
    }
    if args.json:
        output.line(json.dumps({"valid": True, **counts}))
        return 0
    words = ", ".join(plural(count, noun.removesuffix("s")) for noun, count in counts.items())
    output.line(f"{args.playbook}: {style.paint('green', 'valid')}: {words}")
    return 0


def inventory(args: argparse.Namespace, output: Output, style: Style) -> int:
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


def lab(args: argparse.Namespace, output: Output, style: Style) -> int:
    """Bring the lab up or down, or tell what runs; `status` ends with 0 only where all of it does."""
    from ffplay.lab import site
    from ffplay.lab.layout import LabOptions
    from ffplay.report.lab import status_lines

    directory = Path(args.dir)
    progress = (lambda _: None) if args.json else output.line
    if args.lab_verb == "down":
        site.down(directory, progress)
        return 0
    if args.lab_verb == "up":
        options = LabOptions(
            args.hosts,
            args.shards,
            args.faces,
            args.model,
            directory=directory,
            standalone=args.standalone,
            driver=args.driver,
        )
        site.up(options, progress)
    found = site.status(directory)
    if args.json:
        from ffplay.report.plain import plain

        output.line(json.dumps({"running": found.running, **plain(found)}, indent=2, ensure_ascii=False))
    else:
        output.lines(status_lines(found, style))
    return 0 if found.running else 1


def _plays(loaded: Loaded) -> tuple[Play, ...]:
    return loaded.playbook.plays if loaded.playbook else ()


def _options(args: argparse.Namespace) -> Options:
    from ffplay.engine.options import Options

    tags, skipped = (
        tuple(tag.strip() for words in given for tag in words.split(",") if tag.strip())
        for given in (args.tags, args.skip_tags)
    )
    return Options(args.limit, tags, skipped, args.start_at_step, args.forks)


def _listing(loaded: Loaded, args: argparse.Namespace) -> Iterator[str]:
    """Yield each play with its hosts or its steps."""
    from ffplay.engine.options import check_start, chosen
    from ffplay.load import select
    from ffplay.report.names import heading

    options = _options(args)
    if loaded.playbook:
        check_start(loaded.playbook, options)
    for play in _plays(loaded):
        yield f"PLAY {play.name} ({play.hosts})"
        if args.list_hosts:
            yield from (f"  {host.name}" for host in select(loaded.site, play.hosts, args.limit))
        if args.list_steps:
            for number, step in enumerate(chosen(play.steps, options), 1):
                tags = f"  tags: {', '.join(step.tags)}" if step.tags else ""
                yield f"  {number:>3} {heading(step)}{tags}"
