"""docs/transcript.md is what its commands print: what is compared, how outputs are cut, and a lab that says so."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from docs import transcript
from tests.e2e.labs import directories

TOP = Path(__file__).resolve().parents[2]
PAGE = transcript.PAGE.read_text(encoding="utf-8")


def page_of(printed: str, comment: str = "") -> str:
    return f"Words.\n\n{comment}```console\n$ ff-play status \\\n    -i site.yml\n{printed}```\n\nMore words.\n"


def test_the_outputs_are_written_below_their_commands() -> None:
    ran = []

    def run(command: str) -> str:
        ran.append(command)
        return "new  \n\nlines\n"

    now = transcript.recorded(page_of("old\n$ second\nold\n"), run)
    assert now == page_of("new\n\nlines\n$ second\nnew\n\nlines\n")
    assert ran == ["ff-play status \\\n    -i site.yml", "second"]


LINES = ["STEP 1", "  db1", "", "STEP 2", "  app1", "    db2", "    db3", "  app2", "", "RECAP"]


@pytest.mark.parametrize(
    ("how", "pattern", "shown"),
    [
        ("keep", "^STEP", ["STEP 1", "  ...", "", "STEP 2", "  ..."]),
        ("keep", "RECAP", ["...", "", "RECAP"]),
        ("cut", "^ +db", ["STEP 1", "  ...", "", "STEP 2", "  app1", "    ...", "  app2", "", "RECAP"]),
        ("cut", "no such line", LINES),
    ],
)
def test_what_is_left_out_is_marked_once_where_it_was(how: str, pattern: str, shown: list[str]) -> None:
    assert transcript.shortened(LINES, how, pattern) == shown


# What another run prints, and means the same.
SAME = [
    ("the last was 20261126T122135Z-6e0b\n", "the last was 20270101T000000Z-0000\n"),
    ("back up 2 files, 135.9..154.3 KiB\n", "back up 2 files, 9..10 MiB\n"),
    ("about 2 min 1 s in total\n", "about 59 s in total\n"),
    ("run    verb   state\n", "run  verb  state\n"),
    ("engineer@desk, 2026-11-26 12:21:37 UTC\n", "engineer@desk, 2027-01-01 00:00:00 UTC\n"),
    ("  # faces; snap 5.9\n  # KiB\n", "  # faces; snap 15.9 KiB\n"),
    (
        "STEP 1/2 stop\n  db1 ok (1.0 s)\n  db2 ok (1.1 s)\nSTEP 2/2 wipe\n  db1 ok\n",
        "STEP 1/2 stop\n  db2 ok (2 s)\n  db1 ok (3 s)\nSTEP 2/2 wipe\n  db1 ok\n",
    ),
]

# What is another thing.
OTHER = [
    ("facen_size was 320, is now 480\n", "facen_size was 320, is now 320\n"),
    ("300 faces on 4 shards\n", "299 faces on 4 shards\n"),
    ("error: it is stale\n[exit code 7]\n", "error: it is stale\n[exit code 1]\n"),
    ("error: it is stale\n[exit code 7]\n", "error: it is stale\n"),
    ("38 changes, 13 checks\n", ""),
    ("STEP 1/2 stop\n  db1 ok\nSTEP 2/2 wipe\n  db2 ok\n", "STEP 1/2 stop\n  db2 ok\nSTEP 2/2 wipe\n  db1 ok\n"),
    ("  1 stop\n  2 wipe\n", "  2 wipe\n  1 stop\n"),
]


@pytest.mark.parametrize(("kept", "now"), SAME)
def test_what_no_two_runs_have_alike_is_no_difference(kept: str, now: str) -> None:
    assert transcript.differences(page_of(kept), page_of(now)) == []


@pytest.mark.parametrize(("kept", "now"), OTHER)
def test_what_is_not_true_any_more_is_shown(kept: str, now: str) -> None:
    assert transcript.differences(page_of(kept), page_of(now)) != []


def test_every_command_of_the_page_has_its_output_or_printed_nothing() -> None:
    blocks = [found["text"] for found in transcript._BLOCK.finditer(PAGE)]
    assert len(blocks) == PAGE.count("```console")
    silent = [each for text in blocks for each in transcript.commands(text) if text == f"$ {each}\n"]
    assert [each.split()[0] for each in silent] == ["ssh"]


@pytest.mark.lab
@directories
def test_the_transcript_is_what_its_commands_print() -> None:
    command = [sys.executable, "docs/transcript.py", "--check"]
    done = subprocess.run(command, cwd=TOP, capture_output=True, text=True, timeout=540, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
