"""What happens during a run, as data; the report is the only one who turns it into text."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from ffplay.errors import Error
from ffplay.model import Change, Check, Play, Status, Step


class Kind(enum.Enum):
    """What an event tells."""

    PLAY = "play"  # a play begins: play, hosts in data["hosts"]
    STEP = "step"  # a step begins on its hosts: step, data["hosts"]; data["handler"] for a handler
    CHANGE = "change"  # a change begins: host, change
    CHANGED = "changed"  # a change is made and verified: host, change, data["seconds"]
    CHECKED = "checked"  # a check came out: host, check, data["problems"], data["info"]
    OUTPUT = "output"  # a tool on a host printed something: host, text
    RETRY = "retry"  # another try: host, step, text (why), data["attempt"], data["retries"]
    RESULT = "result"  # a step ended on a host: host, step, status, item, text, error, data["ignored"], data["msg"]
    WAITING = "waiting"  # a wait goes on: host, text
    # The run is over: data["hosts"] = {host: {status value: count}}, data["seconds"], data["standing"], data["verb"],
    # in data["run"] what a rollback from here is to name, empty where nothing was changed, in data["times"] what the
    # steps took beside what was forecast (`RunTimes`).
    RECAP = "recap"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened; only the fields that its kind names are set."""

    kind: Kind
    host: str = ""
    play: Play | None = None
    step: Step | None = None
    item: Any = None
    change: Change | None = None
    check: Check | None = None
    status: Status | None = None
    text: str = ""
    error: Error | None = None
    data: Mapping[str, Any] = field(default_factory=dict, hash=False)


class Listener(Protocol):
    """Is told everything, from any thread, one event at a time."""

    def event(self, event: Event) -> None:
        """Take note of one event."""
