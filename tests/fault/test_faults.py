"""Some faults of every mode at operations drawn by a seed: `python -m tests.fault` makes them all."""

from __future__ import annotations

import fcntl
import json
import os
import random
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pymongo
import pytest

from ffplay.lab.layout import LabOptions, LabSite
from tests.fault import tools
from tests.fault.operations import Fault, Mode, Operation, changed, parts_of
from tests.fault.state import State, Treasure, read
from tests.fault.trial import Course, attempt, laboratory, record

# Small, so that a trial is short; each seed draws other operations.
OPTIONS = LabOptions(hosts=2, shards=1, faces=40)
SEED = 1


@pytest.fixture(scope="session")
def reference(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Operation], State]:
    """Give every operation of a run without faults and the site that it ends in; made once for all workers."""
    shared = tmp_path_factory.getbasetemp().parent / "fault-reference"
    shared.mkdir(exist_ok=True)
    with (shared / "lock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        listing, state = shared / "made.json", shared / "state.json"
        if not listing.exists():
            operations, found = record(shared / "record", OPTIONS)
            found.save(state)
            listing.write_text(json.dumps([asdict(operation) for operation in operations]))
    return [Operation(**one) for one in json.loads(listing.read_text())], State.load(state)


# A job or a shard that is slow is asked more often: an operation so near the end of a run may not be there next time.
NOT_SURE = 4


# The others are left to the whole loop.
MODES = (Mode.CUT_AFTER, Mode.FAIL, Mode.KILL_DURING, Mode.KILL_AFTER, Mode.REBOOT_DURING, Mode.DISK_FULL)


@pytest.mark.lab
@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.value)
def test_no_fault_breaks_anything(mode: Mode, reference: tuple[list[Operation], State], tmp_path: Path) -> None:
    operations, state = reference
    fault = drawn(sure(operations), mode)
    outcome = attempt(fault, tmp_path, OPTIONS, state)
    assert outcome.broken == [], f"{fault} ({outcome.label})\n{outcome.output}"
    assert outcome.hit, f"{fault} was not met"


@pytest.mark.lab
def test_a_rollback_after_a_fault_ends_at_the_start(reference: tuple[list[Operation], State], tmp_path: Path) -> None:
    operations, state = reference
    # The later half of what is done to the shards: their data are set aside, and some may be filled.
    shards = [one for one in sure(operations) if one.changes and one.host != "app1"]
    fault = drawn(shards[len(shards) // 2 :], Mode.KILL_AFTER)
    outcome = attempt(fault, tmp_path, OPTIONS, state, Course(roll_back=True))
    assert outcome.broken == [], f"{fault} ({outcome.label})\n{outcome.output}"
    assert outcome.hit, f"{fault} was not met"


@pytest.mark.lab
def test_a_fault_may_meet_a_run_that_goes_on_with_a_killed_one(
    reference: tuple[list[Operation], State], tmp_path: Path
) -> None:
    operations, state = reference
    killed = drawn([one for one in sure(operations) if one.changes and one.host == "app1"], Mode.KILL_AFTER)
    # However little is left to be done, it begins like this.
    fault = drawn([one for one in sure(operations) if one.number <= 9], Mode.CUT_AFTER)
    outcome = attempt(fault, tmp_path, OPTIONS, state, Course(killed.operation))
    assert outcome.broken == [], f"{fault} after {killed} ({outcome.label})\n{outcome.output}"


def drawn(operations: list[Operation], mode: Mode) -> Fault:
    """Return a fault of a mode at one of these operations."""
    fitting = sorted(one for one in operations if mode in one.modes)
    return Fault(random.Random(f"{SEED} {mode.value}").choice(fitting), mode, SEED)


def sure(operations: list[Operation]) -> list[Operation]:
    """Return those of a run's operations that every run has."""
    count = Counter((one.host, one.kind) for one in operations)
    waited_for = {"forward", "reachable"}
    kept = (one for one in operations if one.kind not in waited_for)
    return [one for one in kept if one.kind != "run" or one.number <= count[one.host, one.kind] - NOT_SURE]


def test_a_fault_in_a_script_comes_behind_the_look_at_the_lock() -> None:
    from ffplay.engine.lock import this_process
    from ffplay.resources.lock import SiteLock

    lock, holder = SiteLock("/var/lib/ffplay"), this_process("run", "playbook.yml")
    fence = lock.fence(holder)
    assert changed(f"{fence}work", 0, "fault") == f"{fence}fault\nwork"
    again = lock.fence_again(holder)
    script = f"{fence}first\n{again}second\n{again}third\n"
    assert parts_of(script) == ["first\n", "second\n", "third\n"]
    assert changed(script, 2, "fault") == f"{fence}first\n{again}second\n{again}fault\nthird\n"


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[LabSite]:
    """Give a lab that nobody has changed yet."""
    with laboratory(tmp_path / "disk", OPTIONS) as site:
        yield site


@pytest.mark.lab
def test_what_is_lost_is_seen(lab: LabSite) -> None:
    treasure, start = Treasure.of(lab), read(lab)
    assert treasure.lost(lab) == []
    assert start.differences(read(lab)) == []
    data = lab.databases[0].root / "opt/ntech/var/lib/tarantool/shard_1"
    snapshot = max((data / "snapshots").glob("*.snap"))
    half_made = lab.databases[0].root / "var/backups/ffplay/FindFace_shard_1/RUN.part"
    half_made.mkdir(parents=True)
    shutil.copy(snapshot, half_made)
    (half_made / "manifest").touch()
    snapshot.write_bytes(snapshot.read_bytes()[:-1])
    (conf := lab.databases[0].root / "etc/tarantool/instances.enabled/FindFace_shard_1.lua").chmod(0o600)
    with pymongo.MongoClient(lab.app.address, 27017) as client:
        (face,) = client["facenapi"]["faces"].find().limit(1)
        client["facenapi"]["faces"].update_one({"_id": face["_id"]}, {"$set": {"facen": b"other"}})
    assert [problem.split(" ")[0] for problem in treasure.lost(lab)] == [f"db1:shard_1:{snapshot.name}", "the"]
    assert start.differences(read(lab)) == [
        f"files: db1:{conf.relative_to(lab.databases[0].root)} differs",
        f"faces: {face['_id']} differs",
    ]


@pytest.mark.lab
def test_a_tool_that_is_started_twice_at_once_is_seen(lab: LabSite) -> None:
    build = [str(lab.databases[0].root / "usr/bin/findface-build-index"), "--input", str(lab.directory / "fifo")]
    os.mkfifo(lab.directory / "fifo")
    first = subprocess.Popen([*build, "--facen_size", "1", "--out", "/dev/null"], stderr=subprocess.DEVNULL)
    while tools.starts(lab) == 0:
        time.sleep(0.01)
    assert tools.overlaps(lab) == []
    second = subprocess.Popen([*build, "--facen_size", "1", "--out", "/dev/null"], stderr=subprocess.DEVNULL)
    while tools.starts(lab) == 1:
        time.sleep(0.01)
    first.kill()
    second.kill()
    assert (first.wait(), second.wait(), len(tools.overlaps(lab))) == (-9, -9, 1)
