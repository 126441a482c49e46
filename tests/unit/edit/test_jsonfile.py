"""JSON files: reading and editing in place."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ffplay.edit.base import EditError, same
from ffplay.edit.jsonfile import get, set_value

CONFIG = """\
{
    "name" : "ffplay",
    "ports": [8001, 8002,8003],
    "deep": {
        "a": 1.50,
        "list": [
            {"x": 1},
            {"x": 2}
        ]
    },
    "empty": {}
}
"""


@pytest.mark.parametrize(
    ("path", "value", "old", "new"),
    [
        (("name",), "größe", '"ffplay"', '"größe"'),
        (("deep", "a"), 1.5, "", ""),
        (("deep", "a"), True, "1.50", "true"),
        (("ports", 1), 9, "8002", "9"),
        (("ports", 3), 9, "8003]", "8003,9]"),
        (("ports",), [1], "[8001, 8002,8003]", "[1]"),
        (("ports",), [8001, 5, 8003], "8002", "5"),
        (("deep", "list", 2), {"x": 3}, '{"x": 2}', '{"x": 2},\n            {"x": 3}'),
        (("deep", "new"), [], "        ]\n", '        ],\n        "new": []\n'),
        (("empty", "a", "b"), 1, "{}", '{"a": {"b": 1}}'),
        (("new",), None, '"empty": {}', '"empty": {},\n    "new": null'),
        (("deep", 5), 1, "        ]\n", '        ],\n        "5": 1\n'),
    ],
)
def test_a_set_touches_one_place(path: tuple[str | int, ...], value: object, old: str, new: str) -> None:
    result = set_value(CONFIG, path, value)
    if old == '{"x": 2}':
        new = new.replace('{"x": 3}', '{\n                "x": 3\n            }')
    assert result == (CONFIG.replace(old, new) if old else CONFIG)
    assert set_value(result, path, value) == result
    assert same(get(result, tuple(map(str, path))), value)


@pytest.mark.parametrize(
    ("text", "path", "result"),
    [
        ("{}", ("a",), '{"a": 1}'),
        ('{"b":2,"c":3}', ("a",), '{"b":2,"c":3,"a":1}'),
        ("[]\n", (0,), "[1]\n"),
        ('{"a": 0, "a": 2}', ("a",), '{"a": 0, "a": 1}'),
        ('{\r\n\t"b": 2\r\n}\r\n', ("a",), '{\r\n\t"b": 2,\r\n\t"a": 1\r\n}\r\n'),
        ("null", ("a",), '{"a": 1}'),
        ('\ufeff{"a": 2}', ("a",), '\ufeff{"a": 1}'),
    ],
)
def test_odd_files(text: str, path: tuple[str | int, ...], result: str) -> None:
    assert set_value(text, path, 1) == result


def test_a_cell_of_a_servers_file_changes_alone() -> None:
    cells = ", ".join('"10.0.0.11:8001"' for _ in range(1024))
    assert set_value(f"[[{cells}]]", (0, 1023), "10.0.0.12:8001") == f"[[{cells[:-16]}" + '"10.0.0.12:8001"]]'


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("", 1, "ends early"),
        ('{"a": 1,\n}', 2, "missing before '}'"),
        ('{"a" 1}', 1, "':' is missing"),
        ('{"a": 1', 1, "missing before the end"),
        ("[1,\n]", 2, "a value is expected"),
        ("{'a': 1}", 1, "missing before"),
        ('{"a": 1} x', 1, "behind the end"),
        ('{"a": "x\n"}', 1, "control character"),
        ('{"a": NaN}', 1, "a value is expected"),
        ('{"a": 1, "b": [1]}', 1, "plain value"),
        ("[" * 100000, 1, "deeply"),
    ],
)
def test_refusals(text: str, line: int, message: str) -> None:
    with pytest.raises(EditError, match=message) as caught:
        set_value(text, ("a", "b"), 1)
    assert caught.value.line == line


def test_json_cannot_write_everything() -> None:
    for value in (float("inf"), object()):
        with pytest.raises(EditError, match="cannot be written"):
            set_value("{}", ("a",), value)


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)
PATHS = st.sampled_from(
    [
        *[("name",), ("ports", 1), ("ports", 3), ("ports",), ("deep", "list", 0, "x"), ("deep", "list", 2), ("deep",)],
        *[("empty", "x"), ("brand", "new"), ("deep", "list", 0), ("empty",)],
    ]
)


@given(path=PATHS, value=VALUES)
def test_set_then_get(path: tuple[Any, ...], value: object) -> None:
    result = set_value(CONFIG, path, value)
    assert same(get(result, path), value)
    assert set_value(result, path, value) == result
