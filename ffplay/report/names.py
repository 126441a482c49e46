"""Many names as few words, and steps as headings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from ffplay.model import Step
from ffplay.report.style import clean, plural

_NUMBERED = re.compile(r"^(.*?)(\d+)$")

# A run of numbered names is written as first..last from this length on.
_SHORTEST_RUN = 3


def joined(names: Iterable[str]) -> str:
    """Return names with commas, runs of consecutive numbers as `db1..4`."""
    parts: list[str] = []
    run: list[str] = []
    for name in names:
        if run and not _follows(run[-1], name):
            parts += _run(run)
            run = []
        run.append(name)
    return ", ".join([*parts, *_run(run)])


def item_name(item: object) -> str:
    """Return what output calls an item of a loop: a mapping by its name, for it may be long."""
    if isinstance(item, Mapping):
        found = item.get("name", item.get("id"))
        item = found if found is not None else item
    return clean(str(item))


def _follows(name: str, successor: str) -> bool:
    one, two = _NUMBERED.match(name), _NUMBERED.match(successor)
    if not one or not two or one[1] != two[1] or one[2].startswith("0") != two[2].startswith("0"):
        return False
    return int(two[2]) == int(one[2]) + 1


def _run(names: Sequence[str]) -> list[str]:
    if len(names) < _SHORTEST_RUN:
        return list(names)
    last = _NUMBERED.match(names[-1])
    return [f"{names[0]}..{last[2] if last else names[-1]}"]


def who(places: Sequence[tuple[str, str | None]], every: int = 0) -> str:
    """Return hosts and their shards, hosts with equal shards together: `db1, db2: s1, s2 (4 shards)`.

    `every` is how many shards there are in all; where it is these, they need no names.
    """
    if len(places) == 1:
        host, shard = places[0]
        return f"{host} {shard}" if shard else host
    if every and len({place for place in places if place[1]}) == every == len(places):
        return f"{joined(dict.fromkeys(host for host, _ in places))} (all {every} shards)"
    shards: dict[str, list[str]] = {}
    for host, shard in places:
        shards.setdefault(host, []).extend([shard] if shard else [])
    alike: dict[tuple[str, ...], list[str]] = {}
    for host, names in shards.items():
        alike.setdefault(tuple(names), []).append(host)
    parts = [f"{joined(hosts)}: {joined(names)}" if names else joined(hosts) for names, hosts in alike.items()]
    count = sum(map(len, shards.values()))
    return "; ".join(parts) + (f" ({plural(count, 'shard')})" if count else "")


def heading(step: Step) -> str:
    """Return a step's name and kind, or its kind and the only plain argument that it has.

    The arguments are shown as written, so a variable's secret value cannot get here.
    """
    if step.name:
        return f"{step.name} ({step.kind})"
    if len(step.args) != 1:
        return step.kind
    name, value = next(iter(step.args.items()))
    if isinstance(value, str) and "\n" not in value:
        return f"{step.kind}: {value}"
    return f"{step.kind} ({name}: {value})" if isinstance(value, (int, float)) else step.kind
