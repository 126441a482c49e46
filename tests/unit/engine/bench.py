"""A site of this machine's own shell under several names, and playbooks as text, for the engine's tests."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from ffplay.engine.access import SiteAccess, read_host
from ffplay.engine.applier import Applier
from ffplay.engine.events import Event, Kind
from ffplay.engine.journal import Journal
from ffplay.engine.leg import Work
from ffplay.engine.lock import Lock
from ffplay.engine.options import Options
from ffplay.engine.plan import Plan, StepPlan
from ffplay.engine.planner import Planner
from ffplay.engine.player import Player
from ffplay.engine.view import PlanView
from ffplay.errors import HostError, Unreachable
from ffplay.load import Sources, load
from ffplay.remote.local import LocalConnection
from ffplay.resources.command import ALWAYS, Command
from ffplay.resources.file import ABSENT, File
from ffplay.resources.job import JobState, JobStatus
from ffplay.resources.notifications import Notifications
from ffplay.resources.runs import Runs
from ffplay.resources.unit import Unit, UnitState

# What a site is like where a test says nothing of it.
USUAL: Mapping[type, Any] = {
    File: ABSENT,
    Command: ALWAYS,
    JobStatus: JobState(),
    Notifications: (),
    Unit: UnitState("active"),
    Runs: (),
}


class Recorder:
    """Keeps every event."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def event(self, event: Event) -> None:
        self.events.append(event)

    def results(self) -> list[tuple[str, str, str]]:
        """Return (host, step, status) of each step that ended."""
        found = [event for event in self.events if event.kind is Kind.RESULT]
        return [(event.host, event.step.title, event.status.value) for event in found if event.step and event.status]


class LocalPool:
    """Every host is this machine; those in `lost` cannot be reached."""

    def __init__(self, hosts: Sequence[Any]) -> None:
        self._hosts = {host.name: host for host in hosts}
        self._live: dict[str, LocalConnection] = {}
        self._guard = threading.Lock()
        self.lost: set[str] = set()

    def connection(self, name: str) -> LocalConnection:
        if name in self.lost:
            raise Unreachable(name, f"{name} does not answer")
        with self._guard:
            if name not in self._live or self._live[name].dead:
                self._live[name] = LocalConnection(self._hosts[name], 30.0)
            return self._live[name]

    def close(self) -> None:
        for connection in self._live.values():
            connection.close()


class Bench:
    """One playbook on hosts `a`, `b`, `c`, whose state is below a folder of the test's own.

    `more` are variables of the hosts by name; `groups` among them are those that a host is in.
    """

    def __init__(self, folder: Path, plays: str, options: Options | None = None, **more: Any) -> None:
        self.folder = folder
        hosts = {name: {"here": str(folder / name), **more.get(name, {})} for name in "abc"}
        members: dict[str, Any] = {}
        for name, variables in hosts.items():
            for group in variables.pop("groups", ()):
                members.setdefault(group, {"hosts": {}})["hosts"][name] = None
        inventory: dict[str, Any] = {"all": {"hosts": hosts, "children": members}}
        inventory["all"]["vars"] = {"ansible_connection": "local", "top": str(folder)}
        inventory["all"]["vars"]["state_dir"] = "{{ here }}/state"
        for name in hosts:
            (folder / name).mkdir(exist_ok=True)
        (folder / "site.yml").write_text(yaml.safe_dump(inventory))
        (folder / "play.yml").write_text(plays)
        self.loaded = load(Sources(folder / "play.yml", (folder / "site.yml",)))
        self.planner = Planner(self.loaded, options or Options(), "run1")
        self.pool = LocalPool(self.loaded.site.hosts)
        self.recorder = Recorder()
        self.access = SiteAccess(self.pool, self.recorder)
        self.player = Player(self.planner, self.access, self.recorder, self.read)

    def imagine(self, known: Mapping[tuple[str, Any], Any] | None = None, usual: Mapping[type, Any] = USUAL) -> Plan:
        """Plan on a site that is as `known` says, and else as usual; nothing is read."""
        given = known or {}
        return self._plan(lambda key: given.get(key, usual[type(key[1])]))

    def plan(self) -> Plan:
        """Plan on what is really there."""

        def answer(key: tuple[str, Any]) -> Any:
            return read_host(self.access, self.loaded.site.host(key[0]), [key[1]])[key]

        return self._plan(answer)

    def _plan(self, answer: Callable[[Any], Any]) -> Plan:
        observed: dict[Any, Any] = {}
        while True:
            view = PlanView(observed)
            plan = self.planner.plan(view)
            if not view.missing:
                return plan
            observed.update({key: answer(key) for key in view.missing})

    def read(self, view: PlanView, observed: dict[Any, Any]) -> None:
        for host, resource in view.missing:
            observed.update(read_host(self.access, self.loaded.site.host(host), [resource]))

    def play(self) -> HostError | None:
        """Plan and apply; return the error that stopped the run."""
        return self.player.play(self.plan())

    def text(self, path: str) -> str:
        """Return a file's text, empty where there is none."""
        file = self.folder / path
        return file.read_text() if file.exists() else ""


class Single:
    """The applier at work on one step plan after another; `result` and `made` are those of the last one."""

    def __init__(self, bench: Bench, lock: Lock | None = None, journal: Journal | None = None) -> None:
        self._bench = bench
        self._applier = Applier(bench.loaded.site, bench.access, lock, journal)
        self.result: dict[str, Any] = {}
        self.made = False

    def apply(self, plan: StepPlan) -> bool:
        work = Work(plan, self._bench.recorder)
        try:
            self._applier.apply([work])
        finally:
            self.result, self.made = work.result, work.made
        return work.made


def short(plan: Plan) -> list[tuple[str, str, str]]:
    """Return (host, step, what it does) of each step plan."""
    return [(one.host, one.step.title, _does(one)) for one in plan.step_plans()]


def _does(plan: StepPlan) -> str:
    if plan.state != "planned":
        return f"{plan.state}: {plan.reason}"
    return "; ".join(outcome.summary for outcome in plan.outcomes)
