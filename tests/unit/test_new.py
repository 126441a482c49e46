"""`ff-play new`: what it writes is right, clean and for this site, and nothing is overwritten."""

from __future__ import annotations

import io
import itertools
import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from ffplay import cli, steps
from ffplay.findface import MODELS
from ffplay.lint.check import check, read_book
from ffplay.load import Sources, editors, load
from ffplay.load.files import SHIPPED_TEMPLATES
from ffplay.model import Play

TOP = Path(__file__).resolve().parents[2]
CLUSTER = TOP / "inventories" / "cluster.yml"
STANDALONE = TOP / "inventories" / "standalone.yml"
DETECTORS = ((), ("--detector", "legacy"))
PLACES = ((), ("--backups", "/mnt/backups"), ("--backups", "app1:/mnt/backups"))


class Terminal(io.StringIO):
    """A terminal at which these lines are typed."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    monkeypatch.chdir(tmp_path)


def typed(monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    monkeypatch.setattr("sys.stdin", Terminal("".join(f"{line}\n" for line in lines)))


def play_of(path: Path, inventory: Path = CLUSTER) -> Play:
    book = load(Sources(path, (inventory,))).playbook
    assert book is not None
    (play,) = book.plays
    return play


@pytest.mark.parametrize(("detector", "backups"), [*itertools.product(DETECTORS, PLACES)], ids=str)
def test_what_is_written_is_right_clean_and_whole(
    detector: tuple[str, ...], backups: tuple[str, ...], tmp_path: Path
) -> None:
    path = tmp_path / "switch.yml"
    assert cli.main(["new", str(path), "-i", str(CLUSTER), "--model", "banana_800f", *detector, *backups]) == 0
    play = play_of(path)
    kinds = [step.kind for step in play.steps]
    shipped = play_of(TOP / "playbooks" / "switch-model.yml")
    assert [kind for kind, _ in itertools.groupby(kinds)] == [step.kind for step in shipped.steps]
    assert check(read_book(Sources(path, (CLUSTER,)))).remarks == ()
    jsonschema.validate(yaml.safe_load(path.read_text()), editors.playbook_schema())
    assert dict(play.target or {}) == {"model": "banana_800f"} | ({"detector": "legacy"} if detector else {})
    given = {(step.kind, name): step.args[name] for step in play.steps for name in step.args}
    place = backups[1] if backups else None
    assert (given.get(("wipe", "backups")), given.get(("preflight", "backup_to"))) == (place, place)
    assert given.get(("regenerate", "backups")) == (None if place is None or ":" in place else place)


def test_comments_say_what_each_step_does_and_what_comes_next(tmp_path: Path) -> None:
    path = tmp_path / "my switch.yml"
    assert cli.main(["new", str(path), "-i", str(CLUSTER), "--model", "cherry_480"]) == 0
    text = path.read_text()
    flat = " ".join(text.replace("#", "").split())
    for kind in ("preflight", "backup", "wipe", "template", "copy", "verify"):
        assert steps.kind(kind).summary in flat
    assert "facens of 480 floats" in text
    assert "facenapi on app1, extraction on app1, mongo on app1; 6 shards on db1, db2" in text
    assert f"ff-play apply '{path}' -i {CLUSTER} " in text
    assert max(map(len, text.splitlines())) <= 120 or str(path) in max(text.splitlines(), key=len)


@pytest.mark.parametrize("model", [*MODELS])
def test_every_model_of_the_table_will_do(model: str, tmp_path: Path) -> None:
    assert cli.main(["new", "switch.yml", "-i", str(STANDALONE), "--model", model]) == 0
    assert (play_of(tmp_path / "switch.yml", STANDALONE).target or {})["model"] == model


def test_three_questions_are_asked_and_wrong_answers_asked_for_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    typed(monkeypatch, "Cherry_480", "cherry_480", "nnnd", "nnd", "backups", "db9:/mnt", "/mnt/backups")
    assert cli.main(["new", "switch.yml", "-i", str(CLUSTER)]) == 0
    said = capsys.readouterr()
    asked = said.err + said.out
    for hint in ("did you mean `cherry_480`?", "did you mean `nnd`?", "not `backups`", "no host `db9`"):
        assert hint in asked
    assert asked.count("Which model shall the site be at?") == 1
    play = play_of(tmp_path / "switch.yml")
    assert dict(play.target or {}) == {"model": "cherry_480", "detector": "nnd"}


def test_nothing_leaves_detector_and_backups_as_they_are(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    typed(monkeypatch, "cherry_480", "", "")
    assert cli.main(["new", "switch.yml"]) == 0
    play = play_of(tmp_path / "switch.yml")
    assert dict(play.target or {}) == {"model": "cherry_480"}
    assert not any("to" in step.args or "backups" in step.args for step in play.steps)


def test_the_size_of_an_unknown_model_is_asked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    typed(monkeypatch, "new_512", "many", "512", "", "")
    assert cli.main(["new", "switch.yml"]) == 0
    assert dict(play_of(tmp_path / "switch.yml").target or {}) == {"model": "new_512", "facen_size": 512}


def test_what_is_given_is_not_asked_for(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    typed(monkeypatch)
    words = ["--model", "cherry_480", "--detector", "nnd", "--backups", "/mnt/backups"]
    assert cli.main(["new", "switch.yml", *words]) == 0
    assert "Which" not in capsys.readouterr().out


def test_an_unanswered_question_writes_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    typed(monkeypatch, "cherry_480")
    assert cli.main(["new", "switch.yml"]) == 130
    assert "nothing was written" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "give --model NAME"),
        (["--model", "new_512"], "give --facen-size N"),
        (["--model", "cherry_480", "--facen-size", "320"], "have 480 floats, not 320"),
        (["--model", "new_512", "--facen-size", "0"], "--facen-size: a number of floats"),
        (
            ["--model", "cherry_480", "--detector", "nnnd"],
            "--detector: there is no detector `nnnd`: did you mean `nnd`?",
        ),
        (["--model", "cherry_480", "--backups", "mnt"], "--backups: a directory by its whole path"),
        (["--model", "cherry_480", "-i", "none.yml"], "no such file"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_is_missing_or_wrong_is_told_and_nothing_written(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert cli.main(["new", "switch.yml", *words]) == 3
    assert told in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_site_without_a_group_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "site.yml").write_text("all: {children: {facenapi: {hosts: {a: }}, extractoin: {hosts: {a: }}}}\n")
    assert cli.main(["new", "switch.yml", "-i", "site.yml", "--model", "cherry_480"]) == 3
    told = capsys.readouterr().err
    assert "no host in extraction, mongo, tntapi" in told
    assert "did you mean `extractoin`?" in told
    assert not (tmp_path / "switch.yml").exists()


def test_nothing_is_overwritten_without_a_word(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "switch.yml"
    path.write_text("mine\n")
    words = ["new", "switch.yml", "--model", "cherry_480"]
    assert cli.main(words) == 3
    assert "--force overwrites it" in capsys.readouterr().err
    assert path.read_text() == "mine\n"
    assert cli.main([*words, "--force"]) == 0
    assert "Switch to cherry_480" in path.read_text()
    assert [each.name for each in tmp_path.iterdir() if each.name.startswith(".")] == []
    (tmp_path / "folder").mkdir()
    assert cli.main(["new", "folder", "--model", "cherry_480", "--force"]) == 3
    assert cli.main(["new", "none/switch.yml", "--model", "cherry_480"]) == 3
    assert "there is no directory none" in capsys.readouterr().err


def test_the_template_comes_with_it_unless_one_is_found(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    template = tmp_path / "templates" / "FindFace_shard.lua.j2"
    assert cli.main(["new", "switch.yml", "--model", "cherry_480", "--json"]) == 0
    written = json.loads(capsys.readouterr().out)
    assert written == {"playbook": "switch.yml", "template": "templates/FindFace_shard.lua.j2"}
    assert template.read_bytes() == (TOP / "templates" / template.name).read_bytes()
    template.write_text("mine\n")
    assert cli.main(["new", "other.yml", "--model", "cherry_480", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["template"] is None
    assert template.read_text() == "mine\n"


def test_the_template_of_the_package_is_the_shipped_one() -> None:
    (name,) = [path.name for path in SHIPPED_TEMPLATES.iterdir()]
    assert (SHIPPED_TEMPLATES / name).read_bytes() == (TOP / "templates" / name).read_bytes()


def test_the_schema_is_named_where_there_is_one(tmp_path: Path) -> None:
    (tmp_path / "docs" / "schema").mkdir(parents=True)
    (tmp_path / "docs" / "schema" / "playbook.json").write_text("{}")
    (tmp_path / "playbooks").mkdir()
    (tmp_path / "a" / "b").mkdir(parents=True)
    for name, first in (
        ("playbooks/a.yml", "# yaml-language-server: $schema=../docs/schema/playbook.json"),
        ("b.yml", "# yaml-language-server: $schema=docs/schema/playbook.json"),
        ("a/b/c.yml", "# Switch the site to cherry_480: facens of 480 floats."),
    ):
        assert cli.main(["new", name, "--model", "cherry_480"]) == 0
        assert (tmp_path / name).read_text().splitlines()[0] == first
