"""Errors as text: what, where, and what to do now."""

from __future__ import annotations

from collections.abc import Iterator

from ffplay.errors import Error, Finding, HostError, InputError, SiteErrors, Stale
from ffplay.report.style import Style, clean

# So many lines are shown with an error: the last ones that a tool printed, the first ones of what was found.
TAIL_LINES = 15


def explain(error: Error, style: Style) -> list[str]:
    """Return the lines that tell an operator of an error."""
    if isinstance(error, InputError):
        return list(_findings(error, style))
    if isinstance(error, SiteErrors):
        return [line for each in error.errors for line in explain(each, style)]
    where = f"{error.host}: " if isinstance(error, HostError) and error.host else ""
    # The transport's messages begin with the host: they must make sense by themselves.
    where = "" if error.message.startswith(where) else where
    lines = [style.paint("red", f"error: {where}{clean(error.message)}")]
    if isinstance(error, HostError):
        shown = head if isinstance(error, Stale) else tail
        lines += [f"  | {line}" for line in shown(error.output, style)]
    return lines + [f"  {line}" for line in clean(error.advice).splitlines()]


def tail(output: str, style: Style) -> list[str]:
    """Return the last lines of what a tool printed; all of them where the operator wants more."""
    lines = [line for line in clean(output).splitlines() if line.strip()]
    if style.verbose or len(lines) <= TAIL_LINES:
        return lines
    return [f"... {len(lines) - TAIL_LINES} earlier lines (-v shows them)", *lines[-TAIL_LINES:]]


def head(output: str, style: Style) -> list[str]:
    """Return the first lines of what is told; all of them where the operator wants more."""
    lines = clean(output).splitlines()
    if style.verbose or len(lines) <= TAIL_LINES:
        return lines
    return [*lines[:TAIL_LINES], f"... {len(lines) - TAIL_LINES} more lines (-v shows them)"]


def _findings(error: InputError, style: Style) -> Iterator[str]:
    for finding in error.findings:
        first, *more = _finding(finding).splitlines()
        yield style.paint("red", f"error: {first}")
        yield from more
    if len(error.findings) > 1:
        yield f"{len(error.findings)} mistakes; nothing was done."


def _finding(finding: Finding) -> str:
    if finding.mark is None:
        # A wrong command line is told without loading what reads playbooks.
        return finding.message + (f"\n  hint: {finding.hint}" if finding.hint else "")
    from ffplay.load.excerpt import format_finding

    return format_finding(finding)
