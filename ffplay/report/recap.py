"""The end of a run as text: counts per host, and what everything is at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ffplay.model import Status
from ffplay.report.style import Style, clean, duration

_ORDER = (Status.OK, Status.CHANGED, Status.FAILED, Status.UNREACHABLE, Status.SKIPPED)
_COLOURS = {"ok": "green", "changed": "yellow", "failed": "red", "unreachable": "red", "skipped": "cyan"}

WAYS_ON = (
    "Two ways on:",
    "  1. mend the cause and run the same command again: what is done stays done, and the plan shows what is left;",
    "  2. go back: apply a playbook whose target is what the site was at. Backups and set-aside data are still there.",
)


def render(data: Mapping[str, Any], failed: bool, style: Style) -> list[str]:
    """Return the lines for the data of a RECAP event; `failed` where an error stopped the run."""
    hosts: Mapping[str, Mapping[str, int]] = data.get("hosts", {})
    width = max(len(name) for name in ("host", *hosts))
    columns = [status.value for status in _ORDER]
    lines = ["", style.paint("bold", f"RECAP after {duration(data.get('seconds', 0.0))}")]
    lines.append(style.paint("dim", f"  {'host':<{width}}  " + "  ".join(f"{name:>{len(name)}}" for name in columns)))
    for host, counts in hosts.items():
        cells = [_cell(name, counts.get(name, 0), style) for name in columns]
        lines.append(f"  {host:<{width}}  " + "  ".join(cells))
    standing = _standing(data.get("standing", ()))
    lines += ["", "What everything is at now:", *(f"  {clean(line)}" for line in standing)] if standing else []
    return lines + (["", *WAYS_ON] if failed else [])


def _cell(name: str, count: int, style: Style) -> str:
    text = f"{count:>{len(name)}}"
    return style.paint(_COLOURS[name], text) if count else style.paint("dim", text)


def _standing(found: Mapping[str, Any] | Iterable[str]) -> list[str]:
    if isinstance(found, Mapping):
        return [f"{name}: {value}" for name, value in found.items()]
    return [str(line) for line in found]
