"""What the schemas of the general steps refuse before anything is planned."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from ffplay import steps


@pytest.mark.parametrize(
    ("kind", "args"),
    [
        ("copy_file", {"dest": "/etc/x"}),
        ("copy_file", {"dest": "/etc/x", "src": "s", "content": "c"}),
        ("copy_file", {"dest": "x", "src": "s"}),
        ("line_in_file", {"path": "/etc/x"}),
        ("line_in_file", {"path": "/etc/x", "state": "absent"}),
        ("line_in_file", {"path": "/etc/x", "line": "a", "insertafter": "b", "insertbefore": "c"}),
        ("file", {"path": "/etc/x", "mode": 420}),
        ("set_value", {"path": "/etc/x", "key": [], "value": 1}),
        ("stop", {"part": "FindFace*"}),
        ("wipe", {"part": "mongo"}),
        ("regenerate", {"processes": 0}),
        ("wait_for", {"timeout": 5}),
        ("http", {"url": "https://127.0.0.1/"}),
    ],
)
def test_schemas_refuse(kind: str, args: dict[str, Any]) -> None:
    assert list(jsonschema.Draft202012Validator(steps.kind(kind).schema).iter_errors(args))


@pytest.mark.parametrize("kind", steps.kinds())
def test_every_parameter_is_described_and_the_schema_is_one(kind: str) -> None:
    schema = steps.kind(kind).schema
    jsonschema.Draft202012Validator.check_schema(schema)
    assert [name for name, rule in schema["properties"].items() if not rule.get("description")] == []
