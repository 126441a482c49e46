"""The one place that writes: makes the Changes of a plan, reads each again, and says how it went."""

from __future__ import annotations

import concurrent.futures
import contextlib
import time
from collections.abc import Mapping
from typing import Any

from ffplay.engine.access import BATCH_SECONDS, SiteAccess, read_host, run_framed
from ffplay.engine.events import Event, Kind, Listener
from ffplay.engine.journal import Journal
from ffplay.engine.lock import Lock
from ffplay.engine.plan import StepPlan, not_converged
from ffplay.errors import ChangeFailed, CheckFailed, HostError, Interrupted, Refused
from ffplay.model import Change, Check, Host, Note, Site, Step
from ffplay.remote.base import Access, Become, Reply
from ffplay.resources.base import DirectResource, ShellResource
from ffplay.resources.checks import Findings


class Applier:
    """Makes the changes of one step on one host, in order. Holds what the step's last command left, for `register`.

    With a lock each change looks first whether the run still has it; what only reads does not. With a journal each is
    noted before and after. `made` tells whether any change was made, also where the operator stopped the step before
    its end.
    """

    def __init__(
        self,
        site: Site,
        access: SiteAccess,
        listener: Listener,
        step: Step,
        lock: Lock | None = None,
        journal: Journal | None = None,
    ) -> None:
        self._site = site
        self._access = access
        self._lock = lock
        self._journal = journal
        self._writer: Access = access if lock is None else lock.access()
        self.made = False
        self._listener = listener
        self._step = step
        self.result: dict[str, Any] = {}

    def apply(self, plan: StepPlan) -> bool:
        """Make everything of the plan; return whether anything changed. Raise `HostError` or `Interrupted`."""
        batch: list[Change] = []
        changed = False
        for outcome in plan.outcomes:
            if isinstance(outcome, Change):
                changed = True
                if not _fits(batch, outcome):
                    self._flush(batch)
                    batch = []
                batch.append(outcome)
                continue
            self._flush(batch)
            batch = []
            self._other(outcome)
        self._flush(batch)
        return changed

    def _other(self, outcome: Any) -> None:
        """Make a check, say a note, or refuse over a problem."""
        if isinstance(outcome, Check):
            self._check(outcome)
        elif isinstance(outcome, Note):
            self.result.update({"msg": outcome.summary, **outcome.result})
            self._listener.event(Event(Kind.OUTPUT, host=outcome.host, text=outcome.summary, data={"note": True}))
        else:
            raise Refused(outcome.host, outcome.summary, outcome.advice)

    def _check(self, check: Check) -> None:
        self._access.go_on()
        host = self._site.host(check.host)
        found: Findings = check.resource.read(self._access, host)
        self.result.update({"content": found.body, "status": found.code, "msg": found.info})
        data = {"problems": found.problems, "info": found.info}
        self._listener.event(Event(Kind.CHECKED, host=check.host, check=check, data=data))
        if found.problems:
            raise CheckFailed(check.host, "; ".join(found.problems), f"the check was: {check.summary}")

    def _flush(self, batch: list[Change]) -> None:
        """Make a batch of changes that share a host; one that is not made over the shell is a batch of its own."""
        if not batch:
            return
        self._access.go_on()
        host = self._site.host(batch[0].host)
        started = time.monotonic()
        for change in batch:
            self._listener.event(Event(Kind.CHANGE, host=host.name, change=change))
        numbers = self._journal.intents(self._step, batch) if self._journal else []
        if isinstance(batch[0].resource, DirectResource):
            self._direct(host, batch, numbers)
        else:
            self._shell(host, batch, numbers)
        self._read_again(host, batch)
        if self._journal:
            self._journal.done(numbers)
        seconds = time.monotonic() - started
        for change in batch:
            self.made = True
            self._listener.event(Event(Kind.CHANGED, host=host.name, change=change, data={"seconds": seconds}))

    def _direct(self, host: Host, batch: list[Change], numbers: list[int]) -> None:
        """Make direct changes: those of one lane after each other, the lanes at the same time."""
        lanes: dict[str, list[int]] = {}
        for index, change in enumerate(batch):
            lanes.setdefault(change.resource.lane, []).append(index)
        made: list[int] = []

        def bring(indexes: list[int]) -> None:
            for index in indexes:
                change = batch[index]
                try:
                    reply = change.resource.bring(self._writer, host, change.before, change.after)
                except ChangeFailed as failure:
                    if failure.code is not None:
                        self.result.update(_result(Reply(failure.code, failure.output.encode(), b"")))
                    raise
                if reply is not None:
                    self.result.update(_result(reply))
                made.append(index)

        self._note_intents(host, batch, numbers)
        try:
            with concurrent.futures.ThreadPoolExecutor(len(lanes)) as pool:
                list(pool.map(bring, lanes.values()))
        except (HostError, Interrupted):
            with contextlib.suppress(HostError):
                self._note_done(host, batch, numbers, sorted(made))
            raise
        self._note_done(host, batch, numbers, sorted(made))

    def _shell(self, host: Host, batch: list[Change], numbers: list[int]) -> None:
        become = become_of(self._step)
        scripts = [change.resource.bring_script(change.before, change.after) for change in batch]
        if become is None:
            # Before each change of the batch, for a batch may take long; as another user the connection looks once.
            fence = self._lock.fence(host.name) if self._lock else ""
            noted = zip(numbers or [0] * len(batch), batch, scripts, strict=True)
            scripts = [fence + self._noted(number, change, script) for number, change, script in noted]
        else:
            self._note_intents(host, batch, numbers)
        timeout = self._step.timeout or BATCH_SECONDS
        connection = self._writer.connection(host.name)
        replies = run_framed(connection, scripts, stop=True, timeout=timeout, become=become)
        if become is not None:
            self._note_done(host, batch, numbers, [index for index, reply in enumerate(replies) if not reply.code])
        for change, reply in zip(batch, replies, strict=False):
            if self._lock:
                self._lock.judge(host.name, reply)
            if self._journal:
                self._journal.judge(host.name, reply)
            self.result.update(_result(reply))
            if reply.code:
                raise _failed(host, change, reply, timeout)

    def _noted(self, number: int, change: Change, script: str) -> str:
        """Return a change's script that notes it on its host too; another user may not write there."""
        return self._journal.around(number, self._step, change, script) if self._journal else script

    def _note_intents(self, host: Host, batch: list[Change], numbers: list[int]) -> None:
        """Note on the host what is about to be made there by other ways than its own script."""
        if self._journal:
            journal = self._journal
            pairs = zip(numbers, batch, strict=True)
            script = "".join(journal.intent_script(number, self._step, change) for number, change in pairs)
            self._note(journal, host, script)

    def _note_done(self, host: Host, batch: list[Change], numbers: list[int], made: list[int]) -> None:
        """Note on the host what was made."""
        if self._journal and made:
            scripts = [self._journal.done_script(numbers[index], batch[index]) for index in made]
            self._note(self._journal, host, "".join(scripts))

    def _note(self, journal: Journal, host: Host, script: str) -> None:
        """Have the host note something. Raise `Refused` where it did not, whatever was the matter."""
        reply = self._writer.connection(host.name).run(script)
        journal.judge(host.name, reply)
        if reply.code:
            raise Refused(
                host.name,
                f"the journal cannot be written there: exit code {reply.code}",
                "mend the cause, then apply again",
                reply.error_text,
            )

    def _read_again(self, host: Host, batch: list[Change]) -> None:
        """Compare what is there with what was planned: an exit code proves nothing."""
        readable = [change for change in batch if change.resource.readable]
        if not readable:
            return
        values = read_host(self._access, host, list(dict.fromkeys(change.resource for change in readable)))
        last = {change.resource: change for change in readable}
        for resource, change in last.items():
            observed = values[host.name, resource]
            if not resource.reached(change.before, change.after, observed):
                raise not_converged(host.name, change, observed)
            told = resource.noted(observed)
            if told:
                self._access.note(host.name, told)


def become_of(step: Step) -> Become | None:
    """Return as whom a step runs, None for the host's own setting."""
    return None if step.user is None else Become(step.user or None)


def _fits(batch: list[Change], change: Change) -> bool:
    """Tell whether a change may be made with the batch: in one script, or at the same time."""
    if not batch:
        return True
    first, other = batch[0].resource, change.resource
    if batch[0].host != change.host:
        return False
    if isinstance(first, ShellResource) and isinstance(other, ShellResource):
        return True
    direct = isinstance(first, DirectResource) and isinstance(other, DirectResource)
    return direct and bool(first.lane and other.lane)


def _result(reply: Reply) -> Mapping[str, Any]:
    text = reply.text.rstrip("\n")
    return {
        "rc": reply.code,
        "stdout": text,
        "stdout_lines": text.splitlines(),
        "stderr": reply.error_text.rstrip("\n"),
    }


def _failed(host: Host, change: Change, reply: Reply, timeout: float) -> HostError:
    if reply.code == 124:
        said = f"{change.summary}: not finished after {timeout:.0f} s"
    else:
        said = f"{change.summary}: exit code {reply.code}"
    output = "\n".join(part for part in (reply.text.strip(), reply.error_text.strip()) if part)
    return ChangeFailed(host.name, said, "mend the cause and apply again: what is done is not done twice", output)
