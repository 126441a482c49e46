"""From plays and a view of the site to a plan; reads nothing itself, and cannot write."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ffplay import steps
from ffplay.engine.finder import Finder, Given
from ffplay.engine.options import Options, chosen
from ffplay.engine.plan import Plan, PlayPlan, StepGroup, StepPlan
from ffplay.engine.results import NO_ITEMS, PlayState, predicted
from ffplay.engine.resume import Resume
from ffplay.engine.veil import veiled
from ffplay.engine.view import NeedsReading, PlanView
from ffplay.errors import InputError
from ffplay.load import Loaded, NotKnown, Scope, select, target_of
from ffplay.model import Change, Host, Mark, Play, Site, Step, Target
from ffplay.resources.notifications import Notifications
from ffplay.resources.runs import Runs, RunState
from ffplay.resources.shard_data import ShardData
from ffplay.steps.base import Outcome


class Planner:
    """Plans single steps and whole playbooks; one for a session.

    `verb` names what its runs are called in journals; `reverts` are the runs that are `reverted` once its plan is made.
    """

    verb = "apply"
    reverts: tuple[str, ...] = ()
    reverted = ""

    def __init__(self, loaded: Loaded, options: Options, run: str) -> None:
        if loaded.playbook is None:
            raise TypeError("a planner needs a playbook")
        self.loaded = loaded
        self.playbook = loaded.playbook
        self.options = options
        self.run = run
        self._scopes: dict[tuple[Any, ...], Scope] = {}
        self._names: dict[int, tuple[tuple[Host, ...], list[str]]] = {}
        self._finder = Finder(loaded, Path(self.playbook.path), run)
        self._hosts: dict[Mark, tuple[Host, ...]] = {}
        self._batches: dict[Mark, list[tuple[Host, ...]]] = {}
        self._resume = Resume({}, self.playbook.path, run, loaded.vault.secrets)

    @property
    def site(self) -> Site:
        """Return the whole site."""
        return self.loaded.site

    def hosts(self, play: Play) -> tuple[Host, ...]:
        """Return a play's hosts, limited as the operator asked; the same tuple every time."""
        if play.mark not in self._hosts:
            self._hosts[play.mark] = select(self.site, play.hosts, self.options.limit)
        return self._hosts[play.mark]

    def batches(self, play: Play) -> list[tuple[Host, ...]]:
        """Return a play's hosts in batches; the same tuples every time."""
        if play.mark not in self._batches:
            self._batches[play.mark] = batches_of(self.hosts(play), play.serial)
        return self._batches[play.mark]

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of the hosts of all plays."""
        return tuple(dict.fromkeys(host.name for play in self.playbook.plays for host in self.hosts(play)))

    def plan(self, view: PlanView) -> Plan:
        """Plan every play. Where anything is missing in the view the plan is incomplete and must be made again."""
        self._resume = Resume(self._runs(view), self.playbook.path, self.run, self.loaded.vault.secrets)
        plays = tuple(self._play(play, view) for play in self.playbook.plays)
        names = dict.fromkeys(name for play in plays for name in play.hosts)
        hosts = {host.name: host for play in self.playbook.plays for host in self.hosts(play)}
        shards = sum(len(hosts[name].shards) for name in names)
        data = view.seen(ShardData)
        aside = tuple(sorted((host, *waiting) for (host, _), state in data.items() for waiting in state.aside))
        return Plan(plays, self.run, tuple(names), shards, self._resume.open, self._resume.continues, aside)

    def _runs(self, view: PlanView) -> dict[str, tuple[RunState, ...]]:
        """Return the runs that each host knows."""
        hosts = dict.fromkeys(host.name for play in self.playbook.plays for host in self.hosts(play))
        keys = [(name, self.runs(self.site.host(name))) for name in hosts]
        try:
            view.prefetch(keys)
        except NeedsReading:
            return {}
        return {name: view.read(name, resource)[0] for name, resource in keys}

    def runs(self, host: Host) -> Runs:
        """Return where a host keeps what runs left."""
        return Runs(self.loaded.variables.state_dir(host))

    def target(self, play: Play, hosts: tuple[Host, ...]) -> Target | None:
        """Return the play's target; it is the same for all of its hosts."""
        if play.target is None or not hosts:
            return None
        return target_of(play, self.loaded.variables.scope(hosts[0], play))

    def _play(self, play: Play, view: PlanView) -> PlayPlan:
        hosts = self.hosts(play)
        target = self.target(play, hosts)
        groups: list[StepGroup] = []
        batches = self.batches(play)
        kept = chosen(play.steps, self.options)
        pending: set[tuple[str, str]] = set()
        for batch in batches:
            state = PlayState()
            self._pending(play, batch, view, state)
            pending.update((host, name) for host, names in state.notified.items() for name in names)
            for step in kept:
                groups.append(self._group(play, step, batch, target, view, state))
            groups += self._handlers(play, batch, target, view, state)
        groups = _reviewed(groups)
        names = tuple(tuple(host.name for host in batch) for batch in batches)
        left_out = tuple(step for step in play.steps if step not in kept)
        everybody = tuple(host.name for host in hosts)
        return PlayPlan(play, everybody, target, tuple(groups), names, frozenset(pending), left_out)

    def _pending(self, play: Play, hosts: tuple[Host, ...], view: PlanView, state: PlayState) -> None:
        """Take up handlers that an earlier run notified and did not come to run."""
        if not play.handlers:
            return
        known = {handler.title for handler in play.handlers}
        for host in hosts:
            try:
                (names,) = view.read(host.name, self.notifications(play, host))
            except NeedsReading:
                continue
            state.notify(host.name, tuple(name for name in names if name in known))

    def notifications(self, play: Play, host: Host) -> Notifications:
        """Return where a host keeps the play's pending notifications."""
        return Notifications(str(self.scope(play, host, None).mapping()["state_dir"]), play.name)

    def _handlers(
        self, play: Play, hosts: tuple[Host, ...], target: Target | None, view: PlanView, state: PlayState
    ) -> Iterator[StepGroup]:
        """Plan the notified handlers in the order in which the play lists them."""
        for handler in play.handlers:
            told = tuple(host for host in hosts if handler.title in state.notified.get(host.name, {}))
            if told:
                yield self._group(play, handler, told, target, view, state, handler=True)

    def _group(
        self,
        play: Play,
        step: Step,
        hosts: tuple[Host, ...],
        target: Target | None,
        view: PlanView,
        state: PlayState,
        handler: bool = False,
    ) -> StepGroup:
        plans: list[StepPlan] = []
        for host in self._step_hosts(step, hosts):
            own = list(self.step(play, step, host, hosts, target, view, state, handler))
            state.register(step, host.name, predicted(step, own))
            if any(plan.changes or plan.state == "deferred" for plan in own):
                state.notify(host.name, step.notify)
            plans += own
        if step.run_once and plans:
            for host in hosts:
                state.register(step, host.name, state.registered.get(plans[0].host, {}).get(step.register or ""))
        return StepGroup(step, tuple(plans), handler)

    def _step_hosts(self, step: Step, hosts: tuple[Host, ...]) -> tuple[Host, ...]:
        """Return where a step has work: its own pattern, its kind's groups, the first alone for once-only ones."""
        kind = steps.kind(step.kind)
        allowed = select(self.site, step.hosts) if step.hosts else self.site.hosts
        names = {host.name for host in allowed}
        found = tuple(host for host in hosts if host.name in names)
        if kind.groups:
            members = [host for host in found if set(kind.groups) & set(host.groups)]
            if kind.once and hosts and not members:
                # What is done once for the site is not left out because `--limit` leaves out where it is done.
                members = [host for host in allowed if set(kind.groups) & set(host.groups)]
            preferred = [host for host in members if kind.groups[0] in host.groups]
            found = tuple(preferred + [host for host in members if host not in preferred] if kind.once else members)
        return found[:1] if kind.once or step.run_once else found

    def step(
        self,
        play: Play,
        step: Step,
        host: Host,
        hosts: tuple[Host, ...],
        target: Target | None,
        view: PlanView,
        state: PlayState,
        handler: bool = False,
    ) -> Iterator[StepPlan]:
        """Plan one step on one host, once for each item of its loop."""
        told = dict(state.registered.get(host.name, {}))
        scope = self.scope(play, host, target, hosts).child({**step.vars, **told})
        try:
            items = self._items(step, scope)
        except NotKnown as unknown:
            yield StepPlan(step, host.name, "deferred", reason=unknown.why, handler=handler)
            return
        if not items:
            yield StepPlan(step, host.name, "skipped", reason=NO_ITEMS, handler=handler)
        for number, item in enumerate(items):
            inner = scope if step.loop is None else scope.child({step.loop_var: item})
            shown = None if step.loop is None else item
            try:
                resume = (self._resume.began, handler or self._resume.renewed(host.name))
                given = Given(play, step, host, hosts, target, told, shown, number, handler, *resume)
                planned = self._one(given, view, inner)
            except NotKnown as unknown:
                self._resume.defers(host.name)
                yield StepPlan(step, host.name, "deferred", reason=unknown.why, item=shown, handler=handler)
            except NeedsReading:
                yield StepPlan(step, host.name, "deferred", reason="not read yet", item=shown, handler=handler)
            else:
                yield planned

    def _items(self, step: Step, scope: Scope) -> list[Any]:
        if step.loop is None:
            return [None]
        items = scope.render(step.loop)
        if not isinstance(items, list | tuple):
            raise InputError([finding(step, f"`loop` must be a list, and is {type(items).__name__}")])
        return list(items)

    def _one(self, given: Given, view: PlanView, scope: Scope) -> StepPlan:
        """Plan a step on a host, for one item. Raise `NeedsReading`, `NotKnown` or InputError."""
        plan = self._finder.find(given, view, scope)
        # What calls for a handler calls for it anew each time.
        due = plan.outcomes if given.handler else (self._due(given.step, outcome) for outcome in plan.outcomes)
        secrets = self.loaded.vault.secrets
        return dataclasses.replace(plan, outcomes=tuple(veiled(given.step, one, secrets) for one in due))

    def _due(self, step: Step, outcome: Outcome) -> Outcome:
        """Return an outcome, or what it comes to be where an earlier run of the work did it already."""
        return self._resume.outcome(step, outcome) if isinstance(outcome, Change) else outcome

    def scope(self, play: Play, host: Host, target: Target | None, hosts: tuple[Host, ...] = ()) -> Scope:
        """Return a host's variables in a play; made once."""
        # By the tuple of hosts itself, which the play keeps: comparing all of them for each would take long.
        key = (play.mark, host.name, target, id(hosts))
        if key not in self._scopes:
            if id(hosts) not in self._names:
                # The tuple is kept, so that no other one gets its id.
                self._names[id(hosts)] = (hosts, [one.name for one in hosts])
            self._scopes[key] = self.loaded.variables.scope(host, play, target, self._names[id(hosts)][1])
        return self._scopes[key]


def _reviewed(groups: list[StepGroup]) -> list[StepGroup]:
    """Let each kind judge all that the play would change: what it begins must be finished by another step."""
    changes = tuple(change for group in groups for plan in group.plans for change in plan.changes)
    found: list[StepGroup] = []
    for group in groups:
        review = steps.kind(group.step.kind).review
        problems = tuple(review(changes)) if review is not None else ()
        if problems and group.plans:
            last = group.plans[-1]
            last = dataclasses.replace(last, outcomes=(*last.outcomes, *problems))
            group = dataclasses.replace(group, plans=(*group.plans[:-1], last))  # noqa: PLW2901
        found.append(group)
    return found


def finding(step: Step, message: str) -> Any:
    """Return a finding at a step's place."""
    from ffplay.errors import Finding

    return Finding(step.mark, message)


def batches_of(hosts: tuple[Host, ...], serial: tuple[int | str, ...]) -> list[tuple[Host, ...]]:
    """Cut the hosts into batches as Ansible's `serial` does: the last size goes on until all hosts are in one."""
    if not serial or not hosts:
        return [hosts]
    batches: list[tuple[Host, ...]] = []
    at = 0
    while at < len(hosts):
        size = serial[min(len(batches), len(serial) - 1)]
        share = len(hosts) * int(size.rstrip("%")) // 100 if isinstance(size, str) and size.endswith("%") else int(size)
        batches.append(hosts[at : at + max(1, share)])
        at += max(1, share)
    return batches
