"""The completion scripts, by the real shells: what a line becomes when the key is pressed."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ffplay import cli
from ffplay.arguments import build_parser
from ffplay.report.commands import Command, command_of
from ffplay.report.completion import SHELLS

# What is typed, and what the line is after the key.
CASES = (
    ("ff-play expl", "ff-play explain"),
    ("ff-play lab u", "ff-play lab up"),
    ("ff-play lab up --driver nsp", "ff-play lab up --driver nspawn"),
    ("ff-play lab up --dir fol", "ff-play lab up --dir folder/"),
    ("ff-play plan --start", "ff-play plan --start-at-step"),
    ("ff-play plan bo", "ff-play plan book.yml"),
    ("ff-play plan -i si", "ff-play plan -i site.yml"),
    ("ff-play plan -i site.yml -e a=1 bo", "ff-play plan -i site.yml -e a=1 book.yml"),
    ("ff-play plan book.yml --inv", "ff-play plan book.yml --inventory"),
    ("ff-play plan --inventory=si", "ff-play plan --inventory=site.yml"),
    ("ff-play plan --diff=su", "ff-play plan --diff=summary"),
    ("ff-play plan my", "ff-play plan my book.yml"),
    ("ff-play explain fast_i", "ff-play explain fast_index"),
    ("ff-play explain wipe-wi", "ff-play explain wipe-without-backup"),
    ("ff-play explain shard_answer_s", "ff-play explain shard_answer_seconds"),
    ("ff-play schema inv", "ff-play schema inventory"),
    ("ff-play unlock book.yml --for", "ff-play unlock book.yml --force"),
    ("ff-play --vers", "ff-play --version"),
    # Nothing can be known of a pattern, nor does `plan` have an option of `lab`'s.
    ("ff-play plan --limit si", "ff-play plan --limit si"),
    ("ff-play plan --driv", "ff-play plan --driv"),
)
PROMPT = b"ready>"
SHOW_LINE = b"\x01echo \r"


def needs(shell: str) -> str:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    return shell


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("completion")
    for name in ("book.yml", "site.yml", "my book.yml"):
        (made / name).write_text("")
    (made / "folder").mkdir()
    program = command_of(build_parser(), {"STEP": ("fast_index", "wipe-without-backup", "shard_answer_seconds")})
    for shell, script in SHELLS.items():
        (made / f"script.{shell}").write_text(script(program))
    return made


class Typist:
    """A shell on a terminal of its own."""

    def __init__(self, argv: list[str], folder: Path, setup: str) -> None:
        environment = {"PATH": os.environ["PATH"], "TERM": "dumb", "HOME": str(folder), "PS1": "", "COLUMNS": "200"}
        self._near, far = pty.openpty()
        self._process = subprocess.Popen(
            argv, stdin=far, stdout=far, stderr=far, cwd=folder, env=environment, start_new_session=True
        )
        os.close(far)
        os.write(self._near, setup.encode() + b"\r")
        self._until(b"\n" + PROMPT)

    def becomes(self, line: str) -> str:
        """Return what a line is after the key, as the shell itself shows it."""
        os.write(self._near, line.encode() + b"\t")
        time.sleep(0.05)
        os.write(self._near, SHOW_LINE)
        told = self._until(b"\n" + PROMPT).decode()
        return told.rstrip().removesuffix(PROMPT.decode()).rstrip().rpartition("\n")[2].strip()

    def end(self) -> None:
        """End the shell."""
        self._process.kill()
        self._process.wait()
        os.close(self._near)

    def _until(self, mark: bytes) -> bytes:
        told = b""
        while mark not in told.replace(b"\r", b""):
            if not select.select([self._near], [], [], 20)[0]:
                raise AssertionError(f"the shell is silent; it said {told!r}")
            told += os.read(self._near, 65536)
        return told.replace(b"\r", b"")


@pytest.fixture(scope="module")
def bash(folder: Path) -> Iterator[Typist]:
    setup = (
        f"bind 'set enable-bracketed-paste off'; bind 'set bell-style none'; . ./script.bash; PS1='{PROMPT.decode()}'"
    )
    typist = Typist([needs("bash"), "--norc", "--noprofile", "-i"], folder, setup)
    yield typist
    typist.end()


@pytest.fixture(scope="module")
def zsh(folder: Path) -> Iterator[Typist]:
    setup = (
        "unsetopt zle_bracketed_paste prompt_cr prompt_sp beep automenu; unset zle_bracketed_paste; bindkey -e; "
        f"autoload -U compinit; compinit -D -u; . ./script.zsh; PS1='{PROMPT.decode()}'"
    )
    typist = Typist([needs("zsh"), "-f", "-i"], folder, setup)
    yield typist
    typist.end()


@pytest.mark.parametrize(("line", "expected"), CASES)
def test_bash_completes(bash: Typist, line: str, expected: str) -> None:
    assert bash.becomes(line) == expected


@pytest.mark.parametrize(("line", "expected"), CASES)
def test_zsh_completes(zsh: Typist, line: str, expected: str) -> None:
    # zsh takes the slash that it put behind a directory away again when the line is sent.
    assert zsh.becomes(line) == expected.rstrip("/")


@pytest.mark.parametrize(("line", "expected"), CASES)
def test_fish_completes(folder: Path, line: str, expected: str) -> None:
    command = f"source script.fish; complete -C '{line}'"
    done = subprocess.run([needs("fish"), "-N", "-c", command], cwd=folder, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    offered = [one.partition("\t")[0] for one in done.stdout.splitlines()]
    word = expected.rpartition("plan ")[2] if "my book" in expected else expected.rpartition(" ")[2]
    assert [one.replace("\\ ", " ") for one in offered] == ([] if line == expected else [word])


def test_an_empty_word_is_offered_every_verb(bash: Typist, folder: Path) -> None:
    script = 'COMP_WORDS=(ff-play ""); COMP_CWORD=1; . ./script.bash; _ff_play; printf "%s\\n" "${COMPREPLY[@]}"'
    done = subprocess.run(["bash", "-c", script], cwd=folder, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [command.words[0] for command in command_of(build_parser(), {}).commands]


@pytest.mark.parametrize("shell", SHELLS)
def test_a_script_names_every_verb_and_option(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["completion", shell]) == 0
    script = capsys.readouterr().out
    for command in command_of(build_parser(), {}).every():
        assert all(word in script for word in command.words)
        for name in (name for option in command.options for name in option.names):
            written = f"-l {name[2:]} " if shell == "fish" and name.startswith("--") and "=" not in name else name
            assert written in script or f"-s {name[1:]} " in script, name
    assert "fast_index" in script


def test_what_a_value_is_comes_from_how_it_is_called() -> None:
    def one(*verbs: str) -> Command:
        return next(found for found in command_of(build_parser(), {}).every() if found.words == verbs)

    plan, up = one("plan"), one("lab", "up")
    kinds = {name: option.kind for option in (*plan.options, *up.options) for name in option.names}
    assert (kinds["--inventory"], kinds["--dir"], kinds["--limit"]) == ("file", "directory", "")
    assert [argument.kind for argument in plan.positionals] == ["file"]
    assert next(option for option in plan.options if "-v" in option.names).repeats
    assert re.fullmatch(r"ff-play plan PLAYBOOK \[options\]", plan.usage)
