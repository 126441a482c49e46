"""Why a plan is no longer true, in words: what of the site changed since, and where that leads to another plan.

Both sides are what `plan_file.body_of` made, of the plan that was saved and of the one that was made just now, so what
is compared is data, and the one that is applied is the latter, proved equal.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ffplay.errors import Stale
from ffplay.resources.differences import since

Body = Mapping[str, Any]

# So many differences are named in an error's own line; all stand below it.
_NAMED = 1


def differences(was: Body, now: Body) -> list[str]:
    """Return what is otherwise now, each in a line; empty where the plan is still true."""
    found = list(changed(was["observed"], now["observed"]))
    if found:
        # Where the site is another one, that the plan is too goes without saying.
        return found
    return [*_looked_at(was["observed"], now["observed"]), *_deeds(was, now)]


def changed(was: Iterable[Body], now: Iterable[Body]) -> Iterator[str]:
    """Yield what changed of the things that were read both times."""
    later = {(one["host"], one["id"]): one for one in now}
    for one in was:
        other = later.get((one["host"], one["id"]))
        if other is not None and other["facts"] != one["facts"]:
            yield f"{_where(one)}: {', '.join(since(one['facts'], other['facts']))}{_what(one)}"


def _looked_at(was: Sequence[Body], now: Sequence[Body]) -> Iterator[str]:
    """Yield what was read once only: a plan that rests on other things is another one."""
    before, after = ({(one["host"], one["id"]): one for one in side} for side in (was, now))
    for key in before.keys() - after.keys():
        yield f"{_where(before[key])}: the plan rested on it, and does not now{_what(before[key])}"
    for key in after.keys() - before.keys():
        yield f"{_where(after[key])}: the plan rests on it now, and did not{_what(after[key])}"


def _where(one: Body) -> str:
    return f"{one['host']} {one['shard'] or one['what']}"


def _what(one: Body) -> str:
    return f" ({one['what']})" if one["shard"] and one["shard"] != one["what"] else ""


def _deeds(was: Body, now: Body) -> Iterator[str]:
    """Yield what a plan would do that the other would not; where nothing differs in that, which steps do."""
    before, after = (_changes(side) for side in (was, now))
    planned, wanted = (Counter(fingerprint for fingerprint, _ in side) for side in (before, after))
    gone = [dict(before)[fingerprint] for fingerprint in planned - wanted]
    come = [dict(after)[fingerprint] for fingerprint in wanted - planned]
    yield from (f"{line}: planned then, and not now" for line in gone)
    yield from (f"{line}: planned now, and not then" for line in come)
    if not gone and not come and _course(was) != _course(now):
        yield "the steps come to another course than they did: show both plans to see it"


def _changes(body: Body) -> list[tuple[str, str]]:
    """Return the fingerprint and the line of each change."""
    found = []
    for _, outcome in _outcomes(body):
        change = outcome.get("change")
        if change is not None:
            who = f"{change['host']} {change['shard']}" if change["shard"] else change["host"]
            line = change["summary"].partition("\n")[0].replace(body["run"], "RUN")
            found.append((change["fingerprint"], f"{who}: {line}"))
    return found


def _course(body: Body) -> list[Any]:
    """Return the order in which what is done where, but for what is only told and how much a check looks at."""
    course: list[Any] = [body["hosts"], [play["batches"] for play in body["plays"]]]
    for place, outcome in _outcomes(body):
        change, check = outcome.get("change"), outcome.get("check")
        if change is not None:
            course.append([place, change["fingerprint"]])
        elif check is not None:
            course.append([place, check["host"], check["kind"]])
    return course + [[place, one["state"], one["item"]] for place, one in _steps(body)]


def _outcomes(body: Body) -> Iterator[tuple[Any, Body]]:
    for place, one in _steps(body):
        yield from ((place, outcome) for outcome in one["outcomes"])


def _steps(body: Body) -> Iterator[tuple[Any, Body]]:
    for number, play in enumerate(body["plays"]):
        for step in play["steps"]:
            place = [number, step["number"], step["kind"], step["name"], step["handler"]]
            yield from (([*place, one["host"]], one) for one in step["hosts"])


def error(what: str, found: Sequence[str], advice: str) -> Stale:
    """Return the error for differences that were found; `what` begins its line."""
    more = f", and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    return Stale("", f"{what}: {found[0]}{more}; nothing was done", advice, "\n".join(found) if more else "")
