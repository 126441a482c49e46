"""Whether two values are the same in everything, also in what takes no part in their comparison."""

from __future__ import annotations

import dataclasses
from typing import Any


def alike(one: Any, other: Any) -> bool:
    """Tell whether two values have the same types and parts all through; quick where they are the same object."""
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    if dataclasses.is_dataclass(one):
        return all(alike(getattr(one, each.name), getattr(other, each.name)) for each in dataclasses.fields(one))
    if isinstance(one, tuple | list):
        return len(one) == len(other) and all(map(alike, one, other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(alike(value, other[key]) for key, value in one.items())
    return bool(one == other)
