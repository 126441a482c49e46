from __future__ import annotations

import pytest

from ffplay.engine.plan import PlayPlan, StepGroup, StepPlan
from ffplay.engine.stage import stages_of
from ffplay.model import Mark, Play, Step

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
