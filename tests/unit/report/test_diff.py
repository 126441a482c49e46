"""Diffs as a person reads them: what is marked, what is written out, what is folded."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ffplay.report import diff
from ffplay.report.style import Style
from ffplay.resources.file import KEPT_BYTES, unified

MARKS = yaml.safe_load(Path(__file__).with_name("marks.yml").read_text(encoding="utf-8"))
COLOUR = Style(colour=True)


@pytest.mark.parametrize("case", MARKS, ids=lambda case: str(case["name"]))
def test_the_words_that_differ_are_marked(case: dict[str, Any]) -> None:
    sides = diff.compared(case["old"], case["new"])
    assert ["".join(f"«{one.text}»" if one.changed else one.text for one in side) for side in sides] == case["marked"]


@given(st.text(), st.text())
def test_marking_loses_and_adds_nothing(old: str, new: str) -> None:
    assert tuple("".join(piece.text for piece in side) for side in diff.compared(old, new)) == (old, new)


@given(st.text(st.characters()))
def test_no_character_that_steers_a_terminal_is_left(text: str) -> None:
    shown = diff.visible(text)
    assert all(
        char == "\t" or char.isprintable() for char in shown if char not in "\u00a0\u3000" and not char.isspace()
    )
    assert not re.search("[\x00-\x08\x0a-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", shown)


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        (b"a\x1b[2J\n", b"b\n", ["-a\\x1b[2J", "+b"]),
        (b"a\r\n", b"a\n", ["-a\\r", "+a"]),
        (b"a\rb\n", b"c\n", ["-a\\rb", "+c"]),
        (b"caf\xe9\n", b"caf\xe8\n", ["-caf\\xe9", "+caf\\xe8"]),
        (b"a\x0cb\x85\n", b"a\n", ["-a\\x0cb\\x85", "+a"]),
        ("x\u202ey\n".encode(), b"xy\n", ["-x\\u202ey", "+xy"]),
        ("x\U000e0001\n".encode(), b"x\n", ["-x\\U000e0001", "+x"]),
        (b"\ta\n", b"a\n", ["-\ta", "+a"]),
        (b"a", b"a\n", ["-a", "\\ No newline at end of file", "+a"]),
    ],
)
def test_every_difference_of_two_contents_shows(before: bytes, after: bytes, shown: list[str]) -> None:
    lines = diff.lines_of(unified("/etc/x", before, after))
    assert lines[3:] == shown
    assert list(diff.render(lines, "db1", Style(), whole=True))[3:] == shown


def test_binary_and_huge_contents_are_size_and_digest() -> None:
    nul = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert unified("/x", b"", b"\0") == f"will be 1 bytes, SHA-256 {nul}"
    huge = unified("/x", b"\0", b"a\n" * KEPT_BYTES)
    assert huge.splitlines()[0] == f"was 1 bytes, SHA-256 {nul}"
    assert re.fullmatch(rf"will be {2 * KEPT_BYTES} bytes, SHA-256 [0-9a-f]{{64}}", huge.splitlines()[1])


@pytest.mark.skipif(shutil.which("patch") is None, reason="there is no patch here")
@pytest.mark.parametrize("after", [b"a\nB\nc\n", b"a\nb\nc", b"", b"caf\xe9\r\n-- x\n++ y\n"])
@pytest.mark.parametrize("before", [b"a\nb\nc\n", b"a\nb\nc\nd", b"-- x\nb\x0cc\n"])
def test_the_plain_diff_is_one_that_patch_applies(before: bytes, after: bytes, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(before)
    made = unified("file", before, after).encode("utf-8", "surrogateescape") + b"\n"
    subprocess.run(["patch", "--binary", "-s", str(path)], input=made, check=True, cwd=tmp_path)
    assert (path.read_bytes() if path.exists() else b"") == after


BEFORE = b"-- comment\nbox.cfg{}\nsize = 320\n"
AFTER = b"++ comment\nbox.cfg{}\nsize = 480\n"


def test_header_and_colours_go_by_place_and_not_by_what_lines_begin_with() -> None:
    lines = diff.lines_of(unified("/etc/f.lua", BEFORE, AFTER))
    assert list(diff.render(lines, "db1 s1", COLOUR, whole=False)) == [
        "\x1b[1m--- /etc/f.lua (db1 s1)\x1b[0m",
        "\x1b[36m@@ -1,3 +1,3 @@\x1b[0m",
        "\x1b[31m-\x1b[7m--\x1b[27m comment\x1b[0m",
        "\x1b[32m+\x1b[7m++\x1b[27m comment\x1b[0m",
        "\x1b[2m box.cfg{}\x1b[0m",
        "\x1b[31m-size = \x1b[7m320\x1b[27m\x1b[0m",
        "\x1b[32m+size = \x1b[7m480\x1b[27m\x1b[0m",
    ]
    assert diff.tally(lines) == "+2 -2"


def test_the_header_of_a_new_file_says_that_it_is_new_and_a_whole_diff_has_both_lines() -> None:
    lines = diff.lines_of(unified("/etc/new", b"", b"a\n"))
    assert next(diff.render(lines, "db1", Style(), whole=False)) == "+++ /etc/new (db1)"
    assert list(diff.render(lines, "db1", Style(), whole=True))[:2] == ["--- /etc/new (db1)", "+++ /etc/new (db1)"]


def test_a_folded_diff_has_one_line_of_context_and_right_numbers() -> None:
    text = "".join(f"line {n}\n" for n in range(1, 41))
    after = text.replace("line 10\n", "ten\n").replace("line 30\n", "").replace("line 1\n", "one\n")
    lines = diff.lines_of(unified("/x", text.encode(), after.encode()))
    assert list(diff.render(lines, "a", Style(), whole=False))[1:] == [
        *("@@ -1,2 +1,2 @@", "-line 1", "+one", " line 2"),
        *("@@ -9,3 +9,3 @@", " line 9", "-line 10", "+ten", " line 11"),
        *("@@ -29,3 +29,2 @@", " line 29", "-line 30", " line 31"),
    ]
    assert "@@ -8,5 +8,5 @@" in list(diff.render(lines, "a", Style(), whole=True))
    one = diff.lines_of(unified("/x", b"a\nb\n", b"c\nb\n"))
    assert list(diff.render(one, "a", Style(), whole=False))[1] == "@@ -1,2 +1,2 @@"


def test_a_long_diff_is_folded_with_a_count() -> None:
    lines = diff.lines_of(unified("/etc/long", b"", b"".join(b"line %d\n" % n for n in range(53))))
    folded = list(diff.render(lines, "db1", Style(), whole=False))
    assert folded[-1] == "... 34 more lines; --diff=full shows them"
    assert len(folded) == diff.FOLD_LINES + 2
    assert list(diff.render(lines, "db1", Style(), whole=True))[-1] == "+line 52"


def test_of_a_very_long_line_the_difference_is_shown() -> None:
    cells = [f'"10.0.0.{n % 9}:800{n % 4}"' for n in range(1024)]
    before = ", ".join(cells).encode()
    cells[700] = '"10.0.0.77:8001"'
    after = ", ".join(cells).encode()
    lines = list(diff.render(diff.lines_of(unified("/etc/t", before, after)), "app1", Style(), whole=False))
    added = next(line for line in lines if line.startswith("+"))
    assert added.startswith("+... ")
    assert "10.0.0.77:8001" in added
    assert added.endswith(f" ... ({len(after)} characters; --diff=full shows them)")
    assert len(added) < 400
    whole = list(diff.render(diff.lines_of(unified("/etc/t", before, after)), "app1", Style(), whole=True))
    assert "+" + after.decode() in whole


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (("size = 320", "size = 480"), ("size = 320, soft = true", "size = 480, soft = true"), True),
        (("size = 320", "size = 480"), ("memory = 320", "memory = 480"), False),
        (("size = 320", "size = 480"), ("size = 320", "size = 160"), False),
        (("size = 320", "size = 480"), ("size = 160", "size = 480"), False),
        (("size = 320\nx", "size = 480\nx"), ("size = 320\nx", "size = 480"), False),
        (("320", "480"), ("x = 320", "x = 480"), False),
        (("a\nk\nb", "k\nb"), ("b\nk\na", "k\na"), False),
    ],
)
def test_two_diffs_make_the_same_change_where_the_same_words_of_the_same_things_change(
    one: tuple[str, str], other: tuple[str, str], same: bool
) -> None:
    found = [
        diff.signature(diff.skeleton(diff.lines_of(unified("/x", before.encode() + b"\n", after.encode() + b"\n"))))
        for before, after in (one, other)
    ]
    assert (found[0] == found[1]) is same
