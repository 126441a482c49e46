"""A discovered site as an inventory with comments, and as JSON."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ffplay.edit.yamltext import inline
from ffplay.engine.discover.describe import Description, HostEntry
from ffplay.engine.discover.oddity import Oddity
from ffplay.engine.discover.parts import GROUPS
from ffplay.engine.discover.readings import HostReading, ShardReading, SiteReading
from ffplay.report.plain import plain
from ffplay.report.runs import errors_plain
from ffplay.report.style import clean, plural
from ffplay.resources.record import describe as describe_record
from ffplay.resources.shard_data import human
from ffplay.resources.shard_http import ShardState

_WIDTH = 110

# The kinds of a shard's data files.
_KINDS = ("snap", "wal", "index")


def inventory(
    site: SiteReading,
    description: Description,
    odd: Sequence[Oddity],
    variables: Mapping[str, Any],
    *,
    secrets: Sequence[str] = (),
    when: str = "",
) -> list[str]:
    """Return the lines of the inventory.

    `variables` are those of all hosts, `secrets` the names of those that were given and are not written down; `when`
    is the time of the reading in words.
    """
    lines = [*_head(site, odd, when), "all:"]
    if secrets:
        lines += _comment(f"Given on the command line and not written down: {', '.join(secrets)}.", "  ")
    if variables:
        lines.append("  vars:")
        lines += [f"    {name}: {inline(value)}" for name, value in variables.items()]
    loose = [entry for entry in description.hosts if not entry.groups]
    if loose:
        lines.append("  hosts:")
        lines += [line for entry in loose for line in _host(entry, entry.variables, odd, description, "    ")]
    grouped = {group: [entry for entry in description.hosts if group in entry.groups] for group in GROUPS}
    if any(grouped.values()):
        lines += ["  children:", *_groups(grouped, odd, description)]
    return lines


def _groups(
    grouped: Mapping[str, Sequence[HostEntry]], odd: Sequence[Oddity], description: Description
) -> Iterator[str]:
    """Yield each group; a host's variables stand where it is first, its shards in tntapi."""
    written: set[str] = set()
    for group, entries in grouped.items():
        if not entries:
            continue
        yield from (f"    {group}:", "      hosts:")
        for entry in entries:
            shards = {name: value for name, value in entry.variables.items() if name.startswith("shard")}
            own = {name: value for name, value in entry.variables.items() if name not in shards}
            given = {} if entry.name in written else own
            yield from _host(
                entry,
                {**given, **(shards if group == "tntapi" else {})},
                odd if entry.name not in written else (),
                description,
                "        ",
            )
            written.add(entry.name)


def _head(site: SiteReading, odd: Sequence[Oddity], when: str) -> list[str]:
    shards = sum(1 for _ in site.shards())
    found = f"A FindFace site as `ff-play discover` found it{when and f', {when}'}: {plural(len(site.hosts), 'host')}, "
    lines = _comment(f"{found}{plural(shards, 'shard')}. Only what differs from the defaults is stated.", "")
    if site.mongo is not None:
        counts = ", ".join(f"{name} {count}" for name, count in site.mongo.collections)
        lines += _comment(f"MongoDB {site.mongo.version}: {counts or 'no collection'}.", "")
    if odd:
        lines += ["#", f"# {heading(odd)}"]
        for number, one in enumerate(odd, 1):
            lines += _comment(f"{number}. {said(one)}", "", "   ")
    return lines


def heading(odd: Sequence[Oddity]) -> str:
    """Return the line above what is odd."""
    return "One thing is odd, look at it first:" if len(odd) == 1 else f"{len(odd)} things are odd, look at them first:"


def said(odd: Oddity) -> str:
    """Return what is odd, what can be done, and the rule's name."""
    where = " ".join(word for word in (odd.host, odd.shard) if word)
    advice = f"; {odd.advice}" if odd.advice else ""
    return _one_line(f"{where + ': ' if where else ''}{odd.message}{advice} [{odd.kind}]")


def _host(
    entry: HostEntry, variables: Mapping[str, Any], odd: Sequence[Oddity], description: Description, indent: str
) -> Iterator[str]:
    numbers = [str(at) for at, one in enumerate(odd, 1) if one.host == entry.reading.name]
    if odd or "shards" in variables:
        yield from _comment(_facts(entry.reading), indent) if entry.reading.answered else ()
    if numbers:
        yield from _comment(f"See {', '.join(numbers)} above.", indent)
    yield f"{indent}{inline(entry.name)}:"
    for name, value in variables.items():
        if name == "shards" and isinstance(value, list) and any(isinstance(one, dict) for one in value):
            yield f"{indent}  shards:"
            yield from _entries(value, entry.reading, indent)
        else:
            yield from _shards_told(entry.reading, indent) if name == "shards" else ()
            yield f"{indent}  {name}: {inline(value)}"
    if "shards" in variables:
        for host, name, why in description.left_out:
            if host == entry.reading.name:
                shard = next(one for one in entry.reading.shards if one.name == name)
                yield from _comment(f"- {inline(dict(shard.found.entry))}  # {why}", f"{indent}    ")


def _entries(entries: Iterable[Mapping[str, Any]], host: HostReading, indent: str) -> Iterator[str]:
    by_name = {(one.found.entry.get("id"), one.found.entry.get("name", "")): one for one in host.shards}
    for entry in entries:
        name = str(entry.get("name", ""))
        shard = by_name.get((entry.get("id"), name if name != "FindFace" else ""))
        told = f"  # {_one_line(_shard(shard))}" if shard else ""
        yield f"{indent}    - {inline(dict(entry))}{told}"


def _shards_told(host: HostReading, indent: str) -> Iterator[str]:
    """Yield a comment on each shard; many that are alike are told once."""
    told: dict[str, list[str]] = {}
    for shard in host.shards:
        told.setdefault(_shard(shard), []).append(shard.name)
    for text, names in told.items():
        yield from _comment(f"{', '.join(names)}: {text}", f"{indent}  ")


def _shard(shard: ShardReading) -> str:
    found = shard.found
    parts = [] if found.facen_size is None else [f"facens of {found.facen_size} floats"]
    parts += [f"memtx_memory {human(found.memtx)}"] if found.memtx is not None else []
    if isinstance(shard.served, ShardState):
        count = len(shard.served.galleries)
        parts.append(f"{plural(shard.served.faces, 'face')} in {count} {'gallery' if count == 1 else 'galleries'}")
    if shard.data is not None:
        sizes = [
            f"{kind} {human(sum(size for _, size in shard.data.names(kind)))}" for kind in ("snap", "wal", "index")
        ]
        parts.append(", ".join(sizes))
        parts += [f"recorded as {describe_record(shard.data.record)}"] if shard.data.record else []
    return "; ".join(parts) or found.problem


def _facts(host: HostReading) -> str:
    identity, facts = host.identity, host.facts
    parts = [identity.node, identity.system] if identity else []
    parts += [f"{plural(facts.cores, 'core')}, {human(facts.memory)} of memory"] if facts and facts.cores else []
    versions = identity.versions if identity else ()
    parts += [f"{name} {version}" for name, version in versions if not name.startswith("openssh")][:8]
    if host.extraction is not None and host.extraction.model:
        parts.append(f"model {host.extraction.model}")
    if identity and identity.models and host.extraction is not None:
        parts.append(f"installed: {', '.join(sorted({name.partition('.')[0] for _, name in identity.models}))}")
    return "; ".join(part for part in parts if part)


def _comment(text: str, indent: str, hanging: str = "") -> list[str]:
    """Return a text as comment lines: what a host says can end none of them."""
    return textwrap.wrap(
        _one_line(text),
        _WIDTH,
        initial_indent=f"{indent}# ",
        subsequent_indent=f"{indent}# {hanging}",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _one_line(text: str) -> str:
    """Return a text without what could end its line, in any reader's eyes."""
    return " ".join(clean(text).split())


def document(
    site: SiteReading, description: Description, odd: Sequence[Oddity], variables: Mapping[str, Any]
) -> dict[str, Any]:
    """Return all of it as dicts and lists."""
    hosts = [
        {
            "host": entry.name,
            "answered": entry.reading.answered,
            "groups": list(entry.groups),
            "variables": plain(entry.variables),
            "node": plain(entry.reading.identity.node) if entry.reading.identity else None,
            "versions": plain(dict(entry.reading.identity.versions)) if entry.reading.identity else {},
            "shards": [_shard_plain(shard) for shard in entry.reading.shards],
            "errors": errors_plain(entry.reading.errors),
        }
        for entry in description.hosts
    ]
    return {
        "variables": plain(variables),
        "hosts": hosts,
        "mongo": plain(site.mongo),
        "oddities": [plain(one) for one in odd],
    }


def _shard_plain(shard: ShardReading) -> dict[str, Any]:
    served = shard.served if isinstance(shard.served, ShardState) else None
    return {
        "shard": shard.name,
        "http_port": shard.found.shard.http_port,
        "port": shard.found.shard.port,
        "facen_size": shard.found.facen_size,
        "memtx_memory": shard.found.memtx,
        "faces": served.faces if served else None,
        "bytes": sum(size for kind in _KINDS for _, size in shard.data.names(kind)) if shard.data else None,
    }
