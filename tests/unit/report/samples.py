"""Small plans made by hand."""

from __future__ import annotations

from typing import Any

from ffplay.engine.plan import Plan, PlayPlan, StepGroup, StepPlan
from ffplay.findface import MODELS
from ffplay.model import Change, Check, Generation, Mark, Note, Play, Problem, Shard, Step, Target
from ffplay.resources.backup_manifest import ShardBackup
from ffplay.resources.command import ALWAYS, RAN, Command
from ffplay.resources.file import File, FileState
from ffplay.resources.job import Job
from ffplay.resources.record import Record
from ffplay.resources.shard_backup import ShardBackups
from ffplay.resources.shard_data import DataState, ShardData
from ffplay.resources.unit import RUNNING, STOPPED, Unit, UnitState

MARK = Mark("pb.yml", 1, 1)
OLD = Generation("apricot_320", 320)
NEW = Generation("cherry_480", 480)


def shard(host: str, number: int) -> Shard:
    name = f"FindFace_shard_{number}"
    data = f"/opt/ntech/var/lib/tarantool/shard_{number}"
    return Shard(
        name,
        number,
        f"tarantool@{name}",
        f"/etc/tarantool/instances.enabled/{name}.lua",
        data,
        f"{data}/snapshots",
        f"{data}/xlogs",
        f"{data}/index",
        "127.0.0.1",
        33000 + number,
        8000 + number,
    )


def lua(number: int, size: int) -> FileState:
    text = f"""dofile('/etc/ffsecurity/tnt_schema.lua')
box.cfg{{
    memtx_memory = 12 * 1024 * 1024 * 1024,
    listen = '127.0.0.1:{33000 + number}',
}}
FindFace.start("127.0.0.1", {8000 + number}, {{
    license_ntls_server="127.0.0.1:3133",
    facen_size={size},
    log_requests = true
}})
"""
    return FileState("file", text.encode(), "0644", "root", "root")


def stop(host: str, number: int) -> Change:
    unit = shard(host, number).unit
    return Change(host, Unit(unit), UnitState("active", pid=10), STOPPED, f"stop {unit}", f"FindFace_shard_{number}")


def start(host: str, number: int) -> Change:
    unit = shard(host, number).unit
    return Change(host, Unit(unit), STOPPED, RUNNING, f"start {unit}", f"FindFace_shard_{number}")


def wipe(host: str, number: int) -> Change:
    one = shard(host, number)
    before = DataState((("snap/0001.snap", 12_000_000_000 + number * 400_000_000), ("wal/0001.xlog", 5000)))
    after = DataState((), Record(NEW, "emptied", OLD))
    return Change(host, ShardData(one), before, after, f"set aside the data of {one.name}", one.name)


def template(host: str, number: int) -> Change:
    one = shard(host, number)
    return Change(host, File(one.conf), lua(number, 320), lua(number, 480), f"write {one.conf}", one.name)


def backup(host: str, number: int) -> Change:
    one = shard(host, number)
    after = (ShardBackup("run1"),)
    return Change(host, ShardBackups(one, "/var/backups/ffplay"), (), after, f"back up {one.name}", one.name)


def step(kind: str, name: str | None = None, **args: Any) -> Step:
    return Step(kind, args, MARK, name)


def group(made: Step, *plans: StepPlan, handler: bool = False) -> StepGroup:
    return StepGroup(made, plans, handler)


def planned(made: Step, host: str, *outcomes: Any, item: Any = None) -> StepPlan:
    return StepPlan(made, host, "planned", outcomes, item=item)


def plan_of(*groups: StepGroup, hosts: tuple[str, ...] = ("app1", "db1", "db2"), shards: int = 4) -> Plan:
    steps = tuple(each.step for each in groups)
    target = Target("cherry_480", MODELS["cherry_480"], "nnd")
    play = PlayPlan(Play("Switch to cherry_480", "all", MARK, steps), hosts, target, groups, (hosts,))
    return Plan((play,), "run1", hosts, shards)


def every_shard(made: Step, make: Any, hosts: int = 4, shards: int = 4) -> StepGroup:
    names = [f"db{number}" for number in range(1, hosts + 1)]
    return group(made, *(planned(made, host, *(make(host, n) for n in range(1, shards + 1))) for host in names))


def migration() -> Plan:
    """Return a plan of the whole migration of 4 hosts with 4 shards each."""
    preflight, saved, configure = step("preflight"), step("backup", "Back everything up"), step("configure")
    regenerate, copy, verify = step("regenerate", processes=4), step("copy"), step("verify", sample=1000)
    command = "findface-regenerate --config /etc/findface-facenapi.ini --facens --proc-count 4"
    job = Change("app1", Job("regenerate", "/var/lib/ffplay/jobs/r", (command,)), "none", "done", "make new facens")
    tool = Change("app1", Command("python3 -m facenapi.server.tools.mongo2searchapi"), ALWAYS, RAN, "copy the faces")
    groups = (
        group(preflight, *(planned(preflight, host) for host in ("app1", "db1", "db2", "db3", "db4"))),
        every_shard(saved, backup),
        group(configure, StepPlan(configure, "app1", "skipped", reason="when: configure_models")),
        group(regenerate, planned(regenerate, "app1", Note("app1", "about 27 min at 62 faces a second"), job)),
        every_shard(step("stop", service="tarantool"), stop),
        every_shard(step("wipe", service="tarantool"), wipe),
        every_shard(step("template", src="FindFace_shard.lua.j2"), template),
        every_shard(step("start", service="tarantool"), start),
        group(copy, planned(copy, "app1", tool)),
        group(step("debug"), StepPlan(step("debug"), "app1", "deferred", reason="`faces` is registered by step 9")),
        group(verify, planned(verify, "app1", Check("app1", object(), "compare 1000 faces with the shards"))),
    )
    return plan_of(*groups, hosts=("app1", "db1", "db2", "db3", "db4"), shards=16)


PROBLEM = Problem("db1", "the disk is full: 3.1 GiB free, 14.0 GiB needed", "free space, or give `to:` another place")
