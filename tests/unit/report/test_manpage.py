from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from ffplay.arguments import build_parser, exit_code_meanings
from ffplay.report.commands import command_of
from ffplay.verbs import VERBS

PAGE = Path(__file__).resolve().parents[3] / "docs" / "ff-play.1"


def groff(*words: str) -> subprocess.CompletedProcess[str]:
    if shutil.which("groff") is None:
        pytest.skip("groff is not installed")
    command = ["groff", "-man", "-ww", "-rLL=100n", *words, str(PAGE)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_groff_has_nothing_against_the_page() -> None:
    done = groff("-z", "-Tutf8")
    assert (done.returncode, done.stderr) == (0, "")


def test_the_page_shows_every_verb_option_and_exit_code() -> None:
    told = groff("-Tascii", "-P-cbou").stdout
    flat = " ".join(told.split())
    for command in command_of(build_parser(), {}).every():
        if command.words:
            assert command.usage in flat
        for name in (name for option in command.options for name in option.names if name not in ("-h", "--help")):
            assert name in flat or name == "--version"
        for line, _ in command.examples:
            assert line in flat
    for code, meaning in exit_code_meanings().items():
        assert f" {code} " in flat
        assert meaning.replace("`", "") in flat
    assert [verb for verb in VERBS if f"ff-play {verb} " not in flat] == []


def test_an_option_of_many_verbs_is_explained_once() -> None:
    assert PAGE.read_text().count("Hosts worked on at once") == 1
    assert PAGE.read_text().count("Show the way back, and change nothing") == 1
