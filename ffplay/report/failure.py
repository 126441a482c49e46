"""Errors as text: what, where, and what to do now."""

from __future__ import annotations

from collections.abc import Iterator

from ffplay.errors import Error, HostError, InputError
from ffplay.report.style import Style, clean

# So many of the last lines that a tool printed are shown with its failure.
TAIL_LINES = 15


def explain(error: Error, style: Style) -> list[str]:
    """Return the lines that tell an operator of an error."""
    group: tuple[HostError, ...] = getattr(error, "errors", ())
    if isinstance(error, InputError):
        return list(_findings(error, style))
    if group:
        lines = [line for each in group for line in explain(each, style)]
        return [*lines, *([f"  {error.advice}"] if error.advice else [])]
    where = f"{error.host}: " if isinstance(error, HostError) and error.host else ""
    lines = [style.paint("red", f"error: {where}{clean(error.message)}")]
    if isinstance(error, HostError):
        lines += [f"  | {line}" for line in tail(error.output, style)]
    return lines + [f"  {line}" for line in clean(error.advice).splitlines()]


def tail(output: str, style: Style) -> list[str]:
    """Return the last lines of what a tool printed; all of them where the operator wants more."""
    lines = [line for line in clean(output).splitlines() if line.strip()]
    if style.verbose or len(lines) <= TAIL_LINES:
        return lines
    return [f"... {len(lines) - TAIL_LINES} earlier lines (-v shows them)", *lines[-TAIL_LINES:]]


def _findings(error: InputError, style: Style) -> Iterator[str]:
    from ffplay.load.excerpt import format_finding

    for finding in error.findings:
        first, *more = format_finding(finding).splitlines()
        yield style.paint("red", f"error: {first}")
        yield from more
    if len(error.findings) > 1:
        yield f"{len(error.findings)} mistakes; nothing was done."
