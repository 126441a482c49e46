"""Services go back to running, or not, as they did; those whose files come back are started anew."""

from __future__ import annotations

from collections.abc import Iterator

from ffplay.engine.undo.base import Undo, first_found
from ffplay.model import Change, Problem
from ffplay.resources.job import Job, JobState
from ffplay.resources.unit import STOPPED, Unit, UnitState, restarted
from ffplay.steps.base import Outcome


def jobs(undo: Undo) -> Iterator[Outcome]:
    """Refuse while a tool of these runs is at work: it would go on changing what comes back."""
    things = undo.history.by_thing(Job)
    undo.view.prefetch((host, job.status) for host, job in things)
    for host, job in things:
        now: JobState = undo.one(host, job.status)
        if now.state in ("running", "late"):
            yield Problem(
                host,
                f"{job.name}, started by run {now.run}, still runs (pid {now.pid})",
                f"wait for its end, or end it with `kill -TERM -{now.pid}` on that host",
            )


def restart(undo: Undo) -> Iterator[Outcome]:
    """Plan each unit that is no shard's."""
    shards = {(host.name, shard.unit) for host in undo.site.hosts for shard in host.shards}
    things = {key: deeds for key, deeds in undo.history.by_thing(Unit).items() if (key[0], key[1].name) not in shards}
    undo.view.prefetch(things)
    files = {host for host, _ in undo.history.files()}
    for (host, unit), deeds in undo.in_order(things.items()):
        now = undo.one(host, unit)
        wanted: UnitState = first_found(deeds)
        if wanted.active == "active" and (host in files or now.active != "active"):
            yield Change(host, unit, now, restarted(wanted.enabled), f"restart {unit.name}")
        elif wanted.active != now.active and not (wanted.active == "inactive" and not now.running):
            after = UnitState(STOPPED.active, enabled=wanted.enabled)
            yield Change(host, unit, now, after, f"stop {unit.name}, as before run {deeds[0].run}")
        elif wanted.enabled is not None and wanted.enabled != now.enabled:
            after = UnitState(now.active, enabled=wanted.enabled)
            yield Change(host, unit, now, after, f"make {unit.name} {wanted.enabled} again")
