"""What a play wants its site to be at, checked against the vendor's table of models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ffplay.findface import DETECTORS, MODELS
from ffplay.load.findings import Mistake, did_you_mean, hints
from ffplay.load.marked import value_place
from ffplay.load.variables import Scope
from ffplay.model import Play, Target


def target_of(play: Play, scope: Scope) -> Target | None:
    """Return a play's target, None where it has none. Raise InputError for a target that cannot be."""
    if play.target is None:
        return None
    given = scope.render(dict(play.target))
    model, detector, was = given.get("model"), given.get("detector"), given.get("from")
    if not isinstance(model, str) or not model:
        raise Mistake(value_place(play.target, "model"), f"the model must be a name, not {model!r}")
    if detector is not None and detector not in DETECTORS:
        hint = hints(did_you_mean(str(detector), DETECTORS), f"there are {', '.join(DETECTORS)}")
        raise Mistake(value_place(play.target, "detector"), f"there is no detector `{detector}`", hint)
    settings = given.get("detector_settings") or {}
    if not isinstance(settings, Mapping):
        raise Mistake(value_place(play.target, "detector_settings"), "`detector_settings` must be a mapping")
    return Target(
        model=model,
        facen_size=_facen_size(play.target, model, given.get("facen_size")),
        detector=detector,
        detector_settings=tuple(sorted((str(key), str(value)) for key, value in settings.items())),
        was=str(was) if was is not None else None,
    )


def _facen_size(written: Mapping[str, Any], model: str, given: Any) -> int:
    place = value_place(written, "model")
    if given is None:
        if model in MODELS:
            return MODELS[model]
        known = ", ".join(f"{name} {size}" for name, size in MODELS.items())
        hint = hints(
            did_you_mean(model, MODELS),
            f"the models and their facen sizes: {known}; for another one, state `facen_size`",
        )
        raise Mistake(place, f"the model `{model}` is not in the table of models", hint)
    place = value_place(written, "facen_size")
    if isinstance(given, bool) or not str(given).isdigit() or int(given) < 1:
        raise Mistake(place, f"`facen_size` must be a positive integer, not {given!r}")
    size = int(given)
    if MODELS.get(model, size) != size:
        hint = f"leave `facen_size` out: {model} has {MODELS[model]}"
        raise Mistake(place, f"the facens of {model} have {MODELS[model]} values, not {size}", hint)
    return size
