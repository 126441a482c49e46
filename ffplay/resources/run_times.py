"""What a run took, and what was forecast of it: `times.json` beside the run's journal on each of its hosts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ffplay.remote.base import Reply
from ffplay.resources.base import ShellResource, quote


@dataclass(frozen=True, slots=True)
class StepTime:
    """One step of a run: `play` and `number` as its plan showed them, `title` the step's.

    `forecast` are the seconds that were expected (0 where nothing in it was to take long), None where not all of it was
    known, `seconds` those that went by from its
    begin to the end of its last host.
    """

    play: int
    number: int
    title: str
    forecast: float | None
    seconds: float


@dataclass(frozen=True, slots=True)
class RunTimes:
    """A run's steps that came to their turn, in order. `forecast` is None for a run whose plan had none."""

    forecast: float | None
    seconds: float
    steps: tuple[StepTime, ...] = ()


@dataclass(frozen=True, slots=True)
class TimesFile(ShellResource):
    """The times of one run as a host knows them. Value: `RunTimes`, None where it knows none."""

    state_dir: str
    run: str

    @property
    def label(self) -> str:
        """Return the file."""
        return f"{self.state_dir}/runs/{self.run}/times.json"

    def read_script(self) -> str:
        """Print it."""
        return f"cat {quote([self.label])} 2>/dev/null; :"

    def parse(self, reply: Reply) -> RunTimes | None:
        """Return the times. Raise ValueError for a file that is damaged."""
        if not reply.text.strip():
            return None
        try:
            body: Mapping[str, Any] = json.loads(reply.text)
            steps = tuple(StepTime(**step) for step in body["steps"])
            return RunTimes(body["forecast"], float(body["seconds"]), steps)
        except (KeyError, TypeError) as error:
            raise ValueError(f"it is damaged: {error}") from error
