"""What is odd about one host, by its instances, its services and its models."""

from __future__ import annotations

from collections.abc import Iterator

from ffplay.engine.discover.describe import models_place
from ffplay.engine.discover.oddity import Oddity
from ffplay.engine.discover.probe import SERVICES, unreachable
from ffplay.engine.discover.readings import HostReading, SiteReading
from ffplay.findface import MODELS

_Told = Iterator[tuple[str, str, str]]


def odd_host(site: SiteReading, host: HostReading) -> Iterator[Oddity]:
    """Yield what is odd about a host; of one that did not answer, that alone."""
    lost = unreachable(host)
    if lost is not None:
        source = f"; {host.asked.source} names it" if host.asked.source else ""
        yield Oddity("unreachable", host.name, "", f"it cannot be reached{source}: {lost.message}", lost.advice)
        return
    for error in host.errors:
        yield Oddity("unreadable", host.name, "", error.message, error.advice)
    for rule in (_instances, _services, _facenapi, _extraction):
        for kind, message, advice in rule(site, host):
            yield Oddity(kind, host.name, "", message, advice)


def _instances(_site: SiteReading, host: HostReading) -> _Told:
    directory = host.variables["tarantool_instances_dir"]
    for name in host.instances.others:
        yield (
            "other-instance",
            f"{directory}/{name} is no shard: it has no FindFace.start",
            f"name it in preflight's `ignore_instances`: {name.removesuffix('.lua')}",
        )
    prefix = str(host.variables["tarantool_unit_prefix"])
    files = set(host.facts.files) if host.facts else set()
    for one in host.facts.instances if host.facts else ():
        if f"{one.unit.removeprefix(prefix)}.lua" not in files:
            state = " and ".join([*([one.active] if one.active else []), *(["enabled"] if one.enabled else [])])
            yield (
                "unit-without-file",
                f"the unit {one.unit} is {state}, and there is no {one.unit.removeprefix(prefix)}.lua in {directory}",
                f"`systemctl disable {one.unit}`, or put its file back",
            )
    cores, count = _cores(host), len(host.shards)
    if cores and count > max(1, cores - 1):
        yield (
            "too-many-shards",
            f"it has {count} shards and {cores} cores; the vendor advises at most {max(1, cores - 1)} of them",
            "searches slow one another down",
        )
    memory = sum(shard.found.memtx or 0 for shard in host.shards)
    if host.facts is not None and host.facts.memory and memory > host.facts.memory:
        yield (
            "too-much-memtx",
            f"its shards may take {memory >> 20} MiB of memory together, and it has {host.facts.memory >> 20} MiB",
            "the host may run out of memory before a shard refuses a face",
        )


def _cores(host: HostReading) -> int:
    """Return a host's physical cores as its variable `cores` states them, else its processors, or 0 where unknown."""
    stated = str(host.variables.get("cores", ""))
    if stated.isdigit():
        return int(stated)
    return host.facts.cores if host.facts else 0


def _services(_site: SiteReading, host: HostReading) -> _Told:
    has = {"facenapi_unit": host.facenapi is not None, "extraction_unit": host.extraction is not None}
    for name in SERVICES:
        unit, state = str(host.variables[name]), host.units.get(name)
        if has.get(name) and state is not None and state.active != "active":
            said = "is not there" if state.load == "not-found" else f"is {state.active}"
            yield "service-not-running", f"{unit} {said}, and its configuration is", f"see `systemctl status {unit}`"


def _facenapi(_site: SiteReading, host: HostReading) -> _Told:
    app = host.facenapi
    if app is None:
        return
    if app.problem:
        yield "unreadable-file", f"{app.path} cannot be read: {app.problem}", "mend it: facenapi would not start either"
    if app.opaque:
        names = ", ".join(sorted(app.opaque))
        yield "computed-value", f"{app.path} computes {names}", "the vendor's defaults are taken for what it says"
    if app.needs_login:
        yield (
            "mongo-login",
            f"{app.path} logs in to MongoDB with a user and a password",
            "ffplay reaches MongoDB without: allow that from its own host",
        )
    if not app.problem and host.cells is None:
        yield "no-table", f"{host.table}, the table of shards, is not there or is none", f"see {app.path}"


def _extraction(_site: SiteReading, host: HostReading) -> _Told:
    found = host.extraction
    if found is None:
        return
    if found.problem:
        yield "unreadable-file", f"{found.path} cannot be read: {found.problem}", "mend it"
        return
    if not found.model:
        yield "no-model", f"{found.path} names no model for facens (models.facen)", "see the vendor's documentation"
        return
    if found.model not in MODELS:
        yield (
            "unknown-model",
            f"the model {found.model} is not in the vendor's table",
            "a playbook that goes to it, or comes from it, states its `facen_size`",
        )
    place = models_place(host)
    names = {name.partition(".")[0] for _, name in host.identity.models} if host.identity else set()
    if place and found.model not in names:
        yield (
            "model-not-installed",
            f"{found.path} names the model {found.model}, and {place} has no file of that name",
            "see models_dir, and the package of the model",
        )
