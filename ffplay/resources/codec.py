"""Resources and their values as JSON and back, so that what one run wrote down another ffplay can reverse.

A dataclass is an object whose `is` names its module and class (`file.FileState`); only the frozen data of this package
and of `ffplay.model`, and those of plans (`engine.forecast.Forecast`), can be named. Tuples are arrays, lists and
mappings are objects with the one key `list` or `map`, bytes are `utf8` where they are text and `base64` where they are
not.
"""

from __future__ import annotations

import base64
import importlib
import re
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from ffplay.secret import Secrets

_NAME = re.compile(r"((?:(?:engine|steps)\.)?[a-z_]+)\.([A-Z][A-Za-z]*)")
_MODEL = "ffplay.model"
_HERE = __name__.rpartition(".")[0]
_PLANS = ("ffplay.engine", "ffplay.steps")


def encode(value: Any) -> Any:
    """Return a value as what JSON can hold. Raise TypeError for what is no plain data."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return _encode_text(value)
    if isinstance(value, bytes):
        return _encode_bytes(value)
    return _encode_container(value)


def _encode_container(value: Any) -> Any:
    if isinstance(value, tuple):
        return [encode(item) for item in value]
    if isinstance(value, list):
        return {"list": [encode(item) for item in value]}
    if isinstance(value, Mapping):
        return {"map": {str(key): encode(item) for key, item in value.items()}}
    if is_dataclass(value) and not isinstance(value, type):
        body = {field.name: encode(getattr(value, field.name)) for field in fields(value)}
        return {"is": _name_of(type(value)), **body}
    raise TypeError(f"{type(value).__name__} is no plain data")


def masked(body: Any, secrets: Secrets) -> Any:
    """Return what `encode` made of a value with every secret in it masked; it can still be decoded."""
    if isinstance(body, str):
        return secrets.mask(body)
    if isinstance(body, list):
        return [masked(item, secrets) for item in body]
    if not isinstance(body, dict):
        return body
    if len(body) == 1 and body.keys() <= {"base64", "bytes"}:
        text = base64.b64decode(next(iter(body.values()))).decode("utf-8", "surrogateescape")
        shown = secrets.mask(text).encode("utf-8", "replace").decode()
        return body if not secrets.holds(text) else {"utf8": shown} if "base64" in body else shown
    return {key: item if key == "is" else masked(item, secrets) for key, item in body.items()}


def veiled(value: Any, secrets: Secrets) -> Any:
    """Return a value as it comes back from where secrets in it were masked."""
    return decode(masked(encode(value), secrets)) if secrets else value


def decode(body: Any) -> Any:
    """Return the value that `encode` made this of. Raise ValueError where it is none that this ffplay knows."""
    if isinstance(body, list):
        return tuple(decode(item) for item in body)
    if not isinstance(body, dict):
        return body
    if "is" in body:
        return _decode_data(body)
    kind, inner = next(iter(body.items())) if len(body) == 1 else ("", None)
    if kind not in _KINDS:
        raise ValueError(f"nothing known has the keys {', '.join(sorted(body))}")
    return _KINDS[kind](inner)


# What an object of one key holds.
_KINDS: Mapping[str, Callable[[Any], Any]] = {
    "list": lambda items: [decode(item) for item in items],
    "map": lambda items: {key: decode(item) for key, item in items.items()},
    "utf8": lambda text: text.encode("utf-8"),
    "base64": base64.b64decode,
    # A text with halves of characters, which stand for bytes that are no UTF-8.
    "bytes": lambda text: base64.b64decode(text).decode("utf-8", "surrogateescape"),
}


def _decode_data(body: Mapping[str, Any]) -> Any:
    name = str(body["is"])
    found = _class_of(name)
    known = {field.name for field in fields(found)}
    given = {key: decode(item) for key, item in body.items() if key != "is"}
    if set(given) - known:
        raise ValueError(f"{name} has no field {', '.join(sorted(set(given) - known))}: a later ffplay wrote it")
    try:
        return found(**given)
    except TypeError as error:
        raise ValueError(f"{name}: {error}") from error


def _class_of(name: str) -> Any:
    matched = _NAME.fullmatch(name)
    if matched:
        where = "ffplay" if "." in matched[1] or matched[1] == "model" else _HERE
        module = f"{where}.{matched[1]}"
        try:
            found = getattr(importlib.import_module(module), matched[2], None)
        except ModuleNotFoundError:
            found = None
        if is_dataclass(found) and found.__module__ == module:
            return found
    raise ValueError(f"this ffplay knows no {name}")


def _name_of(kind: type) -> str:
    package, _, module = kind.__module__.rpartition(".")
    if package in _PLANS:
        return f"{package.rpartition('.')[2]}.{module}.{kind.__name__}"
    if kind.__module__ != _MODEL and package != _HERE:
        raise TypeError(f"{kind.__module__}.{kind.__name__} is no plain data of ours")
    return f"{module}.{kind.__name__}"


def _encode_text(text: str) -> Any:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return {"bytes": _base64(text.encode("utf-8", "surrogateescape"))}
    return str(text)


def _encode_bytes(content: bytes) -> dict[str, str]:
    try:
        return {"utf8": content.decode("utf-8")}
    except UnicodeDecodeError:
        return {"base64": _base64(content)}


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")
