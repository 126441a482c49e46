from __future__ import annotations

import pytest

from ffplay.engine.options import Options, check_start, chosen
from ffplay.errors import InputError
from ffplay.model import Mark, Play, Playbook, Step

MARK = Mark("p.yml", 1, 1)


def step(name: str, *tags: str) -> Step:
    return Step("debug", {}, MARK, name=name, tags=tags)


STEPS = [
    step("plain"),
    step("fast", "quick"),
    step("both", "quick", "slow"),
    step("ever", "always"),
    step("rare", "never"),
]


@pytest.mark.parametrize(
    ("tags", "skipped", "left"),
    [
        ((), (), "plain fast both ever"),
        (("quick",), (), "fast both ever"),
        (("slow", "nothing"), (), "both ever"),
        (("all",), (), "plain fast both ever"),
        (("tagged",), (), "fast both ever"),
        (("untagged",), (), "plain ever"),
        (("never",), (), "ever rare"),
        ((), ("quick",), "plain ever"),
        ((), ("always",), "plain fast both"),
        ((), ("all",), "ever"),
        ((), ("tagged",), "plain"),
        ((), ("untagged",), "fast both ever"),
        (("quick",), ("slow",), "fast ever"),
    ],
)
def test_tags_mean_what_they_mean_to_ansible(tags: tuple[str, ...], skipped: tuple[str, ...], left: str) -> None:
    found = chosen(STEPS, Options(tags=tags, skip_tags=skipped))
    assert " ".join(one.title for one in found) == left


def test_start_at_leaves_out_what_comes_before() -> None:
    assert [one.title for one in chosen(STEPS, Options(start_at="bo*"))] == ["both", "ever"]
    assert chosen(STEPS, Options(start_at="in another play")) == []


def test_start_at_a_step_that_is_nowhere_names_the_steps() -> None:
    playbook = Playbook("p.yml", (Play("p", "all", MARK, tuple(STEPS)),))
    check_start(playbook, Options(start_at="rare"))
    check_start(playbook, Options())
    with pytest.raises(InputError, match="no step is called `raer`") as caught:
        check_start(playbook, Options(start_at="raer"))
    assert "plain, fast" in caught.value.findings[0].hint
