from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest

from ffplay.engine.inputs import Inputs, changed_files, digests, located, near, place_of, without_secrets
from ffplay.errors import InputError
from ffplay.load import Sources, load
from ffplay.load.seen import read_text, watching

INVENTORY = "all: {hosts: {a: {ansible_connection: local}}, vars: {x: 1}}\n"
PLAY = """- hosts: all
  steps:
    - template_file: {src: a.j2, dest: /tmp/a}
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "pb.yml").write_text(PLAY)
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "a.j2").write_text("{% include 'b.j2' %}{{ x }}\r\n")
    (tmp_path / "templates" / "b.j2").write_text("b")
    (tmp_path / "inv").mkdir()
    (tmp_path / "inv" / "site.yml").write_text(INVENTORY)
    (tmp_path / "inv" / "group_vars").mkdir()
    (tmp_path / "inv" / "group_vars" / "all.yml").write_text("y: 2\n")
    (tmp_path / "more.yml").write_text("z: 3\n")
    (tmp_path / "only").write_text("a\n")
    return tmp_path


def read(site: Path) -> dict[str, str]:
    with watching() as seen:
        load(Sources(site / "pb.yml", (site / "inv",), (f"@{site}/more.yml",), f"@{site}/only"))
    return located(seen, site)


def test_every_file_that_is_read_is_noted(site: Path) -> None:
    names = ("inv/group_vars/all.yml", "inv/site.yml", "more.yml", "only", "pb.yml", "templates/a.j2", "templates/b.j2")
    assert tuple(read(site)) == names
    assert digests(names, site) == read(site)


@pytest.mark.parametrize(
    ("path", "text", "told"),
    [
        ("pb.yml", PLAY + "# more\n", "pb.yml: its content is not what the plan was made from"),
        ("templates/b.j2", "c", "templates/b.j2: its content is not what the plan was made from"),
        ("inv/group_vars/all.yml", "y: 3", "inv/group_vars/all.yml: its content is not what the plan was made from"),
        ("inv/host_vars/a.yml", "w: 4", "inv/host_vars/a.yml: was not there when the plan was made"),
        ("inv/group_vars/all.yml", None, "inv/group_vars/all.yml: was read for the plan, and is not now"),
    ],
)
def test_what_changed_is_told_by_its_name(site: Path, path: str, text: str | None, told: str) -> None:
    before = read(site)
    if text is None:
        (site / path).unlink()
    else:
        (site / path).parent.mkdir(exist_ok=True)
        (site / path).write_text(text)
    assert list(changed_files(before, read(site))) == [told]


def test_a_file_that_is_read_is_the_text_that_python_would_read(site: Path) -> None:
    path = site / "templates" / "a.j2"
    assert read_text(path) == path.read_text()


def test_nothing_is_noted_where_nobody_watches(site: Path) -> None:
    with watching() as seen:
        pass
    read_text(site / "pb.yml")
    assert seen == {}


@pytest.mark.parametrize(
    ("name", "told"),
    [("a/../b.yml", "b.yml"), ("../t/x", "../t/x"), ("/site/x/y", "x/y"), ("/etc/hosts", "/etc/hosts")],
)
def test_a_path_is_named_as_other_machines_may_have_it(name: str, told: str) -> None:
    assert near(name, Path("/site")) == told


def test_the_inputs_are_looked_for_where_they_were_and_then_here(site: Path, tmp_path_factory: Any) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    assert place_of(Inputs(str(site), "pb.yml"), elsewhere) == site
    assert place_of(Inputs("/nowhere", "pb.yml"), site) == site
    with pytest.raises(InputError, match=r"made from pb\.yml in /nowhere, which is not there"):
        place_of(Inputs("/nowhere", "pb.yml"), elsewhere)


@pytest.mark.parametrize(
    ("extra", "kept", "withheld"),
    [
        (("model=x",), ("model=x",), ()),
        (("@vars.yml",), ("@vars.yml",), ()),
        (("ansible_become_password=a",), (), ("ansible_become_password",)),
        (("ansible_ssh_pass=a model=x", "db_token=b"), ('{"model": "x"}',), ("ansible_ssh_pass", "db_token")),
        (('{"a": 1, "API_SECRET": "b"}',), ('{"a": 1}',), ("API_SECRET",)),
        (("passage=a compass=b",), ("passage=a compass=b",), ()),
    ],
)
def test_secrets_of_the_command_line_are_left_out(
    extra: tuple[str, ...], kept: tuple[str, ...], withheld: tuple[str, ...]
) -> None:
    assert without_secrets(extra) == (kept, withheld)


def test_the_command_can_be_given_again() -> None:
    inputs = Inputs("/s", "p b.yml", ("i.yml",), ("a=b c=d",), (), "db1", ("x",), ("y",), "Stop it")
    words = shlex.split(inputs.command("apply"))
    assert words == [
        "ff-play", "apply", "p b.yml", "-i", "i.yml", "-e", "a=b c=d", "-t", "x", "--skip-tags", "y", "-l", "db1",
        "--start-at-step", "Stop it",
    ]  # fmt: skip
    assert Inputs.of(inputs.plain()) == inputs
