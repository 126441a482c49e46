"""An inventory beside its site: what they disagree in, and where the inventory has it."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import yaml

from ffplay.engine.discover.compare import differences
from ffplay.load import Loaded, Sources, load
from tests.unit.engine.discover.site import site

INVENTORY = """\
all:
  children:
    facenapi: {hosts: {app1: {ansible_host: 10.0.0.5}}}
    extraction:
      hosts:
        app1:
          models_dir: /usr/share/findface-data/models
    mongo: {hosts: {app1: }}
    tntapi:
      hosts:
        db1:
          ansible_host: 10.0.0.11
          shards:
            - {id: 1, memtx_gb: 1}
            - id: 2
        db2: {ansible_host: 10.0.0.12, shards: 2}
"""


def compared(bend: dict[str, Any], text: str = INVENTORY) -> list[tuple[str, str, str, str]]:
    """Return (line:column, host, shard, words) of each difference; each host has its inventory's variables."""
    loaded: Loaded = load(Sources(None, text=text))
    read = site(bend)
    hosts = tuple(
        dataclasses.replace(host, variables=loaded.variables.scope(loaded.site.host(host.name)).mapping())
        for host in read.hosts
        if host.name in {one.name for one in loaded.site.hosts}
    )
    found = differences(loaded, dataclasses.replace(read, hosts=hosts))
    return [
        (f"{one.place.line}:{one.place.column}" if one.place else "", one.host, one.shard, one.message) for one in found
    ]


def test_an_inventory_that_is_right_has_no_difference() -> None:
    assert compared({}) == []


@pytest.mark.parametrize(
    ("bend", "edit", "wanted"),
    [
        pytest.param(
            {"db1": {"lua": {"FindFace_shard_2": None}}},
            ("", ""),
            [("15:15", "db1", "FindFace_shard_2", "FindFace_shard_2.lua is not on the host")],
            id="a shard that is gone",
        ),
        pytest.param(
            {"db2": {"lua": {"FindFace_shard_3": {}}}},
            ("", ""),
            [("16:48", "db2", "FindFace_shard_3", "the inventory has no such shard")],
            id="a shard that came",
        ),
        pytest.param(
            {"db1": {"lua": {"FindFace_shard_2": {"http_port": 9002, "listen": "34002"}}}},
            ("id: 2", "{id: 2, http_port: 9003}"),
            [
                ("15:15", "db1", "FindFace_shard_2", "port is 33002 in the inventory, and 34002 in /etc/tarantool"),
                ("15:34", "db1", "FindFace_shard_2", "http_port is 9003 in the inventory, and 9002"),
            ],
            id="other ports",
        ),
        pytest.param(
            {"db1": {"lua": {"FindFace_shard_1": {"memtx": 4 << 30}}}},
            ("", ""),
            [("14:33", "db1", "FindFace_shard_1", "memtx_gb is 1 in the inventory, and 4 in")],
            id="other memory",
        ),
        pytest.param(
            {"db2": {"lua": {"FindFace_shard_1": {"data": "/mnt"}}}},
            ("", ""),
            [
                ("16:48", "db2", "FindFace_shard_1", "snap_dir is /opt/ntech/var/lib/tarantool/shard_1/snapshots in"),
                ("16:48", "db2", "FindFace_shard_1", "and /mnt/shard_1/xlogs in"),
            ],
            id="other directories",
        ),
        pytest.param(
            {
                "db2": {
                    "lua": {"FindFace_shard_1": {"address": "10.0.0.12"}, "FindFace_shard_2": {"address": "0.0.0.0"}}
                }
            },
            ("", ""),
            [("16:48", "db2", "FindFace_shard_1", "address is 127.0.0.1 in the inventory, and 10.0.0.12 in")],
            id="another address, and a wildcard that is none",
        ),
        pytest.param(
            {"db2": {"lua": {"FindFace_shard_1": {"options": ", replication='10.0.0.11:33001'"}}}},
            ("", ""),
            [
                (
                    "16:48",
                    "db2",
                    "FindFace_shard_1",
                    "replica_of is not stated in the inventory, and db1/FindFace",
                )
            ],
            id="a replica",
        ),
        pytest.param(
            {"app1": {"facenapi": {"mongo_host": "'10.0.0.12'", "mongo_port": "27018"}}},
            ("", ""),
            [
                ("3:24", "app1", "", "it is in the group mongo, and facenapi's configuration names another host"),
                ("3:24", "app1", "", "mongo_port is 27017 in the inventory, and 27018 on the host"),
                ("16:9", "db2", "", "it is not in the group mongo, and facenapi's configuration names its MongoDB"),
            ],
            id="MongoDB that has moved",
        ),
        pytest.param(
            {"db1": {"extraction": {}}, "app1": {"extraction": None}},
            ("", ""),
            [
                ("", "app1", "", "it is in the group extraction, and /etc/findface-extraction-api.ini is not there"),
                ("", "db1", "", "it is not in the group extraction, and /etc/findface-extraction-api.ini is there"),
            ],
            id="extraction-api that has moved",
        ),
        pytest.param(
            {"app1": {"facenapi": {"mongo_db": "'ff'"}}},
            ("app1:\n", "app1:\n          mongo_db: faces\n"),
            [("7:21", "app1", "", "mongo_db is faces in the inventory, and ff on the host")],
            id="another database",
        ),
        pytest.param(
            {},
            ("        db2: {ansible_host: 10.0.0.12, shards: 2}\n", ""),
            [("", "", "", "app1's /etc/tntapi.json names 10.0.0.12, and no host goes by that")],
            id="a host that the inventory lacks",
        ),
        pytest.param(
            {"db2": {"lua": {"FindFace_shard_1": None, "FindFace_shard_2": None}}},
            ("", ""),
            [
                ("16:9", "db2", "", "it is in the group tntapi, and /etc/tarantool/instances.enabled has no shard"),
                ("16:48", "db2", "FindFace_shard_1", "is not on the host"),
                ("16:48", "db2", "FindFace_shard_2", "is not on the host"),
            ],
            id="a host without its shards",
        ),
        pytest.param({"db2": {"lost": True}}, ("", ""), [], id="a host that does not answer is no difference"),
        pytest.param(
            {"app1": {}},
            ("app1:\n", "app1:\n          facenapi_address: 10.0.0.5\n"),
            [],
            id="another address at which the service listens as well",
        ),
    ],
)
def test_what_differs_is_told_with_its_place(
    bend: dict[str, Any], edit: tuple[str, str], wanted: list[tuple[str, str, str, str]]
) -> None:
    text = INVENTORY.replace(*edit, 1) if edit[0] else INVENTORY
    assert yaml.safe_load(text)
    found = compared(bend, text)
    assert [(host, shard) for _, host, shard, _ in found] == [(host, shard) for _, host, shard, _ in wanted]
    for (place, _, _, said), (at, _, _, words) in zip(found, wanted, strict=True):
        assert words in said
        assert not at or place == at, (place, said)
