"""The shards stop, their set-aside data come back by a rename, and those that ran start again."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from ffplay.engine.history import Deed
from ffplay.engine.undo.base import Undo, first_found
from ffplay.model import Change, Check, Host, Problem, Shard, Unknown
from ffplay.resources.base import Irreversible
from ffplay.resources.checks import ShardAnswers
from ffplay.resources.restored import ShardRestored
from ffplay.resources.shard_backup import ShardBackups
from ffplay.resources.shard_data import DataState, Restored, ShardData
from ffplay.resources.unit import RUNNING, STOPPED, Unit
from ffplay.steps.base import Outcome

# A shard of 10,000,000 faces reads its snapshot before it answers.
_ANSWER_SECONDS = 600.0


def stop(undo: Undo) -> Iterator[Outcome]:
    """Plan to stop what runs of the shards that go back."""
    undo.view.prefetch((host.name, Unit(shard.unit)) for host, shard in undo.affected())
    for host, shard in undo.back:
        now = undo.one(host.name, Unit(shard.unit))
        if now.running:
            yield Change(host.name, Unit(shard.unit), now, STOPPED, f"stop {shard.unit} ({now.active})", shard.name)


def data(undo: Undo) -> Iterator[Outcome]:
    """Plan the data directories that were set aside, and the record beside them."""
    things = undo.history.data()
    undo.view.prefetch((host, deeds[0].resource) for (host, _), deeds in things.items())
    for (host, name), deeds in undo.in_order(things.items()):
        resource: ShardData = deeds[0].resource
        now: DataState = undo.one(host, resource)
        wanted = _wanted(deeds, undo.run)
        aside = _returning(now, wanted)
        first = deeds[0].run
        if wanted.restored and not aside and now.record != wanted.record and not undo.goes_on and _emptied(deeds):
            yield Problem(
                host,
                f"the data of {name} that run {first} set aside are there no more",
                "restore them from a backup by hand (docs/operating.md), or go on with the migration",
            )
        elif aside or now.record != wanted.record:
            what = f"put {len(aside)} set-aside directories back" if aside else "put the record back"
            yield Change(host, resource, now, wanted, f"{what}, as before run {first}", name)


def compare(undo: Undo) -> Iterator[Outcome]:
    """Plan to compare the data that come back with the last backup that the runs made before they set them aside."""
    going = {(host.name, shard.name) for host, shard in undo.back}
    made: dict[tuple[str, str], Deed] = {}
    emptied: set[tuple[str, str]] = set()
    for deed in undo.history.deeds:
        if isinstance(deed.resource, ShardData) and deed.entry.change.after.empty:
            emptied.add((deed.host, deed.resource.shard.name))
        if isinstance(deed.resource, ShardBackups) and (deed.host, deed.resource.shard.name) not in emptied:
            made[deed.host, deed.resource.shard.name] = deed
    for (host, name), deed in undo.in_order(made.items()):
        if (host, name) in going & emptied:
            backup = deed.entry.change.after[-1]
            check = ShardRestored(deed.resource.shard, deed.resource.token(backup)[0], backup.run)
            yield Check(host, check, f"{name} has the files of backup {check.run}")


def start(undo: Undo) -> Iterator[Outcome]:
    """Plan to start the shards that ran before the first change, also those that were stopped and nothing else."""
    units = undo.history.by_thing(Unit)
    started: list[tuple[Host, Shard]] = []
    every = [(host, shard, Unit(shard.unit)) for host in undo.site.hosts for shard in host.shards]
    touched = [(host, shard, unit) for host, shard, unit in every if (host.name, unit) in units]
    undo.view.prefetch((host.name, unit) for host, _, unit in touched)
    for host, shard, unit in touched:
        now = undo.one(host.name, unit)
        if first_found(units[host.name, unit]).active == "active" and now.active != "active":
            yield Change(host.name, unit, now, RUNNING, f"start {shard.unit}", shard.name)
            started.append((host, shard))
    for host, shard in started:
        where = f"{shard.address}:{shard.http_port}"
        yield Check(host.name, ShardAnswers(shard, _ANSWER_SECONDS), f"{shard.name} answers on {where}")


def going_back(undo: Undo) -> tuple[tuple[Host, Shard], ...]:
    """Return the shards whose data or file are not as they were before."""
    things = undo.history.data()
    own = {(host.name, shard.conf) for host, shard in undo.affected()}
    files = {key: deeds for key, deeds in undo.history.files().items() if (key[0], key[1].path) in own}
    undo.view.prefetch((host, deeds[0].resource) for (host, _), deeds in things.items())
    undo.view.prefetch(files)
    back = {
        (host, name)
        for (host, name), deeds in things.items()
        if _differs(undo.one(host, deeds[0].resource), deeds, undo)
    }
    changed = {(host, file.path) for (host, file), deeds in files.items() if _edited(undo, host, deeds)}
    return tuple(
        (host, shard)
        for host, shard in undo.affected()
        if (host.name, shard.name) in back or (host.name, shard.conf) in changed
    )


def _edited(undo: Undo, host: str, deeds: list[Deed]) -> bool:
    file = deeds[0].resource
    try:
        return not file.reached(None, first_found(deeds), undo.one(host, file))
    except Irreversible:
        return False


def _differs(now: DataState, deeds: list[Deed], undo: Undo) -> bool:
    wanted = _wanted(deeds, undo.run)
    return now.record != wanted.record or bool(_returning(now, wanted))


def _returning(now: DataState, wanted: DataState) -> list[str]:
    """Return the set-aside directories that are to come back."""
    runs = wanted.restored.runs if wanted.restored else ()
    return [path for path, _ in now.aside if path.rpartition(".aside-")[2] in runs]


def _wanted(deeds: list[Deed], run: str) -> DataState:
    """Return the state before the first change: its record, and of each directory the first that was set aside."""
    changes = [(deed.run, deed.entry.change) for deed in deeds]
    found: list[DataState] = [change.resource.reverse(run, change.before, change.after) for run, change in changes]
    runs = tuple(dict.fromkeys(name for state in found if state.restored for name in state.restored.runs))
    files = Unknown("they are put back") if runs else found[0].files
    return dataclasses.replace(found[0], files=files, restored=Restored(runs, run) if runs else None)


def _emptied(deeds: list[Deed]) -> bool:
    """Tell whether a host noted that data were set aside."""
    return any(deed.entry.done and deed.entry.change.after.empty for deed in deeds)
