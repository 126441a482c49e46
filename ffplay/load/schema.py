"""The JSON Schemas of a playbook and of an inventory, for validation, for editors and for the documentation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ffplay import steps
from ffplay.findface import DETECTORS, MODELS

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
IDENTIFIER = r"^[A-Za-z_]\w*$"
_TEMPLATE = {"type": "string", "pattern": r"\{\{|\{%"}
_WORDS: dict[str, Any] = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
_CONDITION: dict[str, Any] = {
    "anyOf": [{"type": ["string", "boolean"]}, {"type": "array", "items": {"type": ["string", "boolean"]}}]
}

# What every step takes beside its kind.
COMMON: Mapping[str, Mapping[str, Any]] = {
    "name": {"type": "string", "description": "what output calls the step"},
    "when": {**_CONDITION, "description": "conditions, all of which must hold (Jinja2 without braces)"},
    "tags": {**_WORDS, "description": "words that --tags and --skip-tags choose by"},
    "hosts": {"type": "string", "description": "a pattern: only those of the play's hosts"},
    "vars": {"type": "object", "description": "variables for this step alone"},
    "register": {"type": "string", "pattern": IDENTIFIER, "description": "the variable that gets the result"},
    "retries": {"type": "integer", "minimum": 0, "description": "how often a failed step is tried again"},
    "delay": {"type": "number", "minimum": 0, "description": "seconds between two tries"},
    "until": {**_CONDITION, "description": "conditions to try again until they hold"},
    "timeout": {"type": "number", "exclusiveMinimum": 0, "description": "seconds after which the step has failed"},
    "ignore_errors": {"type": "boolean", "description": "go on where the step fails"},
    "become": {"type": "boolean", "description": "act as another user"},
    "become_user": {"type": "string", "description": "that user"},
    "run_once": {"type": "boolean", "description": "on the first host alone"},
    "loop": {"type": ["array", "string"], "description": "do the step for each item of a list"},
    "loop_control": {
        "type": "object",
        "properties": {"loop_var": {"type": "string", "pattern": IDENTIFIER}},
        "additionalProperties": False,
        "description": "how the loop's variable is called",
    },
    "notify": {**_WORDS, "description": "handlers to run at the end of the play if this step changed something"},
}
PLAY: Mapping[str, Mapping[str, Any]] = {
    "name": {"type": "string", "description": "what output calls the play"},
    "hosts": {"anyOf": _WORDS["anyOf"], "description": "a pattern: names, groups, a:b, a:&b, a:!b, globs, ~regex"},
    "vars": {"type": "object", "description": "variables of the play"},
    "vars_files": {**_WORDS, "description": "files of variables, beside the playbook"},
    "target": {
        "anyOf": [{"type": "string"}, {"type": "object"}],
        "description": "what the site shall be at: model, facen_size, detector, detector_settings, from",
    },
    "steps": {"type": "array", "description": "what to do, in order"},
    "handlers": {"type": "array", "description": "steps that others notify"},
    "serial": {
        "anyOf": [
            {"type": ["integer", "string"]},
            {"type": "array", "items": {"type": ["integer", "string"]}},
        ],
        "description": "how many hosts at a time: 2, 50%, [1, 50%]",
    },
    "tags": {**_WORDS, "description": "tags of every step of the play"},
    "inventory": {"type": "object", "description": "an inventory of the playbook's own (first play only)"},
}
TARGET: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "model": {"type": "string", "description": f"one of {', '.join(MODELS)}, or another with its facen_size"},
        "facen_size": {"type": "integer", "minimum": 1, "description": "float32 values of a facen"},
        "detector": {"type": "string", "description": f"{', '.join(DETECTORS)}; left out, the site's stays"},
        "detector_settings": {"type": "object", "description": "such as nnd_min_face_size: 30"},
        "from": {"type": "string", "description": "the model that the site is at, where its records cannot tell"},
    },
    "required": ["model"],
    "additionalProperties": False,
}
INCLUDE: Mapping[str, Any] = {"type": "string", "description": "a file of steps, put in this place"}


def playbook_schema() -> dict[str, Any]:
    """Return the schema of a whole playbook, made of the step kinds' own schemas."""
    plays = {"type": "array", "items": {"$ref": "#/$defs/play"}}
    list_of_steps = {"type": "array", "items": {"$ref": "#/$defs/step"}}
    play = {
        "type": "object",
        "properties": {**PLAY, "steps": list_of_steps, "handlers": list_of_steps, "target": _target()},
        "required": ["hosts"],
        "additionalProperties": False,
    }
    mapping = {
        "type": "object",
        "properties": {"inventory": {"type": "object"}, "plays": plays},
        "required": ["plays"],
        "additionalProperties": False,
    }
    step = {"oneOf": [*(_step_schema(name) for name in steps.kinds()), _entry("include", INCLUDE)]}
    title = "An ffplay playbook"
    return {"$schema": _DIALECT, "title": title, "oneOf": [plays, mapping], "$defs": {"play": play, "step": step}}


def inventory_schema() -> dict[str, Any]:
    """Return the schema of a YAML inventory."""
    members = {"type": ["object", "null"], "additionalProperties": {"type": ["object", "null"]}}
    children = {"type": ["object", "null"], "additionalProperties": {"$ref": "#/$defs/group"}}
    group = {
        "type": ["object", "null"],
        "properties": {"hosts": members, "children": children, "vars": {"type": ["object", "null"]}},
        "additionalProperties": False,
    }
    return {
        "$schema": _DIALECT,
        "title": "An inventory",
        "type": "object",
        "additionalProperties": {"$ref": "#/$defs/group"},
        "$defs": {"group": group},
    }


def _step_schema(name: str) -> dict[str, Any]:
    kind = steps.kind(name)
    forms: list[Any] = [templated(kind.schema), {"type": "null"}]
    if kind.main is not None:
        forms.append(templated(kind.schema.get("properties", {}).get(kind.main, {})))
    return _entry(name, {"anyOf": forms, "description": kind.summary})


def _entry(name: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    properties = {**{word: templated(rule) for word, rule in COMMON.items()}, name: schema}
    return {"type": "object", "properties": properties, "required": [name], "additionalProperties": False}


def _target() -> dict[str, Any]:
    return {"oneOf": [{"type": "string"}, templated(TARGET)]}


def templated(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a schema that admits a template wherever the given one asks for anything but free text."""
    made = dict(schema)
    if isinstance(made.get("properties"), Mapping):
        made["properties"] = {name: templated(rule) for name, rule in made["properties"].items()}
    for word in ("items", "additionalProperties"):
        if isinstance(made.get(word), Mapping):
            made[word] = templated(made[word])
    for word in ("oneOf", "anyOf", "allOf"):
        if isinstance(made.get(word), list):
            made[word] = [templated(rule) for rule in made[word]]
    free = made.get("type") == "string" and not {"enum", "pattern", "const"} & set(made)
    whole = made.get("type") == "object" and "properties" in made
    if free or whole or not {"type", "enum", "const", "pattern"} & set(made):
        return made
    words = {"description": made.pop("description")} if "description" in made else {}
    return {**words, "anyOf": [made, dict(_TEMPLATE)]}
