"""Who only looks sees all that can be read, and what cannot is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ffplay.engine.reading import read_hosts
from ffplay.model import Shard
from ffplay.remote.base import Reply
from ffplay.remote.local import LocalConnection
from ffplay.resources.file import File, FileState
from ffplay.resources.shard_data import DataState, ShardData
from tests.unit.engine.bench import Bench

Make = Callable[..., Bench]


def shard(top: Path) -> Shard:
    places = [str(top / name) for name in ("shard.lua", "data", "snapshots", "xlogs", "index")]
    for place in places[1:]:
        Path(place).mkdir(parents=True)
    return Shard(top.name, 1, f"tarantool@{top.name}", *places, "127.0.0.1", 33001, 8001)


def test_one_damaged_shard_leaves_the_others_of_its_host(bench: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    made = bench("- debug: x")
    shards = [shard(made.folder / "a" / name) for name in ("s1", "s2", "s3")]
    Path(shards[1].stamp).write_text("{")
    (made.folder / "a/file").write_text("text")
    wanted = [*map(ShardData, shards), File(str(made.folder / "a/file")), File(str(made.folder / "a/none"))]
    scripts: list[str] = []
    run = LocalConnection.run

    def noted(self: LocalConnection, script: str, **more: Any) -> Reply:
        scripts.append(script)
        return run(self, script, **more)

    monkeypatch.setattr(LocalConnection, "run", noted)
    values, errors = read_hosts(made.access, made.loaded.site.hosts, {"a": wanted}, 4)
    # One script, in which each program is started once for all shards.
    assert [script.count("du -sk") for script in scripts] == [1]
    (error,) = errors["a"]
    assert error.message.startswith(f"cannot read {shards[1].data_dir}: {shards[1].stamp} is damaged")
    assert values["a", wanted[0]] == values["a", wanted[2]] == DataState()
    assert ("a", wanted[1]) not in values
    assert isinstance(values["a", wanted[3]], FileState)
    assert [values["a", one].kind for one in wanted[3:]] == ["file", "absent"]
