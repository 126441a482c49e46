"""What a play wants its site to be at, checked against the vendor's table of models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ffplay.findface import DETECTORS, MODELS
from ffplay.load.findings import Findings, did_you_mean, hints
from ffplay.load.marked import value_place
from ffplay.load.schema import TARGET
from ffplay.load.variables import Scope
from ffplay.model import Play, Target


def target_of(play: Play, scope: Scope) -> Target | None:
    """Return a play's target, None where it has none. Raise InputError for a target that cannot be."""
    if play.target is None:
        return None
    found = Findings()
    given = scope.render(dict(play.target))
    model, size = _model(play.target, given, found)
    detector, was = given.get("detector"), given.get("from")
    if detector is not None and detector not in DETECTORS:
        hint = hints(did_you_mean(str(detector), DETECTORS), f"there are {', '.join(DETECTORS)}")
        found.add(value_place(play.target, "detector"), f"there is no detector `{detector}`", hint)
    settings = given.get("detector_settings") or {}
    if not isinstance(settings, Mapping):
        found.add(value_place(play.target, "detector_settings"), "`detector_settings` must be a mapping")
        settings = {}
    found.stop()
    return Target(
        model=model,
        facen_size=size,
        detector=detector,
        detector_settings=tuple(sorted((str(key), str(value)) for key, value in settings.items())),
        was=str(was) if was is not None else None,
    )


def _model(written: Mapping[str, Any], given: Mapping[str, Any], found: Findings) -> tuple[str, int]:
    """Return model and facen size; what is wrong with them goes to `found`."""
    model, size, place = given.get("model"), given.get("facen_size"), value_place(written, "model")
    if model is None:
        found.add(place, "the target lacks `model`", TARGET["properties"]["model"]["description"])
        return "", 0
    if not isinstance(model, str) or not model:
        found.add(place, f"the model must be a name, not {model!r}")
        return "", 0
    if size is None:
        if model not in MODELS:
            table = ", ".join(f"{name} {values}" for name, values in MODELS.items())
            hint = hints(did_you_mean(model, MODELS), f"the table: {table}; for another model, state `facen_size` too")
            found.add(place, f"the model `{model}` is not in the table of models", hint)
        return model, MODELS.get(model, 0)
    place = value_place(written, "facen_size")
    if isinstance(size, bool) or not str(size).isdigit() or int(size) < 1:
        found.add(place, f"`facen_size` must be a positive integer, not {size!r}")
        return model, 0
    if MODELS.get(model, int(size)) != int(size):
        hint = f"leave `facen_size` out: {model} has {MODELS[model]}"
        found.add(place, f"the facens of {model} have {MODELS[model]} values, not {size}", hint)
    return model, int(size)
