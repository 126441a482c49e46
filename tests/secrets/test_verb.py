"""`ff-play vault` and the real `ansible-vault` open what the other one made."""

from __future__ import annotations

import io
import stat
from pathlib import Path

import pytest

from ffplay.cli import main
from tests.ansible import ansible

CONTENT = "db_password: cAnary\nlist: [1, 2]\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("one", "two"):
        Path(name).write_text(f"the password {name}\n")
    Path("vars.yml").write_text(CONTENT)
    Path("vars.yml").chmod(0o640)
    return tmp_path


@pytest.mark.parametrize("given", [["--vault-password-file", "one"], ["--vault-id", "prod@one"]])
def test_files_go_both_ways(folder: Path, given: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["vault", "encrypt", "vars.yml", *given]) == 0
    assert (
        Path("vars.yml")
        .read_text()
        .startswith("$ANSIBLE_VAULT;1.2;AES256;prod\n" if "prod@one" in given else "$ANSIBLE_VAULT;1.1;AES256\n")
    )
    assert stat.S_IMODE(Path("vars.yml").stat().st_mode) == 0o640
    theirs = ansible("ansible-vault", "view", *given, "vars.yml", cwd=folder)
    assert (theirs.returncode, theirs.stdout.strip()) == (0, CONTENT.strip()), theirs.stderr
    assert main(["vault", "view", "vars.yml", *given]) == 0
    assert capsys.readouterr().out == f"vars.yml: encrypted\n{CONTENT}"
    assert main(["vault", "decrypt", "vars.yml", *given]) == 0
    assert Path("vars.yml").read_text() == CONTENT
    assert ansible("ansible-vault", "encrypt", *given, "vars.yml", cwd=folder).returncode == 0
    assert main(["vault", "decrypt", "vars.yml", *given]) == 0
    assert Path("vars.yml").read_text() == CONTENT
    assert sorted(path.name for path in folder.iterdir()) == ["one", "two", "vars.yml"]


def test_a_value_is_a_variable_for_both(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("cAnary {{ x }}\n"))
    both = ["--vault-id", "a@one", "--vault-id", "b@two"]
    assert main(["vault", "encrypt_string", "pw", *both, "--encrypt-vault-id", "b"]) == 0
    Path("site.yml").write_text("all: {hosts: {db1: }}\n")
    Path("group_vars").mkdir()
    Path("group_vars/all.yml").write_text(capsys.readouterr().out)
    assert "AES256;b" in Path("group_vars/all.yml").read_text()
    theirs = ansible(
        "ansible", "-i", "site.yml", "db1", "-c", "local", "-m", "debug", "-a", "var=pw", *both, cwd=folder
    )
    assert "cAnary" in theirs.stdout, theirs.stderr
    assert main(["inventory", "-i", "site.yml", "--host", "db1", *both]) == 0
    assert '"pw": "<secret pw>"' in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["decrypt", "vars.yml", "--vault-password-file", "one"], "vars.yml is not encrypted"),
        (["encrypt", "vars.yml"], "no vault password was given"),
        (["encrypt", "vars.yml", "--vault-id", "a@one", "--vault-id", "b@two"], "name one: --encrypt-vault-id LABEL"),
        (["encrypt", "vars.yml", "nowhere.yml", "--vault-id", "a@one"], "nowhere.yml cannot be read: No such file"),
        (
            ["encrypt", "vars.yml", "--vault-id", "a@one", "--encrypt-vault-id", "c"],
            "no vault password was given for c",
        ),
    ],
)
def test_what_cannot_be_done_is_said_and_nothing_is_written(
    folder: Path, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["vault", *words]) == 3
    assert said in capsys.readouterr().err
    assert Path("vars.yml").read_text() == CONTENT


def test_another_password_opens_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["vault", "encrypt", "vars.yml", "--vault-id", "a@one"]) == 0
    assert main(["vault", "view", "vars.yml", "--vault-id", "a@two"]) == 3
    assert "vars.yml:1:1: no vault password opens it (vault id `a`)" in capsys.readouterr().err
