"""What the rules for playbooks found, as text."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from ffplay.lint.check import Remark, Result
from ffplay.report.style import Style, clean, plural


def lines(result: Result, playbook: str, style: Style) -> Iterator[str]:
    """Yield each remark with its reason, and how many there are."""
    for remark in result.remarks:
        rule = style.paint("yellow", remark.rule.id)
        yield f"{remark.mark}: {rule}: {clean(remark.message)}"
        yield from textwrap.wrap(remark.rule.reason, 110, initial_indent="    ", subsequent_indent="    ")
    silenced = f", {result.silenced} silenced by comments" if result.silenced else ""
    if result.remarks:
        yield f"{plural(len(result.remarks), 'finding')}{silenced}; a comment silences one: # ff-play: ignore RULE"
    else:
        yield f"{playbook}: {style.paint('green', 'clean')}{silenced}"


def document(result: Result) -> dict[str, object]:
    """Return the remarks for programs."""
    return {"findings": [_remark(remark) for remark in result.remarks], "silenced": result.silenced}


def _remark(remark: Remark) -> dict[str, object]:
    mark = remark.mark
    place = {"file": mark.file, "line": mark.line, "column": mark.column}
    return {"rule": remark.rule.id, **place, "message": remark.message, "reason": remark.rule.reason}
