"""Paths into nested mappings and lists, as YAML and JSON files have them."""

from __future__ import annotations

from typing import Any

Path = tuple[str | int, ...]


def lookup(value: Any, path: Path) -> Any:
    """Return what is at the path. Raise KeyError where there is nothing."""
    for part in path:
        if isinstance(value, dict):
            value = value[match_key(list(value), part)]
        elif isinstance(value, list) and (index := list_index(part)) is not None and index < len(value):
            value = value[index]
        else:
            raise KeyError(part)
    return value


def replaced(value: Any, path: Path, new: Any) -> Any:
    """Return a copy of the value with `new` at the path; mappings on the way are made, a list may grow by one."""
    if not path:
        return new
    part, rest = path[0], path[1:]
    if isinstance(value, list) and (index := list_index(part)) is not None and index <= len(value):
        old = value[index] if index < len(value) else None
        return [*value[:index], replaced(old, rest, new), *value[index + 1 :]]
    if value is None:
        value = {}
    if not isinstance(value, dict):
        raise KeyError(part)
    key = match_key(list(value), part, part)
    return {**value, key: replaced(value.get(key), rest, new)}


def match_key(keys: list[Any], part: str | int, default: Any = KeyError) -> Any:
    """Return the key that a part of a path means: the very one, or one that is written alike (33001 and "33001")."""
    for key in keys:
        if key == part and isinstance(key, bool) == isinstance(part, bool):
            return key
    for key in keys:
        if str(key) == str(part):
            return key
    if default is KeyError:
        raise KeyError(part)
    return default


def list_index(part: str | int) -> int | None:
    """Return the part as an index from 0, None where it is none."""
    if isinstance(part, int):
        return part if part >= 0 else None
    return int(part) if part.isdigit() else None
