"""The verbs that only look at a site: runs, show and status. A host that does not answer does not hide the others."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable

from ffplay.console import load_site
from ffplay.engine.journal import runs_folder
from ffplay.engine.survey import Survey
from ffplay.errors import HostError
from ffplay.report import runs as runs_report
from ffplay.report import status as status_report
from ffplay.report.failure import explain
from ffplay.report.output import Output
from ffplay.report.style import Style


def runs(args: argparse.Namespace, output: Output, style: Style) -> int:
    """Show the runs that the hosts know."""
    with Survey(load_site(args), args.forks) as survey:
        found = survey.runs()
    if args.json:
        output.line(_text(runs_report.runs_document(found)))
    else:
        output.lines(runs_report.table(found, style))
    return _ended(found.errors, style)


def show(args: argparse.Namespace, output: Output, style: Style) -> int:
    """Show one run."""
    with Survey(load_site(args), args.forks) as survey:
        found = survey.story(args.run)
    path = runs_folder() / f"{found.state.head.run}.jsonl"
    here = path if path.exists() else None
    if args.json:
        output.line(_text(runs_report.story_document(found, here)))
    else:
        output.lines(runs_report.story(found, here, style))
    return _ended(found.errors, style)


def status(args: argparse.Namespace, output: Output, style: Style) -> int:
    """Show what everything is at."""
    with Survey(load_site(args), args.forks) as survey:
        found = survey.status()
    if args.json:
        output.line(_text(status_report.document(found)))
    else:
        output.lines(status_report.lines(found, style))
    return _ended(found.errors, style)


def _ended(errors: Iterable[HostError], style: Style) -> int:
    """Tell what could not be read, on standard error, and return the exit code of the first."""
    found = list(errors)
    for error in found:
        Output(sys.stderr).lines(explain(error, Style(False, style.verbose)))
    return found[0].exit_code if found else 0


def _text(document: object) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False)
