"""Have a file with the content of one beside the playbook, or with the content given; Ansible's `copy`.

    - copy_file: {src: files/limits.conf, dest: /etc/security/limits.d/tarantool.conf, mode: "0644"}

A `dest` that ends in a slash, or is a directory on the host, gets the file under its own name.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from ffplay.model import Unknown
from ffplay.resources.file import File
from ffplay.steps._files import OWNERSHIP, PATH, write
from ffplay.steps.base import Context, Outcome, StepKind, parameters


def plan(ctx: Context) -> Iterator[Outcome]:
    """Plan to write the file where its content, mode or owner differs."""
    dest, src = str(ctx.args["dest"]), ctx.args.get("src")
    if src is None:
        yield from write(ctx, dest, str(ctx.args["content"]).encode("utf-8", "surrogateescape"))
        return
    state = ctx.one(File(dest.rstrip("/") or "/"))
    if dest.endswith("/") or (not isinstance(state, Unknown) and state.kind == "directory"):
        dest = posixpath.join(dest, posixpath.basename(str(src)))
    yield from write(ctx, dest, ctx.read_file(str(src)))


STEP = StepKind(
    name="copy_file",
    summary="Have a file with the content of a local one, or with the content given.",
    example="- copy_file: {src: files/limits.conf, dest: /etc/security/limits.d/tarantool.conf}",
    reads="The local file, and the file on the host: content, owner and mode.",
    changes="That file.",
    schema={
        **parameters(
            ["dest"],
            dest=PATH,
            src={"type": "string", "description": "Local file: beside the playbook, or in a `files` folder by it."},
            content={"type": "string", "description": "The content itself, in place of `src`."},
            **OWNERSHIP,
        ),
        "if": {"required": ["src"]},
        "then": {"properties": {"content": False}},
        "else": {"required": ["content"]},
    },
    plan=plan,
)
