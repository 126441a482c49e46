"""Looking at a whole site host by host: one that does not answer is told, and the others are shown all the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from ffplay.engine.access import SiteAccess
from ffplay.engine.processes import dead
from ffplay.engine.reading import Errors, Nobody, Values, read_hosts
from ffplay.engine.view import Key
from ffplay.errors import HostError, Refused
from ffplay.load import Loaded
from ffplay.model import Host, Shard
from ffplay.remote.pool import Pool
from ffplay.resources.base import Resource
from ffplay.resources.glance import FacesCount, RunningJob, RunningJobs
from ffplay.resources.lock import Held, SiteLock
from ffplay.resources.record import Record, RecordFile
from ffplay.resources.run_times import RunTimes, TimesFile
from ffplay.resources.runs import Entry, RunJournal, Runs, RunState, merged
from ffplay.resources.shard_data import DataState, ShardData
from ffplay.resources.unit import Unit, UnitState
from ffplay.steps._gap import mongo_place


@dataclass(frozen=True, slots=True)
class FacesStatus:
    """The faces in MongoDB: where, how many (None where it does not say), and the record of what they are at."""

    place: str
    count: int | None
    record: Record | None


@dataclass(frozen=True, slots=True)
class ShardStatus:
    """What one shard is at; None is what could not be read."""

    shard: Shard
    unit: UnitState | None
    data: DataState | None


@dataclass(frozen=True, slots=True)
class HostStatus:
    """What one host is at. `services` are its units that are no shard's; `errors` say what could not be read."""

    name: str
    shards: tuple[ShardStatus, ...] = ()
    services: tuple[tuple[str, UnitState], ...] = ()
    jobs: tuple[RunningJob, ...] = ()
    faces: FacesStatus | None = None
    lock: Held | None = None
    errors: tuple[HostError, ...] = ()


@dataclass(frozen=True, slots=True)
class SiteStatus:
    """What a site is at: its hosts, all runs that they know, oldest first, and which of these hold a lock."""

    hosts: tuple[HostStatus, ...]
    runs: tuple[RunState, ...]
    locking: frozenset[str] = frozenset()

    @property
    def open(self) -> tuple[RunState, ...]:
        """Return the runs that did not come to their end, those that are under way among them."""
        return tuple(state for state in self.runs if not state.closed)

    @property
    def errors(self) -> tuple[HostError, ...]:
        """Return every error."""
        return tuple(error for host in self.hosts for error in host.errors)


@dataclass(frozen=True, slots=True)
class SiteRuns:
    """All runs that the hosts know, oldest first, and the errors of those that could not be asked.

    `locking` are the runs that hold a lock and are not surely dead: what is open of them is taken to be under way.
    """

    runs: tuple[RunState, ...]
    errors: tuple[HostError, ...] = ()
    locking: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class RunStory:
    """One run with all of its changes, in the order in which they were begun; `locking` tells whether it has a lock.

    `times` is what its steps took, None where it did not come to write that.
    """

    state: RunState
    entries: tuple[Entry, ...]
    errors: tuple[HostError, ...] = ()
    locking: bool = False
    times: RunTimes | None = None


class Survey:
    """Reads a site, and changes nothing; owns the connections. `forks` hosts are read at once."""

    def __init__(self, loaded: Loaded, forks: int = 50) -> None:
        self._loaded = loaded
        self._forks = forks
        self._pool = Pool(loaded.site.hosts, forks)
        self._access = SiteAccess(self._pool, Nobody())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.close()

    def runs(self) -> SiteRuns:
        """Return what the hosts know of runs."""
        wanted = {host.name: self._told(host) for host in self._loaded.site.hosts}
        values, errors = self._read(wanted)
        return SiteRuns(_runs(values), tuple(error for host in errors.values() for error in host), _locking(values))

    def story(self, run: str) -> RunStory:
        """Return all that the hosts know of a run. Raise `Refused` where none knows it."""
        wanted: dict[str, list[Resource]] = {
            host.name: [*self._told(host), *(kind(self._state_dir(host), run) for kind in (RunJournal, TimesFile))]
            for host in self._loaded.site.hosts
        }
        values, found = self._read(wanted)
        errors = tuple(error for host in found.values() for error in host)
        states = _runs(values)
        state = next((state for state in states if state.head.run == run), None)
        if state is None:
            names = ", ".join(state.head.run for state in states) or "none"
            silent = f"; not asked: {', '.join(dict.fromkeys(error.host for error in errors))}" if errors else ""
            raise Refused("", f"no host of the inventory knows a run {run}", f"known runs: {names}{silent}")
        journals = [value for (_, one), value in values.items() if isinstance(one, RunJournal)]
        # One machine under two names tells each of its changes twice.
        entries = {entry.n: entry for journal in journals for entry in journal}
        ordered = tuple(entries[number] for number in sorted(entries))
        times = (value for (_, one), value in values.items() if isinstance(one, TimesFile) and value is not None)
        return RunStory(state, ordered, errors, run in _locking(values), next(times, None))

    def status(self) -> SiteStatus:
        """Return what everything is at: one script a host, and one question to MongoDB."""
        hosts = self._loaded.site.hosts
        values, errors = self._read({host.name: self._wanted(host) for host in hosts})
        found = tuple(self._host(host, values, tuple(errors[host.name])) for host in hosts)
        return SiteStatus(found, _runs(values), _locking(values))

    def _wanted(self, host: Host) -> list[Resource]:
        """Return what is read of a host for its status."""
        state_dir = self._state_dir(host)
        wanted: list[Resource] = [*self._told(host), RunningJobs(state_dir)]
        wanted += [Unit(name) for name in self._services(host)]
        wanted += [one for shard in host.shards for one in (Unit(shard.unit), ShardData(shard))]
        return wanted + (list(self._faces(host)) if self._has_faces(host) else [])

    def _host(self, host: Host, values: Mapping[Key, Any], errors: tuple[HostError, ...]) -> HostStatus:
        def one(resource: Resource) -> Any:
            return values.get((host.name, resource))

        state_dir = self._state_dir(host)
        services = tuple((name, one(Unit(name))) for name in self._services(host) if one(Unit(name)) is not None)
        shards = tuple(ShardStatus(shard, one(Unit(shard.unit)), one(ShardData(shard))) for shard in host.shards)
        faces = None
        answered = one(RunningJobs(state_dir)) is not None
        if answered and self._has_faces(host):
            count, record = self._faces(host)
            faces = FacesStatus(count.label, one(count), one(record))
        jobs = one(RunningJobs(state_dir)) or ()
        return HostStatus(
            host.name, shards if answered else (), services, jobs, faces, one(SiteLock(state_dir)), errors
        )

    def _services(self, host: Host) -> list[str]:
        """Return the units of a host that are no shard's."""
        variables = self._variables(host)
        units = {"facenapi": "facenapi_unit", "extraction": "extraction_unit", "mongo": "mongo_unit"}
        return list(dict.fromkeys(str(variables[name]) for group, name in units.items() if group in host.groups))

    def _has_faces(self, host: Host) -> bool:
        return self._loaded.site.group("mongo")[:1] == (host,)

    def _faces(self, host: Host) -> tuple[FacesCount, RecordFile]:
        variables = self._variables(host)
        record = RecordFile(f"{variables['state_dir']}/faces-generation.json")
        return FacesCount(mongo_place(variables)), record

    def _told(self, host: Host) -> list[Resource]:
        """Return what a host tells of runs."""
        return [Runs(self._state_dir(host)), SiteLock(self._state_dir(host))]

    def _state_dir(self, host: Host) -> str:
        return self._loaded.variables.state_dir(host)

    def _variables(self, host: Host) -> Mapping[str, Any]:
        return self._loaded.variables.own(host)

    def _read(self, wanted: Mapping[str, Sequence[Resource]]) -> tuple[Values, Errors]:
        """Read all hosts at once; return the values, and what went wrong on each host."""
        return read_hosts(self._access, self._loaded.site.hosts, wanted, self._forks)


def _runs(values: Mapping[Key, Any]) -> tuple[RunState, ...]:
    return merged(value for (_, one), value in values.items() if isinstance(one, Runs))


def _locking(values: Mapping[Key, Any]) -> frozenset[str]:
    locks = [value for (_, one), value in values.items() if isinstance(one, SiteLock)]
    return frozenset(lock.holder.run for lock in locks if lock is not None and not dead(lock.holder))
