"""A finding as text: where, what, the line with a caret under the place, and what to do instead."""

from __future__ import annotations

from ffplay.errors import Finding


def format_finding(finding: Finding) -> str:
    """Return a finding as several lines, without a newline at the end."""
    lines = [f"{finding.mark}: {finding.message}" if finding.mark else finding.message]
    if finding.mark and finding.line_text.strip():
        # A line may hold anything, but what reaches a terminal is text.
        shown = "".join(char if char.isprintable() or char == "\t" else "?" for char in finding.line_text.rstrip())
        # Tabs stay tabs under the line, so that the caret stands below its character in any terminal.
        pad = "".join("\t" if char == "\t" else " " for char in shown[: finding.mark.column - 1])
        lines += [f"  {shown}", f"  {pad}^"]
    if finding.hint:
        lines.append(f"  hint: {finding.hint}")
    return "\n".join(lines)
