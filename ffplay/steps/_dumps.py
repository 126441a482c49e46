"""The dump of the faces that must be there before anything overwrites them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ffplay.model import Check, Host, Problem
from ffplay.resources.mongo import FacesState
from ffplay.resources.mongo_dump import DumpWhole, MongoDump, MongoDumps
from ffplay.steps._gap import Gap, faces_of
from ffplay.steps.base import Context, Outcome


def sufficient(ctx: Context, gap: Gap, state: FacesState, made: tuple[MongoDump, ...]) -> MongoDump | None:
    """Return the dump that holds the faces as they were before they go to the gap's generation; None without one.

    Whole faces may have been enrolled or changed since an earlier run's dump: only this run's counts. Faces that an
    earlier run left half changed were dumped by the run that began, or by one after it that went to the same target.
    """
    record = state.record
    for dump in reversed(made):
        if dump.run == ctx.run:
            return dump
        under_way = record is not None and record.state != "complete" and record.generation == gap.generation
        if under_way and record is not None and dump.run >= record.run:
            return dump
    return None


def dumps_of(ctx: Context, directory: str) -> tuple[Host, MongoDumps] | None:
    """Return where the dumps of the faces are and their host; `directory` empty: the host's own. None without faces."""
    faces_at = faces_of(ctx)
    if faces_at is None:
        return None
    host, faces = faces_at
    return host, MongoDumps(faces.place, directory or str(ctx.variables_of(host.name)["backup_dir"]))


def guard(ctx: Context, gap: Gap, directory: str) -> Iterator[Outcome]:
    """Plan the look at the dump that what comes next relies on, or refuse. `directory` empty: the host's own."""
    faces_at, dumps_at = faces_of(ctx), dumps_of(ctx, directory)
    if faces_at is None or dumps_at is None:
        return
    (host, faces), (_, dumps) = faces_at, dumps_at
    state, made = ctx.read(faces, dumps, host=host.name)
    dump = sufficient(ctx, gap, state, made)
    if dump is None:
        yield Problem(
            host.name,
            f"no verified dump of {faces.label} in {dumps.label} holds the faces as they are before they are changed",
            "put `backup: {mongo: true}` before regenerate, with the same `to`, and leave it in",
        )
        return
    whole = DumpWhole(dumps, dump.run)
    yield Check(host.name, whole, f"before anything is overwritten, the dump {whole.label} is whole")


def rewritten_fields(variables: Mapping[str, Any], redetect: bool) -> tuple[str, ...]:
    """Return the fields of a face that findface-regenerate rewrites: for a new model, or for a new detector too."""
    facen = str(variables["mongo_field_facen"])
    detected = [str(name) for name in variables["mongo_fields_detected"]] if redetect else []
    return tuple(dict.fromkeys([facen, *detected]))
