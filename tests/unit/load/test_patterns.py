from pathlib import Path

import pytest

from ffplay.errors import InputError
from ffplay.load import select
from ffplay.model import Host, Login, Shard, Site


def shard(number: int) -> Shard:
    name = f"FindFace_shard_{number}"
    return Shard(name, number, name, name, name, name, name, name, "127.0.0.1", 33000 + number, 8000 + number)


SITE = Site(
    tuple(Host(name, (), Login(name), (shard(1), shard(2))) for name in ("app1", "db1", "db2", "db3")),
    {"all": ("app1", "db1", "db2", "db3"), "tntapi": ("db1", "db2", "db3"), "east": ("db1", "app1"), "none": ()},
)


def names(pattern: str, limit: str | None = None) -> str:
    return " ".join(host.name for host in select(SITE, pattern, limit))


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("all", "app1 db1 db2 db3"),
        ("*", "app1 db1 db2 db3"),
        ("db2", "db2"),
        ("tntapi", "db1 db2 db3"),
        ("db3:app1", "app1 db3"),
        ("db3, app1", "app1 db3"),
        ("tntapi:&east", "db1"),
        ("&east:tntapi", "db1"),
        ("tntapi:!east", "db2 db3"),
        ("!east", "db2 db3"),
        ("db*", "db1 db2 db3"),
        ("db[13]:x*", ""),
        ("~db[13]", "db1 db3"),
        ("~(app|db)1", "app1 db1"),
        ("tntapi[0]", "db1"),
        ("tntapi[-1]", "db3"),
        ("tntapi[0:1]", "db1 db2"),
        ("tntapi[1:]", "db2 db3"),
        ("tntapi[9]", ""),
        ("none", ""),
        ("nobody", ""),
        ("~db[23]:&tntapi:!db3", "db2"),
        ("app1,~db[23]", "app1 db2 db3"),
        ("~(?:app|db){1,2}1", "app1 db1"),
        ("db[1:2]", "db1 db2"),
        ("db[7:9]", ""),
        ("&", ""),
        ("tntapi:&db[2:9]", "db2 db3"),
        ("2001:db8::1", ""),
    ],
)
def test_a_pattern_is_ansibles(pattern: str, expected: str) -> None:
    assert names(pattern) == expected


@pytest.mark.parametrize(
    ("limit", "expected"),
    [("db1,db2", "db1 db2"), ("!east", "db2 db3"), ("east", "db1"), ("~db[23]", "db2 db3"), ("tntapi[0]", "db1")],
)
def test_a_limit_leaves_some_of_a_plays_hosts(limit: str, expected: str) -> None:
    assert names("tntapi", limit) == expected


def test_a_limit_may_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "left").write_text("# failed\ndb1\ndb3/2\n")
    chosen = select(SITE, "all", f"@{tmp_path / 'left'}")
    assert [(host.name, len(host.shards)) for host in chosen] == [("db1", 2), ("db3", 1)]


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        ("db1/2", {"db1": [2]}),
        ("db1/FindFace_shard_1,db1/2,db2", {"db1": [1, 2], "db2": [1, 2]}),
        ("db1,db1/2", {"db1": [1, 2]}),
    ],
)
def test_a_limit_may_name_shards(limit: str, expected: dict[str, list[int]]) -> None:
    assert {host.name: [one.id for one in host.shards] for host in select(SITE, "all", limit)} == expected


@pytest.mark.parametrize("limit", ["db9", "~(", "db[7:9]", "db1/9", "dbx/1", "@/nonexistent/file"])
def test_a_limit_that_names_nothing_is_a_mistake(limit: str) -> None:
    with pytest.raises(InputError):
        select(SITE, "all", limit)


def test_a_host_with_a_groups_name_is_the_host_where_it_stands_alone() -> None:
    site = Site(SITE.hosts, {**SITE.groups, "db3": ("db1",)})
    assert [host.name for host in select(site, "db3")] == ["db3"]
    assert [host.name for host in select(site, "tntapi:!db3")] == ["db2", "db3"]
