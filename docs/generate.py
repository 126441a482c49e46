"""Write docs/steps.md and docs/variables.md from the code that they describe; `--check` fails where they differ."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ffplay import steps
from ffplay.findface import DEFAULTS
from ffplay.steps.base import StepKind

HERE = Path(__file__).resolve().parent

COMMON = (
    ("name", "What output calls the step."),
    ("when", "A condition, or several of which all must hold: Jinja2 without braces."),
    ("tags", "Words for `--tags` and `--skip-tags`; `always` and `never` as in Ansible."),
    ("hosts", "A pattern that narrows the play's hosts for this step."),
    ("vars", "Variables for this step."),
    ("register", "Keep the result under this name: `changed`, `rc`, `stdout`, `stdout_lines`, `stderr`, `status`, ..."),
    ("retries, delay, until", "Try again so often, so many seconds apart, until the conditions hold."),
    ("timeout", "Seconds that a change of this step may take."),
    ("ignore_errors", "Go on although the step failed."),
    ("become, become_user", "Run as another user, in place of the inventory's setting."),
    ("run_once", "Run on the first host alone."),
    ("loop, loop_control.loop_var", "Run once for each item of a list, which is `item`, or the named variable."),
    ("notify", "Handlers to run at the end of the play if this step changed something; they survive a failed run."),
)


def steps_page() -> str:
    """Return docs/steps.md."""
    lines = ["# Steps", "", "Generated from the code by `docs/generate.py`.", "", "Every step also takes:", ""]
    lines += ["| word | meaning |", "| --- | --- |", *(f"| `{word}` | {meaning} |" for word, meaning in COMMON), ""]
    lines += ["`include: FILE` puts the steps of another file in its place.", ""]
    for name in steps.kinds():
        lines += list(_step(steps.kind(name)))
    return "\n".join(lines)


def _step(kind: StepKind) -> Iterator[str]:
    module = inspect.getmodule(kind.plan)
    yield from (f"## {kind.name}", "", inspect.cleandoc(module.__doc__ or ""), "", "```yaml", kind.example, "```", "")
    where = " or ".join(f"`{group}`" for group in kind.groups)
    if where or kind.needs_target:
        needs = "It needs a `target` in the play. " if kind.needs_target else ""
        yield from (f"{needs}{f'It has work on hosts of {where}.' if where else ''}".strip(), "")
    yield from ("| parameter | type | default | meaning |", "| --- | --- | --- | --- |")
    required = kind.schema.get("required", [])
    for name, schema in kind.schema["properties"].items():
        shown = "required" if name in required else f"`{schema.get('default')!r}`"
        main = " The plain value after the step's name is this one." if name == kind.main else ""
        yield f"| `{name}` | {_type(schema)} | {shown} | {schema['description']}{main} |"
    yield ""


def _type(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return ", ".join(f"`{value}`" if value != "" else "empty" for value in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(_type(one) for one in schema["anyOf"])
    if "const" in schema:
        return f"`{schema['const']}`"
    found = schema.get("type", "any")
    return " or ".join(found) if isinstance(found, list) else str(found)


def variables_page() -> str:
    """Return docs/variables.md."""
    lines = [
        "# Inventory variables",
        "",
        "Generated from the code by `docs/generate.py`. Every path, unit, port and name that the vendor's documents call a",
        "default is a variable; these are the defaults. Set in the inventory only what your site has otherwise.",
        "",
        "| variable | default |",
        "| --- | --- |",
        *(f"| `{name}` | `{value}` |" if value != "" else f"| `{name}` | empty |" for name, value in DEFAULTS.items()),
        "",
    ]
    return "\n".join(lines)


def main() -> int:
    """Write the pages, or compare them."""
    pages = {"steps.md": steps_page(), "variables.md": variables_page()}
    stale = [name for name, text in pages.items() if not (HERE / name).exists() or (HERE / name).read_text() != text]
    if "--check" in sys.argv[1:]:
        for name in stale:
            sys.stderr.write(f"docs/{name} is not what docs/generate.py writes: run it\n")
        return 1 if stale else 0
    for name in stale:
        (HERE / name).write_text(pages[name])
    return 0


if __name__ == "__main__":
    sys.exit(main())
