"""The site as a step sees it: what was read, overlaid with all that earlier steps of the plan would change."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ffplay.model import Change
from ffplay.resources.base import Resource

Key = tuple[str, Resource]


class NeedsReading(Exception):
    """A step asked for something that has not been read yet; `PlanView.missing` says what."""


class PlanView:
    """Answers a step's questions from `observed` (which it never alters) and from the changes planned so far.

    `missing` is what was asked for and has not been read, `foreseen` what may be asked for next.
    """

    def __init__(self, observed: dict[Key, Any]) -> None:
        self._observed = observed
        self._overlay: dict[Key, Any] = {}
        self.missing: dict[Key, None] = {}
        self.foreseen: dict[Key, None] = {}

    def read(self, host: str, *resources: Resource) -> list[Any]:
        """Return values in order. Raise `NeedsReading` where any has not been read."""
        self.prefetch((host, resource) for resource in resources)
        return [self._overlay.get((host, r), self._observed.get((host, r))) for r in resources]

    def prefetch(self, wanted: Iterable[Key]) -> None:
        """Note all that is missing. Raise `NeedsReading` where anything is."""
        missing = [key for key in wanted if key not in self._overlay and key not in self._observed]
        if missing:
            self.missing.update(dict.fromkeys(missing))
            raise NeedsReading

    def expect(self, wanted: Iterable[Key]) -> None:
        """Note what may be asked for once more is known, so that the first reading brings it along."""
        if not self._observed:
            self.foreseen.update(dict.fromkeys(wanted))

    def seen(self, kind: type) -> dict[Key, Any]:
        """Return what was read of one kind of resource."""
        return {key: value for key, value in self._observed.items() if isinstance(key[1], kind)}

    def plan(self, change: Change) -> None:
        """Let later questions see the change as made."""
        self._overlay[change.host, change.resource] = change.after
        for host, resource, value in change.effects:
            self._overlay[host, resource] = value
