"""Run findface-regenerate over the faces in MongoDB.

A new model needs new facens; a new detector needs new normalized images and thumbnails too. Nothing is overwritten
before the verified dump of what was there has been digested once more: damaged or gone, it ends the run here.
Whether the tool made all of them is asked of MongoDB, which looks at every face; its exit code proves nothing. Of two
models of one size it cannot tell.
The tool runs detached on the facenapi host, in several processes on request (`--every-other`). Where the facen's size
changes, faces that already have the new size are skipped, so a run that was interrupted goes on where it was.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from ffplay.model import Change, Check, Note, Problem
from ffplay.resources.base import Resource, quote
from ffplay.resources.job import Job, JobState
from ffplay.resources.mongo import FacensMade, FacesState
from ffplay.resources.record import Record
from ffplay.steps._dumps import dumps_of, guard
from ffplay.steps._gap import Gap, faces_of, gap_of
from ffplay.steps._jobs import in_the_way, jobs_of, told
from ffplay.steps.base import Context, Outcome, StepKind, parameters
from ffplay.steps.configure import begin


def plan(ctx: Context) -> Iterator[Outcome]:
    """Plan the record, the tool's processes, and the record of their success."""
    gap = gap_of(ctx)
    yield from gap.problems
    faces_at = faces_of(ctx)
    if gap.problems or not gap.faces or faces_at is None:
        return
    host, faces = faces_at
    yield from begin(ctx, gap)
    state: FacesState = ctx.one(faces, host=host.name)
    if gap.redetect:
        yield Note(host.name, "a new detector may miss faces that the old one found: verify lists them")
    elif gap.current is None:
        yield Problem(host.name, "nothing tells which model the faces are at", "state it as `from:` in the target")
    yield from guard(ctx, gap, str(ctx.args["backups"]))
    lines = tuple(_line(ctx, gap, number) for number in range(int(ctx.args["processes"])))
    job = Job(
        f"regenerate for {gap.generation}",
        f"{ctx.variables['state_dir']}/jobs/regenerate-{gap.generation.digest}",
        lines,
        ctx.timeout,
        state.record.run if state.record is not None else ctx.run,
        ctx.run,
    )
    floats = gap.generation.facen_size
    made = FacensMade(faces.place, floats)
    seen: JobState = ctx.one(job.status)
    if seen.state == "ended" and ctx.one(made, host=host.name).problems:
        # It ended well and left faces out: its word is worth nothing.
        job = dataclasses.replace(job, again=True)
    what = "normalized images, thumbnails and facens" if gap.redetect else "facens"
    yield from in_the_way(ctx, job)
    summary = told(ctx, job, "the regeneration", f"regenerate {what} of {state.count} faces: {gap.faces}")
    yield Change(ctx.host.name, job, "none", "done", summary)
    yield Check(host.name, made, f"every facen in MongoDB has {floats} floats")
    done = Record(gap.generation, "complete", gap.source, (), ctx.run)
    running = Record(gap.generation, "regenerating", gap.source, (), ctx.run)
    size = ((gap.generation.facen_size, sum(number for _, number in state.sizes) or 1),)
    before = FacesState(state.count, state.sizes, running)
    yield Change(
        host.name, faces, before, FacesState(state.count, size, done), f"note that the faces are at {gap.generation}"
    )


def foresee(ctx: Context) -> Iterator[tuple[str, Resource]]:
    """Yield what is asked for where the faces have a gap."""
    yield ctx.host.name, jobs_of(ctx, ctx.host.name)
    dumps_at = dumps_of(ctx, str(ctx.args["backups"]))
    if dumps_at is not None:
        yield dumps_at[0].name, dumps_at[1]


def _line(ctx: Context, gap: Gap, number: int) -> str:
    """Return one process's command."""
    processes = int(ctx.args["processes"])
    words = [
        f"--regenerate={'normalized,thumbs,facens' if gap.redetect else 'facens'}",
        f"--config={ctx.variables['facenapi_ini']}",
    ]
    if not gap.redetect and gap.source is not None and gap.source.facen_size != gap.generation.facen_size:
        words.append(f"--facen-size={gap.generation.facen_size}")
    if processes > 1:
        words += [f"--every-other={processes}", f"--every-other-offset={number}"]
    words += [f"--{name.replace('_', '-')}={value}" for name, value in ctx.args["options"].items()]
    return f"{ctx.variables['regenerate_command']} {quote(words)}"


STEP = StepKind(
    name="regenerate",
    summary="Regenerate the faces in MongoDB with the vendor's tool.",
    example="- regenerate: {processes: 4}",
    reads="The record and the sizes of the facens in MongoDB, the verified dump, and whether the tool still runs.",
    changes=(
        "Has the vendor's tool rewrite facens in MongoDB, for a new detector normalized images and thumbnails "
        "too; writes the record of the faces."
    ),
    schema=parameters(
        processes={
            "type": "integer",
            "minimum": 1,
            "default": 1,
            "description": "How many processes share the work on the facenapi host.",
        },
        options={
            "type": "object",
            "default": {},
            "description": "More options of findface-regenerate by name, as `coroutines: 60`.",
        },
        backups={
            "type": "string",
            "default": "",
            "description": "Where `backup` puts its backups on the MongoDB host, that host's variable backup_dir by "
            "default: without a verified dump there nothing is regenerated.",
        },
    ),
    plan=plan,
    foresee=foresee,
    groups=("facenapi",),
    needs_target=True,
    once=True,
)
