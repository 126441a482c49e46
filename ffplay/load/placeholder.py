"""What stands in a rehearsed template for a value that only the site knows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


class Placeholder:
    """A value of which nothing is known: it has every attribute and takes part in everything, to no effect.

    `truth` is whether it counts as true, so that both ways of a condition on it can be rehearsed.
    """

    def __init__(self, truth: bool) -> None:
        self._truth = truth

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __getitem__(self, key: Any) -> Placeholder:
        return self

    def __call__(self, *args: Any, **options: Any) -> Placeholder:
        """Return itself, whatever it is called with."""
        return self

    def _same(self, *others: Any) -> Placeholder:
        return self

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __neg__ = _same
    __truediv__ = __rtruediv__ = __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = _same

    def __eq__(self, other: object) -> bool:
        return self._truth

    def __ne__(self, other: object) -> bool:
        return not self._truth

    def __lt__(self, other: Any) -> bool:
        return self._truth

    __gt__ = __le__ = __ge__ = __lt__
    __hash__ = None  # type: ignore[assignment]

    def __contains__(self, item: object) -> bool:
        return self._truth

    def __bool__(self) -> bool:
        return self._truth

    def __int__(self) -> int:
        return int(self._truth)

    def __float__(self) -> float:
        return float(self._truth)

    def __len__(self) -> int:
        return int(self._truth)

    def __iter__(self) -> Iterator[Placeholder]:
        return iter((self,) if self._truth else ())

    def __str__(self) -> str:
        return ""
