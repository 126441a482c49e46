"""YAML files: reading and editing in place."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ffplay.edit.base import EditError, same
from ffplay.edit.yamlfile import get, set_value

EXTRACTION = """\
# findface-extraction-api
license_ntls_server: 127.0.0.1:3133   # the licence

models: {facen: apricot_320, "gender": ''}  # flow
nnd:
    min_face_size: 30
    max_face_size: .inf   # no limit
    # trailing comment of nnd

fetch:
    enabled: true
    hosts:
    - 'a: b'
    - c
empty:
  # age: some model
note: |
  two
  lines

model_instances: "2"
"""


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("models", "facen"), "apricot_320"),
        (("nnd", "max_face_size"), float("inf")),
        (("fetch", "hosts", 0), "a: b"),
        (("fetch", "hosts", "1"), "c"),
        (("empty",), None),
        (("note",), "two\nlines\n"),
    ],
)
def test_get(path: tuple[str | int, ...], value: object) -> None:
    assert get(EXTRACTION, path) == value


@pytest.mark.parametrize("path", [("none",), ("models", "x"), ("fetch", "hosts", 2), ("nnd", "min_face_size", "x")])
def test_get_of_nothing(path: tuple[str | int, ...]) -> None:
    with pytest.raises(KeyError):
        get(EXTRACTION, path)


@pytest.mark.parametrize(
    ("path", "value", "old", "new"),
    [
        (("models", "facen"), "cherry_480", "apricot_320", "cherry_480"),
        (("models", "facen"), "apricot_320", "", ""),
        (("models", "gender"), "it's", "''", "'it''s'"),
        (("models", "age"), "a, b", "''}", "'', age: 'a, b'}"),
        (("models",), {"facen": "x", "gender": ""}, "apricot_320", "x"),
        (("models",), "gone", "{facen: apricot_320, \"gender\": ''}", "gone"),
        (("nnd", "max_face_size"), 200, ".inf", "200"),
        (("nnd", "min_face_size"), float("inf"), " 30", " .inf"),
        (("nnd", "workers"), 2, "# no limit\n", "# no limit\n    workers: 2\n"),
        (
            ("nnd",),
            {"x": 1},
            "nnd:\n    min_face_size: 30\n    max_face_size: .inf   # no limit",
            "nnd: {x: 1}   # no limit",
        ),
        (("fetch", "hosts", 0), "d", "'a: b'", "'d'"),
        (("fetch", "hosts", 2), "d", "    - c\n", "    - c\n    - d\n"),
        (("fetch", "hosts"), ["z"], "hosts:\n    - 'a: b'\n    - c\n", "hosts: [z]\n"),
        (("fetch", "hosts"), [], "hosts:\n    - 'a: b'\n    - c\n", "hosts: []\n"),
        (("fetch", "proxy", "url"), "u", "    - c\n", "    - c\n    proxy:\n        url: u\n"),
        (("empty", "age"), "m", "empty:\n", "empty:\n    age: m\n"),
        (("empty",), 1, "empty:\n", "empty: 1\n"),
        (("note",), "x", "|\n  two\n  lines\n", "x\n"),
        (("model_instances",), 4, '"2"', "4"),
        (("model_instances",), "4", '"2"', '"4"'),
        (("license_ntls_server",), "ntls:3133", "127.0.0.1:3133 ", "ntls:3133 "),
        (("license_ntls_server",), "http://[::1]:3133", "127.0.0.1:3133 ", "'http://[::1]:3133' "),
        (("license_ntls_server",), "12:30:45", "127.0.0.1:3133 ", "'12:30:45' "),
        (("license_ntls_server",), "1e5", "127.0.0.1:3133 ", "'1e5' "),
        (("license_ntls_server",), "a\nb", "127.0.0.1:3133 ", '"a\\nb" '),
        (("license_ntls_server",), None, "127.0.0.1:3133 ", "null "),
        (("new",), {"a": {"b": [1, True]}, "c": {}}, '"2"\n', '"2"\nnew:\n    a:\n        b: [1, true]\n    c: {}\n'),
    ],
)
def test_a_set_touches_one_place(path: tuple[str | int, ...], value: object, old: str, new: str) -> None:
    result = set_value(EXTRACTION, path, value)
    assert result == (EXTRACTION.replace(old, new) if old else EXTRACTION)
    assert set_value(result, path, value) == result


@pytest.mark.parametrize(
    ("text", "path", "value", "result"),
    [
        ("", ("a", "b"), 1, "a:\n  b: 1\n"),
        ("# only a comment", ("a",), 1, "# only a comment\na: 1\n"),
        ("---\n", ("a",), 1, "---\na: 1\n"),
        ("a: {}\n", ("a", "b", "c"), 1, "a: {b: {c: 1}}\n"),
        ("{}\n", ("a",), 1, "{a: 1}\n"),
        ("a: 1", ("b",), 2, "a: 1\nb: 2"),
        ("a: 1\r\nb:\r\n", ("b", "c"), 2, "a: 1\r\nb:\r\n  c: 2\r\n"),
        ("{\n  a: 1,  # x\n  b: 2  # y, }\n}\n", ("c",), 3, "{\n  a: 1,  # x\n  b: 2,  # y, }\n  c: 3\n}\n"),
        ("{\n  a: 1,\n}\n", ("c",), 3, "{\n  a: 1,\n  c: 3,\n}\n"),
        ("[1, 2]\n", (2,), 3, "[1, 2, 3]\n"),
        ("- a: 1\n  b:\n- 2\n", (0, "b"), 3, "- a: 1\n  b: 3\n- 2\n"),
        ("- a: 1\n- 2\n", (0, "c"), 3, "- a: 1\n  c: 3\n- 2\n"),
        ("-\n- 2\n", (0,), 3, "- 3\n- 2\n"),
        ("33001: a\n", ("33001",), "b", "33001: b\n"),
        ("a: 1\na: 2\n", ("a",), 3, "a: 1\na: 3\n"),
        ("x: &x {a: 1}\ny:\n  <<: *x\n  b: 2\n", ("y", "a"), 5, "x: &x {a: 1}\ny:\n  <<: *x\n  b: 2\n  a: 5\n"),
        ("x: &x 1\ny:\n  b: *x\n", ("y", "c"), 5, "x: &x 1\ny:\n  b: *x\n  c: 5\n"),
        ("x: &x 1\ny: {b: *x}\n", ("y", "c"), 5, "x: &x 1\ny: {b: *x, c: 5}\n"),
        ("x: &x 1\ny:\n- *x\n", ("y", 1), 5, "x: &x 1\ny:\n- *x\n- 5\n"),
        ("a:   # why\n  - 1\n\nb: 2\n", ("a",), 3, "a: 3   # why\n\nb: 2\n"),
        ("a: 1\n...\n", ("b",), 2, "a: 1\nb: 2\n...\n"),
        ("\ufeffa: 1\n", ("a",), 2, "\ufeffa: 2\n"),
    ],
)
def test_odd_files(text: str, path: tuple[str | int, ...], value: object, result: str) -> None:
    assert set_value(text, path, value) == result


@pytest.mark.parametrize(
    ("text", "path", "line", "message"),
    [
        ("a: 1\nb: [\n", ("a",), 3, "not YAML"),
        ("a: 1\n---\na: 2\n", ("a",), 2, "single document"),
        ("a: \x01\n", ("a",), 1, "not YAML"),
        ("a: !foo 1\n", ("a",), 1, "foo"),
        ("x: &x {a: 1}\ny: *x\n", ("y", "a"), 1, "anchor"),
        ("x: &x {a: 1}\ny: *x\n", ("x", "a"), 1, "anchor"),
        ("b: 1\nx: &x\n  - 1\n", ("x",), 2, "anchor"),
        ("a: 1\n", ("a", "b"), 1, "plain value"),
        ("a: [1]\n", ("a", 5), 1, "plain value"),
        ("x: [&a 1]\ny: *a\n", ("x",), 2, "undefined alias"),
    ],
)
def test_refusals(text: str, path: tuple[str | int, ...], line: int, message: str) -> None:
    with pytest.raises(EditError, match=message) as caught:
        set_value(text, path, "new")
    assert caught.value.line == line


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
VALUES = SCALARS | st.lists(SCALARS, max_size=3) | st.dictionaries(st.text("abc: {", min_size=1), SCALARS, max_size=3)
PATHS = st.sampled_from(
    [
        *[
            ("models", "facen"),
            ("models", "new"),
            ("nnd", "min_face_size"),
            ("nnd", "new", "deep"),
            ("fetch", "hosts", 1),
        ],
        *[
            ("fetch", "hosts", 2),
            ("empty", "x"),
            ("empty",),
            ("note",),
            ("model_instances",),
            ("brand", "new"),
            ("fetch",),
        ],
        *[("license_ntls_server",), ("nnd",), ("models",), ("fetch", "hosts")],
    ]
)


@given(path=PATHS, value=VALUES, crlf=st.booleans(), end=st.booleans())
def test_set_then_get(path: tuple[Any, ...], value: object, crlf: bool, end: bool) -> None:
    text = EXTRACTION.replace("\n", "\r\n") if crlf else EXTRACTION
    text = text if end else text.rstrip()
    result = set_value(text, path, value)
    assert same(get(result, path), value)
    assert set_value(result, path, value) == result
    for comment in ("# findface-extraction-api", "# the licence", "# flow", "# age: some model"):
        assert comment in result
    assert result.endswith("\n") == end


def test_texts_that_know_their_place_are_texts() -> None:
    class Marked(str):
        pass

    assert (
        set_value("a: b\n", ("a",), {Marked("c d: "): [Marked("x: y"), Marked("z")]}) == "a: {'c d: ': ['x: y', z]}\n"
    )
