"""A look that tells whether a value plainly satisfies a simple schema.

Importing jsonschema takes longer than everything else that reads a playbook, and most playbooks are right; so it is
asked only where this look finds something wrong, or a keyword that it does not know.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

_MARKS = ("{{", "{%")
_WORDLESS = {"description", "default", "title", "examples"}


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_TYPES: Mapping[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": _number,
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
    "null": lambda value: value is None,
}
_RULES: Mapping[str, Callable[[Any, Any], bool]] = {
    "type": lambda rule, value: any(_TYPES[name](value) for name in ([rule] if isinstance(rule, str) else rule)),
    "enum": lambda rule, value: isinstance(value, str) and value in rule,
    "const": lambda rule, value: isinstance(value, str) and value == rule,
    "pattern": lambda rule, value: isinstance(value, str) and re.search(rule, value) is not None,
    "minimum": lambda rule, value: _number(value) and value >= rule,
    "maximum": lambda rule, value: _number(value) and value <= rule,
    "exclusiveMinimum": lambda rule, value: _number(value) and value > rule,
    "minLength": lambda rule, value: isinstance(value, str) and len(value) >= rule,
    "minItems": lambda rule, value: isinstance(value, list) and len(value) >= rule,
    "items": lambda rule, value: isinstance(value, list) and all(plainly_right(rule, inner) for inner in value),
    "required": lambda rule, value: isinstance(value, dict) and all(name in value for name in rule),
    "anyOf": lambda rule, value: any(plainly_right(choice, value) for choice in rule),
    "properties": lambda rule, value: (
        isinstance(value, dict) and all(_right_or_template(rule[name], value[name]) for name in value if name in rule)
    ),
}


def plainly_right(schema: Any, value: Any) -> bool:
    """Return whether a value surely satisfies a schema; False means only that jsonschema must be asked."""
    if not isinstance(schema, Mapping):
        return False
    for word, rule in schema.items():
        if word in _WORDLESS:
            continue
        if word == "additionalProperties":
            extra = isinstance(value, dict) and set(value) - set(schema.get("properties", {}))
            if rule is not True and not (rule is False and isinstance(value, dict) and not extra):
                return False
        elif word not in _RULES or not _RULES[word](rule, value):
            return False
    return True


def _right_or_template(schema: Any, value: Any) -> bool:
    return (isinstance(value, str) and is_template(value)) or plainly_right(schema, value)


def is_template(value: Any) -> bool:
    """Return whether a value is, or holds, a string that is still to be rendered."""
    if isinstance(value, str):
        return any(mark in value for mark in _MARKS)
    if isinstance(value, Mapping):
        return any(is_template(inner) for inner in value.values())
    return isinstance(value, list) and any(is_template(inner) for inner in value)
