from __future__ import annotations

from typing import Any

import pytest

from ffplay.engine.view import NeedsReading, PlanView
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
