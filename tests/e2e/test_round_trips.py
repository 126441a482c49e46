"""What a plan and an apply cost each host, counted where requests leave: connections, and requests to its shell."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ffplay.engine.options import Options
from ffplay.engine.planner import Planner
from ffplay.engine.player import Player
from ffplay.engine.runner import Session
from ffplay.lab import site as lab_site
from ffplay.lab.layout import LabOptions, LabSite
from ffplay.load import Sources, load
from tests.unit.engine.bench import Recorder

pytestmark = pytest.mark.lab

PLAYBOOKS = Path(__file__).parents[2] / "playbooks"

# What a database or a tool that runs is asked takes requests of its own: a hot backup pins snapshots before it copies
# them, a dump is read back, a tool is followed to its end, and MongoDB's record is written between.
ASKED = {"backup", "configure", "regenerate", "copy"}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabSite]:
    directory = tmp_path_factory.mktemp("trips") / "lab"
    yield lab_site.up(LabOptions(hosts=2, shards=2, faces=60, directory=directory))
    lab_site.down(directory)


def session(lab: LabSite, playbook: str) -> Session:
    loaded = load(Sources(PLAYBOOKS / playbook, (lab.inventory,)))
    return Session(loaded, Planner(loaded, Options(), "20261126T120000Z-0000"), Options(), Recorder())


def trips(one: Session) -> dict[str, int]:
    """Return the requests to each host's shell so far."""
    return {name: connection.round_trips for name, connection in one._pool._live.items()}


@pytest.mark.parametrize("playbook", ["switch-model.yml", "documented-order.yml", "switch-both.yml"])
def test_a_plan_costs_each_host_one_connection_and_one_round_trip(lab: LabSite, playbook: str) -> None:
    with session(lab, playbook) as one:
        assert not one.plan().empty
        assert trips(one) == {"app1": 1, "db1": 1, "db2": 1}
        assert one.counts()[0] == 3


def test_an_apply_costs_each_host_two_round_trips_a_stage_at_most(
    lab: LabSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last test of the lab, for it alters it."""
    cost: dict[tuple[str, ...], dict[str, int]] = {}
    plain = Player._stage

    with session(lab, "switch-model.yml") as one:

        def counted(player: Player, play: Any, stage: Any, state: Any) -> Any:
            before = trips(one)
            error = plain(player, play, stage, state)
            kinds = tuple(group.step.kind for group in stage)
            cost[kinds] = {name: count - before[name] for name, count in trips(one).items()}
            return error

        monkeypatch.setattr(Player, "_stage", counted)
        plan = one.plan()
        before = trips(one)
        one.apply(plan)
        shards = ("stop", "backup", "wipe", "template", "start")
        assert {name: cost[shards][name] for name in ("db1", "db2")} == {"db1": 1, "db2": 1}
        for kinds, spent in cost.items():
            if not ASKED & set(kinds) or kinds == shards:
                assert max(spent.values()) <= 2, kinds
        # The records of the filled shards travel by themselves, one script a host.
        assert {cost["copy",][name] for name in ("db1", "db2")} == {1}
        assert one.counts()[0] == 3
        # Beside its stages: what is read under the lock, and what is written at the end.
        spent = {name: sum(stage[name] for stage in cost.values()) for name in before}
        assert {name: count - before[name] - spent[name] for name, count in trips(one).items() if name != "app1"} == {
            "db1": 2,
            "db2": 2,
        }
    with session(lab, "switch-model.yml") as again:
        assert again.plan().empty
        assert trips(again) == {"app1": 1, "db1": 1, "db2": 1}
