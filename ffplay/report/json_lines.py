"""A run as it happens, for programs: one JSON object a line."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from ffplay.engine.events import Event
from ffplay.engine.plan import Plan
from ffplay.errors import Error
from ffplay.report.json_plan import document
from ffplay.report.output import Output
from ffplay.report.plain import change_plain, check_plain, error_plain, plain, step_plain


class JsonLines:
    """Writes each event as a line with `event`, `time` (seconds since 1970) and what the event's kind has."""

    def __init__(self, output: Output, clock: Callable[[], float] = time.time) -> None:
        self._output = output
        self._clock = clock
        self._errors: list[Error] = []

    def expect(self, plan: Plan) -> None:
        """Write the plan that is about to be applied."""
        self.write({"event": "plan", "plan": document(plan)})

    def event(self, event: Event) -> None:
        """Write one event."""
        if event.error is not None:
            self._errors.append(event.error)
        self.write({"event": event.kind.value, **event_plain(event)})

    def told(self, error: Error) -> bool:
        """Tell whether the error was written with the step that it ended."""
        return any(each is error for each in self._errors)

    def error(self, error: BaseException) -> None:
        """Write the error that ended the command."""
        self.write({"event": "error", "error": error_plain(error)})

    def write(self, body: Mapping[str, Any]) -> None:
        """Write one line."""
        self._output.line(json.dumps({**body, "time": round(self._clock(), 3)}, ensure_ascii=False))


def event_plain(event: Event) -> dict[str, Any]:
    """Return the fields of an event that are set."""
    found: dict[str, Any] = {
        "host": event.host or None,
        "play": event.play.name if event.play else None,
        "step": step_plain(event.step) if event.step else None,
        "item": plain(event.item),
        "change": change_plain(event.change) if event.change else None,
        "check": check_plain(event.check) if event.check else None,
        "status": plain(event.status),
        "text": plain(event.text) or None,
        "error": error_plain(event.error) if event.error else None,
        "data": plain(event.data) or None,
    }
    return {key: value for key, value in found.items() if value is not None}
