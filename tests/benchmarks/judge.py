"""Whether a run did the whole job, by the site's files and processes; nothing that a tool says is asked."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from tests.benchmarks import processes
from tests.benchmarks.layout import FROM_SIZE, TO_SIZE, Host, Layout, Shard
from tests.benchmarks.site import BenchSite, unit_pid


class Mode(StrEnum):
    """What is measured: a plan, the job, and the job once more where nothing is left to do."""

    PLAN = "plan"
    APPLY = "apply"
    AGAIN = "again"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What must stay as it is where nothing is to be done: (path, content) of every file that counts, and processes."""

    files: tuple[tuple[str, bytes], ...]
    pids: tuple[str, ...]


def snapshot(layout: Layout) -> Snapshot:
    """Return what counts of a site: the shards' files, their data, backups, marks of the tools, main processes."""
    found: list[tuple[str, bytes]] = []
    for host in layout.hosts:
        places = [host.root / "var/backups", *host.markers.values()]
        for shard in host.each_shard():
            places += [shard.conf, shard.data]
        found += [(str(path), path.read_bytes()) for place in places for path in _files(place)]
    return Snapshot(tuple(found), tuple(unit_pid(shard) for host in layout.hosts for shard in host.each_shard()))


def _files(place: Path) -> Iterator[Path]:
    if place.is_file():
        yield place
    elif place.is_dir():
        yield from sorted(path for path in place.rglob("*") if path.is_file())


def unchanged(site: BenchSite, before: Snapshot) -> list[str]:
    """Return what is different where nothing should be, and which units do not run."""
    after = snapshot(site.layout)
    alive = _alive(site)
    dead = [
        f"{host.name} {shard.name}: its process is gone"
        for host in site.layout.hosts
        for shard in host.each_shard()
        if (str(host.root), unit_pid(shard)) not in alive
    ]
    one, other = dict(before.files), dict(after.files)
    wrong = [f"{path} changed" for path in sorted(one.keys() | other.keys()) if one.get(path) != other.get(path)]
    return wrong + dead + (["a unit was restarted"] if before.pids != after.pids else [])


def done(site: BenchSite, before: Snapshot) -> list[str]:
    """Return what of the job was not done, on every host and every shard, byte for byte."""
    layout = site.layout
    alive = _alive(site)
    former = iter(before.pids)
    wrong = []
    for number, host in enumerate(layout.hosts):
        wrong += _tools(host, first=number == 0)
        for shard in host.each_shard():
            wrong += [f"{host.name} {shard.name}: {one}" for one in _shard(layout, shard)]
            pid = unit_pid(shard)
            if not pid or pid == next(former) or (str(host.root), pid) not in alive:
                wrong.append(f"{host.name} {shard.name}: was not started anew, or does not run")
    return wrong


def _tools(host: Host, first: bool) -> Iterator[str]:
    for name, path in host.markers.items():
        lines = path.read_text().splitlines() if path.exists() else []
        if len(lines) != first:
            yield f"{host.name}: {name} {len(lines)} times"


def _shard(layout: Layout, shard: Shard) -> Iterator[str]:
    ntls = layout.hosts[0].address
    if shard.conf.read_text() != shard.conf_text(TO_SIZE, ntls):
        yield "its file is not what it should be"
    originals = shard.files()
    for directory in ("snapshots", "xlogs", "index"):
        if any(path.read_bytes() in originals.values() for path in _files(shard.data / directory)):
            yield f"old data in {directory}"
    wanted = {name.rpartition("/")[2]: content for name, content in originals.items()}
    wanted[shard.conf.name] = shard.conf_text(FROM_SIZE, ntls).encode()
    kept = [path for path in _files(shard.root / "var/backups") if shard.name in path.parts]
    for name, content in wanted.items():
        whole = [path for path in kept if path.name == name and not any(one.endswith(".part") for one in path.parts)]
        if len(whole) != 1 or whole[0].read_bytes() != content:
            yield f"{len(whole)} backups of {name}, or a wrong one"


def _alive(site: BenchSite) -> set[tuple[str, str]]:
    """Return (root of its host, process as the host sees it) of every process that stands for a shard."""
    found = set()
    for pid in processes.descendants(site.supervisor.pid):
        with contextlib.suppress(OSError):
            if not Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"sleep\0"):
                continue
            environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
            status = dict(
                line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line
            )
            for one in environment:
                if one.startswith(b"BENCH_ROOT="):
                    found.add((one[11:].decode(), status["NSpid"].split()[-1]))
    return found
