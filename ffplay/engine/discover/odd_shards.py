"""What is odd about one shard, by its file, its unit, its data and what it serves."""

from __future__ import annotations

from collections.abc import Iterator

from ffplay.engine.discover.oddity import Oddity
from ffplay.engine.discover.parts import master_of
from ffplay.engine.discover.readings import HostReading, ShardReading, SiteReading
from ffplay.engine.discover.seeds import is_wildcard
from ffplay.findface import FACES_A_SHARD
from ffplay.load import shard_of
from ffplay.resources.shard_data import human
from ffplay.resources.shard_http import ShardState, Silent
from ffplay.steps._capacity import facens_bytes

# So much of memtx_memory may be full before it is odd.
_FULL = 0.9


def odd_shard(site: SiteReading, host: HostReading, shard: ShardReading) -> Iterator[Oddity]:
    """Yield what is odd about a shard."""
    for rule in (_file, _layout, _unit, _served, _memory, _index, _replica):
        for kind, message, advice in rule(site, host, shard):
            yield Oddity(kind, host.name, shard.name, message, advice)


_Told = Iterator[tuple[str, str, str]]


def _file(_site: SiteReading, _host: HostReading, shard: ShardReading) -> _Told:
    found = shard.found
    if found.problem:
        yield (
            "unreadable-file",
            f"{found.shard.conf} cannot be read: {found.problem}",
            "mend the file; until then the shard stands here as its name says",
        )
    if found.opaque:
        yield (
            "computed-value",
            f"{found.shard.conf} computes {', '.join(found.opaque)}, which only Lua can tell",
            "state in `shards` what the documented layout does not say",
        )
    if found.force_recovery:
        yield (
            "force-recovery",
            "force_recovery is on: it starts without a word when rows are damaged",
            f"set it to false in {found.shard.conf} once the data are known to be whole",
        )
    if not found.problem and found.binary is None and "listen" not in found.opaque:
        yield (
            "no-binary-port",
            f"{found.shard.conf} gives box.cfg no `listen`: its binary port is closed",
            "a fast index is built over that port",
        )


def _layout(_site: SiteReading, host: HostReading, shard: ShardReading) -> _Told:
    entry = shard.found.entry
    named = {name: entry[name] for name in ("id", "name") if name in entry}
    documented = shard_of(named or {"id": None}, host.variables)
    for name, what in (("port", "binary port"), ("http_port", "HTTP port")):
        if name in entry:
            yield (
                "other-port",
                f"its {what} is {entry[name]}; by the documented layout it would be {getattr(documented, name)}",
                "it is stated in `shards`",
            )
    binary, address = shard.found.binary, shard.found.shard.address
    if binary is not None and not is_wildcard(binary[0]) and binary[0] not in {address, "localhost"}:
        yield (
            "two-addresses",
            f"its binary port listens on {binary[0]} and its HTTP port on {address}",
            "state an address in `shards` on which both listen, or let the file listen so",
        )


def _unit(_site: SiteReading, host: HostReading, shard: ShardReading) -> _Told:
    unit = shard.found.shard.unit
    known = host.instance(unit)
    if host.facts is None:
        return
    if known is None:
        yield (
            "file-without-unit",
            f"{shard.found.shard.conf} is there, and systemd knows no {unit}: nothing starts it",
            f"`systemctl enable {unit}`, or move the file away if the shard is retired",
        )
    elif known.active != "active":
        yield (
            "not-running",
            f"{unit} is {known.active or 'not loaded'}",
            f"see `systemctl status {unit}`",
        )
    elif not known.enabled:
        yield (
            "not-enabled",
            f"{unit} runs and is not enabled: it will not start with its host",
            f"`systemctl enable {unit}`",
        )


def _served(_site: SiteReading, host: HostReading, shard: ShardReading) -> _Told:
    known = host.instance(shard.found.shard.unit)
    where = f"{shard.found.shard.address}:{shard.found.shard.http_port}"
    if isinstance(shard.served, Silent):
        yield (
            "silent",
            f"it takes connections at {where} and has not answered for {shard.served.seconds:g} s",
            f"restart {shard.found.shard.unit}",
        )
    elif shard.served is None and known is not None and known.active == "active":
        yield (
            "no-answer",
            f"its unit is active, and nothing answers at {where}",
            "see its log, and `address` and `http_port` in its entry of `shards`",
        )
    elif shard.served is not None and shard.served.faces > FACES_A_SHARD:
        yield (
            "too-many-faces",
            f"it holds {shard.served.faces} faces; {FACES_A_SHARD} at most are advised",
            "spread them over more shards",
        )
    sizes = set(shard.served.sizes) if isinstance(shard.served, ShardState) else set()
    if shard.found.facen_size is not None and sizes - {shard.found.facen_size}:
        yield (
            "file-and-data-differ",
            f"it serves facens of {_words(sizes)} floats, and its file says {shard.found.facen_size}",
            "it will not start over its data again: look who changed the file",
        )


def _memory(_site: SiteReading, _host: HostReading, shard: ShardReading) -> _Told:
    memtx, size = shard.found.memtx, shard.found.facen_size
    if memtx is None:
        return
    faces = shard.served.faces if isinstance(shard.served, ShardState) else 0
    needed = facens_bytes(faces, size or 0)
    snapshot = max((amount for _, amount in shard.data.names("snap")), default=0) if shard.data else 0
    what = f"{faces} faces of {size} floats need about {human(needed)}"
    if snapshot > needed:
        needed, what = snapshot, f"its largest snapshot is {human(snapshot)}"
    if needed > memtx * _FULL:
        yield (
            "little-memory",
            f"{what}, and memtx_memory is {human(memtx)}",
            "state `memtx_gb` in its entry of `shards`; template writes it",
        )


def _index(_site: SiteReading, _host: HostReading, shard: ShardReading) -> _Told:
    served = shard.served.galleries if isinstance(shard.served, ShardState) else ()
    indexed = [gallery.name for gallery in served if gallery.indexed]
    files = shard.data.names("index") if shard.data else ()
    if indexed or files:
        size = human(sum(amount for _, amount in files))
        which = f"of {', '.join(indexed)}" if indexed else "that no gallery uses"
        yield (
            "fast-index",
            f"it has a fast index {which} ({len(files)} files, {size}); a wipe sets it aside",
            "keep the step fast_index in the playbook, which builds it anew",
        )


def _replica(site: SiteReading, host: HostReading, shard: ShardReading) -> _Told:
    if shard.found.replication and master_of(site, host, shard) is None:
        yield (
            "unknown-master",
            f"it is a replica of {shard.found.replication}, which is no shard of a host that answered",
            "state `replica_of: HOST/SHARD` in its entry of `shards`",
        )


def _words(sizes: set[int]) -> str:
    return " and ".join(map(str, sorted(sizes)))
