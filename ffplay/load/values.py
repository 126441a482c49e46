"""Small values that rendering is made of."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


class NotKnown(Exception):
    """A value was asked for that nobody can know before the change is made; `why` says what it waits for."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class _Omit:
    """The value of `omit`: a key that has it is left out."""

    def __repr__(self) -> str:
        return "omit"


OMIT = _Omit()


class Kind(enum.Enum):
    """What the strings of a layer of variables are: templates all of them, or only those that a file wrote."""

    TEMPLATES = "templates"
    DATA = "data"


@dataclass(frozen=True, slots=True)
class Lazy:
    """A variable that is computed when it is asked for."""

    compute: Callable[[], Any]

    def __call__(self) -> Any:
        """Return the value."""
        return self.compute()


@dataclass(frozen=True, slots=True)
class Layer:
    """Variables of one strength."""

    values: Mapping[str, Any]
    kind: Kind = Kind.TEMPLATES


def without_omitted(mapping: dict[Any, Any]) -> dict[Any, Any]:
    """Return a mapping without the keys whose value is `omit`."""
    return {key: value for key, value in mapping.items() if value is not OMIT}
