"""Plays a plan: step by step, all hosts of a step at once, and stops everywhere when one fails."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import functools
import threading
from collections.abc import Callable, Mapping
from typing import Any

from ffplay.engine.access import SiteAccess
from ffplay.engine.applier import Applier
from ffplay.engine.deferred import Reader, plan_now
from ffplay.engine.events import Event, Kind, Listener
from ffplay.engine.journal import Journal
from ffplay.engine.leg import Work
from ffplay.engine.lock import Lock
from ffplay.engine.plan import Plan, PlayPlan, StepGroup, StepPlan
from ffplay.engine.planner import Planner
from ffplay.engine.results import NO_ITEMS, PlayState, blank_result, ignored, kept_result, loop_result, status_of
from ffplay.engine.stage import InOrder, Stage, hosts_of, stages_of
from ffplay.engine.veil import hide_error, hide_result
from ffplay.errors import (
    CheckFailed,
    Error,
    HostError,
    InputError,
    Interrupted,
    Locked,
    Refused,
    SiteError,
    Unreachable,
)
from ffplay.model import Step
from ffplay.resources.base import quote

# So often it is looked whether the operator stops the run, in seconds.
_LOOK_SECONDS = 0.2

# What another try cannot mend.
_FINAL = (Unreachable, Locked, Interrupted)


class Player:
    """Applies one plan. `counts` holds how many steps ended how on each host.

    An operator who stops the run is heeded between two changes: what is under way comes to its end.
    """

    def __init__(
        self,
        planner: Planner,
        access: SiteAccess,
        listener: Listener,
        reader: Reader,
        lock: Lock | None = None,
        journal: Journal | None = None,
    ) -> None:
        self._planner = planner
        self._access = access
        self._listener = listener
        self._reader = reader
        self._lock = lock
        self._journal = journal
        self._guard = threading.Lock()
        self.counts: dict[str, dict[str, int]] = {}

    def play(self, plan: Plan) -> Error | None:
        """Apply every play; return the first error that stopped the run, None where all went well."""
        for play in plan.plays:
            self._listener.event(Event(Kind.PLAY, play=play.play, data={"hosts": play.hosts}))
            error = self._play(play)
            if error is not None:
                return error
        return None

    def _play(self, play: PlayPlan) -> Error | None:
        state = PlayState()
        for stage in stages_of(play):
            if stage[0].handler and not _notified(play, stage[0], state):
                continue
            if self._access.stopping:
                return Interrupted("stopped by the operator")
            error = self._stage(play, stage, state)
            if error is not None:
                return error
        return None

    def _stage(self, play: PlayPlan, stage: Stage, state: PlayState) -> Error | None:
        """Play the steps of one stage, all hosts at once; return the error that says most."""
        hosts = hosts_of(stage)
        order = InOrder(self._listener, stage)
        work = self._host if len(stage) == 1 else self._through
        pool = concurrent.futures.ThreadPoolExecutor(max(1, min(self._planner.options.forks, len(hosts))))
        try:
            jobs = [pool.submit(work, play, stage, host, state, order) for host in hosts]
            self._wait(jobs)
            errors = [job.result() for job in jobs]
        finally:
            # Not waited for when the operator stops the run: a tool may run for days, and goes on by itself.
            pool.shutdown(wait=False, cancel_futures=True)
        found = [error for error in errors if error is not None]
        step = stage[0].step
        if step.run_once and hosts and step.register:
            result = state.registered.get(hosts[0], {}).get(step.register)
            for name in play.hosts:
                state.register(step, name, result)
        # A failure says more than that the operator stopped the run, and a tool left running more than that.
        found.sort(key=lambda error: (isinstance(error, Interrupted), -len(error.message)))
        return found[0] if found else None

    def _wait(self, jobs: list[concurrent.futures.Future[Error | None]]) -> None:
        """Wait for all hosts; where the operator stops the run, have them begin nothing more."""
        told = False
        while concurrent.futures.wait(jobs, timeout=_LOOK_SECONDS).not_done:
            if self._access.stopping and not told:
                told = True
                self._access.stop_hosts()

    def _through(self, play: PlayPlan, stage: Stage, host: str, state: PlayState, order: InOrder) -> Error | None:
        """Play all steps of a stage on one host; return what stops the run."""
        works: list[Work] = []
        for index, group in enumerate(stage):
            mine = [plan for plan in group.plans if plan.host == host]
            results: list[dict[str, Any]] = []
            for plan in mine:
                end = functools.partial(order.ended, host, [index]) if plan is mine[-1] else None
                done = functools.partial(self._made, results=results, state=state, end=end)
                works.append(Work(plan, order.of(index), self._opening(play, plan), done))
        error: Error | None = None
        try:
            Applier(self._planner.site, self._access, self._lock, self._journal).apply(works)
        except (HostError, Interrupted) as failure:
            error = failure
        self._broken_off(works, error)
        order.ended(host, range(len(stage)))
        return error

    def _made(
        self, work: Work, results: list[dict[str, Any]], state: PlayState, end: Callable[[], None] | None
    ) -> None:
        """Take note that one step plan of a stage is made; `end` is called behind the last one of a step on its host.

        `results` are those of the step on that host so far.
        """
        plan, step = work.plan, work.step
        work.done = _told
        self._hide(work, None)
        if plan.reason != NO_ITEMS:
            results.append(kept_result(plan, work.result, work.made, None))
        if work.made:
            state.notify(plan.host, step.notify)
        self._report(work, plan, work.made, None)
        if end is not None:
            state.register(step, plan.host, results[0] if step.loop is None else loop_result(results))
            end()

    def _broken_off(self, works: list[Work], error: Error | None) -> None:
        """Report the step in which a host's stage ended."""
        left = [work for work in works if work.done is not _told]
        if error is not None and left:
            self._hide(left[0], error)
            self._report(left[0], left[0].plan, left[0].made, error)

    def _host(self, play: PlayPlan, stage: Stage, host: str, state: PlayState, order: InOrder) -> Error | None:
        """Play one step on one host, every item of its loop in order; return what stops the run."""
        (group,) = stage
        step = group.step
        plans = [plan for plan in group.plans if plan.host == host]
        results: list[dict[str, Any]] = []
        stopped: Error | None = None
        for plan in plans:
            if self._access.stopping:
                return Interrupted("stopped by the operator")
            result, error = self._item(play, plan, state, order.of(0))
            if plan.reason != NO_ITEMS:
                results.append(result)
            if error is not None and not ignored(step, error):
                stopped = error
                break
        state.register(step, host, results[0] if step.loop is None else loop_result(results))
        if group.handler and stopped is None:
            self._handled(play, step, host)
        order.ended(host, [0])
        return stopped

    def _item(
        self, play: PlayPlan, plan: StepPlan, state: PlayState, listener: Listener
    ) -> tuple[dict[str, Any], Error | None]:
        """Play one step plan with its retries; return the result to register, and the error if it failed."""
        step = plan.step
        applier = Applier(self._planner.site, self._access, self._lock, self._journal)
        error: Error | None = None
        changed = False
        planned = plan
        work = Work(plan, listener)
        for attempt in range(step.retries + 1):
            try:
                if attempt:
                    self._retry(plan, step, attempt, error)
                if plan.state == "deferred" or attempt:
                    planned = plan_now(self._planner, self._reader, play, plan, state)
                work = Work(planned, listener, self._opening(play, planned))
                applier.apply([work])
                changed = changed or work.made
                error = self._until(play, plan, state, work.result)
            except (HostError, Interrupted) as failure:
                error = failure
                changed = changed or (work.made and isinstance(error, Interrupted))
            except InputError as mistake:
                # Seen only now: it depends on what an earlier step found out.
                error = Refused(plan.host, mistake.message, f"see {step.mark}")
            self._hide(work, error)
            if error is None or isinstance(error, _FINAL):
                break
        result = kept_result(planned, work.result, changed, error)
        if changed and error is None:
            state.notify(plan.host, step.notify)
        self._report(dataclasses.replace(work, plan=plan), planned, changed, error)
        return result, error

    def _hide(self, work: Work, error: Error | None) -> None:
        """Leave nothing to be told of what a step with `no_log` gave; a host that is lost says nothing of it."""
        if work.step.no_log:
            hide_result(work.result, self._planner.loaded.vault.secrets)
            if isinstance(error, SiteError):
                hide_error(error)

    def _until(self, play: PlayPlan, plan: StepPlan, state: PlayState, result: Mapping[str, Any]) -> HostError | None:
        """Return an error unless every `until` holds for what was just done."""
        step = plan.step
        if not step.until:
            return None
        host = self._planner.site.host(plan.host)
        own = {step.register: {**blank_result(), **result}} if step.register else {}
        names = {**step.vars, **state.registered.get(plan.host, {}), **own}
        scope = self._planner.scope(play.play, host, play.target).child(names)
        for condition in step.until:
            if not scope.test(condition):
                return CheckFailed(plan.host, f"`until: {condition}` does not hold", "", str(result.get("stdout", "")))
        return None

    def _retry(self, plan: StepPlan, step: Step, attempt: int, error: Error | None) -> None:
        text = error.message if error else ""
        data = {"attempt": attempt, "retries": step.retries}
        self._listener.event(Event(Kind.RETRY, host=plan.host, step=step, text=text, data=data))
        self._access.pause(step.delay)

    def _opening(self, play: PlayPlan, plan: StepPlan) -> str:
        """Return sh that writes on the host which handlers a change calls for, before the change is made."""
        if not (plan.step.notify and plan.changes):
            return ""
        resource = self._planner.notifications(play.play, self._planner.site.host(plan.host))
        script = resource.bring_script((), tuple(sorted(set(plan.step.notify))))
        failed = f"echo cannot write below {quote([resource.directory])} >&2; exit 1"
        return f"(\n{script}\n) || {{ {failed}; }}\n"

    def _handled(self, play: PlayPlan, step: Step, host: str) -> None:
        """Forget a notification once its handler has run."""
        resource = self._planner.notifications(play.play, self._planner.site.host(host))
        access = self._access if self._lock is None else self._lock.access()
        reply = access.connection(host).run(resource.bring_script((step.title,), ()))
        if reply.code:
            raise Refused(
                host, f"cannot write below {resource.directory}", "see state_dir in the inventory", reply.error_text
            )

    def _report(self, work: Work, planned: StepPlan, changed: bool, error: Error | None) -> None:
        """Tell how a step plan ended; `planned` is what it came to be where that was known after apply alone."""
        plan, result = work.plan, work.result
        status = status_of(planned, changed, error)
        goes_on = error is not None and ignored(plan.step, error)
        with self._guard:
            counts = self.counts.setdefault(plan.host, {})
            counts[status.value] = counts.get(status.value, 0) + 1
        work.listener.event(
            Event(
                Kind.RESULT,
                host=plan.host,
                step=plan.step,
                item=plan.item,
                status=status,
                text=error.message if isinstance(error, Interrupted) else planned.reason,
                error=error if isinstance(error, HostError) else None,
                data={"ignored": goes_on, "msg": result.get("msg", "")},
            )
        )


def _told(_: Work) -> None:
    """Mark a work as reported."""


def _notified(play: PlayPlan, group: StepGroup, state: PlayState) -> bool:
    """Tell whether a handler runs: something changed that notifies it, now or in a run that did not come to it."""
    return any(
        (plan.host, group.step.title) in play.pending or group.step.title in state.notified.get(plan.host, {})
        for plan in group.plans
    )
