"""What each verb does: load, ask the engine, hand to the report. No decisions about a site are made here."""

from __future__ import annotations

import argparse
import contextlib
import json
import secrets
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ffplay.arguments import CHANGES_EXIT_CODE, usage_error
from ffplay.errors import HostError, Interrupted, Refused
from ffplay.report.output import Output
from ffplay.report.style import Style, clean, plural

if TYPE_CHECKING:
    from ffplay.engine.events import Event
    from ffplay.engine.options import Options
    from ffplay.engine.plan import Plan
    from ffplay.engine.runner import Session
    from ffplay.load import Loaded
    from ffplay.model import Play


class Report(Protocol):
    """A listener that also takes the plan which is about to be applied."""

    def expect(self, plan: Plan) -> None:
        """Take the plan."""

    def event(self, event: Event) -> None:
        """Take note of one event."""

    def told(self, error: HostError) -> bool:
        """Tell whether an error was shown with the step that it ended."""


def run(args: argparse.Namespace, style: Style) -> int:
    """Do what the command line says and return the exit code. Raise the `Error` that ended it."""
    output = Output(sys.stdout, terminal=sys.stdout.isatty() and not args.json)
    verbs: Mapping[str, Callable[[argparse.Namespace, Output, Style], int]] = {
        "plan": plan,
        "apply": apply,
        "unlock": unlock,
        "verify": verify,
        "validate": validate,
        "inventory": inventory,
        "lab": lab,
    }
    return verbs[args.verb](args, output, style)


def plan(args: argparse.Namespace, output: Output, style: Style) -> int:
    """Show the plan."""
    loaded = _load(args)
    if args.list_hosts or args.list_steps:
        output.lines(_listing(loaded, args))
        return 0
    with _session(loaded, _options(args), _report(args, output, style)) as session:
        found = session.plan()
        if args.json:
            from ffplay.report.json_plan import document

            output.line(json.dumps(document(found), indent=2, ensure_ascii=False))
        else:
            _show(found, output, style)
            _tell_cost(session, output, style)
    if found.problems:
        return Refused.exit_code
    return CHANGES_EXIT_CODE if args.detailed_exitcode and not found.empty else 0


def apply(args: argparse.Namespace, output: Output, style: Style) -> int:
    """Show the plan, ask, and make it so."""
    if args.check or args.list_hosts or args.list_steps:
        return plan(args, output, style)
    from ffplay.engine.interrupts import stoppable

    loaded = _load(args)
    report = _report(args, output, style)
    with _session(loaded, _options(args), report) as session:
        found = session.plan()
        if not args.json:
            _show(found, output, style)
        _refuse_problems(found)
        if found.empty and not args.json:
            output.line("Nothing to do: the site is as the playbook wants it.")
        if not found.empty:
            _confirm(found, args)
        if found.empty and not found.checks and not found.continues:
            return 0
        # Checks alone can be dropped at any moment.
        with contextlib.nullcontext() if found.empty else stoppable(session.stop):
            code = _make(session, found, report)
        if not args.json:
            _tell_cost(session, output, style)
    return code


def verify(args: argparse.Namespace, output: Output, style: Style) -> int:
    """Run the checks of the playbook's target."""
    loaded = _load(args)
    if args.list_hosts or args.list_steps:
        output.lines(_listing(loaded, args))
        return 0
    report = _report(args, output, style)
    with _session(loaded, _options(args), report) as session:
        found = session.verify()
        if found.problems and not args.json:
            _show(found, output, style)
        _refuse_problems(found)
        return _make(session, found, report)


def unlock(args: argparse.Namespace, output: Output, style: Style) -> int:
    """Break the lock that a dead run left."""
    from ffplay.engine.options import Options
    from ffplay.unlock import unlock as ask_and_break

    loaded = _load(args)
    with _session(loaded, Options(args.limit), _report(args, output, style)) as session:
        return ask_and_break(session, args.force, output, style)


def validate(args: argparse.Namespace, output: Output, style: Style) -> int:
    """Tell that the input is right; what is wrong was raised."""
    loaded = _load(args)
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


def _load(args: argparse.Namespace) -> Loaded:
    from ffplay.load import Sources, load

    inventories = tuple(map(Path, args.inventory))
    return load(Sources(Path(args.playbook), inventories, tuple(args.extra_vars), args.limit))


def _plays(loaded: Loaded) -> tuple[Play, ...]:
    return loaded.playbook.plays if loaded.playbook else ()


def _session(loaded: Loaded, options: Options, report: Report) -> Session:
    from ffplay.engine.runner import Session

    name = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()) + f"-{secrets.token_hex(2)}"
    return Session(loaded, options, report, name)


def _options(args: argparse.Namespace) -> Options:
    from ffplay.engine.options import Options

    tags, skipped = (
        tuple(tag.strip() for words in given for tag in words.split(",") if tag.strip())
        for given in (args.tags, args.skip_tags)
    )
    return Options(args.limit, tags, skipped, args.start_at_step, args.forks)


def _report(args: argparse.Namespace, output: Output, style: Style) -> Report:
    if args.json:
        from ffplay.report.json_lines import JsonLines

        return JsonLines(output)
    from ffplay.report.live import Terminal

    return Terminal(output, style)


def _make(session: Session, found: Plan, report: Report) -> int:
    """Apply a plan and return the exit code. Raise an error that the report has not told yet."""
    report.expect(found)
    try:
        session.apply(found)
    except HostError as error:
        if not report.told(error):
            raise
        # The step's own lines may have scrolled away, or gone to a file.
        where = "" if error.message.startswith(f"{error.host}: ") else f"{error.host}: "
        Output(sys.stderr).line(f"error: {where}{clean(error.message)}")
        return error.exit_code
    return 0


def _show(found: Plan, output: Output, style: Style) -> None:
    from ffplay.report.plan_text import render

    output.lines(render(found, style))


def _tell_cost(session: Session, output: Output, style: Style) -> None:
    if style.verbose:
        connections, trips = session.counts()
        output.line(style.paint("dim", f"{plural(connections, 'connection')}, {plural(trips, 'round trip')}"))


def _refuse_problems(found: Plan) -> None:
    if found.problems:
        first = found.problems[0]
        count = plural(len(found.problems), "problem")
        raise Refused(first.host, f"the plan has {count}, the first: {first.summary}", first.advice)


def _confirm(found: Plan, args: argparse.Namespace) -> None:
    """Ask, unless told not to. Raise `Refused` where nobody can be asked, `Interrupted` for any answer but yes."""
    if args.yes:
        return
    if args.json or not sys.stdin.isatty():
        why = "--json does not ask" if args.json else "there is no terminal to ask on"
        raise Refused("", f"not applied: {why}", "read the plan, then give --yes to have it applied without a question")
    hosts = {change.host for change in found.changes} | {step.host for step in found.deferred}
    what = "this change" if len(found.changes) == 1 else f"these {len(found.changes)} changes"
    what += f" and what is known after apply ({len(found.deferred)})" if found.deferred else ""
    stream = sys.stdout if sys.stdout.isatty() else sys.stderr
    stream.write(f"Apply {what} to {plural(len(hosts), 'host')}? Only 'yes' is accepted: ")
    stream.flush()
    if sys.stdin.readline().strip() != "yes":
        raise Interrupted("not applied: the answer was not 'yes'; nothing was changed")


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
