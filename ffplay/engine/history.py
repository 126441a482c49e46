"""What runs did, from their journals, and which of them a rollback undoes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ffplay.errors import Refused
from ffplay.resources.file import File
from ffplay.resources.runs import Entry, RunState
from ffplay.resources.shard_data import ShardData


@dataclass(frozen=True, slots=True)
class Deed:
    """One change that a run made or was about to make."""

    run: str
    entry: Entry

    @property
    def resource(self) -> Any:
        """Return what was changed."""
        return self.entry.change.resource

    @property
    def host(self) -> str:
        """Return where."""
        return self.entry.change.host


@dataclass(frozen=True, slots=True)
class History:
    """The changes of several runs on all hosts, in the order in which they were begun."""

    deeds: tuple[Deed, ...]

    def of(self, kind: type) -> tuple[Deed, ...]:
        """Return the changes of one kind of resource."""
        return tuple(deed for deed in self.deeds if isinstance(deed.resource, kind))

    def by_thing(self, kind: type) -> dict[tuple[str, Any], list[Deed]]:
        """Return the changes of one kind of resource by (host, resource), in the order of the first change of each."""
        found: dict[tuple[str, Any], list[Deed]] = {}
        for deed in self.of(kind):
            found.setdefault((deed.host, deed.resource), []).append(deed)
        return found

    def files(self) -> dict[tuple[str, Any], list[Deed]]:
        """Return the changes of files by (host, resource), but for those that are backups."""
        return {key: deeds for key, deeds in self.by_thing(File).items() if not key[1].lasting}

    def data(self) -> dict[tuple[str, str], list[Deed]]:
        """Return the changes of shards' data by (host, shard): its variables may have changed between two runs."""
        found: dict[tuple[str, str], list[Deed]] = {}
        for deed in self.of(ShardData):
            found.setdefault((deed.host, deed.resource.shard.name), []).append(deed)
        return found


@dataclass(frozen=True, slots=True)
class Choice:
    """`reverts` are the runs to undo, oldest first, `goes_on` the broken-off rollbacks whose work is finished."""

    reverts: tuple[str, ...]
    goes_on: tuple[str, ...] = ()


def history_of(found: Iterable[tuple[str, Entry]]) -> History:
    """Return the history of (run, entry) pairs; one machine under two names tells each of its changes twice."""
    deeds = {(run, entry.n): Deed(run, entry) for run, entry in found}
    return History(tuple(deeds[key] for key in sorted(deeds)))


def chosen_runs(states: Sequence[RunState], wanted: str | None, own: str) -> Choice:
    """Return which runs to undo so that the site is as it was before the wanted one. Raise `Refused`.

    What a later run changed cannot stay when an earlier one is undone: all from the wanted one on are. A run that went
    on with others is undone with them.
    """
    known = [state for state in states if state.head.run != own]
    standing = [state for state in known if state.closed not in ("rolled back", "committed")]
    if wanted is None:
        if not standing:
            raise Refused("", "there is no run to roll back", "ff-play runs -i FILE shows all that were")
        last = standing[-1]
        if last.head.verb == "rollback" and not last.closed:
            return _finished(last, standing)
        return Choice(_from(last, standing))
    state = next((state for state in known if state.head.run == wanted), None)
    if state is None:
        names = ", ".join(state.head.run for state in known) or "none"
        raise Refused("", f"no host of the inventory knows a run {wanted}", f"known runs: {names}")
    if state not in standing:
        raise Refused("", f"run {wanted} is {state.closed} already (by {state.by})", "ff-play runs -i FILE shows all")
    return Choice(_from(state, standing))


def _finished(last: RunState, standing: Sequence[RunState]) -> Choice:
    """Return what a rollback was to undo that was broken off, and all rollbacks that tried the same."""
    tries = [
        state.head.run
        for state in standing
        if state.head.verb == "rollback" and not state.closed and state.head.reverts == last.head.reverts
    ]
    return Choice(last.head.reverts, tuple(tries))


def _from(state: RunState, standing: Sequence[RunState]) -> tuple[str, ...]:
    """Return the run, those it went on with, and all behind the first of them."""
    first = min((state.head.run, *state.head.continues))
    runs = tuple(each.head.run for each in standing if each.head.run >= first)
    committed = [each.head.run for each in standing if each.head.run in runs and each.head.verb == "commit"]
    if committed:
        raise Refused(
            "",
            f"run {committed[0]} committed the site: what was set aside before is gone",
            "go back by applying a playbook whose target is what the site was at",
        )
    return runs
