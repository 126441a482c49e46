"""Write docs/steps.md and docs/variables.md from the code that they describe; `--check` fails where they differ."""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ffplay import steps
from ffplay.findface import DEFAULTS
from ffplay.load.schema import COMMON
from ffplay.steps.base import StepKind

HERE = Path(__file__).resolve().parent

# Marks a YAML block that is no playbook of its own; tests/docs tells what else there is.
FRAGMENT = "<!-- fragment -->"

# The steps of a migration, in the order of the vendor's page; every other kind is a general one.
MIGRATION = (
    *("preflight", "backup", "configure", "regenerate", "stop", "wipe", "template", "start", "copy"),
    *("fast_index", "verify"),
)
SECTIONS = ("Steps of a migration", "General steps")


def steps_page() -> str:
    """Return docs/steps.md."""
    lines = ["# Steps", "", "Generated from the code by `docs/generate.py`. How a playbook is written: "]
    lines[-1] += "[playbooks.md](playbooks.md)."
    general = tuple(name for name in steps.kinds() if name not in MIGRATION)
    for title, names in zip(SECTIONS, (MIGRATION, general), strict=True):
        lines += ["", f"## {title}", "", "| step | what it does |", "| --- | --- |"]
        lines += [f"| [`{name}`](#{name}) | {cell(steps.kind(name).summary)} |" for name in names]
    lines += [
        "",
        "`include: FILE` puts the steps of another file in its place.",
        "",
        "## Words that every step takes",
        "",
    ]
    lines += ["| word | type | meaning |", "| --- | --- | --- |"]
    lines += [f"| `{word}` | {cell(_type(rule))} | {cell(_sentence(rule))} |" for word, rule in COMMON.items()]
    lines += ["", "## Every step"]
    for name in (*MIGRATION, *general):
        lines += ["", *_step(steps.kind(name))]
    return "\n".join(lines) + "\n"


def _step(kind: StepKind) -> Iterator[str]:
    module = inspect.getmodule(kind.plan)
    yield from (f"### {kind.name}", "", inspect.cleandoc(module.__doc__ or ""), "", FRAGMENT, "```yaml")
    yield from (kind.example, "```", "")
    where = " or ".join(f"`{group}`" for group in kind.groups)
    if where or kind.needs_target:
        needs = "It needs a `target` in the play. " if kind.needs_target else ""
        yield from (f"{needs}{f'It has work on hosts of {where}.' if where else ''}".strip(), "")
    yield from ("| parameter | type | default | meaning |", "| --- | --- | --- | --- |")
    required = kind.schema.get("required", [])
    for name, schema in kind.schema["properties"].items():
        shown = "required" if name in required else _default(schema.get("default"))
        main = f" `- {kind.name}: VALUE` sets this one." if name == kind.main else ""
        yield f"| `{name}` | {cell(_type(schema))} | {cell(shown)} | {cell(_sentence(schema))}{main} |"


def _default(value: Any) -> str:
    """Return a default as YAML has it; what is empty is `none`."""
    return "none" if value in (None, "") else f"`{json.dumps(value) if not isinstance(value, str) else value}`"


def _sentence(rule: Mapping[str, Any]) -> str:
    """Return a description as a sentence."""
    text = str(rule["description"])
    return f"{text[0].upper()}{text[1:]}".removesuffix(".") + "."


def cell(text: str) -> str:
    """Return a text that fits a table's cell."""
    return text.replace("|", "\\|").replace("\n", " ")


def _type(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"] if value != "")
    if "anyOf" in schema:
        return " or ".join(_type(one) for one in schema["anyOf"])
    if "const" in schema:
        return f"`{schema['const']}`"
    found = schema.get("type", "any")
    words = [word for word in ([found] if isinstance(found, str) else found) if word != "null"]
    return " or ".join(_TYPES.get(word, word) for word in words)


# JSON Schema's words, and those that a writer of YAML knows.
_TYPES = {"array": "list", "object": "mapping"}


def variables_page() -> str:
    """Return docs/variables.md."""
    lines = [
        "# Inventory variables",
        "",
        "Generated from the code by `docs/generate.py`. Every path, unit, port and name that the vendor documents is a",
        "variable with this default. Set in the inventory only what your site has otherwise. What else an inventory",
        "may say: [inventory.md](inventory.md).",
        "",
        "| variable | default |",
        "| --- | --- |",
        *(f"| `{name}` | {cell(_default(value))} |" for name, value in DEFAULTS.items()),
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
