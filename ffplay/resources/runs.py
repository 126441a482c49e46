"""What runs leave on a host's disk: who ran what, what each change was, and how the run ended.

A run has the directory `STATE_DIR/runs/RUN`, for root alone: `head.json`; `journal`, a line before each change (the
intent) and one after it (done); `end.json` once the run ended by itself; `closed.json` once nothing of it is open any
more. A host has the changes that were made on it; a whole run is what all hosts of the site have.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ffplay.model import Change
from ffplay.remote.base import Reply
from ffplay.resources.base import ShellResource, quote, told
from ffplay.resources.codec import decode
from ffplay.resources.command import Command
from ffplay.resources.differences import text_of

# A later layout gets another number, and is refused where it matters.
FORMAT = 1


@dataclass(frozen=True, slots=True)
class RunHead:
    """Who began a run, when and what for.

    `verb` is apply, rollback or commit, `since` UTC as people write it, `playbook` the file as given. `continues` are
    the broken-off runs whose work this one goes on with, `reverts` those that a rollback undoes.
    """

    run: str
    verb: str
    user: str
    machine: str
    since: str
    playbook: str
    version: str
    summary: str
    continues: tuple[str, ...] = ()
    reverts: tuple[str, ...] = ()
    format: int = FORMAT


@dataclass(frozen=True, slots=True)
class RunEnd:
    """How a run ended: `status` is ok, failed or interrupted; `verified` tells whether its checks proved the result."""

    status: str
    error: str = ""
    verified: bool = False


@dataclass(frozen=True, slots=True)
class RunState:
    """A run as one host knows it.

    `intents` and `done` count changes; `end` is None where nobody came to write it. `closed` says why nothing of the
    run is open: `done`, `rolled back` or `committed`, and `by` which run; both empty while it is open. `commands` are
    those without guards that were done there, as (step, command, its outputs in base64), in order; only an open run
    has them.
    """

    head: RunHead
    end: RunEnd | None = None
    closed: str = ""
    by: str = ""
    intents: int = 0
    done: int = 0
    commands: tuple[tuple[str, Command, tuple[str, str]], ...] = ()

    @property
    def status(self) -> str:
        """Return the run's state in a word or two."""
        if self.closed and self.closed != "done":
            return self.closed
        return self.end.status if self.end else "broken off"


@dataclass(frozen=True, slots=True)
class Runs(ShellResource):
    """The runs that a host knows. Value: tuple of `RunState`, oldest first."""

    state_dir: str

    @property
    def label(self) -> str:
        """Return the directory."""
        return f"{self.state_dir}/runs"

    def read_script(self) -> str:
        """Print each run: its files, and its journal; of one that is not open the beginnings of the lines alone."""
        return f"""for d in {quote([self.label])}/*/; do
  d=${{d%/}}
  [ -f "$d/head.json" ] || continue
  echo "run ${{d##*/}}"
  for f in head end closed; do [ -f "$d/$f.json" ] && printf '%s %s\\n' $f "$(cat "$d/$f.json")"; done
  if [ -f "$d/closed.json" ]; then cut -c 1-7 "$d/journal"; else cat "$d/journal"; fi 2>/dev/null
done; :"""

    def parse(self, reply: Reply) -> tuple[RunState, ...]:
        """Return the runs. Raise ValueError for one that cannot be read."""
        found: list[list[str]] = []
        for line in told(reply).splitlines():
            if line.startswith("run "):
                found.append([])
            elif found:
                found[-1].append(line)
        return tuple(sorted((_run(lines) for lines in found), key=lambda state: state.head.run))

    def facts(self, value: Any) -> Mapping[str, str]:
        """Return the runs that are open: the others changed nothing that does not show on the site itself."""
        open_runs = tuple(f"{one.head.run} ({one.head.verb}, {one.status})" for one in value if not one.closed)
        return {"list of open runs": text_of(open_runs)}


@dataclass(frozen=True, slots=True)
class Entry:
    """One change of a run. `n` counts the run's changes on all hosts, `done` tells whether the host noted its end."""

    n: int
    kind: str
    step: str
    change: Change
    time: float
    done: bool = False


@dataclass(frozen=True, slots=True)
class RunJournal(ShellResource):
    """The journal of one run on a host. Value: tuple of `Entry` in order."""

    state_dir: str
    run: str

    @property
    def label(self) -> str:
        """Return the file."""
        return f"{self.state_dir}/runs/{self.run}/journal"

    def read_script(self) -> str:
        """Print it."""
        return f"cat {quote([self.label])} 2>/dev/null; :"

    def parse(self, reply: Reply) -> tuple[Entry, ...]:
        """Return the entries; a line that a power cut left half written is not there. Raise ValueError."""
        lines = [body for line in told(reply).splitlines() if (body := _line(line)) is not None]
        done = {int(body["done"]) for body in lines if "done" in body}
        entries = {int(body["n"]): _entry(body, int(body["n"]) in done) for body in lines if "n" in body}
        return tuple(entries[number] for number in sorted(entries))


def merged(hosts: Iterable[Iterable[RunState]]) -> tuple[RunState, ...]:
    """Return the runs of a whole site from what its hosts know: counts added up, oldest first.

    A host that was away when a run ended, or was undone, does not know that; what any host knows counts.
    """
    found: dict[str, RunState] = {}
    for states in hosts:
        for state in states:
            one = found.get(state.head.run)
            found[state.head.run] = state if one is None else _both(one, state)
    return tuple(found[run] for run in sorted(found))


def _both(one: RunState, other: RunState) -> RunState:
    # What was done is rolled back or committed later, never the other way round.
    last = max(one, other, key=lambda state: ("", "done").index(state.closed) if state.closed in ("", "done") else 2)
    return RunState(
        one.head,
        one.end or other.end,
        last.closed,
        last.by,
        one.intents + other.intents,
        one.done + other.done,
        one.commands + other.commands,
    )


def _run(lines: list[str]) -> RunState:
    """Return one run from what was printed of it."""
    words: dict[str, str] = {}
    entries: list[Mapping[str, Any]] = []
    intents = done = 0
    for line in lines:
        name, _, rest = line.partition(" ")
        intents += line.startswith('{"n"')
        done += line.startswith('{"done"')
        if line.startswith('{"done"') or '"is": "command.Command"' in line:
            entries += [body for body in [_line(line)] if body is not None]
        elif not line.startswith("{"):
            words[name] = rest
    try:
        head = json.loads(words["head"])
        state = RunHead(**{**head, "continues": tuple(head["continues"]), "reverts": tuple(head["reverts"])})
        end = RunEnd(**json.loads(words["end"])) if "end" in words else None
        closed = json.loads(words.get("closed", "{}"))
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"a run's head or end is damaged ({error}): {words.get('head', '')[:80]}") from error
    if state.format != FORMAT:
        raise ValueError(f"run {state.run} was written by a later ffplay ({state.version})")
    return RunState(state, end, closed.get("closed", ""), closed.get("by", ""), intents, done, _commands(entries))


def _commands(lines: Iterable[Mapping[str, Any]]) -> tuple[tuple[str, Command, tuple[str, str]], ...]:
    """Return the commands without guards that were done."""
    known = list(lines)
    done = {int(body["done"]): body for body in known if "done" in body}
    found = []
    for body in known:
        if "n" in body and int(body["n"]) in done:
            command, ended = decode(body["resource"]), done[int(body["n"])]
            if isinstance(command, Command) and not command.guarded:
                found.append((str(body["step"]), command, (ended.get("out", ""), ended.get("err", ""))))
    return tuple(found)


def _line(line: str) -> Mapping[str, Any] | None:
    """Return a line's content, None for a blank or half-written one."""
    try:
        body = json.loads(line)
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def _entry(body: Mapping[str, Any], done: bool) -> Entry:
    resource, before, after = (decode(body[name]) for name in ("resource", "before", "after"))
    hidden = bool(body.get("hidden"))
    shown = "its values are not shown: they hold secrets" if hidden else None
    change = Change(body["host"], resource, before, after, decode(body["summary"]), body["shard"], (), shown, hidden)
    return Entry(int(body["n"]), body["kind"], body["step"], change, float(body["time"]), done)
