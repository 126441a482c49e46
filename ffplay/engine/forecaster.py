"""From a view of a site to the forecast of a plan: what was read, and the inventory's settings, made ready for it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from ffplay.edit import EditError, pyini, yamlfile
from ffplay.engine.extraction import Extractor, speed
from ffplay.engine.forecast import Forecast, Known, Speed, forecast
from ffplay.engine.plan import Plan
from ffplay.engine.view import PlanView
from ffplay.findface import EXTRACTION_DEVICES
from ffplay.load import Loaded
from ffplay.load.findings import Mistake
from ffplay.load.marked import place_of
from ffplay.model import Host, Play, Target
from ffplay.resources.census import Census, CensusState, total
from ffplay.resources.database_size import DatabaseSize
from ffplay.resources.extraction import ExtractionSpeed, Measured
from ffplay.resources.facts import HostFacts, Room
from ffplay.resources.file import File, FileState
from ffplay.resources.mongo import Faces, FacesState
from ffplay.resources.mongo_dump import MongoDump, MongoDumps
from ffplay.resources.shard_data import DataState, ShardData
from ffplay.resources.shard_http import ShardFaces, ShardState
from ffplay.resources.unit import Unit
from ffplay.steps._gap import mongo_place

# Addresses by which a host means itself.
_ITSELF = ("localhost", "127.0.0.1", "::1", "0.0.0.0")  # noqa: S104

# At most so many requests at a time measure a host; a regeneration has 30 under way by itself.
_AT_ONCE = 30


class Forecaster:
    """Makes the forecasts of one command; with `measure` extraction-api is asked how fast it is, once."""

    def __init__(self, loaded: Loaded, *, measure: bool) -> None:
        self._loaded = loaded
        self._measure = measure
        self._measured: dict[str, Measured] = {}
        self._plays: dict[str, Play] = {}
        self._variables: dict[str, Mapping[str, Any]] = {}

    def of(self, plan: Plan, view: PlanView) -> Forecast | None:
        """Return a plan's forecast, None for a plan without long work. Raise `NeedsReading` to measure first."""
        if plan.empty:
            return None
        self._plays = {host: play.play for play in reversed(plan.plays) for host in play.hosts}
        self._take_measures(plan, view)
        return forecast(plan, self._known(view))

    def _known(self, view: PlanView) -> Known:
        """Return what was read, in the form that a forecast takes."""
        seen = _Seen(view)
        faces = next((one for one in seen.of(Faces).values() if isinstance(one, FacesState)), None)
        census = next((one for one in seen.of(Census).values() if isinstance(one, CensusState)), CensusState())
        shards = [(host.name, shard) for host in self._loaded.site.hosts for shard in host.shards]
        units = {(host, shard.unit): shard.name for host, shard in shards}
        snapshots = {(host, shard.name): shard.snap_dir for host, shard in shards}
        states = {(host, unit.label): state for (host, unit), state in seen.of(Unit).items()}
        rooms: dict[tuple[str, str], Room] = {
            (host, room.path): room for (host, _), facts in seen.of(HostFacts).items() for room in facts.rooms
        }

        def linked(host: str, directory: str, shard: str) -> bool:
            one, other = rooms.get((host, directory)), rooms.get((host, snapshots[host, shard]))
            return one is not None and other is not None and one.links_to(other)

        return Known(
            self.setting,
            lambda target: self._speed(target, view),
            faces.count if faces is not None and isinstance(faces.count, int) else None,
            dict(faces.sizes) if faces is not None else {},
            next(iter(seen.of(DatabaseSize).values()), None),
            {dump.run: _dumped(dump) for dumps in seen.of(MongoDumps).values() for dump in dumps},
            total(census.missing),
            {key: _sizes(state) for key, state in seen.shards(ShardData).items()},
            {key: _galleries(state) for key, state in seen.shards(ShardFaces).items() if isinstance(state, ShardState)},
            units,
            frozenset(key for key in units if key in states and not states[key].running),
            linked,
        )

    def setting(self, host: str, name: str) -> float:
        """Return an inventory variable that must be a number above 0. Raise `Mistake`."""
        value = self._of(host)[name]
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = math.nan
        if not 0 < number < math.inf:
            raise Mistake(place_of(value), f"{name} of {host} must be a number above 0, and is {value!r}")
        return number

    def _of(self, host: str) -> Mapping[str, Any]:
        """Return a host's variables in the play that it is in."""
        if host not in self._variables:
            one = self._loaded.site.host(host)
            self._variables[host] = self._loaded.variables.scope(one, self._plays.get(host)).mapping()
        return self._variables[host]

    def _speed(self, target: Target, view: PlanView) -> tuple[Speed, tuple[str, ...]]:
        """Return how fast the site makes facens for a target."""
        hosts, assumed = self._extractors(view)
        found, more = speed(target.model, [self._extractor(host, view) for host in hosts])
        return found, (*assumed, *more)

    def _extractors(self, view: PlanView) -> tuple[tuple[Host, ...], tuple[str, ...]]:
        """Return the hosts that make the facens: the one that facenapi's configuration names, else all of the group."""
        hosts = self._loaded.site.group("extraction")
        if len(hosts) < 2:
            return hosts, ()
        facenapi = next(iter(self._loaded.site.group("facenapi")), None)
        url = _url(view.seen(File), facenapi, self._of(facenapi.name)) if facenapi is not None else ""
        named = urlsplit(url).hostname or ""
        if named in _ITSELF and facenapi is not None:
            named = facenapi.name
        alone = [host for host in hosts if named and named in self._names(host)]
        if alone:
            return tuple(alone[:1]), (f"extraction_api_url in facenapi's configuration leads to {alone[0].name} alone",)
        names = ", ".join(host.name for host in hosts)
        return hosts, (f"extraction_api_url ({url or 'not known'}) is taken to lead to all of {names}",)

    def _names(self, host: Host) -> set[str]:
        return {host.name, host.login.address, str(self._of(host.name)["extraction_address"])} - set(_ITSELF)

    def _extractor(self, host: Host, view: PlanView) -> Extractor:
        variables = self._of(host.name)
        device = variables["extraction_device"]
        if device not in EXTRACTION_DEVICES:
            known = " or ".join(EXTRACTION_DEVICES)
            raise Mistake(place_of(device), f"extraction_device of {host.name} must be {known}, and is {device!r}")
        stated = variables["extraction_speed"]
        return Extractor(
            host.name,
            str(device),
            max(1, int(self.setting(host.name, "extraction_instances"))),
            None if stated in (None, "") else self.setting(host.name, "extraction_speed"),
            _model(view.seen(File).get((host.name, File(str(variables["extraction_ini"]))))),
            self._measured.get(host.name),
        )

    def _take_measures(self, plan: Plan, view: PlanView) -> None:
        """Have the hosts measured that will make facens. Raise `NeedsReading` until that is done."""
        mongo = next(iter(self._loaded.site.group("mongo")), None)
        makes = any(step.step.kind == "regenerate" and step.changes for step in plan.step_plans())
        if not self._measure or mongo is None or not makes:
            return
        wanted = {
            host.name: self._probe(host, mongo) for host in self._extractors(view)[0] if host.name not in self._measured
        }
        view.prefetch(wanted.items())
        self._measured |= {name: view.read(name, probe)[0] for name, probe in wanted.items()}

    def _probe(self, host: Host, mongo: Host) -> ExtractionSpeed:
        variables, faces = self._of(host.name), self._of(mongo.name)
        at_once = min(_AT_ONCE, 2 + 2 * int(self.setting(host.name, "extraction_instances")))
        return ExtractionSpeed(
            str(variables["extraction_address"]),
            int(variables["extraction_port"]),
            mongo,
            mongo_place(faces),
            str(faces["mongo_field_normalized"]),
            at_once,
        )


class _Seen:
    """What was read, by the kind of resource: looked through once, for a large site has many."""

    def __init__(self, view: PlanView) -> None:
        self._kinds: dict[type, dict[Any, Any]] = {}
        for key, value in view.seen(object).items():
            self._kinds.setdefault(type(key[1]), {})[key] = value

    def of(self, kind: type) -> Mapping[Any, Any]:
        """Return what was read of a kind, by (host, resource)."""
        return self._kinds.get(kind, {})

    def shards(self, kind: type) -> Mapping[tuple[str, str], Any]:
        """Return what was read of shards, by (host, shard)."""
        return {(host, resource.shard.name): value for (host, resource), value in self.of(kind).items()}


def _sizes(state: DataState) -> Mapping[str, int]:
    """Return the bytes of a shard's data files by kind."""
    found = {kind: sum(size for _, size in state.names(kind)) for kind in ("snap", "wal", "index")}
    return {**found, "newest": sum(size for _, size in sorted(state.names("snap"))[-1:])}


def _dumped(dump: MongoDump) -> int:
    return sum(size for _, _, size, _ in dump.collections) if isinstance(dump.collections, tuple) else 0


def _galleries(state: ShardState) -> Mapping[str, int]:
    return {gallery.name: gallery.faces for gallery in state.galleries}


def _url(files: Mapping[Any, Any], facenapi: Host, variables: Mapping[str, Any]) -> str:
    """Return extraction_api_url of facenapi's configuration, empty where it names none."""
    found = files.get((facenapi.name, File(str(variables["facenapi_ini"]))))
    try:
        url = pyini.get(found.text).get("extraction_api_url") if isinstance(found, FileState) else None
    except EditError:
        url = None
    return url if isinstance(url, str) else ""


def _model(found: Any) -> str | None:
    """Return the model that an extraction-api's configuration names, None where it tells none."""
    try:
        value = yamlfile.get(found.text, ("models", "facen")) if isinstance(found, FileState) else None
    except (EditError, KeyError):
        return None
    return None if value is None else str(value)
