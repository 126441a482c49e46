"""The lab's shards answer as the documentation says, and refuse the rest."""

import base64
import http.client
import json
import os
import struct
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import tarantool

from ffplay.lab.layout import LabHost, LabSite

pytestmark = pytest.mark.lab


class Client:
    def __init__(self, host: LabHost, number: int) -> None:
        self.http = http.client.HTTPConnection(host.address, 8000 + number, timeout=10)

    def __call__(self, method: str, path: str, body: bytes | None = None) -> tuple[int, Any]:
        self.http.request(method, path, body)
        self.reply = self.http.getresponse()
        text = self.reply.read()
        return self.reply.status, json.loads(text) if text[:1] in (b"{", b"[") else text


@pytest.fixture
def shard(database: LabHost) -> Iterator[Client]:
    client = Client(database, 1)
    yield client
    client.http.close()


def facen(seed: int, size: int = 320) -> bytes:
    return struct.pack(f"<{size}f", *(((i * 31 + seed * 17) % 101) / 101 - 0.5 for i in range(size)))


def test_add_get_list_and_delete(shard: Client) -> None:
    for number in (1, 2, 3, 2**63):
        assert shard("POST", f"/v1/crud/add/{number}", facen(number)) == (200, b"")
    assert shard("POST", "/v1/crud/add/2", facen(2))[0] == 409
    found = shard("GET", "/v1/crud/get/2")[1]
    assert (found["id"], base64.b64decode(found["facen"])) == (2, facen(2))
    status, page = shard("GET", "/v1/crud/list/2/2")
    assert (status, [face["id"] for face in page["faces"]], page["next"]) == (200, [2, 3], 2**63)
    assert page["faces"][0]["space"] == "linear"
    assert shard("DELETE", "/v1/crud/del/2") == (200, b"")
    assert shard("GET", "/v1/crud/get/2")[0] == 404
    assert shard("DELETE", "/v1/crud/del/2")[0] == 404
    assert shard("GET", "/stat/info/crud")[1]["cnt_linear"] == 3


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/v1/bad/add/1", b"short", 400),
        ("POST", "/v1/bad/add/1", facen(1, 480), 400),
        ("POST", "/v1/bad/add/x", facen(1), 400),
        ("POST", "/v1/bad/search/1/0.5", b"short", 400),
        ("GET", "/v1/bad/add/1", None, 405),
        ("GET", "/v1/nobody/get/1", None, 404),
        ("GET", "/v1/nobody/list/0/5", None, 404),
        ("GET", "/stat/info/nobody", None, 404),
        ("GET", "/else", None, 404),
    ],
)
def test_what_is_refused(shard: Client, method: str, path: str, body: bytes | None, status: int) -> None:
    assert shard(method, path, body)[0] == status


def test_stat_list_counts_from_one(shard: Client) -> None:
    shard("POST", "/v1/stat/add/1", facen(1))
    whole = shard("GET", "/stat/list/1/1000")[1]
    assert whole["total"] == len(whole["galleries"])
    assert shard("GET", "/stat/list/1/1")[1]["galleries"] == whole["galleries"][:1]
    assert shard("GET", f"/stat/list/{whole['total'] + 1}/10")[1]["galleries"] == []


def test_an_index_is_built_and_used_and_survives_a_restart(site: LabSite, database: LabHost) -> None:
    shard = Client(database, 2)
    for number in range(20):
        assert shard("POST", f"/v1/indexed/add/{number}", facen(number))[0] == 200
    lua = tarantool.connect(database.address, 33002, encoding=None)
    gallery = 'return FindFace.Gallery.new("indexed")'
    preindex, index = database.root / "tmp/x.bin", database.root / "tmp/g.idx"
    lua.eval(f"{gallery}:prepare_preindex()")
    assert shard("GET", "/stat/info/indexed")[1]["cnt_preindex"] == 20
    lua.eval(f'{gallery}:save_preindex("{preindex}")')
    tool = [database.root / "usr/bin/findface-build-index", "--input", preindex, "--out", index, "--facen_size"]
    assert subprocess.run([*tool, "480"], check=False, capture_output=True).returncode == 1
    assert subprocess.run([*tool, "320"], check=False, capture_output=True).returncode == 0
    with pytest.raises(tarantool.DatabaseError, match="0 indexed"):
        lua.eval(f'{gallery}:use_index("{index}")')
    lua.eval(f"{gallery}:preindex_to_index()")
    lua.eval(f'{gallery}:use_index("{index}")')
    found = shard("POST", "/v1/indexed/search/1/0.9", facen(7))[1]
    assert [face["id"] for face in found] == [7]
    assert shard.reply.headers["X-search-stat"] == "with_index"
    lua.close()
    database.systemctl("restart", "tarantool@FindFace_shard_2")
    stat = Client(database, 2)("GET", "/stat/info/indexed")[1]
    assert (stat["cnt_indexed"], stat["index_file"], stat["index_loaded"]) == (20, str(index), True)


def test_an_unknown_option_is_refused(database: LabHost) -> None:
    path = database.root / "etc/tarantool/instances.enabled/FindFace_shard_1.lua"
    path.write_text(path.read_text().replace("facen_size = 320", "facen_size = 320, colour = 1"))
    assert database.systemctl("restart", "tarantool@FindFace_shard_1").returncode == 1
    status = database.systemctl("status", "-n", "50", "tarantool@FindFace_shard_1").stdout
    assert "unknown option colour" in status


def test_random_bytes_come_back_whole(shard: Client) -> None:
    body = os.urandom(1280)
    shard("POST", "/v1/bytes/add/1", body)
    assert base64.b64decode(shard("GET", "/v1/bytes/get/1")[1]["facen"]) == body
