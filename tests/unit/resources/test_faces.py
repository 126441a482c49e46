from __future__ import annotations

import dataclasses

import pytest

from ffplay.model import Generation
from ffplay.resources.mongo import Faces, FacesState, MongoPlace
from ffplay.resources.record import Record

FACES = Faces(MongoPlace("127.0.0.1", 27017, "facenapi", "faces", "_id", "facen", "galleries", "owner"), "/record")
DONE = Record(Generation("cherry_480", 480, "nnd"), "complete")
UNDER_WAY = dataclasses.replace(DONE, state="regenerating")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (FacesState(9, ((320, 5), (480, 4)), UNDER_WAY), FacesState(10, ((480, 10),), UNDER_WAY), True),
        (FacesState(9, ((320, 5), (480, 4)), DONE), FacesState(9, ((480, 9),), DONE), False),
        (FacesState(9, ((480, 9),), DONE), FacesState(10, ((480, 10),), DONE), True),
        (FacesState(9, ((320, 9),)), FacesState(9, ((480, 9),)), False),
        (FacesState(9, ((480, 9),), UNDER_WAY), FacesState(9, ((480, 9),), DONE), False),
    ],
)
def test_what_a_tool_alters_while_it_runs_is_no_other_plan(one: FacesState, other: FacesState, same: bool) -> None:
    assert FACES.same(one, other) is same
