"""The site as a step sees it: what was read, overlaid with all that earlier steps of the plan would change."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ffplay.engine.alike import alike
from ffplay.model import Change
from ffplay.resources.base import Resource, Scripted

Key = tuple[str, Resource]


# What a judgement comes to that needs more reading.
_NOTHING = object()


class NeedsReading(Exception):
    """A step asked for something that has not been read yet; `PlanView.missing` says what."""


@dataclass(frozen=True, slots=True, eq=False)
class Grounds:
    """What a judgement went by: each value that was asked for, as it was then. Each is like itself alone."""

    values: dict[Key, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a step went by: the values that it read first, and the grounds of judgements that it shares with others."""

    reads: dict[Key, Any] = field(default_factory=dict)
    shared: set[Grounds] = field(default_factory=set)


class PlanView:
    """Answers a step's questions from `observed` (which it never alters) and from the changes planned so far.

    `missing` is what was asked for and has not been read, `foreseen` what may be asked for next.
    """

    def __init__(self, observed: dict[Key, Any]) -> None:
        self._observed = observed
        # What was read, and over it what was derived and what is planned: one look finds a value.
        self._values: dict[Key, Any] = dict(observed)
        self._memos: dict[Any, tuple[Any, Grounds]] = {}
        self._reading: list[dict[Key, Any]] = []
        # Which judgements' grounds stand (also of those made over another view), whose rest on a value, and by what one
        # was seen not to stand.
        self._standing: set[Grounds] = set()
        self._bearing: dict[Key, set[Grounds]] = {}
        self._refuted: dict[Grounds, Key] = {}
        self._asked: Asked | None = None
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
            used.update(zip(keys, found, strict=True))
        if self._asked is not None and not self._reading:
            for key, value in zip(keys, found, strict=True):
                self._asked.reads.setdefault(key, value)
        return found

    def prefetch(self, wanted: Iterable[Key]) -> None:
        """Note all that is missing. Raise `NeedsReading` where anything is."""
        missing = [key for key in wanted if key not in self._values and not self._derives(key)]
        if missing:
            self.missing.update(dict.fromkeys(missing))
            for used in self._reading:
                used.update(dict.fromkeys(missing, _NOTHING))
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
            key = (host, resource)
            self._values[key] = value
            self._standing -= self._bearing.pop(key, set())

    @contextlib.contextmanager
    def asking(self) -> Iterator[Asked]:
        """Note what a step goes by from here to the end."""
        self._asked = asked = Asked()
        try:
            yield asked
        finally:
            self._asked = None

    def holds(self, asked: Asked) -> bool:
        """Tell whether a step that went by this would find it so again."""
        return all(map(self._is, asked.reads.items())) and all(map(self._stands, asked.shared))

    def _is(self, item: tuple[Key, Any]) -> bool:
        key, value = item
        now = self._values.get(key, _NOTHING)
        if now is _NOTHING and self._derives(key):
            now = self._values[key]
        return alike(now, value)

    def _stands(self, grounds: Grounds) -> bool:
        """Tell whether all that a judgement went by is as it was; looked at once until a change alters any of it."""
        if grounds in self._standing:
            return True
        refuted = self._refuted.get(grounds)
        if refuted is not None and not self._is((refuted, grounds.values[refuted])):
            return False
        for item in grounds.values.items():
            if not self._is(item):
                self._refuted[grounds] = item[0]
                return False
        self._stand(grounds)
        return True

    def _stand(self, grounds: Grounds) -> None:
        self._standing.add(grounds)
        for key in grounds.values:
            self._bearing.setdefault(key, set()).add(grounds)

    def memo(self, key: Any, find: Callable[[], Any]) -> Any:
        """Return what `find` finds, which is found once; and again where a change alters what it asked for.

        Raise `NeedsReading` where it asks for what has not been read; that too is found once.
        """
        found = self._memos.get(key)
        if found is None or found[1] not in self._standing:
            grounds = Grounds()
            self._reading.append(grounds.values)
            try:
                value = find()
            except NeedsReading:
                value = _NOTHING
            finally:
                self._reading.pop()
            found = self._memos[key] = (value, grounds)
            self._stand(grounds)
        value, grounds = found
        for outer in self._reading:
            outer.update(grounds.values)
        if value is _NOTHING:
            raise NeedsReading
        if self._asked is not None and not self._reading:
            self._asked.shared.add(grounds)
        return value

    def _derives(self, key: Key) -> bool:
        """Tell whether a value is known by another reading that tells it; it is there from now on."""
        host, resource = key
        source = resource.source if isinstance(resource, Scripted) else None
        if source is None or not isinstance(resource, Scripted) or (host, source) not in self._observed:
            return False
        self._values[key] = resource.derived(self._observed[host, source])
        return True
