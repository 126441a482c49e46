"""What a rule is, and the playbook as rules see it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from ffplay.load.quick import is_template
from ffplay.model import Mark, Play, Site, Step


class Seen(NamedTuple):
    """What a rule found: where, and what is wrong there in words that complete "RULE: ..."."""

    mark: Mark
    message: str


@dataclass(frozen=True, slots=True)
class Placed:
    """A step at its place: `before` and `after` are the other steps of the whole playbook, handlers left out."""

    play: Play
    step: Step
    before: tuple[Step, ...]
    after: tuple[Step, ...]

    def came(self, *kinds: str) -> Step | None:
        """Return the nearest step of one of these kinds before this one."""
        return next((step for step in reversed(self.before) if step.kind in kinds), None)


@dataclass(frozen=True, slots=True)
class Book:
    """A playbook as read, nothing rendered. `site` is None where no inventory was given."""

    path: Path
    plays: tuple[Play, ...]
    site: Site | None = None

    def placed(self, *kinds: str) -> Iterator[Placed]:
        """Yield the steps of these kinds in order, of all kinds where none is named."""
        every = [(play, step) for play in self.plays for step in play.steps]
        steps = tuple(step for _, step in every)
        for index, (play, step) in enumerate(every):
            if not kinds or step.kind in kinds:
                yield Placed(play, step, steps[:index], steps[index + 1 :])

    def entries(self) -> Iterator[Step]:
        """Yield every step, handlers too."""
        for play in self.plays:
            yield from (*play.steps, *play.handlers)


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule: the id that silences it, what it looks for and why that matters, each one sentence."""

    id: str
    summary: str
    reason: str
    look: Callable[[Book], Iterator[Seen]]


def given(args: Mapping[str, Any], name: str) -> bool:
    """Tell whether a parameter has a value that is not empty; a template counts, whatever it may give."""
    return bool(args.get(name))


def is_part(step: Step, part: object) -> bool:
    """Tell whether a stop or start is about a part; a template may be about any."""
    said = step.args.get("part")
    return said == part or is_template(said)
