"""Reading hosts for a discovery, one script a host a stage; nothing is changed."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ffplay.engine.access import SiteAccess
from ffplay.engine.discover.readings import HostReading, ShardReading
from ffplay.engine.discover.seeds import Seed
from ffplay.engine.discover.services import extraction_of, facenapi_of
from ffplay.engine.discover.shards import Instances, instances_of
from ffplay.engine.reading import Errors, Nobody, Values, read_hosts
from ffplay.errors import HostError, SiteError, Unreachable
from ffplay.findface import MODEL_PLACES
from ffplay.load import Loaded
from ffplay.model import Host
from ffplay.remote.base import Connection
from ffplay.remote.pool import Pool
from ffplay.resources.audit import read_cells
from ffplay.resources.base import Resource
from ffplay.resources.facts import HostFacts
from ffplay.resources.file import File, FileState
from ffplay.resources.identity import Identity
from ffplay.resources.instance_files import InstanceFiles
from ffplay.resources.mongo import MongoPlace
from ffplay.resources.mongo_look import MongoLook, MongoState
from ffplay.resources.shard_data import ShardData
from ffplay.resources.shard_http import ShardFaces
from ffplay.resources.unit import Unit

SERVICES = ("facenapi_unit", "extraction_unit", "mongo_unit")


class Probe:
    """Reads hosts that become known one after the other; owns the connections. `forks` hosts are read at once."""

    def __init__(self, forks: int) -> None:
        self._forks = forks
        self._pools: dict[str, Pool] = {}
        self._access = SiteAccess(self, Nobody())

    def connection(self, host: str) -> Connection:
        """Return the connection to a host."""
        return self._pools[host].connection(host)

    def close(self) -> None:
        """Close every connection."""
        for pool in {id(pool): pool for pool in self._pools.values()}.values():
            pool.close()

    def look(self, loaded: Loaded, seeds: Sequence[Seed]) -> tuple[HostReading, ...]:
        """Read hosts that have not been read yet: who they are, their configuration, their instances."""
        hosts = [loaded.site.host(seed.name) for seed in seeds]
        pool = Pool(hosts, self._forks)
        self._pools |= dict.fromkeys((host.name for host in hosts), pool)
        named = {host.name: _Look(loaded.variables.scope(host).mapping()) for host in hosts}
        values, errors = self._read(hosts, {name: look.resources() for name, look in named.items()})
        readings = tuple(
            named[seed.name].reading(seed, _of_host(values, seed.name), errors[seed.name]) for seed in seeds
        )
        return self._with_tables(hosts, readings)

    def details(self, hosts: Sequence[Host], readings: Sequence[HostReading]) -> tuple[HostReading, ...]:
        """Return the readings with the data of each shard, and what it serves."""
        wanted: dict[str, list[Resource]] = {
            host.name: [
                resource
                for one in host.instances.shards
                for resource in (ShardData(one.shard), ShardFaces(one.shard, sample=1))
            ]
            for host in readings
            if host.answered and host.instances.shards
        }
        values, errors = self._read(hosts, wanted)
        return tuple(
            dataclasses.replace(
                host,
                shards=tuple(
                    ShardReading(
                        one,
                        values.get((host.name, ShardData(one.shard))),
                        values.get((host.name, ShardFaces(one.shard, sample=1))),
                    )
                    for one in host.instances.shards
                ),
                errors=(*host.errors, *errors.get(host.name, ())),
            )
            for host in readings
        )

    def mongo(self, hosts: Sequence[Host], host: str, place: MongoPlace) -> tuple[MongoState | None, list[HostError]]:
        """Return what MongoDB has, and what went wrong."""
        values, errors = self._read(hosts, {host: [MongoLook(place)]})
        return values.get((host, MongoLook(place))), errors[host]

    def _with_tables(self, hosts: Sequence[Host], readings: Sequence[HostReading]) -> tuple[HostReading, ...]:
        """Return the readings with the tables of shards that facenapi's files name and that were not read yet."""
        wanted: dict[str, list[Resource]] = {
            host.name: [File(host.facenapi.servers_file)]
            for host in readings
            if host.facenapi and host.facenapi.servers_file not in {"", host.table}
        }
        values, errors = self._read(hosts, wanted)
        return tuple(
            host
            if host.name not in wanted
            else _tabled(
                dataclasses.replace(host, cells=None, errors=(*host.errors, *errors[host.name])),
                host.facenapi.servers_file if host.facenapi else "",
                next(iter(_of_host(values, host.name).values()), None),
            )
            for host in readings
        )

    def _read(self, hosts: Sequence[Host], wanted: Mapping[str, Sequence[Resource]]) -> tuple[Values, Errors]:
        return read_hosts(self._access, hosts, wanted, self._forks) if wanted else ({}, {})


class _Look:
    """What is read first of a host, by its variables."""

    def __init__(self, variables: Mapping[str, Any]) -> None:
        self._variables = variables
        text = {name: str(variables[name]) for name in _PATHS}
        models = (text["models_dir"],) if text["models_dir"] else _model_places(str(variables["root"]))
        self._identity = Identity(models, text["tarantool_command"])
        self._facts = HostFacts(
            instances_dir=text["tarantool_instances_dir"],
            unit_prefix=text["tarantool_unit_prefix"],
            units_dir=text["systemd_dir"],
        )
        self._instances = InstanceFiles(text["tarantool_instances_dir"])
        self._files = {name: File(text[name]) for name in ("facenapi_ini", "extraction_ini", "tntapi_servers_file")}
        self._units = {name: Unit(str(variables[name])) for name in SERVICES}

    def resources(self) -> list[Resource]:
        """Return all of it."""
        return [self._identity, self._facts, self._instances, *self._files.values(), *self._units.values()]

    def reading(self, seed: Seed, values: Mapping[Resource, Any], errors: Sequence[HostError]) -> HostReading:
        """Return what was read."""
        inis = {name: _text(values.get(file)) for name, file in self._files.items()}
        links = [file.path for file in self._files.values() if (state := values.get(file)) and state.kind == "link"]
        facenapi, extraction = inis["facenapi_ini"], inis["extraction_ini"]
        files = values.get(self._instances)
        found = HostReading(
            seed,
            self._variables,
            values.get(self._identity),
            values.get(self._facts),
            facenapi_of(self._files["facenapi_ini"].path, facenapi) if facenapi is not None else None,
            extraction_of(self._files["extraction_ini"].path, extraction) if extraction is not None else None,
            {name: values[unit] for name, unit in self._units.items() if unit in values},
            instances_of(files, self._variables) if files else Instances(),
            errors=(*errors, *(_linked(seed.name, path) for path in links)),
        )
        table = self._files["tntapi_servers_file"]
        return _tabled(found, table.path, values.get(table)) if found.facenapi else found


_PATHS = (
    "models_dir", "tarantool_command", "tarantool_instances_dir", "tarantool_unit_prefix", "systemd_dir",
    "facenapi_ini", "extraction_ini", "tntapi_servers_file",
)  # fmt: skip


def _model_places(root: str) -> tuple[str, ...]:
    return tuple(f"{root}{place}" for place in MODEL_PLACES)


def _linked(host: str, path: str) -> SiteError:
    return SiteError(host, f"{path} is a link, and was not followed", "state the path of the file itself with -e")


def _text(state: FileState | None) -> str | None:
    return state.text if state is not None and state.kind == "file" else None


def _tabled(host: HostReading, path: str, state: FileState | None) -> HostReading:
    """Return a host with its table of shards."""
    text = _text(state)
    if text is None:
        return dataclasses.replace(host, table=path)
    try:
        return dataclasses.replace(host, table=path, cells=read_cells(text, host.name, path))
    except SiteError as error:
        return dataclasses.replace(host, table=path, errors=(*host.errors, error))


def _of_host(values: Values, name: str) -> dict[Resource, Any]:
    return {resource: value for (host, resource), value in values.items() if host == name}


def unreachable(host: HostReading) -> Unreachable | None:
    """Return why a host could not be reached, None where it could be."""
    return next((error for error in host.errors if isinstance(error, Unreachable)), None)


def merged(readings: Iterable[HostReading], more: Iterable[HostReading]) -> tuple[HostReading, ...]:
    """Return readings with others put in the place of those of the same name, new ones at the end."""
    return tuple({host.name: host for host in (*readings, *more)}.values())
