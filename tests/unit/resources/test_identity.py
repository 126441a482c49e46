from __future__ import annotations

from pathlib import Path

import pytest

from ffplay.remote.base import Reply
from ffplay.resources.identity import HostIdentity, Identity
from ffplay.resources.instance_files import InstanceFile, InstanceFiles
from tests.unit.resources.conftest import Host

_TOLD = b"""\
node db1.example.net
system "Ubuntu 16.04.7 LTS"
trie 10.0.0.0
trie 10.0.0.11
trie local
trie 127.0.0.1
trie local
six 00000000000000000000000000000001
six fd000000000000000000000000000002
six fe800000000000000000000000000001
listen 0100007F:80E9
listen 0B00000A:1F41
listen 00000000000000000000000000000000:0016
listen 0000000000000000FFFF00000200000A:0050
version tarantool 1.7.3.673-1
version tarantool-dev
version Tarantool 1.7.3-673-g23cc4dc
model /usr/share/findface-data/models/apricot_320.gpu.fnk
"""


def test_what_a_host_says_of_itself() -> None:
    found = Identity().parse(Reply(0, _TOLD, b""))
    assert found == HostIdentity(
        "db1.example.net",
        "Ubuntu 16.04.7 LTS",
        ("10.0.0.11", "fd00::2"),
        frozenset({("127.0.0.1", 33001), ("10.0.0.11", 8001), ("0.0.0.0", 22), ("10.0.0.2", 80)}),
        (("tarantool", "1.7.3.673-1"), ("Tarantool", "1.7.3-673-g23cc4dc")),
        (("/usr/share/findface-data/models", "apricot_320.gpu.fnk"),),
    )
    assert found.listens("10.0.0.11", 8001)
    assert found.listens("10.0.0.11", 22)
    assert not found.listens("127.0.0.1", 8001)


def test_a_host_that_says_nothing() -> None:
    with pytest.raises(ValueError, match="told nothing of itself: no shell"):
        Identity().parse(Reply(1, b"", b"no shell"))


def test_a_bare_host_needs_no_further_programs(host: Host, tmp_path: Path) -> None:
    (tmp_path / "models/face").mkdir(parents=True)
    (tmp_path / "models/cherry_480.fnk").touch()
    (tmp_path / "models/face/en_1").touch()
    resource = Identity((str(tmp_path / "models"), "/nowhere"))
    reply = host(resource.read_script().replace("dpkg-query", "false"))
    found = resource.parse(reply)
    assert reply.code == 0
    assert found.node
    assert found.models == ((f"{tmp_path}/models", "cherry_480.fnk"), (f"{tmp_path}/models/face", "en_1"))


def test_instance_files_come_to_the_byte(host: Host, tmp_path: Path) -> None:
    texts = {"FindFace_shard_1.lua": b"box.cfg{}\n12 x.lua\n", "b.lua": b"no newline, \xff", "c.lua": b""}
    for name, text in texts.items():
        (tmp_path / name).write_bytes(text)
    (tmp_path / "no.txt").touch()
    (tmp_path / "link.lua").symlink_to(tmp_path / "c.lua")
    (tmp_path / "gone.lua").symlink_to(tmp_path / "nowhere")
    resource = InstanceFiles(str(tmp_path))
    found = resource.parse(host(resource.read_script()))
    assert {file.name: (file.text or "").encode("utf-8", "surrogateescape") for file in found} == texts | {
        "link.lua": b""
    }


def test_instances_that_cannot_be_read() -> None:
    resource = InstanceFiles("/etc/tarantool/instances.enabled")
    assert resource.parse(Reply(0, b"- a.lua\n2 b.lua\nhi", b"")) == (
        InstanceFile("a.lua", None),
        InstanceFile("b.lua", "hi"),
    )
    with pytest.raises(ValueError, match="changed meanwhile"):
        resource.parse(Reply(0, b"9 a.lua\nhi", b""))


def test_a_host_without_instances(host: Host, tmp_path: Path) -> None:
    resource = InstanceFiles(str(tmp_path / "nowhere"))
    assert resource.parse(host(resource.read_script())) == ()
