"""Where an inventory and its site disagree, as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ffplay.engine.discover.compare import Difference
from ffplay.engine.discover.readings import SiteReading
from ffplay.errors import Finding, HostError
from ffplay.load import format_finding
from ffplay.report.plain import plain
from ffplay.report.runs import errors_plain
from ffplay.report.style import Style, clean, plural


def lines(found: Sequence[Difference], site: SiteReading, style: Style) -> Iterator[str]:
    """Yield each difference with its place in the inventory, and at the end how many there are."""
    for one in found:
        where = " ".join(name for name in (one.host, one.shard) if name)
        finding = Finding(one.place.mark if one.place else None, clean(f"{where}: {one.message}"))
        if one.place is not None:
            finding = Finding(finding.mark, finding.message, "", one.place.text)
        first, *more = format_finding(finding).splitlines()
        yield style.paint("yellow", first)
        yield from more
    answered = [host for host in site.hosts if host.answered]
    shards = sum(len(host.shards) for host in answered)
    what = f"{plural(len(answered), 'host')}, {plural(shards, 'shard')}"
    agree = f"the inventory and the site agree: {what}"
    yield style.paint("bold", f"{plural(len(found), 'difference')} ({what})" if found else agree)


def document(found: Iterable[Difference], errors: Sequence[HostError]) -> dict[str, Any]:
    """Return the differences as dicts and lists."""
    return {
        "differences": [
            {
                "kind": one.kind,
                "host": one.host,
                "shard": one.shard or None,
                "message": plain(one.message),
                "file": one.place.mark.file if one.place else None,
                "line": one.place.mark.line if one.place else None,
                "column": one.place.mark.column if one.place else None,
            }
            for one in found
        ],
        "errors": errors_plain(errors),
    }
