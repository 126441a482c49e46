from __future__ import annotations

import json

from ffplay.model import Host, Login, Site, Unknown
from ffplay.report import inventory
from ffplay.report.json_plan import document
from ffplay.report.plain import plain
from tests.unit.report import samples


def test_a_plan_as_json_has_every_change_with_its_values() -> None:
    found = json.loads(json.dumps(document(samples.migration())))
    assert found["format_version"] == 1
    template = found["plays"][0]["steps"][6]
    change = template["hosts"][0]["changes"][0]
    assert (template["number"], template["kind"], change["sign"], change["shard"]) == (
        7,
        "template",
        "~",
        "FindFace_shard_1",
    )
    assert change["resource"] == {"kind": "File", "label": "/etc/tarantool/instances.enabled/FindFace_shard_1.lua"}
    assert set(change["after"]["content"]) == {"size", "sha256", "base64"}
    assert "+    facen_size=480," in change["diff"]
    assert sum(len(host["changes"]) for step in found["plays"][0]["steps"] for host in step["hosts"]) == 82


def test_plain_values() -> None:
    assert plain(Unknown("when it ran")) == {"known_after_apply": "when it ran"}
    assert plain(samples.shard("db1", 1)) == "FindFace_shard_1"
    assert set(plain(b"x" * 100_000)) == {"size", "sha256"}
    assert plain({"a": {3, 1}, "b": (None, True, 1.5)}) == {"a": [1, 3], "b": [None, True, 1.5]}
    assert plain("caf\udce9") == "caf\ufffd"


def test_inventory_masks_secrets_and_lists_groups() -> None:
    login = Login("10.0.0.1")
    variables = {"ansible_password": "hunter2", "memtx_gb": 12}
    host = Host("db1", ("tntapi",), login, (samples.shard("db1", 1),), variables)
    site = Site((host,), {"all": ("db1",), "ungrouped": (), "tntapi": ("db1",)})
    listed = inventory.listing(site)
    assert "hunter2" not in json.dumps(listed)
    assert listed["_meta"]["hostvars"]["db1"]["memtx_gb"] == 12
    assert listed["tntapi"] == {"hosts": ["db1"]}
    assert inventory.graph(site) == [
        "@all:",
        "  |--@tntapi:",
        "  |  |--db1",
        "  |  |  |--FindFace_shard_1 (127.0.0.1, port 33001, HTTP 8001)",
    ]
