"""What planners have in common that need no playbook: they plan for every host of the inventory, by what runs left."""

from __future__ import annotations

import dataclasses
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

from ffplay.engine.options import Options
from ffplay.engine.plan import Plan, PlayPlan, StepGroup
from ffplay.engine.planner import Planner
from ffplay.engine.view import NeedsReading, PlanView
from ffplay.load import Loaded
from ffplay.model import Host, Mark, Play, Playbook, Shard
from ffplay.resources.runs import RunState


class WholeSitePlanner(Planner):
    """Plans something for a whole site; `title` takes the place of a playbook's path in journals and locks."""

    def __init__(self, loaded: Loaded, options: Options, run: str, title: str) -> None:
        super().__init__(dataclasses.replace(loaded, playbook=Playbook(title, ())), options, run)

    @property
    def names(self) -> tuple[str, ...]:
        """Return all hosts of the site: any of them may know a run."""
        return tuple(host.name for host in self.site.hosts)

    def hosts(self, play: Play) -> tuple[Host, ...]:
        """Return every host."""
        return self.site.hosts

    @property
    def shards(self) -> list[tuple[Host, Shard]]:
        """Return every shard with its host."""
        return [(host, shard) for host in self.site.hosts for shard in host.shards]

    def variables(self, host: str) -> Mapping[str, Any]:
        """Return a host's variables as the inventory has them."""
        return self.loaded.variables.own(self.site.host(host))

    def state_dir(self, host: str) -> str:
        """Return where a host keeps ffplay's own files."""
        return self.loaded.variables.state_dir(self.site.host(host))

    def plan(self, view: PlanView) -> Plan:
        """Plan. Where anything is missing in the view the plan is incomplete."""
        try:
            return self.planned(view)
        except NeedsReading:
            return Plan((), self.run)

    @abstractmethod
    def planned(self, view: PlanView) -> Plan:
        """Plan. Raise `NeedsReading` where anything is missing in the view."""

    def whole(
        self, title: str, groups: tuple[StepGroup, ...], open_runs: tuple[RunState, ...], goes_on: tuple[str, ...]
    ) -> Plan:
        """Return the plan of one play on all hosts; `goes_on` names the broken-off runs whose work it finishes."""
        play = Play(title, "all", Mark(self.verb, 1, 1))
        plays = (PlayPlan(play, self.names, None, groups, (self.names,)),)
        return Plan(plays, self.run, self.names, len(self.shards), open_runs, goes_on)
