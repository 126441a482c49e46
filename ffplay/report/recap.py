"""The end of a run as text: counts per host, and what everything is at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ffplay.errors import Error, Interrupted
from ffplay.model import Status
from ffplay.report.forecast import reality
from ffplay.report.style import Style, clean, duration

_ORDER = (Status.OK, Status.CHANGED, Status.FAILED, Status.UNREACHABLE, Status.SKIPPED)
_COLOURS = {"ok": "green", "changed": "yellow", "failed": "red", "unreachable": "red", "skipped": "cyan"}

_AGAIN = "mend the cause and run the same command again: what is done stays done, and the plan shows what is left;"
_ON = "run the same command again: what is done stays done, and what still runs is waited for;"


def render(data: Mapping[str, Any], error: Error | None, style: Style) -> list[str]:
    """Return the lines for the data of a RECAP event; `error` is what stopped the run, None where nothing did."""
    hosts: Mapping[str, Mapping[str, int]] = data.get("hosts", {})
    width = max(len(name) for name in ("host", *hosts))
    columns = [status.value for status in _ORDER]
    lines = ["", style.paint("bold", f"RECAP after {duration(data.get('seconds', 0.0))}")]
    lines.append(style.paint("dim", f"  {'host':<{width}}  " + "  ".join(f"{name:>{len(name)}}" for name in columns)))
    for host, counts in hosts.items():
        cells = [_cell(name, counts.get(name, 0), style) for name in columns]
        lines.append(f"  {host:<{width}}  " + "  ".join(cells))
    if data.get("times") is not None:
        lines += reality(data["times"], style)
    standing = _standing(data.get("standing", ()))
    lines += ["", "What everything is at now:", *(f"  {clean(line)}" for line in standing)] if standing else []
    return lines + (["", *_ways_on(data, error)] if error is not None else [])


def _ways_on(data: Mapping[str, Any], error: Error) -> list[str]:
    """Return what can be done now: a commit cannot be gone back from, nor a run that changed nothing."""
    run = data.get("run")
    on = _ON if isinstance(error, Interrupted) else _AGAIN
    if data.get("again"):
        # A saved plan is true once.
        on = on.replace("the same command again", f"`{data['again']}`")
    if not run or data.get("verb") == "commit":
        return [f"The way on: {on.rstrip(';')}."]
    back = f"ff-play rollback {run} -i FILE, which shows first what it would do (ff-play show {run} -i FILE: this run)."
    return ["Two ways on:", f"  1. {on}", f"  2. go back: {back}"]


def _cell(name: str, count: int, style: Style) -> str:
    text = f"{count:>{len(name)}}"
    return style.paint(_COLOURS[name], text) if count else style.paint("dim", text)


def _standing(found: Mapping[str, Any] | Iterable[str]) -> list[str]:
    if isinstance(found, Mapping):
        return [f"{name}: {value}" for name, value in found.items()]
    return [str(line) for line in found]
