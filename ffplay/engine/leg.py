"""What a host does between two points where it waits for something: its changes and their readings, as one script.

Each batch of changes begins with a look at the lock and with its intents, and is read again right behind it. Its end is
told as soon as it has come, while the host goes on with the next batch: the next one's own proofs (a shard that is dead
before it is wiped, a backup that holds all there is) do not rest on what the controller has seen.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ffplay.engine.access import SiteAccess, readings_of, values_of
from ffplay.engine.events import Event, Kind, Listener
from ffplay.engine.framed import run_framed
from ffplay.engine.journal import Journal
from ffplay.engine.lock import Lock
from ffplay.engine.plan import StepPlan, not_converged
from ffplay.errors import ChangeFailed, Error, HostError
from ffplay.model import Change, Host, Step
from ffplay.remote.base import Become, Connection, Reply
from ffplay.resources.base import NOTHING, Scripted, blamed


def _nothing(_: Work) -> None:
    """Nobody waits for the work's end."""


@dataclass
class Work:
    """One step plan that is to be made on its host, and what came of it.

    `opening` is sh that belongs before its first change. `result` is what the step's last command left, for
    `register`; `made` tells whether any change was made, also where the step did not come to its end. `done` is called
    when all of it is made and was read again.
    """

    plan: StepPlan
    listener: Listener
    opening: str = ""
    done: Callable[[Work], None] = _nothing
    result: dict[str, Any] = field(default_factory=dict)
    made: bool = False

    @property
    def step(self) -> Step:
        """Return the step."""
        return self.plan.step


@dataclass
class Batch:
    """Changes of one step on one host that are made together. `numbers` are theirs in the journal, where there is one.

    `ends` are the works that are done with this batch.
    """

    work: Work
    changes: list[Change]
    numbers: list[int] = field(default_factory=list)
    ends: list[Work] = field(default_factory=list)
    began: float = 0.0

    @property
    def host(self) -> str:
        """Return the host of all of them."""
        return self.changes[0].host

    @property
    def scripted(self) -> bool:
        """Tell whether they are made by a script."""
        first = self.changes[0]
        return bool(first.resource.scripted(first.before, first.after))

    @property
    def last(self) -> dict[Any, Change]:
        """Return the last change of each thing that can be read again."""
        return {change.resource: change for change in self.changes if change.resource.readable}

    def begin(self) -> None:
        """Tell that the changes begin."""
        self.began = time.monotonic()
        for change in self.changes:
            self.work.listener.event(Event(Kind.CHANGE, host=change.host, change=change))

    def compare(self, values: Sequence[Any], access: SiteAccess) -> None:
        """Compare what is there with what was planned: an exit code proves nothing. Raise `NotConverged`."""
        for (resource, change), observed in zip(self.last.items(), values, strict=True):
            if not resource.reached(change.before, change.after, observed):
                raise not_converged(self.host, change, observed)
            told = resource.noted(observed)
            if told:
                access.note(self.host, told)

    def tell(self, journal: Journal | None) -> None:
        """Tell that the changes are made and were read again, and which works are done with that."""
        if journal:
            journal.done(self.numbers)
        seconds = time.monotonic() - self.began
        for change in self.changes:
            self.work.made = True
            self.work.listener.event(Event(Kind.CHANGED, host=change.host, change=change, data={"seconds": seconds}))
        for work in self.ends:
            work.done(work)


class Leg:
    """Batches of one host, made by one script."""

    def __init__(
        self, host: Host, batches: Sequence[Batch], access: SiteAccess, lock: Lock | None, journal: Journal | None
    ) -> None:
        self._host = host
        self._batches = batches
        self._access = access
        self._lock = lock
        self._journal = journal
        self._scripts: list[str] = []
        self._stops: list[bool] = []
        # The batch and the change of each script; None is a script that no change is to blame for.
        self._changes: list[tuple[Batch, Change | None]] = []
        self._ends: list[int] = []
        self._readings: list[dict[int, tuple[Scripted, tuple[Scripted, ...]]]] = []
        # The changes of those scripts that do for several of them what all need.
        self._joint: dict[int, tuple[Change, ...]] = {}
        self._replies: dict[int, Reply] = {}
        self._told = 0
        self._error: Error | None = None
        for batch in batches:
            self._add_batch(batch)

    def make(self, connection: Connection, timeout: float) -> None:
        """Make all changes and read them again. Raise the first `HostError` or `Interrupted`."""
        self._batches[0].begin()
        with self._access.under_way(self._host.name, self.stop):
            replies = run_framed(
                connection, self._scripts, stop=self._stops, timeout=timeout, on_end=lambda n, r: self._take({n: r})
            )
        self._take(dict(enumerate(replies)), whole=True)
        for number, reply in enumerate(replies):
            self._judge(number, reply, timeout)
        if self._error is not None:
            raise self._error

    def stop(self) -> None:
        """Have the host begin no other change of these."""
        if self._lock is not None:
            self._lock.stop(self._host.name)

    def _add_batch(self, batch: Batch) -> None:
        fence = self._lock.fence(self._host.name) if self._lock else ""
        noted = self._journal.intent_script(batch.numbers, batch.work.step, batch.changes) if self._journal else ""
        before, batch.work.opening = f"{fence}{noted}{batch.work.opening}", ""
        again = self._lock.fence_again(self._host.name) if self._lock else ""
        for some in _runs(batch):
            for script, change, joint in self._scripts_of(batch.work.step, some):
                self._add(before + again + script, (batch, change), joint)
                before = ""
        readings = {}
        for reading, members in readings_of(list(batch.last)):
            readings[len(self._scripts)] = (reading, members)
            self._add(reading.read_script(), (batch, None), stop=False)
        self._readings.append(readings)
        self._ends.append(len(self._scripts))

    def _scripts_of(
        self, step: Step, some: Sequence[tuple[int, Change]]
    ) -> Iterator[tuple[str, Change, tuple[Change, ...]]]:
        """Yield the scripts of changes of one kind: each with the change to blame, and those that it makes together."""
        first = some[0][1]
        joint = first.resource.joint([(one.resource, one.before, one.after) for _, one in some]) if some[1:] else ""
        alone = [
            (number, one, (one.resource.behind_joint if joint else one.resource.bring_script)(one.before, one.after))
            for number, one in some
        ]
        if joint:
            # Those that are made by it alone are noted by it too.
            numbers = [number for number, _, script in alone if script == NOTHING]
            alone = [each for each in alone if each[2] != NOTHING]
            noted = self._journal.around_joint(numbers, self._host.name, joint) if self._journal and numbers else joint
            yield noted, first, tuple(one for _, one in some)
        for number, one, script in alone:
            yield self._journal.around(number, step, one, script) if self._journal else script, one, ()

    def _add(
        self, script: str, whose: tuple[Batch, Change | None], joint: tuple[Change, ...] = (), stop: bool = True
    ) -> None:
        if joint:
            self._joint[len(self._scripts)] = joint
        self._scripts.append(script)
        self._stops.append(stop)
        self._changes.append(whose)

    def _take(self, replies: Mapping[int, Reply], whole: bool = False) -> None:
        """Take replies as they come, and tell each batch whose last one is there.

        What a command printed on its standard error comes at the end of all (`whole`): what is registered waits for it.
        """
        self._replies.update(replies)
        while self._told < len(self._batches):
            first = self._ends[self._told - 1] if self._told else 0
            mine = range(first, self._ends[self._told])
            batch, readings = self._batches[self._told], self._readings[self._told]
            if not all(map(self._well, mine)) or (batch.work.step.register and not whole):
                return
            self._told += 1
            self._end(batch, mine, readings)
            if self._told < len(self._batches):
                self._batches[self._told].begin()

    def _well(self, number: int) -> bool:
        """Tell whether a script has ended, and well where that matters."""
        return number in self._replies and not (self._stops[number] and self._replies[number].code)

    def _end(self, batch: Batch, mine: range, readings: Mapping[int, tuple[Scripted, tuple[Scripted, ...]]]) -> None:
        for number in mine:
            if self._changes[number][1] is not None:
                batch.work.result.update(result_of(self._replies[number]))
        try:
            values: dict[Any, Any] = {}
            for number, (reading, members) in readings.items():
                values.update(values_of(self._host.name, reading, members, self._replies[number]))
            batch.compare([values[one] for one in batch.last], self._access)
        except HostError as error:
            self._error = self._error or error
        else:
            batch.tell(self._journal)

    def _judge(self, number: int, reply: Reply, timeout: float) -> None:
        """Raise what is to be said of a script that did not end well; a reading is judged by its value."""
        batch, change = self._changes[number]
        if change is None or not reply.code:
            return
        if self._error is not None:
            raise self._error
        if self._lock:
            self._lock.judge(self._host.name, reply)
        if self._journal:
            self._journal.judge(self._host.name, reply)
        if number in self._joint:
            which, reply = blamed(reply)
            change = self._joint[number][which]
        batch.work.result.update(result_of(reply))
        raise failed(self._host, change, reply, timeout)


def _runs(batch: Batch) -> list[list[tuple[int, Change]]]:
    """Return a batch's changes with their numbers, those of one kind that follow each other together."""
    found: list[list[tuple[int, Change]]] = []
    for number, change in zip(batch.numbers or [0] * len(batch.changes), batch.changes, strict=True):
        if found and type(found[-1][0][1].resource) is type(change.resource):
            found[-1].append((number, change))
        else:
            found.append([(number, change)])
    return found


def result_of(reply: Reply) -> dict[str, Any]:
    """Return what `register` keeps of a command's end."""
    text = reply.text.rstrip("\n")
    return {
        "rc": reply.code,
        "stdout": text,
        "stdout_lines": text.splitlines(),
        "stderr": reply.error_text.rstrip("\n"),
    }


def failed(host: Host, change: Change, reply: Reply, timeout: float) -> HostError:
    """Return the error of a change whose script did not end well."""
    _, reply = blamed(reply)
    if reply.code == 124:
        said = f"{change.summary}: not finished after {timeout:.0f} s"
    else:
        said = f"{change.summary}: exit code {reply.code}"
    output = "\n".join(part for part in (reply.text.strip(), reply.error_text.strip()) if part)
    return ChangeFailed(host.name, said, "mend the cause and apply again: what is done is not done twice", output)


def become_of(step: Step) -> Become | None:
    """Return as whom a step runs, None for the host's own setting."""
    return None if step.user is None else Become(step.user or None)
