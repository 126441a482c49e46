"""How much a plan has to do, change by change, and how long each takes at the site's speeds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ffplay.engine.forecast import Known, Part, Speed
from ffplay.engine.plan import Plan, StepGroup, StepPlan
from ffplay.model import Change, Check, Target, Unknown
from ffplay.resources.audit import FacesAudit
from ffplay.resources.census import Copying
from ffplay.resources.checks import Pause
from ffplay.resources.command import Command
from ffplay.resources.fast_index import FastIndex
from ffplay.resources.job import Job
from ffplay.resources.mongo_dump import DumpWhole, MongoDumps
from ffplay.resources.shard_backup import BackupIntact, ShardBackups
from ffplay.resources.shard_data import ShardData, human
from ffplay.resources.unit import Unit
from ffplay.steps.base import Estimate

# The word of findface-regenerate that has it skip facens of the new size.
_SKIPS = "--facen-size="

_NOT_COUNTED = (
    "finding faces anew is not counted: the vendor states no speed of a detector, only of making facens; "
    "so it takes longer than that"
)

# What makes the parts of one change or check.
_Maker = Callable[[StepPlan, Any], Iterator[Part]]


class Amounts:
    """The work of one plan.

    Once all steps were asked about, `assumptions` are what was assumed, and `worked` tells whether it is known of any
    change that it takes long; checks alone do not count.
    """

    def __init__(self, plan: Plan, known: Known, estimates: tuple[Estimate, ...]) -> None:
        self.assumptions: list[str] = []
        self.worked = False
        self._known = known
        self._speeds: dict[tuple[str, str], Speed] = {}
        self._target: Target | None = None
        data = [change for change in plan.changes if type(change.resource) is ShardData]
        filled = [(change.host, change.resource.shard.name) for change in data if _filled(change)]
        judged = {(one.host, shard): faces for one in estimates for shard, faces in one.faces}
        share = None if known.faces is None else -(-known.faces // max(1, len(known.units) or len(filled)))
        self._filled: Mapping[tuple[str, str], int | None] = {key: judged.get(key, share) for key in filled}
        self._emptied = {(change.host, change.resource.shard.name) for change in data if change.after.empty}
        self._makers: Mapping[type, _Maker] = {
            ShardBackups: self._backup,
            BackupIntact: self._intact,
            MongoDumps: self._dump,
            DumpWhole: self._whole,
            ShardData: self._wipe,
            Job: self._job,
            Command: self._command,
            Copying: self._copy,
            Unit: self._load,
            FastIndex: self._index,
            FacesAudit: self._audit,
            Pause: self._pause,
        }

    def parts(self, group: StepGroup, target: Target | None) -> Mapping[str, tuple[Part, ...]]:
        """Return the parts of a step by the host that it is planned on."""
        self._target = target
        found: dict[str, tuple[Part, ...]] = {}
        for plan in group.plans:
            parts = tuple(part for one in plan.outcomes for part in self._of(plan, one))
            if plan.state == "deferred":
                parts = (Part(plan.host, "what is known after apply", None, plan.reason),)
            if parts:
                found[plan.host] = found.get(plan.host, ()) + parts
        return found

    def _of(self, plan: StepPlan, outcome: Any) -> Iterator[Part]:
        maker = self._makers.get(type(getattr(outcome, "resource", None)))
        if maker is not None:
            parts = tuple(maker(plan, outcome))
            changes = isinstance(outcome, Change)
            self.worked = self.worked or (changes and any(part.seconds is not None for part in parts))
            yield from parts

    def _speed(self, host: str, name: str, unit: str, factor: int = 1) -> Speed:
        if (host, name) not in self._speeds:
            value = self._known.setting(host, name)
            self._speeds[host, name] = Speed(value * factor, f"setting {name}: {value:g} {unit} a second")
        return self._speeds[host, name]

    def _bytes(self, host: str, what: str, size: int | None) -> Iterator[Part]:
        """Yield what reads or writes so many bytes of files; nothing where there are none."""
        speed = self._speed(host, "disk_mib_s", "MiB", 1 << 20)
        if size is None:
            yield Part(host, what, None, "how many bytes they are was not read: preflight reads it")
        elif size:
            yield _part(host, f"{what}, {human(size)} in all", size, speed)

    def _files(self, host: str, shard: str, *kinds: str) -> int | None:
        files = self._known.files.get((host, shard))
        return None if files is None else sum(files.get(kind, 0) for kind in kinds)

    def _backup(self, plan: StepPlan, change: Change) -> Iterator[Part]:
        """Yield a backup's: it is read to its last block, and what is no hard link was written before."""
        backups, shard = change.resource, change.resource.shard.name
        size = self._files(change.host, shard, "snap", "wal", "index")
        linked = not backups.host and self._known.linked(change.host, backups.directory, shard)
        copied = self._files(change.host, shard, "wal", "index") if linked else size
        if size is not None and copied is not None:
            yield from self._bytes(change.host, f"back up {shard} and read it", size + copied)
        else:
            yield from self._bytes(change.host, f"back up {shard} and read it", None)

    def _intact(self, plan: StepPlan, check: Check) -> Iterator[Part]:
        shard = check.resource.backups.shard.name
        size = self._files(check.host, shard, "snap", "wal", "index")
        yield from self._bytes(check.host, f"read the backup of {shard}", size)

    def _dump(self, plan: StepPlan, change: Change) -> Iterator[Part]:
        size = self._known.database
        yield from self._bytes(change.host, "dump MongoDB and read it back", size and 2 * size)

    def _whole(self, plan: StepPlan, check: Check) -> Iterator[Part]:
        size = self._known.dumps.get(check.resource.run, self._known.database)
        yield from self._bytes(check.host, "digest the dump of MongoDB", size)

    def _wipe(self, plan: StepPlan, change: Change) -> Iterator[Part]:
        """Yield the proof before a shard is emptied: its xlogs are digested, and its backup where that is at hand."""
        if not change.after.empty or not change.after.token[0]:
            return
        shard = change.resource.shard.name
        kinds = ("snap", "wal", "index", "wal") if change.after.token[1] else ("wal",)
        yield from self._bytes(change.host, f"compare {shard} with its backup", self._files(change.host, shard, *kinds))

    def _command(self, plan: StepPlan, change: Change) -> Iterator[Part]:
        yield Part(change.host, "run a command", None, "only the playbook's author knows how long it takes")

    def _job(self, plan: StepPlan, change: Change) -> Iterator[Part]:
        """Yield a regeneration; any other detached tool is a command of the playbook's."""
        if plan.step.kind == "regenerate" and self._target is not None:
            yield self._regenerate(change, self._target)
        else:
            yield from self._command(plan, change)

    def _regenerate(self, change: Change, target: Target) -> Part:
        line = change.resource.lines[0]
        count = self._known.faces
        if count is not None and _SKIPS in line:
            count -= self._known.sizes.get(target.facen_size, 0)
        speed, assumed = self._known.extraction(target)
        self.assumptions += assumed
        if "normalized" in line:
            self.assumptions.append(_NOT_COUNTED)
        return _part(change.host, f"make {_number(count)} facens", count, speed)

    def _copy(self, plan: StepPlan, change: Change) -> Iterator[Part]:
        """Yield the faces of each shard, which are filled at the same time, or those that are on no filled shard."""
        for (host, shard), count in self._filled.items():
            speed = self._speed(host, "copy_rate", "faces")
            yield _part(host, f"copy {_number(count)} faces to {shard}", count, speed, f"{host} {shard}")
        if not self._filled:
            count = self._known.missing
            speed = self._speed(change.host, "copy_rate", "faces")
            yield _part(change.host, f"copy {_number(count)} faces", count, speed)
        elif len(self._filled) > 1:
            self.assumptions.append("the copy is taken to fill all shards at the same time")

    def _load(self, plan: StepPlan, change: Change) -> Iterator[Part]:
        """Yield a shard's start: it loads its newest snapshot and the xlogs; one that was emptied has none."""
        shard = self._known.units.get((change.host, change.resource.name))
        starts = not isinstance(change.after, Unknown) and change.after.active == "active"
        if shard is not None and starts and (change.host, shard) not in self._emptied:
            size = self._files(change.host, shard, "newest", "wal")
            yield from self._bytes(change.host, f"load {shard}", size) if size is not None else ()

    def _index(self, plan: StepPlan, change: Change) -> Iterator[Part]:
        host, shard, gallery = change.host, change.resource.shard.name, change.resource.gallery
        count = self._known.galleries.get((host, shard), {}).get(gallery)
        if count is None:
            count = self._filled.get((host, shard))
        what = f"build the index of {gallery} on {shard}, {_number(count)} faces"
        yield _part(host, what, count, self._speed(host, "index_rate", "faces"), f"{host} {shard}")

    def _audit(self, plan: StepPlan, check: Check) -> Iterator[Part]:
        count = self._known.faces
        if count is not None:
            speed = self._speed(check.host, "verify_rate", "faces")
            yield _part(check.host, f"read {_number(count)} faces back", count, speed)

    def _pause(self, plan: StepPlan, check: Check) -> Iterator[Part]:
        yield Part(check.host, "wait", check.resource.seconds, "the playbook")


def _filled(change: Change) -> bool:
    return change.after.record is not None and change.after.record.state == "complete" and not change.after.restored


def _part(host: str, what: str, amount: int | None, speed: Speed, lane: str = "") -> Part:
    """Return what so much takes at a speed."""
    if amount is None:
        return Part(host, what, None, "how many they are was not read", lane)
    return Part(host, what, None if not speed.value else amount / speed.value, speed.source, lane)


def _number(count: int | None) -> str:
    return "all" if count is None else f"{count:,}"
