"""The end of going back: plans to remove what verified runs set aside, and old backups where that is asked for.

Nothing is removed while anything speaks against it: a run that is open, a tool that runs, a shard that is down or not
filled. Where the last run proved its result the shards are asked once more; where it did not, everything is verified
first. Broken off, it is finished by asking for it again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ffplay.engine.finder import Given
from ffplay.engine.options import Options
from ffplay.engine.plan import Plan, StepGroup, StepPlan
from ffplay.engine.view import PlanView
from ffplay.engine.whole_site import WholeSitePlanner
from ffplay.load import Loaded
from ffplay.model import Change, Check, Generation, Host, Mark, Note, Play, Problem, Shard, Step, Target
from ffplay.resources.glance import RunningJobs
from ffplay.resources.record import RecordFile, describe
from ffplay.resources.removal import BackupFolders, Leftover, OldBackup, Removable, SetAside, SetAsides
from ffplay.resources.runs import RunState, merged
from ffplay.resources.shard_data import DataState, ShardData, human
from ffplay.resources.shard_health import ShardHealthy
from ffplay.resources.unit import Unit
from ffplay.steps.base import Outcome

_NOWHERE = Mark("commit", 1, 1)

_LOOK = Step("commit", {}, _NOWHERE, "Look whether the site is whole")
_VERIFY = Step("verify", {}, _NOWHERE, "Verify what no run has proved")
_ASIDE = Step("commit", {}, _NOWHERE, "Remove what was set aside")
_BACKUPS = Step("commit", {}, _NOWHERE, "Remove old backups")

# The file that a finished backup of a shard has, and a finished dump of MongoDB.
_SHARD_MANIFEST = "manifest"
_DUMP_MANIFEST = "ffplay-manifest.json"


class CommitPlanner(WholeSitePlanner):
    """Plans what goes for good; `keep` is how many backups of each thing stay, None leaves all of them."""

    verb = "commit"
    reverted = "committed"

    def __init__(self, loaded: Loaded, options: Options, run: str, keep: int | None = None) -> None:
        super().__init__(loaded, options, run, "commit")
        self._keep = keep

    def planned(self, view: PlanView) -> Plan:
        """Plan the commit."""
        view.prefetch((host.name, one) for host in self.site.hosts for one in self._wanted(host))
        known = {host.name: view.read(host.name, self.runs(host))[0] for host in self.site.hosts}
        every = [state for state in merged(known.values()) if state.head.run != self.run]
        standing = [state for state in every if state.closed not in ("rolled back", "committed")]
        commits = tuple(state.head.run for state in standing if state.head.verb == "commit" and not state.closed)
        made = [state for state in standing if state.head.verb != "commit"]
        going = [
            StepGroup(step, tuple(StepPlan(step, host, "planned", found) for host, found in by_host.items()))
            for step, by_host in ((_ASIDE, self._asides(view)), (_BACKUPS, self._backups(view)))
            if by_host
        ]
        removes = any(plan.changes for group in going for plan in group.plans)
        open_runs = tuple(state for state in made if not state.closed)
        groups = (*self._guards(view, made, known), *going) if removes or open_runs else tuple(going)
        # What is to be finished may have nothing left to remove; else there is nothing that a run would commit.
        self.reverts = tuple(state.head.run for state in made) if removes or commits else ()
        return self.whole("Commit", groups, open_runs, commits)

    def _wanted(self, host: Host) -> list[Any]:
        """Return all that is read of a host, so that it is read at once."""
        wanted = [self.runs(host), RunningJobs(self.state_dir(host.name)), *self._folders(host)]
        wanted += [one for shard in host.shards for one in (Unit(shard.unit), ShardData(shard), _asides_of(shard))]
        return [*wanted, self._faces_record(host)] if "mongo" in host.groups else wanted

    def _guards(
        self, view: PlanView, made: list[RunState], known: Mapping[str, tuple[RunState, ...]]
    ) -> Iterator[StepGroup]:
        """Yield what must hold before anything goes: problems, else checks."""
        verified = bool(made) and made[-1].end is not None and made[-1].end.verified
        found: dict[str, list[Outcome]] = {}
        for outcome in (*_runs_problems(made, known, self.names[0]), *self._host_problems(view)):
            found.setdefault(outcome.host, []).append(outcome)
        if not found and verified:
            for check in self._healthy(view):
                found.setdefault(check.host, []).append(check)
        if found:
            yield StepGroup(
                _LOOK, tuple(StepPlan(_LOOK, host, "planned", tuple(outcomes)) for host, outcomes in found.items())
            )
        if not verified and not found and self.shards:
            yield self._verify(view)

    def _host_problems(self, view: PlanView) -> Iterator[Problem]:
        """Yield what on the hosts speaks against it."""
        for host in self.site.hosts:
            (jobs,) = view.read(host.name, RunningJobs(self.state_dir(host.name)))
            for job in jobs:
                yield Problem(
                    host.name,
                    f"a tool still runs in {job.folder} (pid {job.pid})",
                    "wait for its end, then commit again",
                )
            for shard in host.shards:
                unit, data = view.read(host.name, Unit(shard.unit), ShardData(shard))
                if unit.active != "active":
                    yield Problem(
                        host.name, f"{shard.unit} is {unit.active}", "see why it does not run; then commit again"
                    )
                yield from _record_problem(host, shard, data)
            if "mongo" in host.groups:
                (record,) = view.read(host.name, self._faces_record(host))
                if record is not None and record.state != "complete":
                    yield Problem(
                        host.name,
                        f"the faces are {describe(record)}",
                        "finish that: apply its playbook again; or roll it back",
                    )

    def _healthy(self, view: PlanView) -> Iterator[Check]:
        """Yield a look at each shard: `active` proves nothing."""
        for host, shard in self.shards:
            (data,) = view.read(host.name, ShardData(shard))
            size = data.record.generation.facen_size
            yield Check(
                host.name, ShardHealthy(shard, size), f"{shard.name} is up, answers, and holds {size} floats a facen"
            )

    def _verify(self, view: PlanView) -> StepGroup:
        """Return the checks of the step `verify` for the generation that the site's records name."""
        host, shard = self.shards[0]
        made: Generation = view.read(host.name, ShardData(shard))[0].record.generation
        target = Target(made.model, made.facen_size, made.detector, made.detector_settings)
        play = Play("Commit", "all", _NOWHERE)
        plans = []
        for host in self.site.hosts:
            scope = self.scope(play, host, target, self.site.hosts)
            plans.append(self._one(Given(play, _VERIFY, host, self.site.hosts, target, began=self.run), view, scope))
        return StepGroup(_VERIFY, tuple(plan for plan in plans if plan.outcomes))

    def _asides(self, view: PlanView) -> dict[str, tuple[Outcome, ...]]:
        """Return by host what goes of the data that were set aside."""
        found: dict[str, list[Outcome]] = {}
        for host, shard in self.shards:
            (leftovers,) = view.read(host.name, _asides_of(shard))
            for one in leftovers:
                found.setdefault(host.name, []).append(_removal(host, one, SetAside, shard.name))
        return {host: tuple(outcomes) for host, outcomes in found.items()}

    def _backups(self, view: PlanView) -> dict[str, tuple[Outcome, ...]]:
        """Return by host which backups go: all but the newest, and the rest of those that an earlier commit began."""
        found: dict[str, list[Outcome]] = {}
        for host in self.site.hosts:
            for folders in self._folders(host):
                (leftovers,) = view.read(host.name, folders)
                stay = {one.path for one in leftovers if one.state == "there"}
                stay = set(sorted(stay)[-(self._keep or len(leftovers)) :])
                name = folders.directory.rpartition("/")[2]
                shard = name if name in {shard.name for shard in host.shards} else None
                for one in leftovers:
                    if one.path not in stay:
                        found.setdefault(host.name, []).append(_removal(host, one, OldBackup, shard))
        return {host: tuple(outcomes) for host, outcomes in found.items()}

    def _folders(self, host: Host) -> list[BackupFolders]:
        """Return where a host keeps backups; none where all of them stay."""
        if self._keep is None:
            return []
        directory = str(self.variables(host.name)["backup_dir"])
        found = [BackupFolders(f"{directory}/{shard.name}", _SHARD_MANIFEST) for shard in host.shards]
        return found + ([BackupFolders(f"{directory}/mongo", _DUMP_MANIFEST)] if "mongo" in host.groups else [])

    def _faces_record(self, host: Host) -> RecordFile:
        return RecordFile(f"{self.state_dir(host.name)}/faces-generation.json")


def _asides_of(shard: Shard) -> SetAsides:
    return SetAsides(tuple(dict.fromkeys((shard.snap_dir, shard.wal_dir, shard.index_dir))))


def _removal(host: Host, one: Leftover, kind: type[Removable], shard: str | None) -> Outcome:
    """Return the change that removes a leftover, or the note that it stays."""
    if one.state == "link":
        return Note(host.name, f"{one.path} is a link, which is not followed: it stays")
    what = "what was set aside by" if kind is SetAside else "the backup of"
    rest = "the rest of " if one.state == "going" else ""
    summary = f"remove {rest}{what} run {one.run}: {human(one.kib << 10)}"
    return Change(host.name, kind(one.path), one.kib, None, summary, shard)


def _runs_problems(made: list[RunState], known: Mapping[str, tuple[RunState, ...]], anywhere: str) -> Iterator[Problem]:
    """Yield which runs must come to their end first."""
    for state in made:
        run = state.head.run
        if not state.closed:
            host = next(
                (name for name, states in known.items() if any(one.head.run == run for one in states)), anywhere
            )
            yield Problem(
                host,
                f"run {run} is open ({state.status}): what was set aside may be needed yet",
                f"finish it (ff-play show {run} says how), or go back: ff-play rollback {run}",
            )
    if not made:
        yield Problem(
            anywhere,
            "no host knows a run that left what would be removed",
            "find out what it is; remove it by hand if nobody needs it",
        )


def _record_problem(host: Host, shard: Shard, data: DataState) -> Iterator[Problem]:
    if data.record is None or data.record.state != "complete":
        yield Problem(
            host.name,
            f"{shard.name} is not known to be whole: {describe(data.record)}",
            "apply a playbook whose target is what the site is at: it fills and records what is not",
        )
