"""What there is to write in a playbook, as rows of text made from the schemas that validate it.

docs/steps.md and `ff-play explain` are both made of these rows, so that neither says what the other does not.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ffplay import steps
from ffplay.load.schema import COMMON, INCLUDE, PLAY, TARGET
from ffplay.steps.base import StepKind

# The steps of a migration, in the order of the vendor's page; every other kind is a general one.
MIGRATION = (
    *("preflight", "backup", "configure", "regenerate", "stop", "wipe", "template", "start", "copy"),
    *("fast_index", "verify"),
)

# Words that are no step's parameters: what they are words of, as a heading has it, and their rules.
WORDS: tuple[tuple[str, Mapping[str, Mapping[str, Any]]], ...] = (
    ("every step", COMMON),
    ("a list of steps", {"include": INCLUDE}),
    ("a play", PLAY),
    ("a target", TARGET["properties"]),
)

# JSON Schema's words, and those that a writer of YAML knows.
_TYPES: Mapping[str, str] = {"array": "list", "object": "mapping"}


@dataclass(frozen=True, slots=True)
class Row:
    """One word that may be written: its type in words, what it is where it is left out, and a sentence.

    `default` is "required" where it cannot be left out, "none" where nothing stands for it.
    """

    name: str
    type: str
    default: str
    meaning: str


def sections() -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return headings and the kinds below each: those of a migration in their order, the others by name."""
    general = tuple(name for name in steps.kinds() if name not in MIGRATION)
    return (("Steps of a migration", MIGRATION), ("General steps", general))


def about(kind: StepKind) -> str:
    """Return what a step does, as its module says it."""
    return inspect.cleandoc(getattr(inspect.getmodule(kind.plan), "__doc__", None) or "")


def where(kind: StepKind) -> str:
    """Return what a step needs, and where it has work; empty where it needs nothing and works on every host."""
    groups = " or ".join(f"`{group}`" for group in kind.groups)
    needs = "It needs a `target` in the play. " if kind.needs_target else ""
    return f"{needs}{f'It has work on hosts of {groups}.' if groups else ''}".strip()


def parameters(kind: StepKind) -> Iterator[Row]:
    """Yield a step's parameters."""
    for row in rows(kind.schema["properties"], kind.schema.get("required", ())):
        short = f" `- {kind.name}: VALUE` sets this one." if row.name == kind.main else ""
        yield Row(row.name, row.type, row.default, row.meaning + short)


def rows(rules: Mapping[str, Mapping[str, Any]], required: tuple[str, ...] = ()) -> Iterator[Row]:
    """Yield the words of a mapping by their rules."""
    for name, rule in rules.items():
        default = "required" if name in required else shown_default(rule.get("default"))
        yield Row(name, type_of(rule), default, sentence(rule))


def shown_default(value: Any) -> str:
    """Return a default as YAML has it; what is empty is `none`."""
    return "none" if value in (None, "") else f"`{json.dumps(value) if not isinstance(value, str) else value}`"


def sentence(rule: Mapping[str, Any]) -> str:
    """Return a description as a sentence."""
    text = str(rule["description"])
    return f"{text[0].upper()}{text[1:]}".removesuffix(".") + "."


def type_of(rule: Mapping[str, Any]) -> str:
    """Return what a rule asks for, in words."""
    if "enum" in rule:
        return ", ".join(f"`{value}`" for value in rule["enum"] if value != "")
    if "anyOf" in rule:
        return " or ".join(type_of(one) for one in rule["anyOf"])
    if "const" in rule:
        return f"`{rule['const']}`"
    found = rule.get("type", "any")
    words = [word for word in ([found] if isinstance(found, str) else found) if word != "null"]
    return " or ".join(_TYPES.get(word, word) for word in words)
