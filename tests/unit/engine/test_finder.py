"""A plan that is made again asks again only those steps whose grounds changed, and comes to the same."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from ffplay.engine.finder import Finder, Given
from ffplay.engine.options import Options
from ffplay.engine.plan import Plan
from ffplay.engine.planner import Planner
from ffplay.engine.view import PlanView
from ffplay.load import Loaded
from ffplay.model import Generation, Unknown
from ffplay.resources.backup_manifest import ShardBackup
from ffplay.resources.database_size import DatabaseSize
from ffplay.resources.facts import HostFacts
from ffplay.resources.file import ABSENT, File, FileState
from ffplay.resources.mongo import Faces
from ffplay.resources.reachable import Reachable
from ffplay.resources.record import Record
from ffplay.resources.runs import RunHead, Runs, RunState
from ffplay.resources.shard_backup import ShardBackups
from ffplay.resources.shard_data import DataState, ShardData
from ffplay.resources.shard_http import ShardFaces, ShardState
from ffplay.resources.unit import Unit, UnitState
from tests.benchmarks.planning import Imagined, prepared
from tests.unit.engine.bench import Bench, short

RUN = "20260101T000000Z-0000"
OLD, NEW = Generation("apricot_320", 320, "nnd"), Generation("cherry_480", 480, "nnd")

Make = Callable[..., Bench]


OTHERS: Mapping[type, Callable[[Any], Iterable[Any]]] = {
    DatabaseSize: lambda _: [1 << 50],
    Faces: lambda v: [
        *(replace(v, record=record) for record in (Record(NEW), Record(NEW, "regenerating", OLD))),
        replace(v, sizes=((480, v.count),)),
        replace(v, count=1),
    ],
    File: lambda v: [
        ABSENT,
        replace(v, kind="directory"),
        replace(v, mtime=7),
        replace(v, content=v.content.replace(b"320", b"480")),
        replace(v, content=b"{"),
    ],
    HostFacts: lambda v: [
        replace(v, rooms=tuple(replace(room, free=1) for room in v.rooms)),
        replace(v, memory=1),
        replace(v, programs=(), skew=999),
    ],
    Reachable: lambda v: [not v],
    Runs: lambda _: [(RunState(RunHead("run0", "apply", "me", "here", "2025", "switch-model.yml", "0", "x")),)],
    ShardBackups: lambda _: [(ShardBackup(RUN, (("snap/0001.snap", 1 << 30, "0" * 64),)),)],
    ShardData: lambda v: [
        *(replace(v, record=record) for record in (Record(NEW), Record(OLD), Record(NEW, "restoring"))),
        replace(v, record=Record(NEW, "emptied", OLD, left=v.instances)),
        replace(v, record=Record(NEW), instances=()),
        replace(v, instances=("other",)),
        replace(v, newest=9, aside=(("/a", 5),)),
        DataState(),
    ],
    ShardFaces: lambda v: [Unknown("silent"), ShardState(v.galleries, (480,), v.sample), replace(v, sample=())],
    Unit: lambda _: [UnitState("inactive"), UnitState("inactive", load="not-found")],
}


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    folder = tmp_path_factory.mktemp("site")
    return prepared(folder, 2)


def _none(_value: Any) -> Iterable[Any]:
    return ()


def seen(planner: Planner, observed: dict[Any, Any]) -> tuple[Plan, list[Any]]:
    view = PlanView(observed)
    return planner.plan(view), list(view.missing)


def test_a_plan_made_again_is_the_one_that_is_made_anew(loaded: Loaded, monkeypatch: pytest.MonkeyPatch) -> None:
    with Imagined(loaded) as session:
        session.plan()
        observed = session.observed
    asked: list[str] = []
    ask = Finder._ask

    def counting(self: Finder, given: Given, *more: Any) -> Any:
        asked.append(given.step.kind)
        return ask(self, given, *more)

    monkeypatch.setattr(Finder, "_ask", counting)
    planner = Planner(loaded, Options(), RUN)
    first = seen(planner, observed)
    every = len(asked)
    asked.clear()
    assert seen(planner, dict(observed)) == first
    assert asked == []
    # One of each type of resource on each host.
    some: dict[tuple[type, str], list[Any]] = {}
    for key in observed:
        some.setdefault((type(key[1]), key[0]), []).append(key)
    chosen = [key for keys in some.values() for key in keys[:1]]
    variants = [(key, value) for key in chosen for value in OTHERS.get(type(key[1]), _none)(observed[key])]
    assert {type(key[1]) for key, _ in variants} == set(OTHERS)
    chance = random.Random(1)
    chance.shuffle(variants)
    saved = 0
    for variant in variants:
        # Some alone, some with others at once.
        site = {**observed, **dict([variant, *chance.sample(variants, chance.randrange(4))])}
        asked.clear()
        again = seen(planner, site)
        saved += every - len(asked)
        assert again == seen(Planner(loaded, Options(), RUN), site), variant
    assert saved > len(variants) * every / 4


def test_what_changes_before_a_step_is_part_of_its_grounds(bench: Make) -> None:
    steps = "- copy_file: {dest: /x, content: new}\n- command: {cmd: make, detach: true}\n"
    there = {("a", File("/x")): FileState("file", b"new", "0644")}
    made = bench(steps, Options(limit="a"))
    for known in (there, {}, there):
        assert made.imagine(known) == bench(steps, Options(limit="a")).imagine(known)


def test_what_a_step_has_registered_is_part_of_the_grounds_of_others(bench: Make) -> None:
    steps = "- copy_file: {dest: /x, content: new}\n  register: r\n- debug: '{{ r.changed }}'"
    made = bench(steps, Options(limit="a"))
    there = {("a", File("/x")): FileState("file", b"new", "0644")}
    assert [short(made.imagine(known))[-1][2] for known in (there, {}, there)] == ["False", "True", "False"]


def test_what_turns_out_to_be_secret_later_is_masked_in_what_was_found_before(bench: Make) -> None:
    made = bench("- debug: the word is xyzzy42", Options(limit="a"))
    assert short(made.imagine()) == [("a", "debug", "the word is xyzzy42")]
    made.loaded.vault.secrets.hide("xyzzy42", "password")
    ((_, _, said),) = short(made.imagine())
    assert "xyzzy42" not in said
