"""What the shards of a site are at once a run has stopped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ffplay.engine.access import SiteAccess, read_host
from ffplay.errors import HostError
from ffplay.model import Host, Site
from ffplay.resources.base import Resource
from ffplay.resources.record import describe
from ffplay.resources.shard_data import ShardData
from ffplay.resources.unit import Unit


def standing(access: SiteAccess, site: Site, names: Iterable[str]) -> tuple[str, ...]:
    """Return a line for each shard that says what it is at; of a host that does not answer, that it does not."""
    return tuple(line for name in names for line in _host(access, site.host(name)))


def _host(access: SiteAccess, host: Host) -> Iterator[str]:
    resources: list[Resource] = [r for shard in host.shards for r in (Unit(shard.unit), ShardData(shard))]
    if not resources:
        return
    try:
        values = read_host(access, host, resources)
    except HostError as error:
        yield f"{host.name}: not known: {error.message}"
        return
    for shard in host.shards:
        unit, data = values[host.name, Unit(shard.unit)], values[host.name, ShardData(shard)]
        yield f"{host.name} {shard.name}: {unit.active}, {len(data.files)} data files, {describe(data.record)}"
