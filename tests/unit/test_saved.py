"""What the command line does with plan files before any host is reached."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ffplay import cli
from ffplay.engine import plan_file
from ffplay.engine.inputs import Inputs, digests
from tests.unit.engine.test_plan_file import MADE, body

INVENTORY = "all: {hosts: {db1: {ansible_host: 127.0.0.1, ansible_port: 9, shards: 1}}}\n"
PLAYBOOK = "- hosts: all\n  steps: [{debug: hello}]\n"


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a directory with a playbook, an inventory and a plan of them, which is where commands are given."""
    (tmp_path / "pb.yml").write_text(PLAYBOOK)
    (tmp_path / "site.yml").write_text(INVENTORY)
    save(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def save(folder: Path, made: dict[str, str] = MADE, **more: object) -> None:
    inputs = Inputs(str(folder), "pb.yml", ("site.yml",), files=digests(("pb.yml", "site.yml"), folder), **more)  # type: ignore[arg-type]
    plan_file.write(folder / "it.ffplan", body(), inputs, made)


def failed(capsys: pytest.CaptureFixture[str], code: int, *words: str) -> str:
    """Run a command that ends with that code, and return what it says."""
    assert cli.main(list(words)) == code
    return capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["-i", "site.yml"], "-i is said by the plan already"),
        (["-l", "db1"], "-l is said by the plan already"),
        (["-t", "x"], "-t is said by the plan already"),
        (["--skip-tags", "x"], "--skip-tags is said by the plan already"),
        (["--start-at-step", "x"], "--start-at-step is said by the plan already"),
        (["--list-steps"], "--list-steps is said by the plan already"),
        (["-e", "x=1"], "-e x is no part of the plan"),
        (["-e", "@x.yml"], "-e @x.yml is no part of the plan"),
    ],
)
def test_what_shapes_a_plan_cannot_be_given_with_one(
    desk: Path, capsys: pytest.CaptureFixture[str], words: list[str], told: str
) -> None:
    assert told in failed(capsys, 3, "apply", "it.ffplan", *words)


def test_a_secret_of_the_command_line_is_asked_for(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(desk, withheld=("ansible_become_password",))
    said = failed(capsys, 3, "apply", "it.ffplan")
    assert "made with ansible_become_password, whose values are not kept in it" in said
    assert "give -e ansible_become_password=VALUE" in said
    # With it the hosts are asked, and there are none.
    assert "db1" in failed(capsys, 4, "apply", "it.ffplan", "-e", "ansible_become_password=x")


def test_another_ffplay_s_plan_is_not_applied(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(desk, {**MADE, "ffplay": "9.9"})
    assert "it.ffplan was made by ffplay 9.9, and this is" in failed(capsys, 3, "apply", "it.ffplan")
    assert cli.main(["show", "it.ffplan"]) == 0


@pytest.mark.parametrize("name", ["pb.yml", "site.yml"])
def test_no_host_is_reached_where_a_file_changed(desk: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    (desk / name).write_text((desk / name).read_text() + "# more\n")
    said = failed(capsys, 7, "apply", "it.ffplan", "--yes")
    assert f"it.ffplan is stale: {name}: its content is not what the plan was made from" in said
    assert "plan again and look at what is new: ff-play plan pb.yml -i site.yml -o FILE" in said


def test_a_plan_is_not_planned(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = failed(capsys, 3, "plan", "it.ffplan")
    assert "it.ffplan is a plan already" in said
    assert "ff-play show it.ffplan" in said


def test_show_needs_no_inventory(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (desk / "site.yml").unlink()
    assert cli.main(["show", "it.ffplan"]) == 0
    assert capsys.readouterr().out.startswith("plan of pb.yml, made 2026-11-23T20:55:42Z by alice on box\n")
    assert cli.main(["show", "it.ffplan", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["run"] == "RUN1"
