"""The way back: plans what undoes one or more runs, from what their journals say and from what is there now.

A rollback is no replay backwards. For each thing that the runs touched it takes the value that the first of them found,
and brings the thing back to it in an order that is safe whichever change was the last: the shards stop, data and files
come back, the faces, the services, and the shards start again. So it is the same from every prefix of a run, and a
rollback that is broken off is gone on with by asking for it again.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping

from ffplay.engine.history import History, chosen_runs, history_of
from ffplay.engine.options import Options
from ffplay.engine.plan import Plan, StepGroup, StepPlan
from ffplay.engine.undo import faces, files, services, shards
from ffplay.engine.undo.base import Undo
from ffplay.engine.view import PlanView
from ffplay.engine.whole_site import WholeSitePlanner
from ffplay.load import Loaded
from ffplay.model import Change, Mark, Step
from ffplay.resources.runs import RunJournal, RunState, merged
from ffplay.steps.base import Outcome

_NOWHERE = Mark("rollback", 1, 1)

# What is done in which order; each is a step of the plan.
_PHASES = (
    ("Look whether a tool still runs", services.jobs),
    ("Back up the faces as they are now", faces.backup),
    ("Stop the shards", shards.stop),
    ("Put the shards' data back", shards.data),
    ("Put files back", files.put_back),
    ("Compare the shards with their backups", shards.compare),
    ("Restore the faces in MongoDB", faces.restore),
    ("Restart services", services.restart),
    ("Start the shards", shards.start),
)


class RollbackPlanner(WholeSitePlanner):
    """Plans the way back to before a run; `wanted` names it, None means the last one that was not undone."""

    verb = "rollback"
    reverted = "rolled back"

    def __init__(self, loaded: Loaded, options: Options, run: str, wanted: str | None) -> None:
        super().__init__(loaded, options, run, f"rollback of {wanted or 'the last run'}")
        self._wanted = wanted

    def planned(self, view: PlanView) -> Plan:
        """Plan the way back."""
        states = self._states(view)
        every = merged(states.values())
        choice = chosen_runs(every, self._wanted, self.run)
        self.reverts = choice.reverts
        history = self._history(view, states, choice.reverts)
        undo = Undo(self.site, view, history, self.run, self.variables, self.state_dir, choice.goes_on)
        groups = tuple(self._groups(dataclasses.replace(undo, back=shards.going_back(undo))))
        open_runs = tuple(state for state in every if not state.closed and state.head.run not in choice.reverts)
        return self.whole(f"Roll back {', '.join(choice.reverts)}", groups, open_runs, choice.goes_on)

    def _states(self, view: PlanView) -> Mapping[str, tuple[RunState, ...]]:
        keys = [(host.name, self.runs(host)) for host in self.site.hosts]
        view.prefetch(keys)
        return {name: view.read(name, resource)[0] for name, resource in keys}

    def _history(self, view: PlanView, states: Mapping[str, tuple[RunState, ...]], reverts: tuple[str, ...]) -> History:
        """Return what the runs did on each host that knows them."""
        keys = [
            (host, RunJournal(self.state_dir(host), run), run)
            for host, found in states.items()
            for run in reverts
            if any(state.head.run == run for state in found)
        ]
        view.prefetch((host, journal) for host, journal, _ in keys)
        return history_of((run, entry) for host, journal, run in keys for entry in view.read(host, journal)[0])

    def _groups(self, undo: Undo) -> Iterator[StepGroup]:
        """Yield a step for each phase that has anything to do or to say."""
        for name, phase in _PHASES:
            step = Step("rollback", {}, _NOWHERE, name)
            by_host: dict[str, list[Outcome]] = {}
            for outcome in phase(undo):
                by_host.setdefault(outcome.host, []).append(outcome)
                if isinstance(outcome, Change):
                    undo.view.plan(outcome)
            if by_host:
                plans = (StepPlan(step, host, "planned", tuple(found)) for host, found in by_host.items())
                yield StepGroup(step, tuple(plans))
