"""Have one line in a file, or not have it, with the parameters and the meaning of Ansible's `lineinfile`.

    - line_in_file: {path: /etc/ntls.cfg, regexp: "^listen *=", line: "listen = 0.0.0.0:3133"}

The last line that `regexp` matches becomes `line`; where none matches, `line` is added unless it is there.
"""

from __future__ import annotations

from collections.abc import Iterator

from ffplay.edit.lines import set_line
from ffplay.resources.file import ABSENT, File
from ffplay.steps._files import OWNERSHIP, PATH, edit
from ffplay.steps.base import Context, Outcome, StepKind, parameters


def plan(ctx: Context) -> Iterator[Outcome]:
    """Plan the edit of the file where it changes anything."""
    args, path = ctx.args, str(ctx.args["path"])
    state = args.get("state", "present")
    if state == "absent" and ctx.one(File(path)) == ABSENT:
        return

    def change(text: str) -> str:
        return set_line(
            text, args.get("line"), args.get("regexp"), args.get("insertafter"), args.get("insertbefore"), state
        )

    yield from edit(ctx, path, change, create=bool(args.get("create", False)))


_EXPRESSION = "Regular expression (Python's). "

STEP = StepKind(
    name="line_in_file",
    summary="Have one line in a file, or not have it.",
    example='- line_in_file: {path: /etc/ntls.cfg, regexp: "^listen *=", line: "listen = 0.0.0.0:3133"}',
    reads="The file's content, owner and mode.",
    changes="One line of the file, with `state: absent` each that matches; owner and mode where they are given.",
    schema={
        **parameters(
            ["path"],
            path=PATH,
            line={"type": "string", "pattern": "^[^\\r\\n]*$", "description": "The line, without its line end."},
            regexp={
                "type": "string",
                "format": "regex",
                "description": _EXPRESSION + "The last matching line is replaced; with `state: absent` all of them go.",
            },
            insertafter={
                "type": "string",
                "description": _EXPRESSION
                + "A new line comes behind the last match; EOF (default) and BOF are the ends.",
            },
            insertbefore={
                "type": "string",
                "description": _EXPRESSION + "A new line comes before the last match; BOF is the beginning.",
            },
            state={
                "type": "string",
                "enum": ["present", "absent"],
                "default": "present",
                "description": "Whether the line shall be there.",
            },
            create={"type": "boolean", "default": False, "description": "Make the file where there is none."},
            **OWNERSHIP,
        ),
        "dependentSchemas": {"insertafter": {"properties": {"insertbefore": False}}},
        # Only where lines go, and an expression says which, no line is needed.
        "if": {"properties": {"state": {"const": "absent"}}, "required": ["state", "regexp"]},
        "else": {"required": ["line"]},
    },
    plan=plan,
)
