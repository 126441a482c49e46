"""How fast a site makes facens with a model: by a measurement, by what the inventory states, or by the vendor's table.

When a plan is made extraction-api has the old model loaded. So what is measured is the old model's speed, and the new
one's is taken to differ from it as in the vendor's table: both run on the same machine, which the table knows nothing
of, while how much more work one model is than another is the same everywhere, or nearly so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ffplay.engine.forecast import Speed
from ffplay.findface import EXTRACTION_DEVICES, EXTRACTION_SPEEDS
from ffplay.resources.extraction import Measured


@dataclass(frozen=True, slots=True)
class Extractor:
    """One host that makes facens.

    `device` is cpu or gpu, `instances` how many threads or cards of it work at a time, `stated` the setting
    extraction_speed (facens a second of the host), None where there is none. `loaded` is the model in its
    configuration now, None where that was not read. `measured` is None where nobody asked for a measurement.
    """

    host: str
    device: str = "cpu"
    instances: int = 1
    stated: float | None = None
    loaded: str | None = None
    measured: Measured | None = None


def speed(model: str, extractors: Sequence[Extractor]) -> tuple[Speed, tuple[str, ...]]:
    """Return the facens a second that all of the hosts make together, and what is assumed for it."""
    if not extractors:
        return Speed(None, "the site has no host of the group extraction"), ()
    found = [_one(model, extractor) for extractor in extractors]
    assumed = _said(model, extractors)
    values = [one.value for one in found]
    sources = "; ".join(dict.fromkeys(one.source for one in found))
    if any(value is None for value in values):
        return Speed(None, sources), assumed
    return Speed(sum(value for value in values if value is not None), sources), assumed


def _one(model: str, extractor: Extractor) -> Speed:
    """Return one host's speed: what was measured goes before what was stated, and that before the table."""
    measured = _measured(model, extractor)
    if measured is not None:
        return measured
    if extractor.stated is not None:
        return Speed(extractor.stated, f"setting extraction_speed of {extractor.host}: {extractor.stated:g} a second")
    value = _in_table(model, extractor.device)
    if value is None:
        said = f"the vendor's table has no {model}: state extraction_speed of {extractor.host} in the inventory"
        return Speed(None, said)
    return Speed(value * extractor.instances, f"vendor's table: {model}, {value:g} a second on {_what(extractor)}")


def _what(extractor: Extractor) -> str:
    """Return what makes the facens, in words: 2 CPU threads of app1."""
    what = EXTRACTION_DEVICES[extractor.device]
    count = "one" if extractor.instances == 1 else f"each of {extractor.instances}"
    return f"{count} {what}{'s' if extractor.instances > 1 else ''} of {extractor.host}"


def _in_table(model: str, device: str) -> float | None:
    speeds = EXTRACTION_SPEEDS.get(model)
    return None if speeds is None else speeds[tuple(EXTRACTION_DEVICES).index(device)]


def _measured(model: str, extractor: Extractor) -> Speed | None:
    """Return the speed by a measurement; None where there is none, or where it tells nothing of this model."""
    measured, ratio = extractor.measured, _ratio(model, extractor)
    if measured is None or not measured.speed or ratio is None:
        return None
    said = f"measured just now: {_rounded(measured.speed)} a second on {extractor.host} with {extractor.loaded}"
    if extractor.loaded == model:
        return Speed(measured.speed, said)
    value = measured.speed * ratio
    return Speed(value, f"{said}, so {_rounded(value)} with {model} by the vendor's table")


def _rounded(speed: float) -> str:
    """Return a speed with three digits at least."""
    return f"{speed:,.0f}" if speed >= 100 else f"{speed:.3g}"


def _ratio(model: str, extractor: Extractor) -> float | None:
    """Return how much faster a model is than the loaded one; None where nobody can tell."""
    if extractor.loaded is None:
        return None
    if extractor.loaded == model:
        return 1.0
    here, there = _in_table(extractor.loaded, extractor.device), _in_table(model, extractor.device)
    return None if here is None or there is None else there / here


def _said(model: str, extractors: Sequence[Extractor]) -> tuple[str, ...]:
    """Return what is assumed, each sentence with all hosts that it is about."""
    hosts: dict[str, list[str]] = {}
    for extractor in extractors:
        for line in _assumed(model, extractor):
            hosts.setdefault(line, []).append(extractor.host)
    return tuple(f"{', '.join(names)}: {line}" for line, names in hosts.items())


def _assumed(model: str, extractor: Extractor) -> Iterator[str]:
    """Yield what a person should agree with, and what came of a measurement that could not be used."""
    measured, loaded = extractor.measured, extractor.loaded
    here, there = _in_table(loaded or "", extractor.device), _in_table(model, extractor.device)
    if measured is None:
        if extractor.stated is None and there is not None:
            yield (
                f"taken to be as fast as the vendor's machine, with {_count(extractor)} "
                "(extraction_device, extraction_instances); --measure asks extraction-api itself"
            )
    elif measured.problem:
        yield f"not measured: {measured.problem}"
    elif loaded is None:
        yield "measured, but not used: its configuration does not say which model it has loaded"
    elif loaded != model and (here is None or there is None):
        yield f"measured with {loaded}, but not used: the vendor's table does not compare it with {model}"
    elif loaded != model:
        yield (
            f"{loaded} is loaded until `configure`; {model} is taken to be as much slower or faster as in the "
            f"vendor's table ({there:g} against {here:g} on one {EXTRACTION_DEVICES[extractor.device]})"
        )


def _count(extractor: Extractor) -> str:
    what = EXTRACTION_DEVICES[extractor.device]
    return f"one {what}" if extractor.instances == 1 else f"{extractor.instances} {what}s"
