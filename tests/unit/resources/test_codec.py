from __future__ import annotations

import json
from typing import Any

import pytest

from ffplay.model import Generation, Shard, Unknown
from ffplay.resources.codec import decode, encode
from ffplay.resources.command import Command
from ffplay.resources.file import File, FileState
from ffplay.resources.mongo import Faces, FacesState, MongoPlace
from ffplay.resources.record import Record
from ffplay.resources.shard_data import DataState, ShardData
from ffplay.resources.unit import Unit, UnitState

SHARD = Shard(
    "s1", 1, "t@s1", "/c.lua", "/d", "/d/snap", "/d/wal", "/d/idx", "127.0.0.1", 33001, 8001, {"tags": ["a", {"b": 1}]}
)
RECORD = Record(Generation("cherry_480", 480, "nnd", (("a", "1"),)), "emptied", Generation("m", 1), ("g",), "run")
VALUES: list[Any] = [
    None,
    True,
    1.5,
    "text",
    "no \udcff utf-8",
    b"\x00\xff",
    (1, (2, ("x",))),
    FileState("file", b"caf\xc3\xa9", "0644", "root", "root", mtime=7),
    FileState("file", b"caf\xe9"),
    ShardData(SHARD),
    DataState((("snap/1.snap", 5),), RECORD, ("index",), (("/d/snap.aside-x", 4),), 99),
    DataState(Unknown("it has written them")),
    Unit("x"),
    UnitState("active", since=Unknown("later")),
    Faces(MongoPlace("a", 1, "d", "f", "i", "v", "g", "o"), "/r"),
    FacesState(3, ((320, 2),), RECORD),
    Command("echo 'x'"),
    File("/etc/x"),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_a_value_comes_back_as_it_was(value: Any) -> None:
    again = decode(json.loads(json.dumps(encode(value))))
    assert again == value
    assert type(again) is type(value)


def test_fields_that_comparisons_leave_out_come_back_too() -> None:
    again = decode(json.loads(json.dumps(encode(VALUES[10]))))
    assert (again.aside, again.newest, again.record.run) == ((("/d/snap.aside-x", 4),), 99, "run")


def test_a_shard_s_variables_keep_their_kinds() -> None:
    assert decode(encode(SHARD)).vars == SHARD.vars


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"is": "os.System"}, "knows no os.System"),
        ({"is": "file.Nothing"}, "knows no file.Nothing"),
        ({"is": "file.ShellResource"}, "knows no file.ShellResource"),
        ({"is": "unit.Unit", "name": "x", "colour": "red"}, "no field colour: a later ffplay wrote it"),
        ({"is": "unit.Unit"}, "unit.Unit"),
        ({"what": 1}, "nothing known has the keys what"),
    ],
)
def test_what_is_not_ours_is_refused(body: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        decode(body)


@pytest.mark.parametrize("value", [object(), {1, 2}, Exception("x")])
def test_what_is_no_data_is_not_written(value: Any) -> None:
    with pytest.raises(TypeError, match="no plain data"):
        encode(value)
