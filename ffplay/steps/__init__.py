"""The step kinds: one module each, found by its file name, so that a new one is one new file.

A kind whose name is a word of Python (`assert`) has an underscore after it in the file name.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil

from ffplay.steps.base import StepKind

_NOT_KINDS = {"base"}


@functools.cache
def kinds() -> tuple[str, ...]:
    """Return the names of all step kinds, sorted."""
    names = (module.name for module in pkgutil.iter_modules(__path__) if module.name not in _NOT_KINDS)
    return tuple(sorted(name.rstrip("_") for name in names if not name.startswith("_")))


@functools.cache
def kind(name: str) -> StepKind:
    """Return a step kind by name. Raise KeyError for a name that is none."""
    if name not in kinds():
        raise KeyError(name)
    module = importlib.import_module(f"{__name__}.{name}{'_' if name == 'assert' else ''}")
    found: StepKind = module.STEP
    return found
