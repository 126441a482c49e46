from __future__ import annotations

from typing import Any

import pytest

from ffplay.engine.view import Asked, NeedsReading, PlanView
from ffplay.model import Change
from ffplay.resources.file import ABSENT, File, FileState

A, B = File("/a"), File("/b")
TEXT = FileState("file", b"text")


def test_everything_that_is_asked_at_once_is_noted_at_once() -> None:
    view = PlanView({("h", A): ABSENT})
    with pytest.raises(NeedsReading):
        view.read("h", A, B)
    with pytest.raises(NeedsReading):
        view.prefetch([("g", A), ("h", A)])
    assert list(view.missing) == [("h", B), ("g", A)]


def test_what_was_read_is_told_even_where_it_is_nothing() -> None:
    view = PlanView({("h", A): None, ("h", B): TEXT})
    assert view.read("h", A, B) == [None, TEXT]
    assert not view.missing


def test_a_planned_change_is_seen_as_made_and_its_effects_too() -> None:
    observed: dict[Any, Any] = {("h", A): ABSENT, ("g", B): ABSENT}
    view = PlanView(observed)
    view.plan(Change("h", A, ABSENT, TEXT, "write", effects=(("g", B, TEXT),)))
    assert view.read("h", A) + view.read("g", B) == [TEXT, TEXT]
    assert observed == {("h", A): ABSENT, ("g", B): ABSENT}


def test_a_change_of_what_was_never_read_can_be_asked_for() -> None:
    view = PlanView({})
    view.plan(Change("h", A, ABSENT, None, "empty"))
    assert view.read("h", A) == [None]


def test_what_is_found_once_is_found_again_after_a_change_of_what_it_asked_for() -> None:
    view = PlanView({("h", A): ABSENT, ("h", B): ABSENT})
    found: list[Any] = []

    def find() -> Any:
        found.extend(view.read("h", A))
        return found[-1]

    assert [view.memo("it", find), view.memo("it", find)] == [ABSENT, ABSENT]
    view.plan(Change("h", B, ABSENT, TEXT, "write another"))
    assert view.memo("it", find) == ABSENT
    view.plan(Change("h", A, ABSENT, TEXT, "write"))
    assert view.memo("it", find) == TEXT
    assert found == [ABSENT, TEXT]


def test_what_cannot_be_found_yet_is_looked_for_once_until_a_change_tells_it() -> None:
    view = PlanView({})
    looked = []

    def find() -> Any:
        looked.append("inner")
        return view.read("h", A)

    def outer() -> Any:
        return view.memo("inner", find)

    for _ in range(2):
        with pytest.raises(NeedsReading):
            view.memo("outer", outer)
    assert list(view.missing) == [("h", A)]
    assert looked == ["inner"]
    view.plan(Change("h", A, ABSENT, TEXT, "write"))
    assert view.memo("outer", outer) == [TEXT]


def asked_for(observed: dict[Any, Any], *files: File, shared: bool = False) -> Asked:
    """Return what a step went by that read files, by itself or in a judgement that others share."""
    view = PlanView(observed)
    with view.asking() as asked:
        if shared:
            view.memo("it", lambda: view.read("h", *files))
        else:
            view.read("h", *files)
    return asked


@pytest.mark.parametrize("shared", [False, True])
def test_what_a_step_went_by_holds_as_long_as_all_of_it_is_the_same(shared: bool) -> None:
    before = {("h", A): ABSENT, ("h", B): TEXT}
    asked = asked_for(before, A, B, shared=shared)
    assert PlanView(dict(before)).holds(asked)
    assert PlanView({**before, ("h", B): FileState("file", b"text")}).holds(asked)
    assert not PlanView({**before, ("h", B): FileState("file", b"other")}).holds(asked)
    assert not PlanView({("h", A): ABSENT}).holds(asked)


@pytest.mark.parametrize("shared", [False, True])
def test_what_takes_no_part_in_comparisons_counts_too(shared: bool) -> None:
    asked = asked_for({("h", B): TEXT}, B, shared=shared)
    newer = FileState("file", b"text", mtime=5)
    assert newer == TEXT
    assert not PlanView({("h", B): newer}).holds(asked)


@pytest.mark.parametrize("shared", [False, True])
def test_a_change_ends_what_held_before_it_and_restores_what_it_brings_about(shared: bool) -> None:
    absent = asked_for({("h", A): ABSENT}, A, shared=shared)
    written = asked_for({("h", A): TEXT}, A, shared=shared)
    view = PlanView({("h", A): ABSENT, ("h", B): ABSENT})
    assert [view.holds(absent), view.holds(written)] == [True, False]
    view.plan(Change("h", B, ABSENT, TEXT, "write another"))
    assert [view.holds(absent), view.holds(written)] == [True, False]
    view.plan(Change("h", A, ABSENT, TEXT, "write"))
    assert [view.holds(absent), view.holds(written)] == [False, True]
