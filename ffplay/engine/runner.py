"""The verbs as functions of a session: make a plan, apply it."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Any, Self

from ffplay import __version__
from ffplay.engine.access import SiteAccess, collected, read_host
from ffplay.engine.events import Event, Kind, Listener
from ffplay.engine.fingerprints import observations
from ffplay.engine.framed import run_framed
from ffplay.engine.journal import Journal, runs_folder
from ffplay.engine.lock import Lock, Locks, locks_of, state_dirs, this_process
from ffplay.engine.options import Options, check_start
from ffplay.engine.plan import Plan, same
from ffplay.engine.planner import Planner
from ffplay.engine.stale import changed
from ffplay.engine.stale import error as stale
from ffplay.engine.standing import standing
from ffplay.engine.stopwatch import Stopwatch
from ffplay.engine.view import NeedsReading, PlanView
from ffplay.errors import Error, HostError, Interrupted, SiteError, SiteErrors, Stale
from ffplay.load import Loaded, uncollected
from ffplay.model import Mark, Play, Step
from ffplay.remote.pool import Pool
from ffplay.resources.base import Resource, Scripted
from ffplay.resources.job_script import forget_script
from ffplay.resources.lock import Holder
from ffplay.resources.mongo import import_driver
from ffplay.resources.runs import RunEnd, RunHead

if TYPE_CHECKING:
    from ffplay.engine.forecaster import Forecaster

__all__ = ["Options", "Session"]

# So many hosts are connected to while a plan is begun. More of them would take from it the processors that it needs.
_EARLY = 8


class _OneAtATime:
    """Passes events on one by one, from whichever thread they come; `journal` and `watch` too, once there are any."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._lock = threading.Lock()
        self.journal: Journal | None = None
        self.watch: Stopwatch | None = None

    def event(self, event: Event) -> None:
        with self._lock:
            if self.journal is not None:
                self.journal.event(event)
            if self.watch is not None:
                self.watch.event(event)
            self._listener.event(event)


class Session:
    """One command's work on one site, by the plans of one planner; owns the connections."""

    def __init__(self, loaded: Loaded, planner: Planner, options: Options, listener: Listener) -> None:
        self._loaded = loaded
        self._options = options
        self._listener = _OneAtATime(listener)
        self._planner = planner
        check_start(self._planner.playbook, options)
        self._pool = Pool(loaded.site.hosts, options.forks)
        self._access = SiteAccess(self._pool, self._listener)
        self._forecaster: Forecaster | None = None
        # What the last plan was made from, and what goes on with it where that is not the same command once more.
        self.observed: dict[Any, Any] = {}
        self.again = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.close()

    def plan(self) -> Plan:
        """Read the site and return what the playbook would change. Raise `SiteErrors` with every host's error."""
        return self._first(self._planner)

    def verify(self) -> Plan:
        """Return a plan that has only the playbook's verify steps, or one for a play that has none."""
        playbook = self._planner.playbook
        plays = tuple(_only_verify(play) for play in playbook.plays if play.target is not None)
        loaded = dataclasses.replace(self._loaded, playbook=dataclasses.replace(playbook, plays=plays))
        self._planner = Planner(loaded, self._options, self._planner.run)
        return self._first(self._planner)

    def apply(self, plan: Plan) -> Mapping[str, Mapping[str, int]]:
        """Make the plan's changes. Raise the error that stopped the run, after telling the recap.

        A plan that changes something needs the site's lock (else `Locked`), and is made again under it: what somebody
        changed since it was shown refuses it.
        """
        if plan.empty and not self.closes(plan):
            return self._make(plan, None, None)
        holder = this_process(self._planner.run, self._planner.playbook.path)
        lock = Lock(self._access, self._loaded.site.hosts, locks_of(self._loaded), holder)
        journal = Journal(self._head(plan, holder), state_dirs(self._loaded), runs_folder(), self._loaded.vault.secrets)
        hosts = {*plan.hosts, *(change.host for change in plan.changes)}
        try:
            with lock.over(hosts, self._not_released, self._asked()) as values:
                before = self.observed
                now = self._plan(self._planner, values)
                if now.problems or not same(plan, now):
                    raise self._changed(before)
                journal.begin(now)
                self._listener.journal = journal
                return self._make(now, lock, journal)
        except KeyboardInterrupt as error:
            raise Interrupted(
                "stopped without waiting: what was under way on the hosts may go on there, and the site's lock is left",
                "to go on, run the same command again on this machine: it takes the lock over (from another one: "
                "ff-play unlock PLAYBOOK -i FILE)",
            ) from error

    def _changed(self, before: Mapping[tuple[str, Resource], Any]) -> Stale:
        """Return the error for a plan that came out otherwise under the lock; `before` is what it was made from."""
        sides = (observations(values, self._loaded.site, self._planner.run) for values in (before, self.observed))
        found = list(changed(*sides)) or ["what is to be done is not what was shown"]
        return stale("the site changed since the plan was made", found, "plan again")

    def closes(self, plan: Plan) -> bool:
        """Tell whether runs are open no more once the plan is made, also where it changes nothing else."""
        return bool(plan.continues or self._planner.reverts)

    def stop(self) -> None:
        """Have `apply` stop where it is well; a signal handler may call this."""
        self._access.stop()

    def locks(self) -> Locks:
        """Return the site's locks; a host that does not answer is told when it is asked."""
        return Locks(self._access, self._loaded.site.hosts, locks_of(self._loaded))

    @property
    def hosts(self) -> tuple[str, ...]:
        """Return the names of the hosts of all plays."""
        return self._planner.names

    def _not_released(self, error: HostError) -> None:
        self._tell(error.host, f"the lock is left there: {error.message}; ff-play unlock removes it")

    def _tell(self, host: str, text: str) -> None:
        self._listener.event(Event(Kind.OUTPUT, host=host, text=text, data={"note": True}))

    def _head(self, plan: Plan, holder: Holder) -> RunHead:
        """Return who begins the run and what for."""
        hosts = {change.host for change in plan.changes}
        summary = f"{len(plan.changes)} changes on {len(hosts)} hosts"
        playbook = str(Path(holder.playbook).resolve())
        verb, reverts = self._planner.verb, self._planner.reverts
        return RunHead(
            holder.run,
            verb,
            holder.user,
            holder.machine,
            holder.since,
            playbook,
            __version__,
            summary,
            plan.continues,
            reverts,
        )

    def _end(self, plan: Plan, lock: Lock, journal: Journal, error: Error | None) -> None:
        """Write how the run ended, here and on every host that knows of it or of what it went on with."""
        proved = any(step.step.kind == "verify" and step.checks for step in plan.step_plans())
        status = "ok" if error is None else "interrupted" if isinstance(error, Interrupted) else "failed"
        end = RunEnd(status, error.message if error is not None else "", proved and error is None)
        closed = dict.fromkeys((journal.head.run, *plan.continues), "done")
        closed |= dict.fromkeys(self._planner.reverts, self._planner.reverted)
        closed = closed if error is None else {}
        hosts = {*journal.hosts, *(plan.hosts if closed else ())}
        directories = state_dirs(self._loaded)

        def write(host: str) -> None:
            try:
                noted = lock.fence(host) + journal.end_script(host, end, closed)
                if closed:
                    noted += f"(\n{forget_script(f'{directories[host]}/jobs', [*closed])}\n)\n:"
                release, released = lock.ending(host)
                replies = run_framed(self._access.connection(host), [noted, release], stop=False)
                released(replies[-1])
                lock.judge(host, replies[0])
                if replies[0].code:
                    raise SiteError(host, replies[0].error_text.strip())
            except HostError as failure:
                self._tell(host, f"its journal does not say that the run ended: {failure.message}")

        with concurrent.futures.ThreadPoolExecutor(max(1, min(self._options.forks, len(hosts)))) as pool:
            list(pool.map(write, sorted(hosts)))
        journal.end(end)

    def _make(self, plan: Plan, lock: Lock | None, journal: Journal | None) -> Mapping[str, Mapping[str, int]]:
        from ffplay.engine.player import Player

        started = time.monotonic()
        player = Player(self._planner, self._access, self._listener, self._read, lock, journal)
        watch = self._listener.watch = Stopwatch(plan)
        error = player.play(plan)
        times = watch.times()
        if lock is not None and journal is not None:
            journal.times = times
            self._end(plan, lock, journal, error)
        shards = standing(self._access, self._loaded.site, plan.hosts) if error is not None else ()
        hosts = {host: player.counts.get(host, {}) for host in plan.hosts}
        seconds = time.monotonic() - started
        data = {"hosts": hosts, "seconds": seconds, "standing": shards, "verb": self._planner.verb}
        data |= {"run": _way_back(plan, journal), "times": times, "again": self.again}
        self._listener.event(Event(Kind.RECAP, error=error, data=data))
        if error is not None:
            raise error
        return hosts

    def counts(self) -> tuple[int, int, int]:
        """Return how many connections were made, how many round trips they took, and how many tunnels."""
        return self._pool.connections, self._pool.round_trips, self._pool.tunnels

    def _first(self, planner: Planner) -> Plan:
        """Plan for the first time: all hosts of all plays must answer before anything is changed on any.

        What a plan asks for is found out, and what it takes is imported, while the first ones are connected to; each
        is read as soon as it answers.
        """
        self._pool.prepare(self.hosts)
        with concurrent.futures.ThreadPoolExecutor(_EARLY) as beside:
            early = {name: beside.submit(self._pool.connection, name) for name in self.hosts[:_EARLY]}
            if any("mongo" in self._loaded.site.host(name).groups for name in self.hosts):
                import_driver()
            return self._plan(
                planner, connect=lambda name: early[name].result() if name in early else self._pool.connection(name)
            )

    def _asked(self) -> Mapping[str, Sequence[Scripted]]:
        """Return what the last plan read over each host's shell."""
        found: dict[str, list[Scripted]] = {}
        for host, one in self.observed:
            if isinstance(one, Scripted):
                found.setdefault(host, []).append(one)
        return found

    def _plan(
        self,
        planner: Planner,
        known: Mapping[Any, Any] = MappingProxyType({}),
        connect: Callable[[str], object] | None = None,
    ) -> Plan:
        """Plan by what is known, and by what else there is to be read; with `connect` all hosts must answer to that."""
        observed = self.observed = dict(known)
        while True:
            view = PlanView(observed)
            # A plan of a large site is some hundred thousand things, none of which is garbage before it is made.
            with uncollected():
                plan = planner.plan(view)
                plan = plan if view.missing else self._foreseen(planner, plan, view)
            if view.missing or connect:
                self._read(view, observed, connect)
                connect = None
            if not view.missing:
                return plan

    def _foreseen(self, planner: Planner, plan: Plan, view: PlanView) -> Plan:
        """Return the plan with its forecast; of a plan that undoes or removes none is made."""
        if planner.verb != Planner.verb or plan.empty:
            return plan
        from ffplay.engine.forecaster import Forecaster

        self._forecaster = self._forecaster or Forecaster(self._loaded, measure=self._options.measure)
        try:
            return dataclasses.replace(plan, forecast=self._forecaster.of(plan, view))
        except NeedsReading:
            return plan

    def _read(self, view: PlanView, observed: dict[Any, Any], connect: Callable[[str], object] | None = None) -> None:
        """Read what the view misses and what it foresees, all hosts at once; with `connect` reach all hosts by that.

        Raise `SiteErrors` with the errors of all hosts.
        """
        wanted: dict[str, list[Resource]] = {name: [] for name in (self.hosts if connect else ())}
        for host, resource in {**view.missing, **view.foreseen}:
            wanted.setdefault(host, []).append(resource)
        errors: list[HostError] = []

        def read(name: str) -> None:
            with collected(errors):
                if connect:
                    connect(name)
                extra = [one for one in wanted[name] if (name, one) not in view.missing]
                host = self._loaded.site.host(name)
                observed.update(read_host(self._access, host, wanted[name], optional=extra))

        with concurrent.futures.ThreadPoolExecutor(max(1, min(self._options.forks, len(wanted)))) as pool:
            list(pool.map(read, wanted))
        if errors:
            order = {name: number for number, name in enumerate(wanted)}
            raise SiteErrors(tuple(sorted(errors, key=lambda error: order.get(error.host, -1))))


def _way_back(plan: Plan, journal: Journal | None) -> str:
    """Return the run that a rollback from here is to name: this one, or what it was to go on with; empty for none."""
    if journal is not None and journal.hosts:
        return journal.head.run
    return plan.continues[0] if plan.continues else ""


def _only_verify(play: Play) -> Play:
    """Return the play with its verify steps alone; one that has none gets the default."""
    found = tuple(step for step in play.steps if step.kind == "verify")
    mark = play.mark or Mark("", 0, 0)
    return dataclasses.replace(play, steps=found or (Step("verify", {}, mark),), handlers=())
