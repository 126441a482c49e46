"""The journal of a run: every change is noted before it is made and after, here and on its host.

The controller's copy is a file of JSON lines with everything that happened; a host's copy has the host's own changes,
so that anybody, from any machine, sees what was done there and can undo it. A change that cannot be noted is not made.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import IO, Any

from ffplay.engine.events import Event, Kind
from ffplay.engine.plan import Plan
from ffplay.errors import Error, HostError, Refused
from ffplay.model import Change, Step
from ffplay.remote.base import Reply
from ffplay.resources.command import Command
from ffplay.resources.run_scripts import (
    NOT_NOTED,
    append_script,
    closed_file,
    done_script,
    end_file,
    intent_line,
    keep_script,
    kept_script,
    noted_script,
    times_file,
)
from ffplay.resources.run_times import RunTimes
from ffplay.resources.runs import RunEnd, RunHead
from ffplay.secret import Secrets

# What an event tells that is worth a line; the changes have lines of their own.
_TOLD = {Kind.PLAY, Kind.STEP, Kind.CHANGED, Kind.CHECKED, Kind.OUTPUT, Kind.RETRY, Kind.RESULT}


def runs_folder() -> Path:
    """Return where this machine keeps its copies: in XDG_STATE_HOME, ~/.local/state by default."""
    base = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(base).expanduser() / "ffplay" / "runs"


class Journal:
    """One run's journal; safe to use from several threads. `state_dirs` has each host's state_dir.

    `times` is what its steps took, once that is known. `secrets` are masked in all of it.
    """

    def __init__(
        self, head: RunHead, state_dirs: Mapping[str, str], folder: Path, secrets: Secrets | None = None
    ) -> None:
        self.head = head
        self._secrets = Secrets() if secrets is None else secrets
        self.path = folder / f"{head.run}.jsonl"
        self._dirs = state_dirs
        self._guard = threading.Lock()
        self._count = 0
        self._file: IO[str] | None = None
        self.hosts: dict[str, None] = {}
        self.times: RunTimes | None = None

    def begin(self, plan: Plan) -> None:
        """Make the controller's file and write what is about to be done. Raise `Refused` where that cannot be."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.path.touch(0o600)
            self._file = self.path.open("a", encoding="utf-8")
        except OSError as error:
            raise Refused(
                "",
                f"the journal {self.path} cannot be written: {error.strerror}",
                "mend that, or set XDG_STATE_HOME to a directory that can be written",
            ) from error
        changes = [
            {"host": change.host, "shard": change.shard, "step": one.step.title, "change": _clean(change.summary)}
            for one in plan.step_plans()
            for change in one.changes
        ]
        head = {name: getattr(self.head, name) for name in RunHead.__slots__}
        self._write({"begin": head, "plan": changes}, sync=True)

    def intents(self, step: Step, changes: Sequence[Change]) -> list[int]:
        """Note here that changes are about to be made; return their numbers. Raise `Refused` where that fails."""
        with self._guard:
            numbers = list(range(self._count + 1, self._count + 1 + len(changes)))
            self._count += len(changes)
        for number, change in zip(numbers, changes, strict=True):
            self.hosts[change.host] = None
            here = replace(change, before=None, after=None) if change.hidden else change
            self._write_line(intent_line(number, step.kind, step.title, here, time.time(), self._secrets), sync=False)
        self._sync()
        return numbers

    def intent_script(self, numbers: Sequence[int], step: Step, changes: Sequence[Change]) -> str:
        """Return sh that notes on the changes' host that they are about to be made."""
        now = time.time()
        pairs = zip(numbers, changes, strict=True)
        lines = [intent_line(number, step.kind, step.title, change, now, self._secrets) for number, change in pairs]
        return append_script(self._dirs[changes[0].host], self.head, lines)

    def done_script(self, numbers: Sequence[int], host: str) -> str:
        """Return sh that notes on a host that changes are made, and has that on disk."""
        return done_script(self._dirs[host], self.head, numbers, synced=True)

    def around(self, number: int, step: Step, change: Change, script: str) -> str:
        """Return a change's script with the note behind it; `intent_script` comes before it."""
        directory = self._dirs[change.host]
        if step.register and isinstance(change.resource, Command) and not change.resource.guarded:
            return kept_script(script, directory, self.head, number)
        return noted_script(script, done_script(directory, self.head, [number], isinstance(change.resource, Command)))

    def around_joint(self, numbers: Sequence[int], host: str, script: str) -> str:
        """Return a script that makes several changes of a host with the notes behind it."""
        return noted_script(script, done_script(self._dirs[host], self.head, numbers, synced=False))

    def judge(self, host: str, reply: Reply) -> None:
        """Raise `Refused` where a script ended because it could not note what it was about to do."""
        if reply.code == NOT_NOTED and "cannot be written" in reply.error_text:
            raise Refused(
                host,
                f"{reply.error_text.strip().splitlines()[-1]}: without it no change is made",
                "make room there (`df`), or see state_dir in the inventory; then apply again",
                reply.error_text,
            )

    def done(self, numbers: Sequence[int]) -> None:
        """Note here that changes are made, and were read again."""
        now = round(time.time(), 3)
        for number in numbers:
            self._write({"done": number, "time": now}, sync=False)
        self._sync()

    def event(self, event: Event) -> None:
        """Note what happened, as any listener is told."""
        if event.kind not in _TOLD or self._file is None:
            return
        body: dict[str, Any] = {"event": event.kind.value, "time": round(time.time(), 3)}
        body |= {"host": event.host} if event.host else {}
        body |= {"play": event.play.name} if event.play else {}
        body |= {"step": event.step.title} if event.step else {}
        body |= {"status": event.status.value} if event.status else {}
        body |= {"change": _clean(event.change.summary)} if event.change else {}
        body |= {"check": _clean(event.check.summary)} if event.check else {}
        body |= {"problems": [_clean(str(one)) for one in event.data.get("problems", ())]} if event.check else {}
        body |= {"text": _clean(event.text)} if event.text else {}
        body |= {"error": _clean(event.error.message)} if event.error else {}
        # Where that fails the next change is not made, which says why.
        with contextlib.suppress(HostError):
            self._write(body, sync=False)

    def end(self, end: RunEnd) -> None:
        """Write here how the run ended, and close the file."""
        if self.times is not None:
            self._write({"times": asdict(self.times)}, sync=False)
        self._write({"end": {name: getattr(end, name) for name in RunEnd.__slots__}}, sync=True)
        if self._file is not None:
            self._file.close()
            self._file = None

    def end_script(self, host: str, end: RunEnd, closed: Mapping[str, str]) -> str:
        """Return sh that writes on a host how the run ended, and which runs are closed by it (run: why)."""
        run = self.head.run
        files = [end_file(run, replace(end, error=self._secrets.mask(end.error)))]
        files += [closed_file(other, why, run) for other, why in closed.items()]
        files += [times_file(run, self.times)] if self.times is not None else []
        return keep_script(self._dirs[host], files)

    def _write(self, body: Mapping[str, Any], *, sync: bool) -> None:
        self._write_line(json.dumps(body), sync=sync)

    def _write_line(self, line: str, *, sync: bool) -> None:
        with self._guard:
            if self._file is None:
                return
            try:
                self._file.write(self._secrets.mask(line) + "\n")
                self._file.flush()
                if sync:
                    os.fsync(self._file.fileno())
            except OSError as error:
                raise self._lost(error) from error

    def _sync(self) -> None:
        with self._guard:
            if self._file is None:
                return
            try:
                os.fsync(self._file.fileno())
            except OSError as error:
                raise self._lost(error) from error

    def _lost(self, error: OSError) -> Error:
        return HostError(
            "",
            f"the journal {self.path} cannot be written: {error.strerror}; no change is made without it",
            "make room on this machine, then apply again",
        )


def _clean(text: str) -> str:
    """Return text without halves of characters, which undecodable bytes leave."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
