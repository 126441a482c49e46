from __future__ import annotations

import dataclasses
import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from ffplay.engine import plan_file, stale, veil
from ffplay.engine.forecast import Forecast, Part, StepForecast
from ffplay.engine.inputs import Inputs
from ffplay.engine.plan import Plan, StepPlan
from ffplay.engine.plan_name import is_plan_file
from ffplay.errors import InputError
from ffplay.model import Change, Check, Host, Login, Note, Shard, Site, Target
from ffplay.report.json_plan import document
from ffplay.report.plan_text import render
from ffplay.report.style import Style
from ffplay.resources.checks import HttpExchange, Stated
from ffplay.resources.command import ALWAYS, RAN, Command
from ffplay.resources.file import ABSENT, File, FileCopy, FileState
from ffplay.resources.mongo import Faces, FacesState, MongoPlace
from ffplay.resources.runs import RunEnd, RunHead, Runs, RunState
from ffplay.resources.shard_data import DataState, ShardData
from ffplay.resources.shard_http import ShardFaces, ShardState
from ffplay.secret import Secrets
from tests.unit.report import samples

SECRETS = ("hunter2", "swordfish", "opensesame", "correct-horse")
INPUTS = Inputs("/site", "pb.yml", ("site.yml",), ("model=cherry_480",), files={"pb.yml": "0" * 64})
MADE = {"at": "2026-11-23T20:55:42Z", "by": "alice", "on": "box", "ffplay": plan_file.__version__}
SCHEMA = json.loads(Path(plan_file.__file__).with_name("plan_file.json").read_text())


def shard(number: int) -> Shard:
    return dataclasses.replace(samples.shard("db1", number), vars={"replication": "rep:hunter2@db2"})


def site() -> Site:
    login = Login("db1", password="swordfish", become_password="opensesame")
    return Site((Host("db1", ("tntapi",), login, (shard(1), shard(2)), {"ansible_password": "swordfish"}),), {})


def plan(run: str = "RUN1") -> Plan:
    """Return a plan that has one of everything."""
    password = FileState("file", b"password = correct-horse\n", "0600", "root", "root")
    kept = Change("db1", FileCopy(f"/backup/{run}/secret.ini"), ABSENT, password, "copy it")
    data = Change("db1", ShardData(shard(2)), DataState(record=None), DataState(), "wipe it", shard(2).name)
    tool = Change("db1", Command("tool --all"), ALWAYS, RAN, "run a tool")
    veiled = [
        veil.veiled(dataclasses.replace(samples.step("x"), no_log=True), outcome, Secrets())
        for outcome in (
            Change("db1", Command("KEY=hunter2 curl swordfish", unless="opensesame"), ALWAYS, RAN, "curl swordfish"),
            Change("db1", File("/etc/hunter2"), ABSENT, password, "write /etc/hunter2"),
            Check("db1", HttpExchange("http://swordfish@x", body="hunter2"), "GET http://swordfish@x"),
        )
    ]
    made = samples.step("template", src="x.j2")
    steps = [
        samples.group(made, samples.planned(made, "db1", samples.template("db1", 2), kept, data, tool)),
        samples.group(
            samples.step("debug", "Say it", msg="{{ x }}"),
            StepPlan(samples.step("debug", "Say it"), "db1", "skipped", reason="when: no"),
        ),
        samples.group(
            samples.step("command"),
            StepPlan(samples.step("command"), "db1", "deferred", reason="when it is read", item={"name": "i", "n": 1}),
        ),
        samples.group(
            samples.step("assert"),
            samples.planned(samples.step("assert"), "db1", samples.PROBLEM, Note("db1", "mind", {"stdout": "hunter2"})),
        ),
        samples.group(
            samples.step("http"),
            samples.planned(samples.step("http"), "db1", Check("db1", Stated("it is so"), "it is so")),
            handler=True,
        ),
        samples.group(samples.step("x"), samples.planned(samples.step("x"), "db1", *veiled)),
    ]
    found = samples.plan_of(*steps, hosts=("db1",), shards=2)
    head = RunHead("RUN0", "apply", "bob", "box", "then", "/p.yml", "1", "3 changes")
    forecast = Forecast((StepForecast(1, 1, "copy", 5.0, parts=(Part("db1", "w", None, "nobody knows"),)),), 5.0)
    return dataclasses.replace(
        found,
        run=run,
        open=(RunState(head, RunEnd("failed"), commands=(("s", Command("echo hunter2"), ("", "")),)),),
        continues=("RUN0",),
        aside=(("db1", "/d.aside-RUN0", 17),),
        forecast=forecast,
    )


def observed(size: int = 320) -> dict[Any, Any]:
    place = MongoPlace("127.0.0.1", 27017, "facenapi", "faces", "_id", "facen", "galleries", "owner")
    return {
        ("db1", File(shard(2).conf)): samples.lua(2, size),
        ("db1", ShardFaces(shard(2))): ShardState((), (320,), (("g", 1, b"correct-horse"),)),
        ("db1", ShardData(shard(2))): DataState((("wal/1.xlog", size),)),
        ("db1", Faces(place, "/r")): FacesState(size, ((320, size),)),
        ("db1", Runs("/s")): (),
        ("db1", Command("KEY=hunter2 curl swordfish")): ALWAYS,
    }


def body(run: str = "RUN1", size: int = 320) -> dict[str, Any]:
    return plan_file.body_of(plan(run), observed(size), site())


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "switch.ffplan"
    plan_file.write(path, body(), INPUTS, MADE)
    return path


@pytest.mark.parametrize("style", [Style(), Style(verbose=1), Style(True), Style(diff="summary"), Style(diff="full")])
def test_a_saved_plan_is_shown_as_it_was(saved: Path, style: Style) -> None:
    assert render(plan_file.read(saved).plan, style) == render(plan(), style)


def test_a_saved_plan_is_the_same_document_for_programs_but_for_contents_and_outputs(saved: Path) -> None:
    def bare(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: bare(item) for key, item in value.items() if key not in ("base64", "result", "vars")}
        return [bare(item) for item in value] if isinstance(value, list) else value

    assert bare(document(plan_file.read(saved).plan)) == bare(document(plan()))


def test_all_that_is_written_is_read_again(saved: Path) -> None:
    found = plan_file.read(saved)
    assert found.inputs == INPUTS
    assert found.made == MADE
    assert found.by_this_ffplay
    assert stale.differences(found.body, body()) == []
    assert found.plan.irreversible == plan().irreversible


def test_the_file_is_as_the_schema_says(saved: Path) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(json.loads(saved.read_text()), SCHEMA)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda body: body["plays"][0]["steps"][0]["hosts"][0]["outcomes"][0]["change"].pop("diff"),
        lambda body: body["observed"][0]["facts"].clear(),
        lambda body: body["plays"][0]["steps"][0]["hosts"][0]["outcomes"][0]["change"]["before"].update(
            content={"utf8": "text"}
        ),
        lambda body: body.update(password="x"),
        lambda body: body["inputs"]["files"][0].update(sha256="0"),
        lambda body: body["made"].update(at="yesterday"),
    ],
)
def test_the_schema_refuses_what_is_not_so(saved: Path, spoil: Callable[[Any], Any]) -> None:
    body = json.loads(saved.read_text())
    spoil(body)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(body, SCHEMA)


def test_no_secret_and_no_content_is_in_the_file(saved: Path) -> None:
    text = saved.read_text()
    assert [word for word in SECRETS if word in text] == []
    # What changes in a file is what a person is to look at.
    assert "facen_size=480" in text


def test_the_file_is_its_owner_s_alone_and_is_written_whole(saved: Path) -> None:
    before = saved.read_bytes()
    assert stat.S_IMODE(saved.stat().st_mode) == 0o600
    with pytest.raises(TypeError):
        plan_file.write(saved, {**body(), "hosts": object()}, INPUTS, MADE)
    assert saved.read_bytes() == before
    with pytest.raises(InputError, match=r"cannot be written to .*No such file"):
        plan_file.write(saved.parent / "none" / "x", body(), INPUTS, MADE)
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]


def edited(path: Path, edit: Callable[[dict[str, Any]], Any]) -> None:
    found = json.loads(path.read_text())
    edit(found)
    path.write_text(json.dumps(found, indent=1))


DAMAGE: list[tuple[Callable[[Path], Any], str]] = [
    (lambda path: path.write_bytes(path.read_bytes()[:3000]), "this plan is damaged: it ends in the middle"),
    (lambda path: path.write_bytes(b""), "this plan is damaged: it is no JSON"),
    (lambda path: path.write_bytes(b"\xff\xfe"), "this plan is damaged: it is no text"),
    (lambda path: path.write_text(path.read_text().replace("tool --all", "tool --none")), "is not what was written"),
    (lambda path: edited(path, lambda found: found.pop("sha256")), "its content is not what was written"),
    (lambda path: edited(path, lambda found: found.update(format_version=2)), r"it has format 2 \(by ffplay"),
    (lambda path: edited(path, lambda found: found.update(format="x")), "is no plan of ffplay"),
    (lambda path: path.write_text("[1]"), "is no plan of ffplay"),
    (lambda path: path.unlink(), "cannot be read: No such file"),
]


@pytest.mark.parametrize(("damage", "told"), DAMAGE)
def test_a_damaged_file_says_so(saved: Path, damage: Callable[[Path], Any], told: str) -> None:
    damage(saved)
    with pytest.raises(InputError, match=told) as caught:
        plan_file.read(saved)
    assert all(finding.hint for finding in caught.value.findings) or "cannot be read" in told


def test_a_thing_that_this_ffplay_does_not_know_is_told(tmp_path: Path) -> None:
    found = body()
    found["plays"][0]["steps"][0]["hosts"][0]["outcomes"][0]["change"]["resource"]["is"] = "file.Newer"
    plan_file.write(tmp_path / "p", found, INPUTS, MADE)
    with pytest.raises(InputError, match=r"damaged: ValueError: this ffplay knows no file\.Newer"):
        plan_file.read(tmp_path / "p")


@pytest.mark.parametrize(
    ("name", "text", "is_one"),
    [
        ("x.ffplan", "anything", True),
        ("x.yml", "- hosts: all\n", False),
        ("x.json", '{\n "format": "ffplay plan",\n', True),
        ("x.json", '{"format": "other"}', False),
    ],
)
def test_a_plan_file_is_told_from_a_playbook(tmp_path: Path, name: str, text: str, is_one: bool) -> None:
    (tmp_path / name).write_text(text)
    assert is_plan_file(str(tmp_path / name)) is is_one


def test_a_run_s_name_is_no_plan_file() -> None:
    assert not is_plan_file("20261123T205251Z-10b8")
    assert is_plan_file("missing.ffplan")


def test_a_plan_of_no_play_for_a_target_is_kept_too(tmp_path: Path) -> None:
    one = plan()
    play = dataclasses.replace(one.plays[0], target=Target("m", 5, "nnd", (("a", "1"),)), batches=(("db1",),))
    one = dataclasses.replace(one, plays=(play,), forecast=None)
    plan_file.write(tmp_path / "p", plan_file.body_of(one, {}, site()), INPUTS, MADE)
    assert render(plan_file.read(tmp_path / "p").plan, Style()) == render(one, Style())
