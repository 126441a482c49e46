"""What the steps for files share: their parameters, and the change that brings a file to a wanted state."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ffplay.edit import EditError
from ffplay.model import Change, Problem, Unknown
from ffplay.resources.file import File, FileState
from ffplay.steps.base import Context, Outcome

OWNERSHIP: Mapping[str, Mapping[str, Any]] = {
    "mode": {
        "type": "string",
        "pattern": "^[0-7]{3,4}$",
        "description": 'Permissions in octal, in quotes: "0644". Left as they are by default (a new file gets 0644).',
    },
    "owner": {"type": "string", "description": "User who shall own it; left as it is by default."},
    "group": {"type": "string", "description": "Group that shall own it; left as it is by default."},
}
PATH: Mapping[str, Any] = {"type": "string", "pattern": "^/", "description": "Absolute path on the host."}
_BY_HAND = "mend the file by hand: what cannot be read is not overwritten"
_NEW_MODE = {"file": "0644", "directory": "0755"}


def bring(ctx: Context, path: str, before: FileState, after: FileState, verb: str = "write") -> Iterator[Change]:
    """Yield the change that brings a path to a state, with the step's mode, owner and group; none where it is there.

    What the step leaves open stays as it is on the host.
    """
    kept = before if before.kind == after.kind else FileState("absent", mode=_NEW_MODE.get(after.kind))
    mode = ctx.args.get("mode")
    if after.kind in _NEW_MODE:
        after = FileState(
            after.kind,
            after.content,
            str(mode).rjust(4, "0") if mode is not None else kept.mode,
            ctx.args.get("owner") or kept.owner,
            ctx.args.get("group") or kept.group,
        )
    if after == before:
        return
    same_body = (after.kind, after.content, after.target) == (before.kind, before.content, before.target)
    yield Change(ctx.host.name, File(path), before, after, f"{'set permissions of' if same_body else verb} {path}")


def unknown(ctx: Context, path: str, before: Unknown) -> Change:
    """Return the change for a path whose state is not known yet."""
    return Change(ctx.host.name, File(path), before, Unknown(before.why), f"write {path}")


def unreadable(host: str, path: str, error: EditError, advice: str = _BY_HAND) -> Problem:
    """Return the problem of a file that cannot be read or edited: where in it, and the line."""
    said = f"{path}:{error.line}:{error.column}: {error.message}: {error.line_text.strip()}"
    return Problem(host, said, advice)


def wrong_kind(ctx: Context, path: str, state: FileState, variable: str = "") -> Problem:
    """Return the problem of a path where something stands in the way; a variable of the inventory may give the path."""
    what = f"a link to {state.target}" if state.kind == "link" else f"a {state.kind}"
    advice = f"name {state.target} itself" if state.kind == "link" else "name another path, or remove it first"
    if variable:
        advice += f": it is {variable} in the inventory"
    return Problem(ctx.host.name, f"{path} is {what}", advice)


def write(ctx: Context, path: str, content: bytes) -> Iterator[Outcome]:
    """Yield what makes a whole file have this content."""
    before = ctx.one(File(path))
    if isinstance(before, Unknown):
        yield unknown(ctx, path, before)
    elif before.kind not in {"absent", "file"}:
        yield wrong_kind(ctx, path, before)
    else:
        yield from bring(ctx, path, before, FileState("file", content))


def edit(ctx: Context, path: str, change: Callable[[str], str], create: bool = False) -> Iterator[Outcome]:
    """Yield what makes a file's text what `change` returns; a text that cannot be read or edited stays as it is."""
    before = ctx.one(File(path))
    if isinstance(before, Unknown):
        yield unknown(ctx, path, before)
        return
    if before.kind == "absent" and not create:
        yield Problem(ctx.host.name, f"{path} is not there", "check the path; nothing is made up in place of a file")
        return
    if before.kind not in {"absent", "file"}:
        yield wrong_kind(ctx, path, before)
        return
    try:
        content = change(before.text).encode("utf-8", "surrogateescape")
    except EditError as error:
        yield unreadable(ctx.host.name, path, error)
        return
    yield from bring(ctx, path, before, FileState("file", content), "edit")
