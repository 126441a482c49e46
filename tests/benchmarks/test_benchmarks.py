"""That the benchmark works: it measures what it says, and no half-done job passes. No figure is asserted."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.benchmarks import document, judge, measure, processes, site, transfer
from tests.benchmarks.judge import Mode
from tests.benchmarks.layout import Shard, Size
from tests.benchmarks.results import Results, Sample
from tests.benchmarks.tools import TOOLS, environment

RUN = Path(__file__).parent / "run.sh"


@pytest.mark.lab
def test_a_quick_run_measures_ffplay_and_the_floors(tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    ran = subprocess.run(
        [str(RUN), "--quick", "--work", str(tmp_path), "--results", str(figures)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    samples = json.loads(figures.read_text())["samples"]
    seen = {(one["size"], one["tool"], one["mode"]) for one in samples}
    tools = ("ff-play", "floor-a", "floor-a-fast", "floor-b")
    assert seen == {(size, tool, mode) for size in ("1x1", "2x2") for tool in tools for mode in Mode}
    assert all(one["wall"] > 0 and one["cpu"] > 0 and one["memory"] > 0 for one in samples)
    assert sum(one["site_cpu"] for one in samples) > 0
    assert sorted(tmp_path.iterdir()) == [figures]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[site.BenchSite]:
    with site.running(tmp_path_factory.mktemp("bench") / "site", Size(2, 2)) as found:
        yield found


def do(found: site.BenchSite) -> judge.Snapshot:
    """Have floor A do the job; return what was there before."""
    found.reset()
    before = judge.snapshot(found.layout)
    tool = TOOLS["floor-a-fast"]
    ran = measure.run(tool.command(found.layout, Mode.APPLY), environment(tool, found.layout))
    assert ran.code == 0, ran.output
    return before


def _other_file(shard: Shard) -> None:
    shard.conf.write_text(shard.conf.read_text().replace("480", "320"))


def _damaged_backup(shard: Shard) -> None:
    (path,) = (shard.root / "var/backups").rglob(f"{shard.name}/snapshots/*.snap")
    path.write_bytes(path.read_bytes()[:-1] + b"x")


def _half_made_backup(shard: Shard) -> None:
    (path,) = (shard.root / "var/backups").rglob(shard.name)
    path.rename(path.with_name(f"{shard.name}.part"))


def _old_data(shard: Shard) -> None:
    name, content = next(iter(shard.files().items()))
    (shard.data / name).write_bytes(content)


def _dead_process(shard: Shard) -> None:
    for pid in processes.descendants(os.getpid()):
        with contextlib.suppress(OSError):
            environ = Path(f"/proc/{pid}/environ").read_bytes()
            if Path(f"/proc/{pid}/comm").read_text() == "sleep\n" and str(shard.root).encode() in environ:
                os.kill(pid, signal.SIGKILL)
                while Path(f"/proc/{pid}/exe").exists():
                    time.sleep(0.01)


def _copied_twice(shard: Shard) -> None:
    marker = shard.root.parent / "h001/var/lib/findface/copied"
    marker.write_text("copied\ncopied\n")


@pytest.mark.lab
@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (_other_file, "h002 FindFace_shard_2: its file is not"),
        (_damaged_backup, "h002 FindFace_shard_2: 1 backups of 00000000000000002000.snap, or a wrong one"),
        (_half_made_backup, "h002 FindFace_shard_2: 0 backups of"),
        (_old_data, "h002 FindFace_shard_2: old data in snapshots"),
        (_copied_twice, "h001: copied 2 times"),
        # The last one: it leaves the site's units dead.
        (_dead_process, "h002 FindFace_shard_2: was not started anew, or does not run"),
    ],
)
def test_a_job_that_is_not_whole_is_seen(running: site.BenchSite, spoil: Callable[[Shard], None], told: str) -> None:
    before = do(running)
    assert judge.done(running, before) == []
    spoil(list(running.layout.hosts[1].each_shard())[1])
    assert any(one.startswith(told) for one in judge.done(running, before))


BURN = """
import pathlib, sys, time
kept = bytearray(50 << 20)
end = time.process_time() + 0.5
while time.process_time() < end:
    pass
pathlib.Path(sys.argv[1], "burnt").touch()
time.sleep(1000)
"""
LEAVE = """
(setsid "$1" "$2/burn.py" "$2" >/dev/null 2>&1 & echo $! > "$2/pid")
while [ ! -e "$2/burnt" ]; do sleep 0.05; done
sleep 0.6
"""


def test_what_a_command_leaves_behind_is_counted_and_ended(tmp_path: Path) -> None:
    # A process that loses its parent, as a kept ssh connection does: its CPU time and memory are the command's too.
    (tmp_path / "burn.py").write_text(BURN)
    ran = measure.run(["sh", "-c", LEAVE, "sh", sys.executable, str(tmp_path)], os.environ)
    assert ran.code == 0, ran.output
    assert ran.cpu > 0.4
    assert ran.memory > 50 << 10
    assert not Path("/proc", (tmp_path / "pid").read_text().strip()).exists()


def test_an_interrupted_run_leaves_nothing(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    order = f"from tests.benchmarks import measure; measure.run(['sh', '-c', 'echo $$ > {pid}; sleep 1000; :'], {{}})"
    with subprocess.Popen([sys.executable, "-c", order], stderr=subprocess.DEVNULL) as process:
        while not (pid.exists() and pid.read_text().strip()):
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
    started = Path("/proc", pid.read_text().strip())
    deadline = time.monotonic() + 10
    while started.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not started.exists()


def test_what_takes_long_has_fewer_rounds() -> None:
    rounds = {size: TOOLS["ansible"].rounds(Size.parse(size), 5) for size in ("1x1", "16x4", "64x4")}
    assert rounds == {"1x1": 3, "16x4": 1, "64x4": 0}
    assert TOOLS["ff-play"].rounds(Size.parse("64x4"), 5) == 5


def test_the_readme_has_the_chart_of_the_document() -> None:
    readme = document.README.read_text()
    assert document.with_chart(readme, document.DOCUMENT.read_text()) == readme


@pytest.mark.lab
def test_each_way_of_a_file_is_measured(tmp_path: Path) -> None:
    found = transfer.run(2, 3, 1, tmp_path)
    assert (found["mebibytes"], found["files"]) == (2, 3)
    assert all(seconds > 0 for seconds in found["seconds"].values())
    assert sorted(found["seconds"]) == ["get", "put", "ssh get", "ssh put", "tar", "write"]
    assert list(tmp_path.iterdir()) == []


def test_the_document_and_its_chart_say_what_was_measured() -> None:
    samples = [
        Sample("16x4", tool, mode, wall, 0.5, 1.0, 2048)
        for tool, walls in (("ff-play", (1.0, 2.0, 1.0)), ("pyinfra", (7.0, 16.0, 3.0)))
        for mode, wall in zip(Mode, walls, strict=True)
    ]
    samples.append(Sample("64x4", "ff-play", "plan", 4.0, 0.5, 1.0, 4096))
    one = {"rate": 100.0, "tarantool": 0.9, "client": 0.1}
    run = {
        "total": 2.0,
        "seconds": {"import": 0.5, "engine/view": 0.001},
        "steps": [("STEP 1/1 stop", 0.5), ("RECAP after 1.4 s", 1.9)],
    }
    more = {
        "isolated": True,
        "latency": {"size": "16x4", "delay": 0.05, "tools": {}},
        "profile": {"size": "16x4", "modes": {"apply": run}},
        "copying": {"posts": 28000, "size": 320, "tool": one, "http": {**one, "rate": 400.0}, "lua": one},
        "transfer": {
            "mebibytes": 8,
            "files": 3,
            "seconds": {"put": 1.0, "ssh put": 2.0, "get": 1.0, "ssh get": 0.5, "write": 1.0, "tar": 1.0},
        },
    }
    text = document.document(Results(samples, more), 120.0)
    assert "takes 2 minutes here" in text
    assert "| pyinfra | 7.0 / 16.0 / 3.0 | - |" in text
    assert "| pyinfra | 7.0 / 8.0 / 3.0 | - |" in text
    assert "| 16x4 | pyinfra | apply | 1 | 16.0 (16.0 to 16.0) | 0.50 | 1.00 | 2 MiB |" in text
    assert "| load over HTTP | 400 | 25 % | 0.90 | 0.10 |" in text
    assert "The bound is the shard's one thread" in text
    assert "| from a host | 1.00 | 0.50 (`ssh HOST 'cat FILE'`) | 0.50 |" in text
    assert "| imports | 500 |\n| all else | 1 |" in text
    assert "| STEP 1/1 stop | 1400 |" in text
    assert "recap | 100 |" in text
    assert not re.search(r"@[A-Z_]+@", text)
    first, ours, peer, _ = document.chart(text).splitlines()
    assert first.startswith("16x4 hosts x shards")
    assert ours.split()[:4] == ["ff-play", "1.00", "1.00", "1.00"]
    assert peer.split()[:4] == ["pyinfra", "7.0", "8.0", "3.0"]
    assert peer.count("=") - ours.count("=") == 3 * 4
