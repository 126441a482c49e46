"""Real files of a Tarantool: made by one that ran, was written to, and was stopped or killed."""

from __future__ import annotations

import functools
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from ffplay.model import Shard

_SCRIPT = """
local dir = arg[1]
local fio = require('fio')
for _, part in ipairs({'snapshots', 'xlogs', 'index'}) do fio.mkdir(dir .. '/' .. part) end
box.cfg{work_dir = dir, memtx_dir = 'snapshots', wal_dir = 'xlogs', vinyl_dir = 'xlogs',
    memtx_memory = 64 * 1024 * 1024, log = dir .. '/../log', checkpoint_interval = 0, checkpoint_count = 3}
box.schema.space.create('faces', {id = 512}):create_index('primary', {parts = {1, 'unsigned'}})
for i = 1, 100 do box.space.faces:insert{i, string.rep('x', 1280)} end
box.snapshot()
for i = 101, 150 do box.space.faces:insert{i, string.rep('y', 1280)} end
box.begin() for i = 151, 300 do box.space.faces:insert{i, string.rep('z', 1280)} end box.commit()
for i = 1, 10 do box.space.faces:delete{i} end
for i = 11, 15 do box.space.faces:replace{i, 'new'} end
box.space.faces:update({20}, {{'=', 2, 'new'}})
for i = 301, 305 do box.space.faces:upsert({i, 'new'}, {{'=', 2, 'new'}}) end
io.open(dir .. '/../ready', 'w'):close()
"""


@functools.cache
def _made(number: signal.Signals) -> Path:
    """Return a directory with the data of a Tarantool that got this signal."""
    top = Path(tempfile.mkdtemp(prefix="ffplay-files-"))
    (top / "shard").mkdir()
    (top / "make.lua").write_text(_SCRIPT)
    process = subprocess.Popen(["tarantool", str(top / "make.lua"), str(top / "shard")], stdin=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not (top / "ready").exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(number)
    process.wait(60)
    return top / "shard"


def shard_with_files(place: Path, number: signal.Signals = signal.SIGTERM) -> Shard:
    """Return a shard below a directory with such files: 295 rows in space 512, of which a reader knows: 290 to 310."""
    data = place / "shard one"
    shutil.copytree(_made(number), data)
    (data / "index/g.idx").write_bytes(b"index")
    conf = place / "FindFace_shard_1.lua"
    conf.write_text("FindFace.start()\n")
    name = "FindFace_shard_1"
    folders = [str(data / part) for part in ("snapshots", "xlogs", "index")]
    return Shard(name, 1, f"tarantool@{name}", str(conf), str(data), *folders, "127.0.0.1", 33001, 8001)  # type: ignore[arg-type]
