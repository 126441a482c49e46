"""Write each shard's Lua file from a template, with `facen_size` of the target.

The template sees `shard` (name, ports, paths), `current` (what the file on the host says: `box`, `options`, `address`,
`http_port`, `text`; empty where there is none) and `facen_size`. The shipped template keeps the host's own file and
changes only what the playbook means to change. A file that cannot be read is an error and stays as it is.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from ffplay.edit import EditError, Opaque, lua
from ffplay.errors import InputError
from ffplay.model import Change, Shard, Unknown
from ffplay.resources.file import File, FileState
from ffplay.steps._files import unreadable, wrong_kind
from ffplay.steps._filling import foreseen_copy
from ffplay.steps._parts import shards_with_gap
from ffplay.steps.base import Context, Outcome, StepKind, parameters


def plan(ctx: Context) -> Iterator[Outcome]:
    """Plan the file of each shard with a gap."""
    for shard, _ in shards_with_gap(ctx):
        before = ctx.one(File(shard.conf))
        if isinstance(before, Unknown):
            yield Change(ctx.host.name, File(shard.conf), before, before, f"template {shard.conf}", shard.name)
            continue
        if before.kind not in {"absent", "file"}:
            yield wrong_kind(ctx, shard.conf, before, "`conf` of the shard")
            continue
        try:
            text = _text(ctx, shard, before)
            lua.parse(text)
        except EditError as error:
            advice = "mend the file on the host (what cannot be read is never overwritten), or the template"
            yield unreadable(ctx.host.name, shard.conf, error, advice)
            continue
        content = text.encode("utf-8", "surrogateescape")
        if before.kind == "file" and before.content == content:
            continue
        after = FileState("file", content, before.mode or "0644", before.owner, before.group)
        yield Change(ctx.host.name, File(shard.conf), before, after, f"write {shard.conf}", shard.name)


def _text(ctx: Context, shard: Shard, before: FileState) -> str:
    """Return the shard's new file. Raise `EditError` where the host's own file cannot be read or edited."""
    try:
        return ctx.template(str(ctx.args["src"]), _variables(ctx, shard, before))
    except InputError as error:
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, EditError):
            cause = cause.__cause__
        # A value that has no place in the host's file is no mistake of the template that would set it.
        raise cause or error from error


def _variables(ctx: Context, shard: Shard, before: FileState) -> Mapping[str, Any]:
    """Return what the template sees beside the host's variables. Raise `EditError` for a file that cannot be read."""
    current: dict[str, Any] = {"text": "", "box": {}, "options": {}, "address": None, "http_port": None}
    if before.kind == "file":
        parsed = lua.parse(before.text)
        current = {
            "text": before.text,
            "box": _literals(parsed.box),
            "options": _literals(parsed.options),
            "address": parsed.address.literal,
            "http_port": parsed.http_port.literal,
        }
    fields = {field.name: getattr(shard, field.name) for field in dataclasses.fields(shard)}
    facen_size = ctx.target.facen_size if ctx.target else current["options"].get("facen_size")
    return {**shard.vars, "shard": {**fields, **shard.vars}, "current": current, "facen_size": facen_size}


def _literals(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that are plain; an expression that only Lua can evaluate is left out."""
    return {name: value.literal for name, value in values.items() if not isinstance(value.literal, Opaque)}


STEP = StepKind(
    name="template",
    summary="Write the Lua file of the shards that are to be filled anew.",
    example="- template: {src: FindFace_shard.lua.j2}",
    reads="Which shards have a gap, and their Lua files.",
    changes="The Lua files of those shards; in a play without a target, of all.",
    schema=parameters(
        ["src"],
        src={"type": "string", "description": "Template file: beside the playbook, or in a `templates` folder by it."},
    ),
    plan=plan,
    apart=True,
    foresee=foreseen_copy,
    main="src",
    groups=("tntapi",),
)
