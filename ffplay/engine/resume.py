"""What a run goes on with: broken-off runs of the same playbook, and the commands that they did already."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from ffplay.model import Change, Note, Step
from ffplay.resources.codec import veiled
from ffplay.resources.command import Command
from ffplay.resources.runs import RunState, merged
from ffplay.secret import Secrets


class Resume:
    """What is known of open runs while one plan is made.

    `open` are all that are open on the site, `continues` those of this playbook, oldest first, by name. What they did
    to files, units and data shows on the site itself. A command without a guard leaves nothing to be seen, so the
    journal tells: done once, it is not done again, unless something before it changes anew on that host.
    """

    def __init__(
        self, states: Mapping[str, tuple[RunState, ...]], playbook: str, run: str, secrets: Secrets | None = None
    ) -> None:
        self._secrets = Secrets() if secrets is None else secrets
        every = merged(states.values())
        self.open = tuple(state for state in every if not state.closed and state.head.run != run)
        mine = [state for state in self.open if state.head.verb == "apply" and _same(state.head.playbook, playbook)]
        # Each goes on with all before it. By that and not by its name, for two machines' clocks need not agree, and
        # what the first one began is not begun again under the name of another.
        mine.sort(key=lambda state: (len(state.head.continues), state.head.run))
        self.continues = tuple(state.head.run for state in mine)
        self.began = self.continues[0] if self.continues else run
        self._changed: set[str] = set()
        self._done: dict[str, list[tuple[str, str, Command, tuple[str, str]]]] = {
            host: [
                (state.head.run, step, command, output)
                for state in found
                if state.head.run in self.continues
                for step, command, output in state.commands
            ]
            for host, found in states.items()
        }

    def outcome(self, step: Step, change: Change) -> Change | Note:
        """Return the change, or for a command that was done already the note that says so."""
        if change.host not in self._changed and isinstance(change.resource, Command):
            written = veiled(change.resource, self._secrets)
            for place, (run, title, command, output) in enumerate(self._done.get(change.host, [])):
                if (title, command) == (step.title, written):
                    del self._done[change.host][place]
                    return Note(change.host, f"`{command.line}` was done by run {run}", _result(output))
        self.changes(change)
        return change

    def changes(self, change: Change) -> None:
        """Note that something on a host changes (anew), so that the commands behind it have their reason again."""
        if not change.resource.lasting:
            self._changed.add(change.host)

    def renewed(self, host: str) -> bool:
        """Tell whether anything changes anew on a host, so that what follows has its reason again."""
        return host in self._changed

    def defers(self, host: str) -> None:
        """Note that it is not known yet what a step changes on a host."""
        self._changed.add(host)


def _same(one: str, other: str) -> bool:
    """Tell whether two paths name one playbook: operators keep it in different places."""
    return PurePath(one).name == PurePath(other).name


def _result(output: tuple[str, str]) -> Mapping[str, Any]:
    out, err = (base64.b64decode(part).decode("utf-8", "replace").rstrip("\n") for part in output)
    return {"rc": 0, "stdout": out, "stdout_lines": out.splitlines(), "stderr": err, "changed": True}
