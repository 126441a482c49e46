"""What was read of a site, as plain data: all that an inventory, its comments and a comparison are made from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ffplay.engine.discover.seeds import Seed, is_loopback
from ffplay.engine.discover.services import Extraction, Facenapi
from ffplay.engine.discover.shards import FoundShard, Instances
from ffplay.errors import HostError
from ffplay.resources.facts import HostState, Instance
from ffplay.resources.identity import HostIdentity
from ffplay.resources.mongo_look import MongoState
from ffplay.resources.shard_data import DataState
from ffplay.resources.shard_http import ShardState, Silent
from ffplay.resources.unit import UnitState


@dataclass(frozen=True, slots=True)
class ShardReading:
    """One shard: its file, its data, and what it serves (None where its port is closed or nobody asked)."""

    found: FoundShard
    data: DataState | None = None
    served: ShardState | Silent | None = None

    @property
    def name(self) -> str:
        """Return the shard's name."""
        return self.found.shard.name


@dataclass(frozen=True, slots=True)
class HostReading:
    """One host. `variables` are its inventory variables, defaults included; `asked` is how it is reached.

    What could not be read is None; `errors` say why. `units` are the states of its services, by their variables
    (`mongo_unit`). `cells` is the table of shards that its facenapi uses, None where it has none; `table` is the path.
    """

    asked: Seed
    variables: Mapping[str, Any] = field(hash=False, repr=False)
    identity: HostIdentity | None = None
    facts: HostState | None = None
    facenapi: Facenapi | None = None
    extraction: Extraction | None = None
    units: Mapping[str, UnitState] = field(default_factory=dict, hash=False)
    instances: Instances = field(default_factory=Instances)
    shards: tuple[ShardReading, ...] = ()
    table: str = ""
    cells: tuple[str, ...] | None = None
    errors: tuple[HostError, ...] = ()

    @property
    def name(self) -> str:
        """Return the name by which it was read."""
        return self.asked.name

    @property
    def answered(self) -> bool:
        """Tell whether the host could be read at all."""
        return self.identity is not None

    def goes_by(self, address: str) -> bool:
        """Tell whether another host may mean this one by an address or a name."""
        node = self.identity.node if self.identity else ""
        known = {self.name, self.asked.address, node, node.partition(".")[0]}
        known |= set(self.identity.addresses) if self.identity else set()
        return address in {name for name in known if not is_loopback(name)}

    def instance(self, unit: str) -> Instance | None:
        """Return what systemd knows of a Tarantool instance, None where it knows nothing."""
        found = self.facts.instances if self.facts else ()
        return next((one for one in found if one.unit == unit), None)


@dataclass(frozen=True, slots=True)
class SiteReading:
    """A site. `mongo` is what the faces' server has, None where it was not read; `mongo_host` is the host it is on."""

    hosts: tuple[HostReading, ...]
    mongo: MongoState | None = None
    mongo_host: str = ""

    @property
    def facenapi(self) -> HostReading | None:
        """Return the first host with a facenapi."""
        return next((host for host in self.hosts if host.facenapi is not None), None)

    @property
    def errors(self) -> tuple[HostError, ...]:
        """Return what went wrong on every host, each once."""
        return tuple({(error.host, error.message): error for host in self.hosts for error in host.errors}.values())

    def owner(self, address: str, of: HostReading) -> HostReading | None:
        """Return the host that `of` means by an address, None where none is known by it."""
        if is_loopback(address):
            return of
        return next((host for host in self.hosts if host.goes_by(address)), None)

    def shards(self) -> Iterator[tuple[HostReading, ShardReading]]:
        """Yield every shard with its host."""
        for host in self.hosts:
            for shard in host.shards:
                yield host, shard

    def cells(self) -> dict[str, int]:
        """Return the table of shards: how many cells each `host:port` has; empty where none was read."""
        app = self.facenapi
        found: dict[str, int] = {}
        for cell in app.cells if app and app.cells else ():
            found[cell] = found.get(cell, 0) + 1
        return found

    def of_cell(self, cell: str) -> tuple[HostReading | None, ShardReading | None]:
        """Return the host and the shard that a cell of the table names, None for what nobody knows."""
        address, _, port = cell.rpartition(":")
        app = self.facenapi
        host = self.owner(address.strip("[]"), app) if app else None
        shards = host.shards if host else ()
        return host, next((one for one in shards if str(one.found.shard.http_port) == port), None)
