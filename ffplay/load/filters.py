"""The filters and tests that Ansible's users know, beside Jinja2's own."""

from __future__ import annotations

import base64
import hashlib
import importlib
import json
import posixpath
import re
import shlex
from collections.abc import Callable, Mapping
from typing import Any

from ffplay.load.placeholder import Placeholder

TRUE, FALSE = {"true", "yes", "on", "y", "t", "1"}, {"false", "no", "off", "n", "f", "0", ""}


def to_bool(value: Any) -> bool:
    """Return a value as a boolean, as Ansible reads one: `yes`, `on`, `true`, `1` and their like are true."""
    return value.strip().lower() in TRUE if isinstance(value, str) else bool(value)


def plain(value: Any) -> Any:
    """Return a value as dicts, lists and scalars of Python's own types."""
    if isinstance(value, Mapping):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set):
        return [plain(inner) for inner in value]
    return str.__str__(value) if isinstance(value, str) else value


def to_json(value: Any, **options: Any) -> str:
    """Return a value as JSON on one line."""
    return json.dumps(plain(value), ensure_ascii=False, default=str, **options)


def to_nice_json(value: Any, indent: int = 4) -> str:
    """Return a value as indented JSON with sorted keys."""
    return to_json(value, indent=indent, sort_keys=True)


def to_yaml(value: Any, indent: int = 2) -> str:
    """Return a value as YAML in block style."""
    import yaml

    return yaml.safe_dump(plain(value), indent=indent, default_flow_style=False, allow_unicode=True, sort_keys=False)


def digest(value: Any, algorithm: str = "sha1") -> str:
    """Return the hex digest of a text."""
    return hashlib.new(algorithm, str(value).encode(), usedforsecurity=False).hexdigest()


def regex_replace(value: Any, pattern: str, replacement: str = "", ignorecase: bool = False) -> str:
    r"""Return a text with every match of a pattern replaced; groups are `\1` in the replacement."""
    return re.sub(pattern, replacement, str(value), flags=re.IGNORECASE if ignorecase else 0)


def regex_search(value: Any, pattern: str, *groups: str, ignorecase: bool = False) -> Any:
    r"""Return the first match, or the groups asked for (`\\1`, `\\g<name>`) as a list; None where nothing matches."""
    found = re.search(pattern, str(value), flags=re.IGNORECASE if ignorecase else 0)
    if found is None:
        return None
    names = [group.removeprefix("\\g<").removesuffix(">").removeprefix("\\") for group in groups]
    return [found[int(name) if name.isdigit() else name] for name in names] if names else found[0]


def ternary(value: Any, true: Any, false: Any, none: Any = None) -> Any:
    """Return one of two values, by a condition."""
    if value is None and none is not None:
        return none
    return true if to_bool(value) else false


def combine(*mappings: Mapping[str, Any], recursive: bool = False) -> dict[str, Any]:
    """Return mappings merged; what comes later wins."""
    merged: dict[str, Any] = {}
    for mapping in mappings:
        for key, value in mapping.items():
            both = recursive and isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
            merged[key] = combine(merged[key], value, recursive=True) if both else value
    return merged


def lua(value: Any) -> str:
    """Return a value as a Lua literal."""
    if value is None:
        return "nil"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return {"inf": "math.huge", "-inf": "-math.huge", "nan": "(0/0)"}.get(repr(value), repr(value))
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_lua_key(key)} = {lua(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "{" + ", ".join(lua(inner) for inner in value) + "}"
    return "".join(("'", *(_LUA_ESCAPES.get(char, char) for char in str(value)), "'"))


_LUA_ESCAPES = {"'": "\\'", "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\0": "\\0"}


def _lua_key(key: Any) -> str:
    return key if isinstance(key, str) and re.fullmatch(r"[A-Za-z_]\w*", key) else f"[{lua(key)}]"


def lua_set(text: str, values: Mapping[str, Mapping[str, Any]]) -> str:
    """Return a Lua text with values set, everything else left as it is; see `ffplay.edit.lua.set_values`."""
    if isinstance(text, Placeholder):
        return ""
    edited: str = importlib.import_module("ffplay.edit.lua").set_values(str(text), plain(values))
    return edited


def _flag(name: str) -> Callable[[Any], bool]:
    return lambda result: bool(result.get(name)) if isinstance(result, Mapping) else False


FILTERS: Mapping[str, Callable[..., Any]] = {
    "b64decode": lambda value: base64.b64decode(value).decode(),
    "b64encode": lambda value: base64.b64encode(str(value).encode()).decode(),
    "basename": lambda value: posixpath.basename(str(value)),
    "bool": to_bool,
    "combine": combine,
    "dirname": lambda value: posixpath.dirname(str(value)),
    "from_json": json.loads,
    "hash": digest,
    "lua": lua,
    "lua_set": lua_set,
    "quote": lambda value: shlex.quote(str(value)),
    "regex_replace": regex_replace,
    "regex_search": regex_search,
    "ternary": ternary,
    "to_json": to_json,
    "to_nice_json": to_nice_json,
    "to_nice_yaml": to_yaml,
    "to_yaml": to_yaml,
}
TESTS: Mapping[str, Callable[..., bool]] = {
    "changed": _flag("changed"),
    "failed": _flag("failed"),
    "match": lambda value, pattern: re.match(pattern, str(value)) is not None,
    "search": lambda value, pattern: re.search(pattern, str(value)) is not None,
    "skipped": _flag("skipped"),
    "succeeded": lambda result: not _flag("failed")(result),
    "success": lambda result: not _flag("failed")(result),
}
