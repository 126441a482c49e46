"""Any of our values as what JSON can hold."""

from __future__ import annotations

import base64
import enum
import hashlib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from ffplay.errors import Error, HostError, InputError, SiteErrors
from ffplay.model import Change, Check, Host, Shard, Step, Unknown
from ffplay.secret import Secret

# Longer contents are named by size and digest only.
_MOST_BYTES = 16384


def plain(value: Any) -> Any:
    """Return a value as dicts, lists and scalars; hosts and shards by name, for their variables may hold secrets."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return _text(value) if isinstance(value, str) else value
    if isinstance(value, bytes):
        return _bytes(value)
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, Unknown):
        return {"known_after_apply": value.why}
    if isinstance(value, (Host, Shard)):
        return value.name
    return _container(value)


def _container(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {_text(str(key)): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted((plain(item) for item in value), key=str)
    return _text(str(value))


def _text(text: str) -> str:
    """Return text without the halves of characters that undecodable bytes leave: JSON readers refuse them."""
    shown = text.masked if isinstance(text, Secret) else text
    return shown.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _bytes(content: bytes) -> dict[str, Any]:
    found: dict[str, Any] = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    if len(content) <= _MOST_BYTES:
        found["base64"] = base64.b64encode(content).decode("ascii")
    return found


def step_plain(step: Step) -> dict[str, Any]:
    """Return which step it is; its arguments are left out, for they are not rendered."""
    return {"name": step.name, "kind": step.kind, "at": str(step.mark)}


def change_plain(change: Change) -> dict[str, Any]:
    """Return a change but for its values."""
    kind = type(change.resource).__name__
    # A hidden change that has nothing to show is of a step with `no_log`: its command is not to be told either.
    label = "" if change.hidden and not change.shown else _text(change.resource.label)
    resource = {"kind": kind, "label": label}
    return {"host": change.host, "shard": change.shard, "resource": resource, "summary": _text(change.summary)}


def check_plain(check: Check) -> dict[str, Any]:
    """Return a check."""
    return {"host": check.host, "resource": {"kind": type(check.resource).__name__}, "summary": _text(check.summary)}


def error_plain(error: BaseException) -> dict[str, Any]:
    """Return an error with all that it says."""
    found: dict[str, Any] = {"kind": type(error).__name__, "message": _text(str(error))}
    if isinstance(error, Error):
        found |= {"exit_code": error.exit_code, "advice": _text(error.advice)}
    if isinstance(error, HostError):
        found |= {"host": error.host, "output": _text(error.output)}
    if isinstance(error, InputError):
        found["findings"] = [
            {"at": str(each.mark) if each.mark else None, "message": each.message, "hint": each.hint}
            for each in error.findings
        ]
    if isinstance(error, SiteErrors):
        found["errors"] = [error_plain(each) for each in error.errors]
    return found
