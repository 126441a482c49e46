"""What is told of a plan that is no longer true, from two plans as data."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from ffplay.engine import stale
from ffplay.errors import Refused, Stale
from tests.unit.engine.test_plan_file import body

CONF = "/etc/tarantool/instances.enabled/FindFace_shard_2.lua"
Edit = Callable[[dict[str, Any]], Any]


def outcomes(found: dict[str, Any]) -> list[Any]:
    return found["plays"][0]["steps"][0]["hosts"][0]["outcomes"]  # type: ignore[no-any-return]


def facts(found: dict[str, Any], kind: str) -> dict[str, str]:
    return next(one["facts"] for one in found["observed"] if one["kind"] == kind)  # type: ignore[no-any-return]


def test_what_changed_on_a_shard_is_told_by_its_name() -> None:
    told = stale.differences(body(), body(size=480))
    assert told == [f"db1 FindFace_shard_2: facen_size was 320, is now 480, line 8 changed ({CONF})"]


def test_another_run_s_name_changes_nothing() -> None:
    assert stale.differences(body("20261123T205251Z-10b8"), body("20261124T000000Z-abcd")) == []


CHANGED: list[tuple[Edit, list[str]]] = [
    (
        lambda now: facts(now, "ShardFaces").update({"size of facens": "480"}),
        ["db1 FindFace_shard_2: size of facens was 320, is now 480 (127.0.0.1:8002)"],
    ),
    (
        lambda now: facts(now, "Faces").update({"record": "regenerating"}),
        ["db1 mongodb://127.0.0.1:27017/facenapi.faces: record was none, is now regenerating"],
    ),
    (
        lambda now: facts(now, "Runs").update({"list of open runs": "r (apply, failed)"}),
        ["db1 /s/runs: list of open runs was none, is now r (apply, failed)"],
    ),
    (
        lambda now: now["observed"].remove(next(one for one in now["observed"] if one["kind"] == "Faces")),
        ["db1 mongodb://127.0.0.1:27017/facenapi.faces: the plan rested on it, and does not now"],
    ),
    (
        lambda now: now["observed"].append({**now["observed"][0], "id": "f" * 32, "what": "more"}),
        ["db1 more: the plan rests on it now, and did not"],
    ),
    (
        lambda now: outcomes(now).pop(3),
        ["db1: run a tool: planned then, and not now"],
    ),
    (
        lambda now: outcomes(now)[3]["change"].update(fingerprint="f" * 32),
        ["db1: run a tool: planned then, and not now", "db1: run a tool: planned now, and not then"],
    ),
    (
        lambda now: outcomes(now).append(copy.deepcopy(outcomes(now)[2])),
        ["db1 FindFace_shard_2: wipe it: planned now, and not then"],
    ),
    (
        lambda now: outcomes(now).reverse(),
        ["the steps come to another course than they did: show both plans to see it"],
    ),
    (
        lambda now: now["plays"][0]["steps"][1]["hosts"][0].update(state="deferred"),
        ["the steps come to another course than they did: show both plans to see it"],
    ),
    (
        lambda now: now["plays"][0]["steps"].pop(4),
        ["the steps come to another course than they did: show both plans to see it"],
    ),
    (
        lambda now: now["hosts"].append("db2"),
        ["the steps come to another course than they did: show both plans to see it"],
    ),
]


@pytest.mark.parametrize(("edit", "told"), CHANGED)
def test_what_is_otherwise_is_told(edit: Edit, told: list[str]) -> None:
    now = body()
    edit(now)
    assert stale.differences(body(), now) == told


SAME: list[Edit] = [
    lambda now: outcomes(now)[0]["change"].update(summary="other words", diff="other words"),
    lambda now: now.update(forecast=None),
    lambda now: now["plays"][0]["steps"][0].update(at="elsewhere/pb.yml:1:1"),
    lambda now: now["plays"][0]["steps"][4]["hosts"][0]["outcomes"][0]["check"].update(summary="look at 7 faces"),
    lambda now: now["plays"][0]["steps"][3]["hosts"][0]["outcomes"].pop(1),
]


@pytest.mark.parametrize("edit", SAME)
def test_what_is_only_told_is_no_difference(edit: Edit) -> None:
    now = body()
    edit(now)
    assert stale.differences(body(), now) == []


def test_where_the_site_is_another_one_its_consequences_are_not_told() -> None:
    now = body(size=480)
    outcomes(now).clear()
    assert len(stale.differences(body(), now)) == 1


def test_the_error_names_the_first_and_shows_all() -> None:
    one = stale.error("x.ffplan is stale", ["a"], "plan again")
    assert isinstance(one, Stale)
    assert one.exit_code == Refused.exit_code == 7
    assert (one.message, one.output) == ("x.ffplan is stale: a; nothing was done", "")
    more = stale.error("x.ffplan is stale", ["a", "b", "c"], "plan again")
    assert more.message == "x.ffplan is stale: a, and 2 more; nothing was done"
    assert more.output.splitlines() == ["a", "b", "c"]
