"""Plays a plan: step by step, all hosts of a step at once, and stops everywhere when one fails."""

from __future__ import annotations

import concurrent.futures
import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from ffplay.engine.access import SiteAccess
from ffplay.engine.applier import Applier
from ffplay.engine.events import Event, Kind, Listener
from ffplay.engine.journal import Journal
from ffplay.engine.lock import Lock
from ffplay.engine.plan import Plan, PlayPlan, StepGroup, StepPlan
from ffplay.engine.planner import Planner, PlayState
from ffplay.engine.results import NO_ITEMS, blank_result, loop_result
from ffplay.engine.view import PlanView
from ffplay.errors import CheckFailed, Error, HostError, InputError, Interrupted, Locked, Refused, Unreachable
from ffplay.model import Status, Step

# Reads what a view misses; returns nothing, fills the view's observations.
Reader = Callable[[PlanView, dict[Any, Any]], None]

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
        for group in play.groups:
            if group.handler and not _notified(play, group, state):
                continue
            if self._access.stopping:
                return Interrupted("stopped by the operator")
            error = self._group(play, group, state)
            if error is not None:
                return error
        return None

    def _group(self, play: PlayPlan, group: StepGroup, state: PlayState) -> Error | None:
        hosts = list(dict.fromkeys(plan.host for plan in group.plans))
        data = {"hosts": hosts, "handler": group.handler}
        self._listener.event(Event(Kind.STEP, step=group.step, data=data))
        by_host = {host: [plan for plan in group.plans if plan.host == host] for host in hosts}
        workers = max(1, min(self._planner.options.forks, len(hosts)))
        pool = concurrent.futures.ThreadPoolExecutor(workers)
        try:
            jobs = [pool.submit(self._host, play, group, by_host[host], state) for host in hosts]
            errors = [job.result() for job in concurrent.futures.as_completed(jobs)]
        finally:
            # Not waited for when the operator stops the run: a tool may run for days, and goes on by itself.
            pool.shutdown(wait=False, cancel_futures=True)
        found = [error for error in errors if error is not None]
        if group.step.run_once and hosts and group.step.register:
            result = state.registered.get(hosts[0], {}).get(group.step.register)
            for name in play.hosts:
                state.register(group.step, name, result)
        # A failure says more than that the operator stopped the run, and a tool left running more than that.
        found.sort(key=lambda error: (isinstance(error, Interrupted), -len(error.message)))
        return found[0] if found else None

    def _host(self, play: PlayPlan, group: StepGroup, plans: list[StepPlan], state: PlayState) -> Error | None:
        """Play one step on one host, every item of its loop in order; return what stops the run."""
        step = group.step
        results: list[dict[str, Any]] = []
        stopped: Error | None = None
        for plan in plans:
            if self._access.stopping:
                return Interrupted("stopped by the operator")
            result, error = self._item(play, plan, state)
            if plan.reason != NO_ITEMS:
                results.append(result)
            if error is not None and not _ignored(step, error):
                stopped = error
                break
        host = plans[0].host
        state.register(step, host, results[0] if step.loop is None else loop_result(results))
        if group.handler and stopped is None:
            self._handled(play, step, host)
        return stopped

    def _item(self, play: PlayPlan, plan: StepPlan, state: PlayState) -> tuple[dict[str, Any], Error | None]:
        """Play one step plan with its retries; return the result to register, and the error if it failed."""
        step = plan.step
        applier = Applier(self._planner.site, self._access, self._listener, step, self._lock, self._journal)
        error: Error | None = None
        changed = False
        planned = plan
        for attempt in range(step.retries + 1):
            try:
                if attempt:
                    self._retry(plan, step, attempt, error)
                planned = self._ready(play, plan, state) if plan.state == "deferred" or attempt else plan
                self._notified(play, step, planned)
                changed = applier.apply(planned) or changed
                error = self._until(play, plan, state, applier.result)
            except (HostError, Interrupted) as failure:
                error = failure
                changed = changed or (applier.made and isinstance(error, Interrupted))
            except InputError as mistake:
                # Seen only now: it depends on what an earlier step found out.
                error = Refused(plan.host, mistake.message, f"see {step.mark}")
            if error is None or isinstance(error, _FINAL):
                break
        result = _result(planned, applier.result, changed, error)
        if changed and error is None:
            state.notify(plan.host, step.notify)
        self._report(plan, planned, changed, error, applier.result)
        return result, error

    def _ready(self, play: PlayPlan, plan: StepPlan, state: PlayState) -> StepPlan:
        """Plan a step now that all before it has happened, with everything read anew."""
        planner = self._planner
        observed: dict[Any, Any] = {}
        hosts = planner.hosts(play.play)
        batch = next((names for names in play.batches if plan.host in names), play.hosts)
        members = tuple(host for host in hosts if host.name in batch)
        host = planner.site.host(plan.host)
        host = next((member for member in members if member.name == host.name), host)
        step = plan.step if plan.item is None else dataclasses.replace(plan.step, loop=[plan.item])
        while True:
            view = PlanView(observed)
            plans = list(planner.step(play.play, step, host, members, play.target, view, state, plan.handler))
            if not view.missing:
                return _joined(plan, plans)
            self._reader(view, observed)

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

    def _notified(self, play: PlayPlan, step: Step, plan: StepPlan) -> None:
        """Write on the host which handlers a change calls for, before the change is made."""
        if step.notify and plan.changes:
            self._keep(play, plan.host, set(step.notify), set())

    def _handled(self, play: PlayPlan, step: Step, host: str) -> None:
        """Forget a notification once its handler has run."""
        self._keep(play, host, set(), {step.title})

    def _keep(self, play: PlayPlan, host: str, add: set[str], remove: set[str]) -> None:
        resource = self._planner.notifications(play.play, self._planner.site.host(host))
        script = resource.bring_script(tuple(sorted(remove)), tuple(sorted(add)))
        access = self._access if self._lock is None else self._lock.access()
        reply = access.connection(host).run(script)
        if reply.code:
            raise Refused(
                host, f"cannot write below {resource.directory}", "see state_dir in the inventory", reply.error_text
            )

    def _report(
        self, plan: StepPlan, planned: StepPlan, changed: bool, error: Error | None, result: Mapping[str, Any]
    ) -> None:
        status = _status(planned, changed, error)
        ignored = error is not None and _ignored(plan.step, error)
        counts = self.counts.setdefault(plan.host, {})
        counts[status.value] = counts.get(status.value, 0) + 1
        self._listener.event(
            Event(
                Kind.RESULT,
                host=plan.host,
                step=plan.step,
                item=plan.item,
                status=status,
                text=error.message if isinstance(error, Interrupted) else planned.reason,
                error=error if isinstance(error, HostError) else None,
                data={"ignored": ignored, "msg": result.get("msg", "")},
            )
        )


def _notified(play: PlayPlan, group: StepGroup, state: PlayState) -> bool:
    """Tell whether a handler runs: something changed that notifies it, now or in a run that did not come to it."""
    return any(
        (plan.host, group.step.title) in play.pending or group.step.title in state.notified.get(plan.host, {})
        for plan in group.plans
    )


def _joined(plan: StepPlan, plans: list[StepPlan]) -> StepPlan:
    """Return one step plan for what was planned as one: a deferred loop may turn out to have several items."""
    if len(plans) == 1:
        return dataclasses.replace(plans[0], item=plan.item)
    outcomes = tuple(outcome for one in plans for outcome in one.outcomes)
    return dataclasses.replace(plan, state="planned", outcomes=outcomes)


def _ignored(step: Step, error: Error) -> bool:
    """Tell whether a step's error does not stop the run. Nothing is done any more without the lock."""
    return step.ignore_errors and not isinstance(error, Interrupted | Locked)


def _status(plan: StepPlan, changed: bool, error: Error | None) -> Status:
    if isinstance(error, Interrupted):
        return Status.CHANGED if changed else Status.SKIPPED
    if error is not None:
        return Status.UNREACHABLE if isinstance(error, Unreachable) else Status.FAILED
    if plan.state == "skipped":
        return Status.SKIPPED
    return Status.CHANGED if changed else Status.OK


def _result(plan: StepPlan, result: Mapping[str, Any], changed: bool, error: Error | None) -> dict[str, Any]:
    """Return what `register` keeps."""
    skipped = plan.state == "skipped"
    known = {"changed": changed, "skipped": skipped, "failed": error is not None}
    message = {"msg": error.message} if error else {}
    return {**blank_result(), **result, **message, **known}
