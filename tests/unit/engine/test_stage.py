from __future__ import annotations

from typing import Any

import pytest

from ffplay.engine.plan import PlayPlan, StepGroup, StepPlan
from ffplay.engine.stage import stages_of
from ffplay.model import Mark, Note, Play, Step

NOWHERE = Mark("", 0, 0)


@pytest.mark.parametrize(
    ("kinds", "stages"),
    [
        (("stop", "wipe", "start"), [3]),
        (("stop", "regenerate", "wipe", "start"), [1, 1, 2]),
        # What a commit and a rollback do is of no kind that a playbook has.
        (("commit", "commit", "verify"), [1, 1, 1]),
        (("rollback", "rollback"), [1, 1]),
    ],
)
def test_hosts_wait_behind_every_step_but_those_of_their_own_shards(kinds: tuple[str, ...], stages: list[int]) -> None:
    steps = [Step(kind, {}, NOWHERE) for kind in kinds]
    groups = tuple(StepGroup(step, (StepPlan(step, "db1", "planned"),)) for step in steps)
    play = PlayPlan(Play("p", "all", NOWHERE), ("db1",), None, groups)
    assert [len(stage) for stage in stages_of(play)] == stages


def group(
    kind: str = "stop", hosts: str = "a", state: str = "planned", handler: bool = False, **more: Any
) -> StepGroup:
    step = Step(kind, {}, NOWHERE, **more)
    plans = (StepPlan(step, host, state, (Note(host, "something to do"),)) for host in hosts)
    return StepGroup(step, tuple(plans), handler)


def staged(*groups: StepGroup, strategy: str = "stages") -> list[int]:
    play = PlayPlan(Play("p", "all", NOWHERE, strategy=strategy), ("a", "b"), None, groups)
    return [len(stage) for stage in stages_of(play)]


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(group(hosts="ab"), id="more hosts"),
        pytest.param(group(hosts="b"), id="other hosts"),
        pytest.param(group("copy"), id="a kind that needs other hosts"),
        pytest.param(group("command"), id="a kind that may need anything"),
        pytest.param(group("rollback"), id="a phase of a rollback"),
        pytest.param(group("commit"), id="a phase of a commit"),
        pytest.param(group(state="deferred"), id="known after apply"),
        pytest.param(group(handler=True), id="a handler"),
        pytest.param(group(run_once=True), id="once for all hosts"),
        pytest.param(group(retries=1), id="retries"),
        pytest.param(group(until=("x",)), id="until"),
        pytest.param(group(ignore_errors=True), id="errors are ignored"),
        pytest.param(group(timeout=5.0), id="a deadline of its own"),
        pytest.param(group(become=True), id="another user"),
    ],
)
def test_hosts_wait_before_and_behind_a_step_that_is_not_like_the_others(other: StepGroup) -> None:
    assert staged(group(), group()) == [2]
    assert staged(group(), other) == [1, 1]
    assert staged(other, group()) == [1, 1]


def test_hosts_wait_behind_every_step_where_the_playbook_says_so() -> None:
    assert staged(group(), group(), strategy="linear") == [1, 1]


def test_a_host_without_work_in_a_step_holds_nobody_up() -> None:
    idle = StepGroup(Step("stop", {}, NOWHERE), (StepPlan(Step("stop", {}, NOWHERE), "b", "planned"),))
    assert staged(group(), idle, group()) == [3]
    busy = StepGroup(group().step, (*group().plans, *idle.plans))
    assert staged(busy, group()) == [2]
