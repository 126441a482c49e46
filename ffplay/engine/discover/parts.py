"""Which host has which part of a site, and at which address each part takes connections there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ffplay.engine.discover.readings import HostReading, ShardReading, SiteReading
from ffplay.engine.discover.seeds import Seed, is_loopback
from ffplay.engine.discover.services import Address

# The groups that steps know, in the order in which an inventory has them.
GROUPS = ("facenapi", "extraction", "mongo", "upload", "ntls", "tntapi")


def groups_of(site: SiteReading) -> dict[str, tuple[HostReading, ...]]:
    """Return the hosts of each group. The host of MongoDB is the one that facenapi names."""
    mongo = _one(site, site.facenapi.facenapi.mongo if site.facenapi and site.facenapi.facenapi else None)
    upload = _one(site, site.facenapi.facenapi.upload if site.facenapi and site.facenapi.facenapi else None)
    extraction = {host.name for host in site.hosts if host.extraction is not None}
    extraction |= {host.name for host in _one(site, _extraction(site)) if not host.answered}
    licences = {host.name for address, of in _licences(site) if (host := site.owner(address[0], of)) is not None}
    named = {host.name for cell in site.cells() if (host := site.of_cell(cell)[0]) is not None and not host.answered}
    return {
        "facenapi": tuple(host for host in site.hosts if host.facenapi is not None),
        "extraction": tuple(host for host in site.hosts if host.name in extraction),
        "mongo": mongo,
        "upload": upload,
        "ntls": tuple(host for host in site.hosts if host.name in licences),
        "tntapi": tuple(host for host in site.hosts if host.shards or host.name in named),
    }


def further(site: SiteReading) -> tuple[Seed, ...]:
    """Return the hosts that what was read names and that are not known yet."""
    found: dict[str, Seed] = {}
    for address, of, source in _named(site):
        if site.owner(address, of) is None and address not in found:
            found[address] = Seed(address, address, source=source)
    return tuple(found.values())


def address_on(host: HostReading, port: int, wanted: str) -> str:
    """Return at which of its addresses a host takes connections to a port, `wanted` first; else `wanted` itself."""
    own = host.identity.addresses if host.identity else ()
    candidates = [*([] if is_loopback(wanted) else [wanted]), "127.0.0.1", host.asked.address, *own]
    first = next((one for one in candidates if host.identity and host.identity.listens(one, port)), None)
    return first or candidates[0]


def mongo_variables(site: SiteReading, host: HostReading) -> dict[str, Any]:
    """Return where MongoDB is on its host, by facenapi's file."""
    app = site.facenapi
    if app is None or app.facenapi is None:
        return {}
    address, port = app.facenapi.mongo
    return {
        "mongo_address": address_on(host, port, address),
        "mongo_port": port,
        "mongo_db": app.facenapi.mongo_db,
    }


def master_of(site: SiteReading, host: HostReading, shard: ShardReading) -> tuple[HostReading, ShardReading] | None:
    """Return the shard whose replica one is, None where nobody knows it."""
    address, _, port = shard.found.replication.rpartition(":")
    owner = site.owner(address.strip("[]"), host)
    shards = owner.shards if owner else ()
    found = next((one for one in shards if str(one.found.shard.port) == port and one is not shard), None)
    return (owner, found) if owner and found else None


def _named(site: SiteReading) -> Iterator[tuple[str, HostReading, str]]:
    """Yield every address that was read, the host that names it, and where."""
    app = site.facenapi
    if app is not None and app.facenapi is not None:
        ini = f"{app.name}'s {app.facenapi.path}"
        yield from ((cell.rpartition(":")[0].strip("[]"), app, f"{app.name}'s {app.table}") for cell in site.cells())
        yield app.facenapi.mongo[0], app, ini
        yield app.facenapi.extraction[0], app, ini
    for host in site.hosts:
        for one in host.instances.shards:
            if one.replication:
                yield one.replication.rpartition(":")[0].strip("[]"), host, f"{host.name}'s {one.shard.conf}"


def _extraction(site: SiteReading) -> Address | None:
    return site.facenapi.facenapi.extraction if site.facenapi and site.facenapi.facenapi else None


def _licences(site: SiteReading) -> Iterator[tuple[Address, HostReading]]:
    for host in site.hosts:
        if host.extraction is not None and host.extraction.licence is not None:
            yield host.extraction.licence, host
        yield from ((one.licence, host) for one in host.instances.shards if one.licence is not None)


def _one(site: SiteReading, address: Address | None) -> tuple[HostReading, ...]:
    """Return the host that facenapi means by an address, or none."""
    app = site.facenapi
    host = site.owner(address[0], app) if app is not None and address is not None else None
    return (host,) if host is not None else ()
