"""What a site is at, as text and as JSON."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any

from ffplay.engine.lock import describe as describe_lock
from ffplay.engine.survey import FacesStatus, HostStatus, ShardStatus, SiteStatus
from ffplay.model import Unknown
from ffplay.report.names import joined
from ffplay.report.plain import plain
from ffplay.report.runs import WIDTH, errors_plain, run_plain, state_of, who_of
from ffplay.report.style import Style, clean, plural
from ffplay.resources.lock import Held
from ffplay.resources.record import describe
from ffplay.resources.shard_data import DataState, human


def lines(found: SiteStatus, style: Style) -> Iterator[str]:
    """Yield the site as a whole first, then host by host."""
    shards = sum(len(host.shards) for host in found.hosts)
    yield style.paint("bold", f"{plural(len(found.hosts), 'host')}, {plural(shards, 'shard')}")
    yield from _runs(found, style)
    yield from _locks(found, style)
    waiting = sum(kib for host in found.hosts for _, kib in aside_of(host))
    if waiting:
        where = joined(host.name for host in found.hosts if aside_of(host))
        yield f"set aside: {human(waiting << 10)} on {where} (ff-play commit removes it)"
    for host in found.hosts:
        yield ""
        yield from _host(host, style)


def _runs(found: SiteStatus, style: Style) -> Iterator[str]:
    if not found.open:
        last = found.runs[-1] if found.runs else None
        yield "no run is open" + (
            f"; the last was {last.head.run} ({last.head.verb}, {state_of(last)})" if last else ""
        )
    for state in found.open:
        became = state_of(state, state.head.run in found.locking)
        said = f"run {state.head.run} ({state.head.verb}) is open, {became}: {state.done}/{state.intents} changes"
        yield style.paint("yellow", said)
        yield f"  {who_of(state)}; ff-play show {state.head.run} tells more"


def _locks(found: SiteStatus, style: Style) -> Iterator[str]:
    """Yield who holds the lock, of one run on many hosts once."""
    held: dict[str, list[tuple[str, Held]]] = {}
    for host in found.hosts:
        if host.lock is not None:
            held.setdefault(host.lock.holder.token, []).append((host.name, host.lock))
    if not held:
        yield "no lock"
    for locks in held.values():
        lock = Held(locks[0][1].holder, min(each.silent for _, each in locks))
        said = f"locked on {joined(name for name, _ in locks)} by {clean(describe_lock(lock))}"
        yield from (style.paint("yellow", line) for line in _wrapped(said))


def _wrapped(text: str) -> list[str]:
    """Return the text in lines; paths are left whole."""
    return textwrap.wrap(text, WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)


def _host(host: HostStatus, style: Style) -> Iterator[str]:
    yield style.paint("bold", host.name)
    yield from (f"  {style.paint('red', clean(error.message))}" for error in host.errors)
    if host.faces is not None:
        yield f"  {_faces(host.faces)}"
    names = [name for name, _ in host.services] + [each.shard.name for each in host.shards]
    width = max((len(name) for name in names), default=0)
    for name, unit in host.services:
        yield f"  {name:<{width}}  {_unit(unit.active, style).rstrip()}"
    for shard in host.shards:
        yield from _shard(shard, width, style)
    for job in host.jobs:
        yield f"  {style.paint('cyan', 'runs')}: {clean(job.folder)} (pid {job.pid})"


def _faces(faces: FacesStatus) -> str:
    count = "an unknown number of faces" if faces.count is None else plural(faces.count, "face")
    return f"{count} in {clean(faces.place)}: {clean(describe(faces.record))}"


def _unit(active: str, style: Style) -> str:
    colour = {"active": "green", "failed": "red"}.get(active, "yellow")
    return style.paint(colour, f"{clean(active):<8}")


def _shard(found: ShardStatus, width: int, style: Style) -> Iterator[str]:
    unit = _unit(found.unit.active, style) if found.unit is not None else "unknown "
    said = "its data cannot be read" if found.data is None else _data(found.data)
    yield f"  {found.shard.name:<{width}}  {unit}  {said}"
    by_run: dict[str, int] = {}
    for path, kib in found.data.aside if found.data is not None else ():
        by_run[path.rpartition(".aside-")[2]] = by_run.get(path.rpartition(".aside-")[2], 0) + kib
    yield from (
        f"  {'':<{width}}            set aside by run {clean(run)}: {human(by_run[run] << 10)}" for run in by_run
    )


def _data(data: DataState) -> str:
    files = () if isinstance(data.files, Unknown) else data.files
    size = human(sum(size for _, size in files))
    missing = f"; missing: {', '.join(data.missing)}" if data.missing else ""
    return f"{clean(describe(data.record))}; {plural(len(files), 'data file')}, {size}{missing}"


def aside_of(host: HostStatus) -> list[tuple[str, int]]:
    """Return (path, KiB) of all that waits on a host for `commit`."""
    return [waiting for shard in host.shards if shard.data is not None for waiting in shard.data.aside]


def document(found: SiteStatus) -> dict[str, Any]:
    """Return the site as dicts and lists."""
    return {
        "open_runs": [run_plain(state, state.head.run in found.locking) for state in found.open],
        "hosts": [_host_plain(host) for host in found.hosts],
    }


def _host_plain(host: HostStatus) -> dict[str, Any]:
    lock = host.lock
    # The token proves to the host who holds the lock: it is nobody else's business.
    holder = {key: value for key, value in plain(lock.holder).items() if key != "token"} if lock else None
    return {
        "host": host.name,
        "errors": errors_plain(host.errors),
        "lock": {**holder, "silent_seconds": lock.silent} if lock and holder else None,
        "services": [{"unit": name, "active": unit.active} for name, unit in host.services],
        "faces": {"place": host.faces.place, "count": host.faces.count, "record": plain(host.faces.record)}
        if host.faces
        else None,
        "shards": [_shard_plain(shard) for shard in host.shards],
        "jobs": [plain(job) for job in host.jobs],
    }


def _shard_plain(found: ShardStatus) -> dict[str, Any]:
    data = found.data
    files = () if data is None or isinstance(data.files, Unknown) else data.files
    return {
        "shard": found.shard.name,
        "unit": found.shard.unit,
        "active": found.unit.active if found.unit else None,
        "record": plain(data.record) if data else None,
        "files": len(files),
        "bytes": sum(size for _, size in files),
        "missing": list(data.missing) if data else [],
        "set_aside": [{"path": plain(path), "kib": kib} for path, kib in data.aside] if data else [],
    }
