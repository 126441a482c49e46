"""The gap of the faces in MongoDB: which generation they are at, and whether they must be regenerated.

The record is believed only as far as the sizes of the facens do not contradict it; without a record the configuration
files tell what they can, and `from:` the rest.
"""

from __future__ import annotations

from dataclasses import dataclass

from ffplay.edit import EditError, pyini, yamlfile
from ffplay.model import Generation, Target
from ffplay.resources.file import File, FileState
from ffplay.resources.mongo import FacesState
from ffplay.resources.record import Record
from ffplay.steps.base import Context


@dataclass(frozen=True)
class Seen:
    """What the configuration files say: extraction-api's model, facenapi's detector and settings; None if unknown."""

    model: str | None
    detector: str | None
    settings: tuple[tuple[str, str], ...] = ()


def seen(ctx: Context, target: Target) -> Seen:
    """Read the configuration files of the play's first extraction-api and facenapi."""
    return Seen(_model(ctx), *_detector(ctx, target))


def _model(ctx: Context) -> str | None:
    """Return the model in extraction-api's configuration."""
    host = ctx.first("extraction")
    if host is None:
        return None
    found = ctx.one(File(ctx.variables_of(host.name)["extraction_ini"]), host=host.name)
    try:
        value = yamlfile.get(found.text, ("models", "facen")) if isinstance(found, FileState) else None
    except (EditError, KeyError):
        return None
    return None if value is None else str(value)


def _detector(ctx: Context, target: Target) -> tuple[str | None, tuple[tuple[str, str], ...]]:
    """Return the detector in facenapi's configuration, and those settings of it that the target names.

    A file that names none means nnd, the vendor's default.
    """
    host = ctx.first("facenapi")
    if host is None:
        return None, ()
    found = ctx.one(File(ctx.variables_of(host.name)["facenapi_ini"]), host=host.name)
    try:
        options = pyini.get(found.text) if isinstance(found, FileState) else {}
    except EditError:
        return None, ()
    settings = tuple((key, str(options[key])) for key, _ in target.detector_settings if key in options)
    return str(options.get("detector", "nnd")), settings


def current_of(target: Target, state: FacesState, seen: Seen) -> Generation | None:
    """Return the generation that the faces are at, or were at before a run that is not over."""
    record = state.record
    if record is not None:
        if record.state == "complete":
            return record.generation
        return record.was if _goes_on(record, target) else _mixture(record, target)
    model = target.was or seen.model
    sizes = [size for size, _ in state.sizes if size]
    if model is None or not sizes:
        return None
    return Generation(model, max(sizes, key=dict(state.sizes).__getitem__), seen.detector, seen.settings)


def _goes_on(record: Record, target: Target) -> bool:
    """Tell whether the run that left this record went where the target is: what it did need not be redone."""
    to, was = record.generation, record.was or record.generation
    detection = (target.detector, target.detector_settings)
    if target.detector is None or (target.detector == was.detector and not target.detector_settings):
        detection = (was.detector, was.detector_settings)
    return (to.model, to.facen_size, to.detector, to.detector_settings) == (target.model, target.facen_size, *detection)


def _mixture(record: Record, target: Target) -> Generation:
    """Return what faces are at that a run left midway on its way to somewhere else: some at its end, some at its start.

    It has the target's own size, so that nobody takes a facen of that size for the target's.
    """
    to, was = record.generation, record.was or record.generation
    same = (to.detector, to.detector_settings) == (was.detector, was.detector_settings)
    detector, settings = (to.detector, to.detector_settings) if same else (None, ())
    return Generation(f"{was.model} and {to.model}", target.facen_size, detector, settings)


def faces_gap(
    target: Target, state: FacesState, seen: Seen, generation: Generation, current: Generation | None, run: str
) -> tuple[str, bool]:
    """Return why the faces must be regenerated, and whether nobody can tell. `run` is this run's own name."""
    record = state.record
    others = [size for size, _ in state.sizes if size and size != target.facen_size]
    if record is not None and not record.complete_at(generation):
        began = record.state != "complete" and record.run != run
        return "a run began and did not finish" if began else f"they are at {current or 'an unknown model'}", False
    if others:
        return f"facens of {', '.join(map(str, others))} floats where {target.facen_size} are due", False
    if record is not None or state.count == 0:
        return "", False
    if current is not None and _detection(current) != _detection(generation):
        return f"they were found by {_detection(current)}", False
    model = target.was or seen.model
    if model != target.model:
        return f"extraction-api made them with {model}", False
    return "", target.was is None


def _detection(generation: Generation) -> str:
    """Return a detector with its settings, in words."""
    return ", ".join((str(generation.detector), *(f"{key}={value}" for key, value in generation.detector_settings)))
