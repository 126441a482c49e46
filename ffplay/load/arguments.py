"""A step's arguments against its kind's schema, in words that a site engineer would use."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ffplay import steps
from ffplay.errors import Finding
from ffplay.load.filters import FALSE, TRUE
from ffplay.load.findings import Findings, did_you_mean, hints
from ffplay.load.marked import Place, key_place, place_of, value_place
from ffplay.load.quick import is_template, plainly_right
from ffplay.load.schema import IDENTIFIER
from ffplay.model import Step

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator

_TYPES = {
    "integer": "an integer",
    "number": "a number",
    "boolean": "true or false",
    "string": "text",
    "array": "a list",
    "object": "a mapping",
    "null": "empty",
}


def check_args(step: Step, args: Mapping[str, Any]) -> list[Finding]:
    """Return what is wrong with a step's arguments, rendered or as written; templates in them are not judged."""
    kind = steps.kind(step.kind)
    owner = f"step {step.kind}"
    return check(kind.schema, convert_args(step, args), step.args, owner, place_of(step.args))


def convert_args(step: Step, args: Mapping[str, Any]) -> dict[str, Any]:
    """Return rendered arguments as the kind asks for them: defaults filled in, "4" an integer where one is due."""
    properties = steps.kind(step.kind).schema.get("properties", {})
    defaults = {name: rule["default"] for name, rule in properties.items() if "default" in rule}
    return defaults | {
        name: _converted(value, properties.get(name, {}), isinstance(step.args.get(name), str))
        for name, value in args.items()
    }


def _converted(value: Any, schema: Mapping[str, Any], was_text: bool) -> Any:
    wanted = schema.get("type")
    types = {wanted} if isinstance(wanted, str) else set(wanted or ())
    if isinstance(value, str) and "string" not in types and not is_template(value):
        text = value.strip()
        if "integer" in types and re.fullmatch(r"[+-]?\d+", text):
            return int(text)
        if "number" in types and re.fullmatch(r"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?", text):
            return float(text) if not re.fullmatch(r"[+-]?\d+", text) else int(text)
        if "boolean" in types and text.lower() in TRUE | FALSE:
            return text.lower() in TRUE
    if was_text and types == {"string"} and isinstance(value, int | float):
        return str(value)
    return value


def check(schema: Mapping[str, Any], value: Any, written: Any, owner: str, place: Place | None) -> list[Finding]:
    """Return how a value breaks a schema.

    `written` is the same value as a file has it, for the places; `owner` is what messages call the mapping.
    """
    found = Findings()
    if plainly_right(schema, value):
        return []
    properties = schema.get("properties", {})
    if isinstance(value, Mapping) and schema.get("additionalProperties", False) is False:
        for name in (name for name in value if name not in properties):
            takes = f"it takes {', '.join(properties)}" if properties else "it takes none"
            where = key_place(written, name) or place
            found.add(where, f"{owner} has no parameter `{name}`", hints(did_you_mean(str(name), properties), takes))
    for error in _validator(schema).iter_errors(value):
        if error.validator is None:
            _excluded(error.instance, value, written, owner, found)
        elif error.validator == "required" and "else" in error.absolute_schema_path:
            instead = [*schema.get("if", {}).get("required", ()), *map(str, error.validator_value)]
            found.add(place, f"{owner} lacks {_either(f'`{name}`' for name in instead)}")
        elif error.validator != "additionalProperties" or error.absolute_path:
            _tell(error, written, owner, place, found)
    return found.all


def _validator(schema: Mapping[str, Any]) -> Draft202012Validator:
    # A schema is a constant of its kind, which lives as long as the program; its identity is its name.
    return _validator_of(_Constant(schema))


class _Constant:
    """A schema as a key of a cache."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self.schema = schema

    def __hash__(self) -> int:
        return id(self.schema)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Constant) and other.schema is self.schema


@functools.cache
def _validator_of(constant: _Constant) -> Draft202012Validator:
    from jsonschema import Draft202012Validator

    return Draft202012Validator(constant.schema)


def _excluded(instance: Any, value: Mapping[str, Any], written: Any, owner: str, found: Findings) -> None:
    """Report a parameter that the schema admits, but not together with others that are given."""
    for name in (name for name in value if value[name] is instance):
        message = f"{owner} cannot have `{name}` together with the other parameters given"
        found.add(key_place(written, name), message)


def _tell(error: Any, written: Any, owner: str, place: Place | None, found: Findings) -> None:
    if is_template(error.instance):
        return
    path = list(error.absolute_path)
    name = _path_name(path)
    where = _path_place(written, path) or place
    subject = f"`{name}` of {owner}" if name else owner
    if error.validator == "required":
        for missing in error.validator_value:
            if missing not in error.instance:
                description = error.schema.get("properties", {}).get(missing, {}).get("description", "")
                found.add(where, f"{subject} lacks `{missing}`", description)
        return
    if error.validator == "additionalProperties":
        names = error.schema.get("properties", {})
        for extra in (key for key in error.instance if key not in names):
            inner = key_place(_at(written, path), extra) or where
            found.add(
                inner,
                f"{subject} has no `{extra}`",
                hints(did_you_mean(str(extra), names), f"it takes {', '.join(names)}"),
            )
        return
    hint = "" if error.validator != "type" else _type_hint(error)
    found.add(where, f"{subject} {_must(error)}", hint)


def _must(error: Any) -> str:
    """Return what a value must be and is not."""
    rule, value = error.validator_value, error.instance
    if error.validator == "type":
        wanted = [rule] if isinstance(rule, str) else list(rule)
        return f"must be {_either(_TYPES[name] for name in wanted)}, not {shown(value)}"
    if error.validator in {"enum", "const"}:
        choices = rule if error.validator == "enum" else [rule]
        guess = did_you_mean(str(value), [str(choice) for choice in choices])
        return (
            f"must be {_either(str(choice) for choice in choices)}, not {shown(value)}{f': {guess}' if guess else ''}"
        )
    if error.validator in {"oneOf", "anyOf"}:
        return f"must be {_either(_alternatives(rule))}, not {shown(value)}"
    if rule == IDENTIFIER:
        return f"must be a variable's name (letters, digits, `_`), not {shown(value)}"
    words = {
        "minimum": f"must be at least {rule}, not {value}",
        "maximum": f"must be at most {rule}, not {value}",
        "exclusiveMinimum": f"must be more than {rule}, not {value}",
        "exclusiveMaximum": f"must be less than {rule}, not {value}",
        "pattern": f"cannot be {shown(value)}: it must match {rule}",
        "minLength": "must not be empty",
        "minItems": f"must have at least {rule} items",
        "minProperties": f"must have at least {rule} keys",
        "uniqueItems": "has an item twice",
    }
    return words.get(str(error.validator), f"is wrong: {error.message}")


def _type_hint(error: Any) -> str:
    if error.validator_value == "string" and isinstance(error.instance, int | float | bool):
        return "put it in quotes if it is meant as text"
    return ""


def _alternatives(rules: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for rule in rules:
        wanted = rule.get("type")
        for name in [wanted] if isinstance(wanted, str) else wanted or []:
            inner = rule.get("items", {}).get("type") if name == "array" else None
            yield _TYPES[name] + (f" of {_PLURAL[inner]}" if isinstance(inner, str) and inner in _PLURAL else "")
        yield from map(str, rule.get("enum", [rule["const"]] if "const" in rule else []) if not wanted else [])


_PLURAL = {"string": "texts", "integer": "integers", "number": "numbers", "object": "mappings"}


def _either(choices: Iterable[str]) -> str:
    names = list(dict.fromkeys(choices))
    return f"{', '.join(names[:-1])} or {names[-1]}" if len(names) > 1 else "".join(names)


def shown(value: Any) -> str:
    """Return a wrong value as a message names it."""
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f"the text {str(value)[:60]!r}"
    if isinstance(value, Mapping):
        return "a mapping"
    return "a list" if isinstance(value, list | tuple) else str(value)


def _path_name(path: list[Any]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")


def _at(value: Any, path: list[Any]) -> Any:
    for part in path:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def _path_place(written: Any, path: list[Any]) -> Place | None:
    if not path:
        return place_of(written)
    for length in range(len(path), 0, -1):
        holder = _at(written, path[: length - 1])
        found = value_place(holder, path[length - 1]) if isinstance(holder, dict | list) else None
        if found:
            return found
    return None
