"""Set the model in extraction-api's configuration and the detector in facenapi's, and restart what changed.

Both files are edited in place: comments and everything else stay. A service whose file is newer than its process is
restarted too, so that an interrupted run leaves nothing half done. Before the first edit the record of the faces says
where they come from and where they go.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

from ffplay.edit import EditError, pyini, yamlfile
from ffplay.model import Change, Check, Host, Problem, Unknown
from ffplay.resources.base import Resource
from ffplay.resources.checks import HttpExchange
from ffplay.resources.file import File, FileState
from ffplay.resources.mongo import FacesState
from ffplay.resources.record import Record
from ffplay.resources.unit import Unit, restarted
from ffplay.steps._files import unreadable, wrong_kind
from ffplay.steps._gap import Gap, faces_of, gap_of
from ffplay.steps.base import Context, Outcome, StepKind, parameters

# What proves that a service is ready: (method, body). extraction-api documents POST / alone, and is active before it
# has loaded its model; no request in it asks for nothing.
_PROBES = {"extraction": ("POST", '{"requests": []}'), "facenapi": ("GET", "")}

# Any of these shows that the server behind the port reads requests; 5xx does not.
_ANSWERS = (200, 400, 404, 405)


def plan(ctx: Context) -> Iterator[Outcome]:
    """Plan the edits on all hosts of both groups, the record first."""
    target = ctx.target
    if target is None:
        return
    gap = gap_of(ctx)
    yield from gap.problems
    if gap.problems:
        return
    yield from begin(ctx, gap)

    def model(text: str) -> str:
        return yamlfile.set_value(text, ("models", "facen"), target.model)

    def detector(text: str) -> str:
        settings = {name: _number(value) for name, value in target.detector_settings}
        return pyini.set_values(text, {"detector": target.detector, **settings})

    for host in ctx.members("extraction"):
        yield from _one(ctx, host, ("extraction", target.model), model)
    if target.detector is not None:
        for host in ctx.members("facenapi"):
            yield from _one(ctx, host, ("facenapi", target.detector), detector)


def foresee(ctx: Context) -> Iterator[tuple[str, Resource]]:
    """Yield the files and services that may be edited and restarted."""
    for part in ("extraction", "facenapi"):
        for host in ctx.members(part):
            variables = ctx.variables_of(host.name)
            yield host.name, File(str(variables[f"{part}_ini"]))
            yield host.name, Unit(str(variables[f"{part}_unit"]))


def begin(ctx: Context, gap: Gap) -> Iterator[Outcome]:
    """Plan the record that says that faces are under way, unless it says so already."""
    faces_at = faces_of(ctx)
    if faces_at is None or not gap.faces:
        return
    host, faces = faces_at
    state: FacesState = ctx.one(faces, host=host.name)
    wanted = Record(gap.generation, "regenerating", gap.source, (), ctx.run)
    if state.record != wanted:
        after = FacesState(state.count, (), wanted)
        yield Change(host.name, faces, state, after, f"note that the faces go to {gap.generation}")


def _one(ctx: Context, host: Host, what: tuple[str, str], edit: Callable[[str], str]) -> Iterator[Outcome]:
    """Plan one host's file and the restart of its service."""
    part, value = what
    variables = ctx.variables_of(host.name)
    file, unit = File(str(variables[f"{part}_ini"])), Unit(str(variables[f"{part}_unit"]))
    before, state = ctx.read(file, unit, host=host.name)
    if before.kind != "file":
        if before.kind == "absent":
            yield Problem(host.name, f"{file.path} is not there", f"see {part}_ini in the inventory")
        else:
            yield dataclasses.replace(wrong_kind(ctx, file.path, before, f"{part}_ini"), host=host.name)
        return
    try:
        content = edit(before.text).encode("utf-8", "surrogateescape")
    except EditError as error:
        yield unreadable(host.name, file.path, error)
        return
    changes = content != before.content
    if changes:
        after = FileState("file", content, before.mode, before.owner, before.group)
        yield Change(host.name, file, before, after, f"set {value} in {file.path}")
    stale = not isinstance(state, Unknown) and isinstance(state.since, int) and 0 < state.since < before.mtime
    if changes or stale or (not isinstance(state, Unknown) and state.active != "active"):
        why = "" if changes else " (its file is newer than its process)" if stale else ""
        yield Change(host.name, unit, state, restarted(), f"restart {unit.name}{why}")
        url = f"http://{variables[f'{part}_address']}:{variables[f'{part}_port']}/"
        method, body = _PROBES[part]
        ready = HttpExchange(url, method, body, status=_ANSWERS, wait=float(ctx.args["timeout"]))
        yield Check(host.name, ready, f"{unit.name} answers on {url}")


def _number(value: str) -> int | float | str:
    """Return a setting as Python would write it: a number where it is one."""
    for kind in (int, float):
        try:
            return kind(value)
        except ValueError:
            continue
    return value


STEP = StepKind(
    name="configure",
    summary="Set model and detector in the configuration files, and restart what changed.",
    example="- configure: {}",
    reads="Both configuration files and units, the record of the faces, and what their facens are at.",
    changes=(
        "Sets `models.facen` in extraction-api's file, `detector` and its settings in facenapi's; restarts the units "
        "of files that changed; notes in the record where the faces go."
    ),
    schema=parameters(
        timeout={
            "type": "number",
            "minimum": 0,
            "default": 300,
            "description": "Seconds to wait for a restarted service to answer: extraction-api loads its model first.",
        },
    ),
    plan=plan,
    foresee=foresee,
    groups=("extraction", "facenapi"),
    needs_target=True,
    once=True,
)
