from __future__ import annotations

import pytest

from ffplay.report.names import heading, joined, who
from tests.unit.report.samples import step


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([], ""),
        (["db1"], "db1"),
        (["db1", "db2"], "db1, db2"),
        (["db1", "db2", "db3"], "db1..3"),
        (["app1", "db1", "db2", "db3", "db5"], "app1, db1..3, db5"),
        (["db9", "db10", "db11"], "db9..11"),
        (["s01", "s02", "s03"], "s01..03"),
        (["db3", "db2", "db1"], "db3, db2, db1"),
    ],
)
def test_joined(names: list[str], expected: str) -> None:
    assert joined(names) == expected


def test_who_puts_hosts_with_equal_shards_together() -> None:
    places = [(host, shard) for host in ("db1", "db2") for shard in ("s1", "s2")]
    assert who([*places, ("db3", "s1")]) == "db1, db2: s1, s2; db3: s1 (5 shards)"


def test_who_of_one_place_is_host_and_shard() -> None:
    assert who([("db1", "s1")]) == "db1 s1"
    assert who([("db1", None)]) == "db1"


def test_heading() -> None:
    assert heading(step("stop", service="tarantool")) == "stop: tarantool"
    assert heading(step("stop", "Stop the shards", service="tarantool")) == "Stop the shards (stop)"
    assert heading(step("regenerate", processes=4)) == "regenerate (processes: 4)"
    assert heading(step("command", cmd="one\ntwo")) == "command"
