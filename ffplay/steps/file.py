"""Have a file, directory or symbolic link, or have none, with the parameters of Ansible's `file`.

    - file: {path: /var/backups/ffplay, state: directory, owner: root, mode: "0700"}

An existing file's `touch` changes no time stamp, so that a second run has nothing to do. A directory is removed only
where it is empty.
"""

from __future__ import annotations

from collections.abc import Iterator

from ffplay.model import Problem, Unknown
from ffplay.resources.file import ABSENT, File, FileState
from ffplay.steps._files import OWNERSHIP, PATH, bring, unknown, wrong_kind
from ffplay.steps.base import Context, Outcome, StepKind, parameters


def plan(ctx: Context) -> Iterator[Outcome]:
    """Plan what brings the path to the wanted kind, mode and owner."""
    path = str(ctx.args["path"])
    before = ctx.one(File(path))
    if isinstance(before, Unknown):
        yield unknown(ctx, path, before)
        return
    wanted = ctx.args.get("state")
    state = wanted or before.kind
    if wanted == "absent":
        yield from bring(ctx, path, before, ABSENT, "remove")
    elif state == "link":
        yield from _link(ctx, path, before)
    elif before.kind == "absent" and state in {"absent", "file"}:
        yield Problem(
            ctx.host.name, f"{path} is not there", "state: touch makes an empty file, copy_file one with content"
        )
    elif before.kind not in {"absent", "directory" if state == "directory" else "file"}:
        yield wrong_kind(ctx, path, before)
    elif state == "directory":
        yield from bring(ctx, path, before, FileState("directory"), "make directory")
    else:
        yield from bring(ctx, path, before, FileState("file", before.content or b""), "create")


def _link(ctx: Context, path: str, before: FileState) -> Iterator[Outcome]:
    target = ctx.args.get("src") or before.target
    if before.kind not in {"absent", "link"}:
        yield wrong_kind(ctx, path, before)
    elif target is None:
        yield Problem(ctx.host.name, f"{path}: a link to what?", "give src, the path that the link leads to")
    else:
        yield from bring(ctx, path, before, FileState("link", target=str(target)), "link")


STEP = StepKind(
    name="file",
    summary="Have a file, directory or link at a path, or nothing.",
    example='- file: {path: /var/backups/ffplay, state: directory, mode: "0700"}',
    reads="What is at the path: its kind, owner and mode.",
    changes="What is at the path.",
    schema=parameters(
        ["path"],
        path=PATH,
        state={
            "type": "string",
            "enum": ["absent", "file", "directory", "link", "touch"],
            "description": "What shall be there; by default what is there keeps its kind. `touch` makes an empty file.",
        },
        src={"type": "string", "description": "What a link leads to."},
        **OWNERSHIP,
    ),
    plan=plan,
    main="path",
)
