from __future__ import annotations

import json

from ffplay.model import Unknown
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
