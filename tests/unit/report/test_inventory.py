from __future__ import annotations

import json
from pathlib import Path

import pytest

from ffplay.load import Loaded, Sources, load
from ffplay.report import inventory

TEXT = """
all:
  vars: {ansible_password: hunter2}
  children:
    mongo: {hosts: {app1: {logins: [{user: a, api_token: hunter3}]}}}
    tntapi:
      children:
        east: {hosts: {db1: {shards: 1, memtx_gb: 12}}}
"""


@pytest.fixture
def loaded(tmp_path: Path) -> Loaded:
    path = tmp_path / "site.yml"
    path.write_text(TEXT)
    return load(Sources(None, (path,)))


def test_a_listing_has_what_was_written_and_no_secret(loaded: Loaded) -> None:
    listed = inventory.listing(loaded.site, loaded.origins, {"app1", "db1"})
    assert listed["all"] == {"children": ["ungrouped", "mongo", "tntapi"]}
    assert listed["east"] == {"hosts": ["db1"]}
    assert listed["_meta"]["hostvars"]["db1"] == {
        "ansible_password": "<secret ansible_password>",
        "shards": 1,
        "memtx_gb": 12,
    }
    assert listed["_meta"]["hostvars"]["app1"]["logins"] == [{"user": "a", "api_token": "<secret api_token>"}]
    assert "hunter" not in json.dumps([listed, inventory.variables(loaded.site.host("db1"))])


def test_a_listing_of_some_hosts_leaves_the_others_out(loaded: Loaded) -> None:
    listed = inventory.listing(loaded.site, loaded.origins, {"app1"})
    assert set(listed) == {"all", "mongo", "tntapi", "_meta"}
    assert set(listed["_meta"]["hostvars"]) == {"app1"}


def test_a_tree_has_the_shards_below_the_hosts_of_tntapi_and_of_groups_in_it(loaded: Loaded) -> None:
    assert inventory.graph(loaded.site, loaded.origins, "all", with_variables=False) == [
        "@all:",
        "  |--@ungrouped:",
        "  |--@mongo:",
        "  |  |--app1",
        "  |--@tntapi:",
        "  |  |--@east:",
        "  |  |  |--db1",
        "  |  |  |  |--FindFace_shard_1 (127.0.0.1, port 33001, HTTP 8001)",
    ]
    assert "hunter" not in "".join(inventory.graph(loaded.site, loaded.origins, "all", with_variables=True))


def test_a_hosts_variables_have_the_defaults_and_the_shards_as_they_come_out(loaded: Loaded) -> None:
    found = inventory.variables(loaded.site.host("db1"))
    assert (found["shards"][0]["http_port"], found["shard_http_base"], found["memtx_gb"]) == (8001, 8000, 12)
    assert inventory.shard_variables(loaded.site.host("db1").shards[0])["port"] == 33001
