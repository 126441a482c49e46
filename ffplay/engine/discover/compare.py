"""Where an inventory and its site disagree: what the files of the hosts say, against what was written of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ffplay.engine.discover.describe import services
from ffplay.engine.discover.parts import further, groups_of, master_of
from ffplay.engine.discover.readings import HostReading, ShardReading, SiteReading
from ffplay.load import Loaded, Place, entry_place, value_place
from ffplay.model import Host, Shard

# The fields of a shard that are compared, each with the variables that a default of it is made of.
_FIELDS = {
    "snap_dir": ("data_dir", "tarantool_data_dir"),
    "wal_dir": ("data_dir", "tarantool_data_dir"),
    "port": ("shard_port_base",),
    "http_port": ("shard_http_base",),
}

# Variables by which nothing is reached: what no file of a service states, and what only a forecast reads.
_UNGROUNDED = {"ntls_address", "ntls_port", "extraction_instances"}

# Two sizes of memory closer than this share of the larger one are the same: gigabytes are written with few digits.
_SAME_MEMORY = 0.02


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing in which they disagree.

    `kind` is host, shard, group or value; `place` is where the inventory has it, None where it has nothing.
    """

    kind: str
    host: str
    shard: str
    message: str
    place: Place | None


def differences(loaded: Loaded, site: SiteReading) -> tuple[Difference, ...]:
    """Return everything in which an inventory and its site disagree; of a host that does not answer, nothing."""
    found = list(_hosts(site))
    for reading in site.hosts:
        if reading.answered:
            host = loaded.site.host(reading.name)
            found += [*_groups(host, site, reading), *_values(host, site, reading), *_shards(host, site, reading)]
    return tuple(found)


def _hosts(site: SiteReading) -> Iterator[Difference]:
    """Yield the addresses that files of the site name and that no host of the inventory goes by."""
    for seed in further(site):
        yield Difference("host", "", "", f"{seed.source} names {seed.address}, and no host goes by that", None)


def _groups(host: Host, site: SiteReading, reading: HostReading) -> Iterator[Difference]:
    """Yield the groups that a host is in without having the part, or has the part of without being in."""
    for group, members in groups_of(site).items():
        inside = group in host.groups
        has = host.name in {member.name for member in members}
        if inside == has or group in {"upload", "ntls"}:
            continue
        if group == "mongo" and not members:
            continue
        lacks, whole = _part(group, reading)
        said = f"it is in the group {group}, and {lacks}" if inside else f"it is not in the group {group}, and {whole}"
        yield Difference("group", host.name, "", said, _of_host(host))


def _part(group: str, reading: HostReading) -> tuple[str, str]:
    """Return the words for a host that lacks a part, and for one that has it."""
    if group == "tntapi":
        where = reading.variables["tarantool_instances_dir"]
        return f"{where} has no shard", f"{where} has {', '.join(one.name for one in reading.shards)}"
    if group == "mongo":
        return "facenapi's configuration names another host for MongoDB", "facenapi's configuration names its MongoDB"
    path = reading.variables[f"{group}_ini"]
    return f"{path} is not there", f"{path} is there"


def _values(host: Host, site: SiteReading, reading: HostReading) -> Iterator[Difference]:
    """Yield the variables of a host's services that are not what its files say."""
    for name, value in services(site, reading, host.groups).items():
        stated = reading.variables[name]
        if name in _UNGROUNDED or stated == "" or _listens(reading, name):
            continue
        said = f"{name} is {stated} in the inventory, and {_plain(reading, value)} on the host"
        yield Difference("value", host.name, "", said, value_place(host.vars, name) or _of_host(host))


def _listens(reading: HostReading, name: str) -> bool:
    """Tell whether a variable is an address at which its service listens, be it another one than was found."""
    part, _, word = name.rpartition("_")
    if word != "address" or reading.identity is None:
        return False
    return reading.identity.listens(str(reading.variables[name]), int(reading.variables[f"{part}_port"]))


def _plain(reading: HostReading, value: Any) -> Any:
    return value.replace("{{ root }}", str(reading.variables["root"])) if isinstance(value, str) else value


def _shards(host: Host, site: SiteReading, reading: HostReading) -> Iterator[Difference]:
    found = {one.name: one for one in reading.shards}
    known = {shard.name for shard in host.shards}
    for index, shard in enumerate(host.shards):
        other = found.get(shard.name)
        if other is None:
            said = f"the inventory has it, and {shard.conf} is not on the host"
            yield Difference("shard", host.name, shard.name, said, entry_place(host, index) or _of_host(host))
        elif not other.found.problem:
            yield from _shard(host, index, (shard, other), site)
    for name, other in found.items():
        if name not in known:
            said = f"the host has {other.found.shard.conf}, and the inventory has no such shard"
            yield Difference("shard", host.name, name, said, value_place(host.vars, "shards") or _of_host(host))


def _shard(host: Host, index: int, pair: tuple[Shard, ShardReading], site: SiteReading) -> Iterator[Difference]:
    shard, other = pair
    reading = next(one for one in site.hosts if one.name == host.name)
    for field, stated, found in _pairs(shard, other, _master(site, reading, other)):
        said = f"{field} is {stated} in the inventory, and {found} in {other.found.shard.conf}"
        yield Difference("value", host.name, shard.name, said, _place(host, index, field))


def _pairs(shard: Shard, other: ShardReading, master: str) -> Iterator[tuple[str, Any, Any]]:
    """Yield (name, what the inventory says, what the file says) of all that differs."""
    found = other.found
    for field in _FIELDS:
        if getattr(shard, field) != getattr(found.shard, field):
            yield field, getattr(shard, field), getattr(found.shard, field)
    if found.address and found.address != shard.address:
        yield "address", shard.address, found.address
    stated = shard.vars.get("memtx_gb")
    if stated is not None and found.memtx is not None:
        gigabytes = found.memtx / (1 << 30)
        if abs(float(stated) - gigabytes) > _SAME_MEMORY * max(float(stated), gigabytes):
            yield "memtx_gb", stated, f"{gigabytes:.4g}"
    replica = str(shard.vars.get("replica_of") or "")
    if replica != master:
        yield "replica_of", replica or "not stated", master or "no master"


def _master(site: SiteReading, reading: HostReading, shard: ShardReading) -> str:
    """Return whose replica a shard is as `HOST/SHARD`, its address where no host of the inventory has that."""
    found = master_of(site, reading, shard) if shard.found.replication else None
    return f"{found[0].name}/{found[1].name}" if found else shard.found.replication


def _place(host: Host, index: int, field: str) -> Place | None:
    """Return where the inventory says a field of a shard: in its entry, or by a variable, or at least the entry."""
    raw = host.vars.get("shards")
    entry = raw[index] if isinstance(raw, list) and index < len(raw) else raw
    names = (field, *_FIELDS.get(field, ()))
    if isinstance(entry, dict):
        inside = next((name for name in names if name in entry), None)
        if inside is not None:
            return value_place(entry, inside)
    variable = {"address": ("shard_address",)}.get(field, names)
    own = next((place for name in variable if (place := getattr(host.vars, "value_places", {}).get(name))), None)
    return own or entry_place(host, index) or _of_host(host)


def _of_host(host: Host) -> Place | None:
    """Return where a host stands in the inventory."""
    return getattr(host.vars, "place", None)
