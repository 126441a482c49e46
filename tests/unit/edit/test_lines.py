"""Single lines, with the meaning that Ansible's lineinfile has."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ffplay.edit.base import EditError
from ffplay.edit.lines import set_line


@pytest.mark.parametrize(
    ("text", "arguments", "result"),
    [
        ("", {}, "x=1\n"),
        ("a\n", {}, "a\nx=1\n"),
        ("a", {}, "a\nx=1\n"),
        ("x=1\na", {}, "x=1\na"),
        ("x=1", {}, "x=1"),
        ("x=0\nx=2\na\n", {"regexp": "^x="}, "x=0\nx=1\na\n"),
        ("a\nx=2", {"regexp": "^x=.$"}, "a\nx=1"),
        ("a\r\nx=2\r\n", {"regexp": "^x=.$"}, "a\r\nx=1\r\n"),
        ("a\r\nb\r\n", {"insertafter": "a$"}, "a\r\nx=1\r\nb\r\n"),
        ("a1\na2\nb\n", {"insertafter": "^a"}, "a1\na2\nx=1\nb\n"),
        ("a1\na2\nb\n", {"insertbefore": "^a"}, "a1\nx=1\na2\nb\n"),
        ("a\n", {"insertbefore": "BOF"}, "x=1\na\n"),
        ("a\n", {"insertafter": "BOF"}, "x=1\na\n"),
        ("a\n", {"insertafter": "EOF"}, "a\nx=1\n"),
        ("a\nb\n", {"insertafter": "^none"}, "a\nb\nx=1\n"),
        ("a\nb", {"insertafter": "b"}, "a\nb\nx=1\n"),
        ("a\nx=1\n", {"regexp": "^y=", "insertafter": "a"}, "a\nx=1\n"),
        ("x=0\na\n", {"regexp": "^x=", "insertafter": "a"}, "x=1\na\n"),
        ("x=1\na\nx=1\n", {"state": "absent"}, "a\n"),
        ("x=1\nxy\na\n", {"state": "absent", "regexp": "^x"}, "a\n"),
        ("a\fb\n", {}, "a\fb\nx=1\n"),
    ],
)
def test_lines(text: str, arguments: dict[str, Any], result: str) -> None:
    assert set_line(text, "x=1", **arguments) == result
    assert set_line(result, "x=1", **arguments) == result


def test_refusals() -> None:
    with pytest.raises(EditError, match="not a regular expression"):
        set_line("", "x", regexp="(")
    with pytest.raises(EditError, match="exactly one line"):
        set_line("", "x\ny")
    with pytest.raises(EditError, match="exactly one line"):
        set_line("", None)


@given(text=st.text("ab#=\n\r "), line=st.text("abc=", min_size=1), after=st.sampled_from([None, "a", "EOF", "BOF"]))
def test_present_then_absent(text: str, line: str, after: str | None) -> None:
    there = set_line(text, line, insertafter=after)
    assert set_line(there, line, insertafter=after) == there
    gone = set_line(there, line, state="absent")
    rest = [row.rstrip("\r") for row in text.split("\n") if row.rstrip("\r") not in {"", line}]
    assert [row.rstrip("\r") for row in gone.split("\n") if row.rstrip("\r")] == rest
