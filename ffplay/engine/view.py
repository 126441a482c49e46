"""The site as a step sees it: what was read, overlaid with all that earlier steps of the plan would change."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ffplay.model import Change
from ffplay.resources.base import Resource, Scripted

Key = tuple[str, Resource]


# What a judgement comes to that needs more reading.
_NOTHING = object()


class NeedsReading(Exception):
    """A step asked for something that has not been read yet; `PlanView.missing` says what."""


class PlanView:
    """Answers a step's questions from `observed` (which it never alters) and from the changes planned so far.

    `missing` is what was asked for and has not been read, `foreseen` what may be asked for next.
    """

    def __init__(self, observed: dict[Key, Any]) -> None:
        self._observed = observed
        # What was read, and over it what was derived and what is planned: one look finds a value.
        self._values: dict[Key, Any] = dict(observed)
        self._memos: dict[Any, tuple[Any, set[Key]]] = {}
        self._users: dict[Key, set[Any]] = {}
        self._reading: list[set[Key]] = []
        self.missing: dict[Key, None] = {}
        self.foreseen: dict[Key, None] = {}

    def read(self, host: str, *resources: Resource) -> list[Any]:
        """Return values in order. Raise `NeedsReading` where any has not been read."""
        keys = [(host, resource) for resource in resources]
        try:
            found = [self._values[key] for key in keys]
        except KeyError:
            self.prefetch(keys)
            found = [self._values[key] for key in keys]
        for used in self._reading:
            used.update(keys)
        return found

    def prefetch(self, wanted: Iterable[Key]) -> None:
        """Note all that is missing. Raise `NeedsReading` where anything is."""
        missing = [key for key in wanted if key not in self._values and not self._derives(key)]
        if missing:
            self.missing.update(dict.fromkeys(missing))
            for used in self._reading:
                used.update(missing)
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
        for host, resource, value in ((change.host, change.resource, change.after), *change.effects):
            self._values[host, resource] = value
            for memo in self._users.pop((host, resource), ()):
                self._memos.pop(memo, None)

    def memo(self, key: Any, find: Callable[[], Any]) -> Any:
        """Return what `find` finds, which is found once; and again where a change alters what it asked for.

        Raise `NeedsReading` where it asks for what has not been read; that too is found once.
        """
        if key not in self._memos:
            used: set[Key] = set()
            self._reading.append(used)
            try:
                value = find()
            except NeedsReading:
                value = _NOTHING
            finally:
                self._reading.pop()
            self._memos[key] = (value, used)
            for each in used:
                self._users.setdefault(each, set()).add(key)
        value, used = self._memos[key]
        for outer in self._reading:
            outer.update(used)
        if value is _NOTHING:
            raise NeedsReading
        return value

    def _derives(self, key: Key) -> bool:
        """Tell whether a value is known by another reading that tells it; it is there from now on."""
        host, resource = key
        source = resource.source if isinstance(resource, Scripted) else None
        if source is None or not isinstance(resource, Scripted) or (host, source) not in self._observed:
            return False
        self._values[key] = resource.derived(self._observed[host, source])
        return True
