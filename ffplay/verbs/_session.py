"""What the verbs have in common: a session on a site, a plan that is shown, asked about and made so."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ffplay.errors import CHANGES_EXIT_CODE, HostError, Interrupted, Refused
from ffplay.report.output import Output
from ffplay.report.style import Style, clean, plural
from ffplay.verbs._vault import vault_of

if TYPE_CHECKING:
    from ffplay.engine.events import Event
    from ffplay.engine.plan import Plan
    from ffplay.engine.runner import Session
    from ffplay.load import Loaded


class Report(Protocol):
    """A listener that also takes the plan which is about to be applied."""

    def expect(self, plan: Plan) -> None:
        """Take the plan."""

    def event(self, event: Event) -> None:
        """Take note of one event."""

    def told(self, error: HostError) -> bool:
        """Tell whether an error was shown with the step that it ended."""


def load_site(args: argparse.Namespace) -> Loaded:
    """Return the site of an inventory alone."""
    from ffplay.load import Sources, load

    return load(Sources(None, tuple(map(Path, args.inventory)), tuple(args.extra_vars), vault=vault_of(args)))


def run_name() -> str:
    """Return a name for a new run; names sort by time, also those of one second.

    What a run goes on with, and in which order runs are undone, is told by their names. Of the four digits behind the
    second three are its 4096th part, and one is drawn.
    """
    import secrets

    now = time.time()
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now)) + f"-{int(now % 1 * 4096):03x}{secrets.randbelow(16):x}"


def report_for(args: argparse.Namespace, output: Output, style: Style) -> Report:
    """Return who tells of a run."""
    if args.json:
        from ffplay.report.json_lines import JsonLines

        return JsonLines(output)
    from ffplay.report.live import Terminal

    return Terminal(output, style)


def apply_plan(
    session: Session,
    args: argparse.Namespace,
    report: Report,
    output: Output,
    style: Style,
    nothing: str = "the site is as the playbook wants it",
    *,
    proved: Callable[[Plan], None] = lambda found: None,
) -> int:
    """Plan, show the plan, ask, and make it so; return the exit code. Raise the `Error` that ended it.

    `nothing` is said where there is nothing to do. `proved` is given the plan first, and raises where it must not be
    applied.
    """
    from ffplay.engine.interrupts import stoppable

    found = session.plan()
    proved(found)
    if not args.json:
        show_plan(found, output, style)
    refuse_problems(found)
    if found.empty and not args.json:
        output.line(f"Nothing to do: {nothing}.")
    if not found.empty:
        confirm(found, args)
    if found.empty and not found.checks and not session.closes(found):
        return 0
    # Checks alone can be dropped at any moment.
    with contextlib.nullcontext() if found.empty else stoppable(session.stop):
        code = make(session, found, report)
    if not args.json:
        tell_cost(session, output, style)
    return code


def plan_only(
    session: Session,
    args: argparse.Namespace,
    output: Output,
    style: Style,
    taken: Callable[[Plan], None] = lambda found: None,
) -> int:
    """Show the plan, and change nothing; return the exit code. `taken` is given the plan first."""
    found = session.plan()
    taken(found)
    if args.json:
        from ffplay.report.json_plan import document

        output.line(json.dumps(document(found), indent=2, ensure_ascii=False))
    else:
        show_plan(found, output, style)
        tell_cost(session, output, style)
    if found.problems:
        return Refused.exit_code
    return CHANGES_EXIT_CODE if args.detailed_exitcode and not found.empty else 0


def make(session: Session, found: Plan, report: Report) -> int:
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


def show_plan(found: Plan, output: Output, style: Style) -> None:
    """Write a plan as text."""
    from ffplay.load import uncollected
    from ffplay.report.plan_text import render

    with uncollected():
        output.lines(render(found, style))


def tell_cost(session: Session, output: Output, style: Style) -> None:
    """Write what the session cost, for who asked for more."""
    if style.verbose:
        counted = zip(session.counts(), ("connection", "round trip", "tunnel"), strict=True)
        output.line(style.paint("dim", ", ".join(plural(count, noun) for count, noun in counted)))


def refuse_problems(found: Plan) -> None:
    """Raise `Refused` for a plan that has problems."""
    if found.problems:
        first = found.problems[0]
        count = plural(len(found.problems), "problem")
        raise Refused(first.host, f"the plan has {count}, the first: {first.summary}", first.advice)


def confirm(found: Plan, args: argparse.Namespace) -> None:
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
