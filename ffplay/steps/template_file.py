"""Have a file with the text that a Jinja2 template gives for this host; Ansible's `template`.

    - template_file: {src: ntls.cfg.j2, dest: /etc/ntls.cfg, mode: "0644"}

The shards' own Lua files have a step of their own, `template`, which knows what must survive in them.
"""

from __future__ import annotations

from collections.abc import Iterator

from ffplay.steps._files import OWNERSHIP, PATH, write
from ffplay.steps.base import Context, Outcome, StepKind, parameters


def plan(ctx: Context) -> Iterator[Outcome]:
    """Plan to write the file where its text, mode or owner differs."""
    text = ctx.template(str(ctx.args["src"]), {})
    yield from write(ctx, str(ctx.args["dest"]), text.encode("utf-8", "surrogateescape"))


STEP = StepKind(
    name="template_file",
    summary="Have a file with the text that a template gives for this host.",
    example="- template_file: {src: ntls.cfg.j2, dest: /etc/ntls.cfg}",
    reads="The template, and the file on the host: content, owner and mode.",
    changes="That file.",
    schema=parameters(
        ["src", "dest"],
        src={"type": "string", "description": "Template file: beside the playbook, or in a `templates` folder by it."},
        dest=PATH,
        **OWNERSHIP,
    ),
    plan=plan,
)
