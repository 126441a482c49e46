"""Runs as text and as JSON: all of a site as a table, and one with all of its changes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ffplay.engine.survey import RunStory, SiteRuns
from ffplay.errors import HostError
from ffplay.report import diff
from ffplay.report.forecast import reality, times_document
from ffplay.report.plain import change_plain, error_plain, plain
from ffplay.report.plan_text import details
from ffplay.report.rows import Row, entry_of, shown
from ffplay.report.style import Style, clean, plural
from ffplay.resources.runs import Entry, RunState

# Tables fit so many columns.
WIDTH = 100

_HEADER = ("run", "verb", "state", "changes", "verified")
_COLOURS = {"ok": "green", "failed": "red", "interrupted": "yellow", "broken off": "red"}


def state_of(state: RunState, locking: bool = False) -> str:
    """Return what became of a run, in words: `interrupted, done by RUN` was gone on with by another.

    One that has not ended and still has a lock (`locking`) is under way.
    """
    if locking and state.end is None:
        return "under way"
    by = f" by {state.by}" if state.by and state.by != state.head.run else ""
    if state.closed == "done" and by and state.status != "ok":
        return f"{state.status}, done{by}"
    return state.status + (by if state.closed not in ("", "done") else "")


def verified_of(state: RunState) -> bool:
    """Tell whether a run's own checks proved its result."""
    return state.end is not None and state.end.verified


def who_of(state: RunState) -> str:
    """Return who began a run, from where, since when, and with which playbook."""
    head = state.head
    return clean(f"{head.user}@{head.machine}, {head.since}, {Path(head.playbook).name}")


def table(found: SiteRuns, style: Style) -> Iterator[str]:
    """Yield two lines a run, the newest last: what became of it, and whose it is."""
    if not found.runs:
        yield "no run is known on these hosts" if not found.errors else "no run is known on the hosts that answered"
        return
    rows = [_HEADER, *(_cells(state, state.head.run in found.locking) for state in found.runs)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADER))]
    yield style.paint("dim", _line(_HEADER, widths))
    for state, row in zip(found.runs, rows[1:], strict=True):
        text = _line(row, widths)
        yield text.replace(row[2], style.paint(_COLOURS.get(state.status, "dim"), row[2]), 1)
        yield style.paint("dim", _cut(f"  {who_of(state)}"))


def _cells(state: RunState, locking: bool) -> tuple[str, ...]:
    head, verified = state.head, "yes" if verified_of(state) else "no"
    return head.run, clean(head.verb), state_of(state, locking), f"{state.done}/{state.intents}", verified


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def _cut(text: str) -> str:
    return text if len(text) <= WIDTH else text[: WIDTH - 3] + "..."


def story(found: RunStory, here: Path | None, style: Style) -> Iterator[str]:
    """Yield everything of one run; `here` is the copy of its journal on this machine, None where there is none."""
    head = found.state.head
    yield style.paint("bold", f"run {head.run}") + f": {clean(head.verb)} of {clean(head.playbook)}"
    yield f"  by {clean(head.user)} on {clean(head.machine)}, since {clean(head.since)}, with ffplay {head.version}"
    yield f"  planned: {clean(head.summary)}"
    if head.continues:
        yield f"  goes on with: {', '.join(head.continues)}"
    if head.reverts:
        yield f"  {'commits' if head.verb == 'commit' else 'rolls back'}: {', '.join(head.reverts)}"
    if here is not None:
        yield f"  journal on this machine: {here}"
    for (kind, title), entries in itertools.groupby(found.entries, lambda entry: (entry.kind, entry.step)):
        yield ""
        yield style.paint("bold", f"STEP {clean(title)}" + (f" ({clean(kind)})" if kind != title else ""))
        for entry in entries:
            yield from _entry(entry, style)
    if found.times is not None:
        yield from reality(found.times, style)
    yield ""
    yield from _outcome(found.state, found.locking, style)


def _entry(entry: Entry, style: Style) -> Iterator[str]:
    told = entry_of(entry.change)
    amount = style.diffs("summary")
    verdict = style.paint("green", "done") if entry.done else style.paint("yellow", "begun, its end was not noted")
    first, *more = told.summary.splitlines() or [""]
    size = f" ({diff.tally(told.diff)})" if told.diff and amount == "summary" else ""
    yield f"  {entry.n:>3} {told.place}: {first}{size} ... {verdict}"
    yield from (f"        {line}" for line in more)
    if style.verbose or amount != "summary":
        yield from (f"        {line}" for line in details(Row((told,)), style, "summary"))


def _outcome(state: RunState, locking: bool, style: Style) -> Iterator[str]:
    """Yield how the run ended, and what can be done now."""
    verified = ", verified" if verified_of(state) else ", not verified" if state.status == "ok" else ""
    word = style.paint(_COLOURS.get(state.status, "dim"), state_of(state, locking))
    yield f"{word}{verified}: {state.done} of {plural(state.intents, 'begun change')} done"
    if state.end is not None and state.end.error:
        yield from (f"  {line}" for line in clean(state.end.error).splitlines())
    if locking and state.end is None:
        yield "  it has the site's lock: see with ff-play status whether it lives before you do anything"
    yield from ways_on(state)


def ways_on(state: RunState) -> Iterator[str]:
    """Yield the commands that lead on from a run."""
    run, verb = state.head.run, state.head.verb
    again = {"rollback": "ff-play rollback -i FILE", "commit": "ff-play commit -i FILE"}
    back = f"ff-play rollback {run} -i FILE"
    if state.closed == "committed" or (verb == "commit" and state.closed):
        yield "There is no way back behind it but a playbook whose target is what the site was at."
    elif state.closed == "rolled back":
        yield f"To undo that: ff-play rollback {state.by} -i FILE"
    elif state.closed:
        yield f"To go back to before it: {back}"
        if verb != "rollback":
            yield "To stay, and remove what was set aside: ff-play commit -i FILE"
    else:
        yield f"To finish it: {again.get(verb, f'ff-play apply {clean(state.head.playbook)} -i FILE')}"
        if verb != "commit":
            yield f"To go back to before it: {back}"


def runs_document(found: SiteRuns) -> dict[str, Any]:
    """Return the runs as dicts and lists."""
    runs = [run_plain(state, state.head.run in found.locking) for state in found.runs]
    return {"runs": runs, "errors": errors_plain(found.errors)}


def story_document(found: RunStory, here: Path | None) -> dict[str, Any]:
    """Return one run as dicts and lists."""
    return {
        **run_plain(found.state, found.locking),
        "journal": str(here) if here is not None else None,
        "changes": [
            {
                "number": entry.n,
                "kind": entry.kind,
                "step": plain(entry.step),
                "time": entry.time,
                "done": entry.done,
                **change_plain(entry.change),
                "diff": plain(shown(entry.change)),
            }
            for entry in found.entries
        ],
        "times": times_document(found.times),
        "ways_on": list(ways_on(found.state)),
        "errors": errors_plain(found.errors),
    }


def run_plain(state: RunState, locking: bool) -> dict[str, Any]:
    """Return a run but for its changes."""
    return {
        **plain(state.head),
        "state": "under way" if locking and state.end is None else state.status,
        "open": not state.closed,
        "by": state.by or None,
        "error": plain(state.end.error) if state.end else "",
        "verified": verified_of(state),
        "changes_begun": state.intents,
        "changes_done": state.done,
    }


def errors_plain(errors: Sequence[HostError]) -> list[dict[str, Any]]:
    """Return errors as dicts."""
    return [error_plain(error) for error in errors]
