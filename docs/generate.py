"""Write the files of docs/ that are made from the code they describe; `--check` fails where they differ."""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ffplay import __version__, steps
from ffplay.arguments import build_parser, exit_code_meanings
from ffplay.findface import DEFAULTS
from ffplay.lint.check import RULES
from ffplay.load import editors
from ffplay.load.schema import COMMON
from ffplay.report import manpage, reference
from ffplay.report.commands import command_of
from ffplay.steps.base import StepKind
from ffplay.verbs import chapters

HERE = Path(__file__).resolve().parent

# Marks a YAML block that is no playbook of its own; tests/docs tells what else there is.
FRAGMENT = "<!-- fragment -->"


def steps_page() -> str:
    """Return docs/steps.md."""
    lines = ["# Steps", "", "Generated from the code by `docs/generate.py`. How a playbook is written: "]
    lines[-1] += "[playbooks.md](playbooks.md)."
    lines += ["The same on the command line: `ff-play explain STEP`."]
    for title, names in reference.sections():
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
    lines += [f"| `{row.name}` | {cell(row.type)} | {cell(row.meaning)} |" for row in reference.rows(COMMON)]
    lines += ["", "## Every step"]
    for _, names in reference.sections():
        for name in names:
            lines += ["", *_step(steps.kind(name))]
    return "\n".join(lines) + "\n"


def _step(kind: StepKind) -> Iterator[str]:
    yield from (f"### {kind.name}", "", reference.about(kind), "", FRAGMENT, "```yaml", kind.example, "```", "")
    if where := reference.where(kind):
        yield from (where, "")
    for text in (f"* Reads: {kind.reads}", f"* Changes: {kind.changes}"):
        yield from textwrap.wrap(text, 120, subsequent_indent="  ", break_on_hyphens=False)
    yield ""
    yield from ("| parameter | type | default | meaning |", "| --- | --- | --- | --- |")
    for row in reference.parameters(kind):
        yield f"| `{row.name}` | {cell(row.type)} | {cell(row.default)} | {cell(row.meaning)} |"


def cell(text: str) -> str:
    """Return a text that fits a table's cell."""
    return text.replace("|", "\\|").replace("\n", " ")


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
        *(f"| `{name}` | {cell(reference.shown_default(value))} |" for name, value in DEFAULTS.items()),
        "",
    ]
    return "\n".join(lines)


def lint_page() -> str:
    """Return docs/lint.md."""
    lines = [
        "# Rules for playbooks",
        "",
        "Generated from the code by `docs/generate.py`. `ff-play lint` tells where a playbook breaks one of these",
        "rules; how a comment silences one is said in [authoring.md](authoring.md#what-is-likely-to-hurt).",
        "",
        "| rule | what it finds | why it matters |",
        "| --- | --- | --- |",
        *(f"| `{rule.id}` | {cell(rule.summary)} | {cell(rule.reason)} |" for rule in RULES.values()),
        "",
    ]
    return "\n".join(lines)


def manual_page() -> str:
    """Return docs/ff-play.1."""
    program = command_of(build_parser(), {})
    return manpage.page(program, __version__, chapters(), exit_code_meanings())


def schema_text(schema: dict[str, Any]) -> str:
    """Return a schema as its file has it."""
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"


def pages() -> dict[str, str]:
    """Return every generated file by its name in docs/."""
    return {
        "steps.md": steps_page(),
        "variables.md": variables_page(),
        "lint.md": lint_page(),
        "ff-play.1": manual_page(),
        "schema/playbook.json": schema_text(editors.playbook_schema()),
        "schema/inventory.json": schema_text(editors.inventory_schema()),
    }


def main() -> int:
    """Write the files, or compare them."""
    texts = pages()
    stale = [name for name, text in texts.items() if not (HERE / name).exists() or (HERE / name).read_text() != text]
    if "--check" in sys.argv[1:]:
        for name in stale:
            sys.stderr.write(f"docs/{name} is not what docs/generate.py writes: run it\n")
        return 1 if stale else 0
    for name in stale:
        (HERE / name).parent.mkdir(exist_ok=True)
        (HERE / name).write_text(texts[name])
    return 0


if __name__ == "__main__":
    sys.exit(main())
