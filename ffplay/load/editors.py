"""The JSON Schemas of a whole playbook and of an inventory, by which editors complete, explain and underline.

They are made of the schemas that validate. They know what can be known from one file: not whether a host, a variable
or a template is there, nor what a template gives; `ff-play validate` does. The dialect is draft-07, the latest that
every release of yaml-language-server takes. A step is one mapping with all kinds' names as keys, exactly one of which
must be there, rather than a choice of as many mappings: an editor then completes all of them, and says what is wrong
in the one that was written.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ffplay import steps
from ffplay.findface import DEFAULTS
from ffplay.load.schema import COMMON, INCLUDE, INCLUDE_WORDS, PLAY, TARGET
from ffplay.load.shards import FIELDS
from ffplay.load.site import ALIASES, CONNECTIONS

_DIALECT = "http://json-schema.org/draft-07/schema#"
_TEMPLATE = {"type": "string", "pattern": r"\{\{|\{%"}
_SCALARS = ["string", "integer", "number", "boolean", "null"]
_MAPPING = ["object", "null"]

# The words of an inventory's variables that have no default: what they are for, by name.
_SHARD_WORDS: Mapping[str, str] = {
    "id": "the shard's number",
    "memtx_gb": "memory for its faces, written by the shipped template as memtx_memory",
    "replica_of": "HOST/SHARD of the master whose replica this shard is",
}
_SHARDS = "the host's shards: how many, their ids, mappings one by one, or standalone"


def playbook_schema() -> dict[str, Any]:
    """Return the schema of a whole playbook."""
    plays = {"type": "array", "items": _ref("play")}
    inventory = {"inventory": _ref("inventory")}
    lists = {"steps": _ref("steps"), "handlers": _ref("steps")}
    play = _mapping({**_or_empty(PLAY), **lists, **inventory, "target": _target()}, ["hosts"])
    book = _mapping({**inventory, "plays": plays}, ["plays"])
    definitions = {
        "play": play,
        "steps": {"type": ["array", "null"], "items": {"anyOf": [_bare_steps(), _ref("step")]}},
        "step": _step(),
        "inventory": _groups(),
        **_inventory_definitions(),
    }
    return {
        "$schema": _DIALECT,
        "title": "An ffplay playbook",
        "anyOf": [{**plays, "minItems": 1}, book],
        "definitions": definitions,
    }


def inventory_schema() -> dict[str, Any]:
    """Return the schema of a YAML inventory."""
    return {
        "$schema": _DIALECT,
        "title": "An ffplay inventory",
        **_groups(),
        "definitions": _inventory_definitions(),
    }


def _step() -> dict[str, Any]:
    """Return the schema of a step that is a mapping: exactly one kind, and the words beside it."""
    kinds: dict[str, Any] = {name: _kind(name) for name in steps.kinds()}
    kinds["include"] = dict(INCLUDE)
    one = [{"required": [name]} for name in kinds]
    needless = {word: False for word in COMMON if word not in INCLUDE_WORDS}
    return {
        **_mapping({**kinds, **_described(COMMON)}),
        "oneOf": one,
        "dependencies": {"include": {"properties": needless}},
    }


def _bare_steps() -> dict[str, Any]:
    """Return the schema of a step that is but a name."""
    return {"enum": [name for name in steps.kinds() if not steps.kind(name).schema.get("required")]}


def _kind(name: str) -> dict[str, Any]:
    """Return the schema of what stands under a kind: its parameters, its main one alone, or nothing."""
    kind = steps.kind(name)
    required = set(kind.schema.get("required", ()))
    forms: list[Any] = []
    if kind.main is not None and required <= {kind.main}:
        # First: an editor that is not sure what was meant speaks of the first form.
        forms.append(_of_draft_7(_templated(kind.schema["properties"][kind.main])))
    forms.append(_of_draft_7(_templated(kind.schema)))
    if not required:
        forms.append({"type": "null"})
    text = f"{kind.summary} Reads: {kind.reads} Changes: {kind.changes} Example: {kind.example}"
    return {"anyOf": forms, "description": text}


def _target() -> dict[str, Any]:
    model = TARGET["properties"]["model"]
    return {"anyOf": [dict(model), _templated(TARGET)], "description": PLAY["target"]["description"]}


def _groups() -> dict[str, Any]:
    return {"type": "object", "not": {"required": ["plugin"]}, "additionalProperties": _ref("group")}


def _inventory_definitions() -> dict[str, Any]:
    """Return the definitions that an inventory's schema refers to."""
    members = {"type": _MAPPING, "additionalProperties": _ref("variables")}
    group = _mapping(
        {
            "hosts": {**members, "description": "hosts by name, each with its variables; db[1:4] is a range"},
            "children": {"type": _MAPPING, "additionalProperties": _ref("group"), "description": "groups in it"},
            "vars": _ref("variables"),
        }
    )
    known = {name: _variable(value) for name, value in DEFAULTS.items()}
    known |= {alias: _connection(field) for field, aliases in ALIASES.items() for alias in aliases}
    entry = {name: {"type": _SCALARS, "description": text} for name, text in _SHARD_WORDS.items()}
    entry |= {name: {"type": _SCALARS, "description": f"the shard's {name}"} for name in FIELDS}
    number = {"type": "integer", "minimum": 0}
    forms = [
        number,
        {"enum": ["standalone"]},
        {"type": "string", "pattern": r"^\d+$|\{\{|\{%"},
        {"type": "array", "items": {"anyOf": [number, {"type": "string"}, {"type": "object", "properties": entry}]}},
        {"type": "object", "properties": entry},
    ]
    known["shards"] = {"anyOf": forms, "description": _SHARDS}
    return {
        "group": {**group, "type": _MAPPING},
        "variables": {"type": _MAPPING, "properties": known},
    }


def _variable(value: Any) -> dict[str, Any]:
    """Return the schema of a variable that ffplay reads, by its default."""
    shown = list(value) if isinstance(value, tuple) else value
    kind = {"type": "array"} if isinstance(value, tuple) else {"type": _SCALARS}
    return {"anyOf": [kind, _TEMPLATE], "default": shown, "description": f"ffplay's default: {shown!r}"}


def _connection(field: str) -> dict[str, Any]:
    """Return the schema of a variable that says how a host is reached."""
    kinds: Mapping[str, Any] = {
        "port": {"anyOf": [{"type": "integer"}, {"type": "string", "pattern": r"^\d+$|\{\{|\{%"}]},
        "become": {"anyOf": [{"type": "boolean"}, {"type": ["string", "integer", "null"]}]},
        "local": {"anyOf": [{"enum": list(CONNECTIONS)}, _TEMPLATE]},
        "password": {},
        "become_password": {},
    }
    text = "how the host is reached: docs/inventory.md"
    return {**kinds.get(field, {"type": _SCALARS}), "description": text}


def _mapping(properties: Mapping[str, Any], required: list[str] | None = None) -> dict[str, Any]:
    made: dict[str, Any] = {"type": "object", "properties": dict(properties), "additionalProperties": False}
    return made | ({"required": required} if required else {})


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/definitions/{name}"}


def _described(rules: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {word: _templated(rule) for word, rule in rules.items()}


def _or_empty(rules: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the rules of words that may be written and left empty."""
    return {
        word: rule if word == "hosts" else {"anyOf": [rule, {"type": "null"}], "description": rule["description"]}
        for word, rule in _described(rules).items()
    }


def _templated(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a schema that admits a template wherever the given one asks for anything but free text."""
    made = dict(schema)
    if isinstance(made.get("properties"), Mapping):
        made["properties"] = {name: _templated(rule) for name, rule in made["properties"].items()}
    for word in ("items", "additionalProperties"):
        if isinstance(made.get(word), Mapping):
            made[word] = _templated(made[word])
    for word in ("oneOf", "anyOf", "allOf"):
        if isinstance(made.get(word), list):
            made[word] = [_templated(rule) for rule in made[word]]
    free = made.get("type") == "string" and not {"enum", "pattern", "const"} & set(made)
    whole = made.get("type") == "object" and "properties" in made
    if free or whole or not {"type", "enum", "const", "pattern"} & set(made):
        return made
    words: dict[str, Any] = {word: made.pop(word) for word in ("description", "default") if word in made}
    return {**words, "anyOf": [made, dict(_TEMPLATE)]}


def _of_draft_7(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a schema of 2020-12 in the words of draft-07."""
    return {"dependencies" if word == "dependentSchemas" else word: rule for word, rule in schema.items()}
