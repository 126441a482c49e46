"""The one place that writes: makes the Changes of plans on a host, reads each again, and says how it went."""

from __future__ import annotations

import concurrent.futures
import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

from ffplay.engine.access import BATCH_SECONDS, SiteAccess, read_host
from ffplay.engine.events import Event, Kind
from ffplay.engine.framed import run_framed
from ffplay.engine.journal import Journal
from ffplay.engine.leg import Batch, Leg, Work, become_of, failed, result_of
from ffplay.engine.lock import Lock
from ffplay.engine.veil import hidden_problems
from ffplay.errors import ChangeFailed, CheckFailed, HostError, Interrupted, Refused
from ffplay.model import Change, Check, Host, Note, Site
from ffplay.remote.base import Access, Reply
from ffplay.resources.checks import Findings

# So many hosts are changed at the same time by one step that plans for all of them.
_HOSTS_AT_ONCE = 50


class Applier:
    """Makes the changes of one or more steps on one host, in order.

    Changes that are made over the shell travel as one script, as far as nothing else comes between them. With a lock
    each looks first whether the run still has it; what only reads does not. With a journal each is noted before and
    after.
    """

    def __init__(
        self, site: Site, access: SiteAccess, lock: Lock | None = None, journal: Journal | None = None
    ) -> None:
        self._site = site
        self._access = access
        self._lock = lock
        self._journal = journal
        self._writer: Access = access if lock is None else lock.access()

    def apply(self, works: Sequence[Work]) -> None:
        """Make everything of the works. Raise `HostError` or `Interrupted`."""
        leg: list[Batch] = []
        checks: list[Check] = []
        for work in works:
            for outcome in work.plan.outcomes:
                if isinstance(outcome, Check):
                    self._flush(leg)
                    checks.append(outcome)
                    continue
                self._check(work, checks)
                if not isinstance(outcome, Change):
                    self._flush(leg)
                    self._other(work, outcome)
                else:
                    if not _joins(leg, work, outcome):
                        self._flush(leg)
                    self._put(leg, work, outcome)
            self._check(work, checks)
            if leg:
                leg[-1].ends.append(work)
            else:
                work.done(work)
        self._flush(leg)

    def _put(self, leg: list[Batch], work: Work, change: Change) -> None:
        """Put a change into the batch of its step and host."""
        for batch in leg:
            if batch.work is work and batch.host == change.host:
                batch.changes.append(change)
                return
        leg.append(Batch(work, [change]))

    def _other(self, work: Work, outcome: Any) -> None:
        """Say a note, or refuse over a problem."""
        if not isinstance(outcome, Note):
            raise Refused(outcome.host, outcome.summary, outcome.advice)
        work.result.update({"msg": outcome.summary, **outcome.result})
        work.listener.event(Event(Kind.OUTPUT, host=outcome.host, text=outcome.summary, data={"note": True}))

    def _check(self, work: Work, checks: list[Check]) -> None:
        """Make checks that nothing comes between: they read, and so at the same time."""
        if not checks:
            return
        self._access.go_on()
        for name, asked in _by_host(checks):
            resources = list(dict.fromkeys(check.resource for check in asked))
            values = read_host(self._access, self._site.host(name), resources)
            for check in asked:
                _judge(work, check, values[name, check.resource])
        checks.clear()

    def _flush(self, leg: list[Batch]) -> None:
        """Make changes that travel together; those of several hosts at the same time."""
        if not leg:
            return
        by_host: dict[str, list[Batch]] = {}
        for batch in leg:
            by_host.setdefault(batch.host, []).append(batch)
        leg.clear()
        self._access.go_on()
        if len(by_host) == 1:
            self._made(*by_host.values())
            return
        with concurrent.futures.ThreadPoolExecutor(min(_HOSTS_AT_ONCE, len(by_host))) as pool:
            list(pool.map(self._made, by_host.values()))

    def _made(self, batches: Sequence[Batch]) -> None:
        """Make the batches of one host."""
        first = batches[0]
        host = self._site.host(first.host)
        if self._journal:
            for batch in batches:
                batch.numbers = self._journal.intents(batch.work.step, batch.changes)
        timeout = first.work.step.timeout or BATCH_SECONDS
        if first.scripted and become_of(first.work.step) is None:
            leg = Leg(host, batches, self._access, self._lock, self._journal)
            leg.make(self._writer.connection(host.name), timeout)
            return
        first.begin()
        self._note_intents(host, first)
        if first.scripted:
            self._as_another(host, first, timeout)
        else:
            self._direct(host, first)
        values = read_host(self._access, host, list(first.last))
        first.compare([values[host.name, one] for one in first.last], self._access)
        first.tell(self._journal)

    def _direct(self, host: Host, batch: Batch) -> None:
        """Make direct changes: those of one lane after each other, the lanes at the same time."""
        lanes: dict[str, list[int]] = {}
        for index, change in enumerate(batch.changes):
            lanes.setdefault(change.resource.lane, []).append(index)
        made: list[int] = []

        def bring(indexes: list[int]) -> None:
            for index in indexes:
                change = batch.changes[index]
                try:
                    reply = change.resource.bring(self._writer, host, change.before, change.after)
                except ChangeFailed as failure:
                    if failure.code is not None:
                        batch.work.result.update(result_of(Reply(failure.code, failure.output.encode(), b"")))
                    raise
                if reply is not None:
                    batch.work.result.update(result_of(reply))
                made.append(index)

        try:
            with concurrent.futures.ThreadPoolExecutor(len(lanes)) as pool:
                list(pool.map(bring, lanes.values()))
        except (HostError, Interrupted):
            with contextlib.suppress(HostError):
                self._note_done(host, batch, sorted(made))
            raise
        self._note_done(host, batch, sorted(made))

    def _as_another(self, host: Host, batch: Batch, timeout: float) -> None:
        """Make changes as another user, who may not write notes: the notes go by themselves."""
        scripts = [change.resource.bring_script(change.before, change.after) for change in batch.changes]
        connection = self._writer.connection(host.name)
        become = become_of(batch.work.step)
        replies = run_framed(connection, scripts, stop=True, timeout=timeout, become=become)
        self._note_done(host, batch, [index for index, reply in enumerate(replies) if not reply.code])
        for change, reply in zip(batch.changes, replies, strict=False):
            if self._lock:
                self._lock.judge(host.name, reply)
            batch.work.result.update(result_of(reply))
            if reply.code:
                raise failed(host, change, reply, timeout)

    def _note_intents(self, host: Host, batch: Batch) -> None:
        """Note on the host what is about to be made there by other ways than its own script."""
        script = batch.work.opening
        batch.work.opening = ""
        if self._journal:
            script += self._journal.intent_script(batch.numbers, batch.work.step, batch.changes)
        if script:
            self._note(host, script)

    def _note_done(self, host: Host, batch: Batch, made: list[int]) -> None:
        """Note on the host what was made."""
        if self._journal and made:
            numbers = [batch.numbers[index] for index in made]
            self._note(host, self._journal.done_script(numbers, host.name))

    def _note(self, host: Host, script: str) -> None:
        """Have the host note something. Raise `Refused` where it did not, whatever was the matter."""
        reply = self._writer.connection(host.name).run(script)
        if self._journal:
            self._journal.judge(host.name, reply)
        if reply.code:
            raise Refused(
                host.name,
                f"the journal cannot be written there: exit code {reply.code}",
                "mend the cause, then apply again",
                reply.error_text,
            )


def _by_host(checks: Sequence[Check]) -> Iterator[tuple[str, list[Check]]]:
    """Yield checks that follow each other on the same host."""
    at = 0
    while at < len(checks):
        name = checks[at].host
        end = next((index for index in range(at, len(checks)) if checks[index].host != name), len(checks))
        yield name, list(checks[at:end])
        at = end


def _judge(work: Work, check: Check, found: Findings) -> None:
    """Tell how a check came out. Raise `CheckFailed`."""
    work.result.update({"content": found.body, "status": found.code, "msg": found.info})
    told = {"problems": found.problems, "info": found.info}
    data = hidden_problems(told) if check.hidden else told
    work.listener.event(Event(Kind.CHECKED, host=check.host, check=check, data=data))
    if found.problems:
        raise CheckFailed(check.host, "; ".join(found.problems), f"the check was: {check.summary}")


def _joins(leg: list[Batch], work: Work, change: Change) -> bool:
    """Tell whether a change may be made with those before it: in one script, or at the same time."""
    if not leg:
        return True
    last = leg[-1]
    mine, theirs = become_of(work.step), become_of(last.work.step)
    if last.scripted and change.resource.scripted(change.before, change.after):
        return mine == theirs and (last.work is work or mine is None)
    if last.scripted or last.work is not work or last.host != change.host:
        return False
    return bool(last.changes[0].resource.lane and getattr(change.resource, "lane", ""))
