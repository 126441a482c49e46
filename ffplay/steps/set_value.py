"""Set one key of a YAML, JSON or Python-ini file in place; comments, layout and every other value stay.

    - set_value: {path: /etc/findface-extraction-api.ini, key: models.facen, value: cherry_480}

Mind that findface-extraction-api.ini is YAML and findface-facenapi.ini is Python source; without `format` the ending
and the content tell which it is.
"""

from __future__ import annotations

from collections.abc import Iterator

from ffplay.edit import EditError, jsonfile, pyini, yamlfile
from ffplay.steps._files import OWNERSHIP, PATH, edit
from ffplay.steps.base import Context, Outcome, StepKind, parameters

_ENDINGS = {".json": "json", ".yaml": "yaml", ".yml": "yaml", "extraction-api.ini": "yaml", "facenapi.ini": "ini"}


def plan(ctx: Context) -> Iterator[Outcome]:
    """Plan the edit of the file where the value differs."""
    path, key, value = str(ctx.args["path"]), ctx.args["key"], ctx.args["value"]
    parts: tuple[str | int, ...] = tuple(key if isinstance(key, list | tuple) else str(key).split("."))

    def change(text: str) -> str:
        form = ctx.args.get("format") or _format(path, text)
        if form == "json":
            return jsonfile.set_value(text, parts, value)
        if form == "yaml":
            return yamlfile.set_value(text, parts, value)
        return pyini.set_values(text, {".".join(map(str, parts)): value})

    yield from edit(ctx, path, change)


def _format(path: str, text: str) -> str:
    """Return the format by the ending, else by the content: an assignment is Python's, brackets are JSON's."""
    for ending, form in _ENDINGS.items():
        if path.endswith(ending):
            return form
    try:
        if pyini.get(text):
            return "ini"
    except EditError:
        pass
    return "json" if text.lstrip("\ufeff \t\r\n").startswith(("{", "[")) else "yaml"


STEP = StepKind(
    name="set_value",
    summary="Set one key of a YAML, JSON or Python-ini file in place.",
    example="- set_value: {path: /etc/findface-extraction-api.ini, key: models.facen, value: cherry_480}",
    reads="The file's content, owner and mode.",
    changes="The value of one key; owner and mode where they are given.",
    schema=parameters(
        ["path", "key", "value"],
        path=PATH,
        key={
            "type": ["string", "array"],
            "items": {"type": ["string", "integer"]},
            "minItems": 1,
            "minLength": 1,
            "description": "Dotted (`models.facen`), or a list where a key has a dot in it; lists count from 0.",
        },
        value={"description": "The value that the key shall have; any type that the format can write."},
        format={
            "type": "string",
            "enum": ["yaml", "json", "ini"],
            "description": "What the file is written in (`ini`: Python's `name = value`); by default its name tells.",
        },
        **OWNERSHIP,
    ),
    plan=plan,
)
