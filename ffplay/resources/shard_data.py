"""A shard's data files and the record beside them: what `wipe` sets aside and `copy` declares filled."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ffplay.model import Shard, Unknown
from ffplay.remote.base import Reply
from ffplay.resources.base import NOTHING, ShellResource, only, quote, told
from ffplay.resources.differences import otherwise, text_of
from ffplay.resources.record import Record, difference, parse_record, record_facts, write_script, write_together_script
from ffplay.resources.shard_files import ENDINGS, ShardFiles, directories_of, files_of, files_script
from ffplay.resources.unit_scripts import dead_script
from ffplay.resources.wipe_script import Wipe, wipe_script


@dataclass(frozen=True, slots=True)
class Restored:
    """That set-aside directories come back: of each directory the first that one of `runs` set aside.

    What is in their place by then is set aside under the name of `run`, so that this can be undone too.
    """

    runs: tuple[str, ...]
    run: str = ""


@dataclass(frozen=True, slots=True)
class DataState:
    """A shard's data on disk.

    `files` are (name, bytes) with the name as `snap/00...0.snap`, `wal/...` or `index/...`; planned as `Unknown` where
    the shard itself will write them. `missing` are directories that should be there and are not. `record` says which
    generation they are at. `aside` are set-aside directories as (path, KiB), `newest` is when
    the last of the snapshots and xlogs was written, in seconds since 1970; `instances` are the Tarantool instances
    (UUIDs) that wrote the last snapshot and the last xlog, by their headers. None of them takes part in comparisons.
    Nor does `token`: in a planned value the manifest of the backup that must cover what is set aside, and the directory
    of that backup's files (empty where they lie on another host).
    `restored` is set in a planned value where set-aside data come back.
    """

    files: tuple[tuple[str, int], ...] | Unknown = ()
    record: Record | None = None
    missing: tuple[str, ...] = ()
    aside: tuple[tuple[str, int], ...] = field(default=(), compare=False)
    newest: int = field(default=0, compare=False)
    instances: tuple[str, ...] = field(default=(), compare=False)
    token: tuple[str, str] = field(default=("", ""), compare=False)
    restored: Restored | None = field(default=None, compare=False)

    @property
    def empty(self) -> bool:
        """Tell whether there is surely no data file."""
        return self.files == ()

    def names(self, directory: str) -> tuple[tuple[str, int], ...]:
        """Return (name, bytes) of one directory: snap, wal or index."""
        files = () if isinstance(self.files, Unknown) else self.files
        return tuple((name, size) for name, size in files if name.startswith(f"{directory}/"))


@dataclass(frozen=True, slots=True)
class ShardData(ShellResource):
    """The data directories of one shard. Value: `DataState`."""

    shard: Shard

    @property
    def label(self) -> str:
        """Return the data directory."""
        return self.shard.data_dir

    @property
    def group(self) -> type[ShardsData]:
        """Return what reads many at once."""
        return ShardsData

    def directories(self) -> dict[str, str]:
        """Return the directory of each kind of file."""
        return directories_of(self.shard)

    def read_script(self) -> str:
        """Print what is there."""
        return ShardsData((self,)).read_script()

    def parse(self, reply: Reply) -> DataState:
        """Return the state. Raise ValueError where the record is damaged, or not all could be read."""
        found: DataState = only(ShardsData((self,)).parse(reply))
        return found

    def bring_script(self, before: Any, after: Any) -> str:
        """Prove that the shard is dead where its files are to go, and bring it to what was planned."""
        return f"{self.joint([(self, before, after)])}\n{self.behind_joint(before, after)}"

    @classmethod
    def joint(cls, changes: Sequence[tuple[Any, Any, Any]]) -> str:
        """Set aside together the files of all shards whose files are to go, and write the records of all others.

        First comes the proof that all of them are dead, also after their RestartSec, and that verified backups have
        all their files. The records are written only behind it, for they say that nothing there is the only copy any
        more, and before anything is renamed.
        """
        moved = [(number, *each) for number, each in enumerate(changes) if each[0].moves(*each[1:])]
        records = [
            (number, one.shard.stamp, after.record)
            for number, (one, before, after) in enumerate(changes)
            if one._keeps_files(before, after) and after.record is not None
        ]
        written = write_together_script(records)
        if not moved:
            return written
        dead = dead_script([(number, one.shard, [*one.directories().values()]) for number, one, _, _ in moved])
        wiped = [one._wipe(number, before, after) for number, one, before, after in moved if after.restored is None]
        return dead + (wipe_script(wiped) + "\n" if wiped else "") + written

    def _wipe(self, number: int, before: DataState, after: DataState) -> Wipe:
        """Return how the files are set aside.

        A shard that was emptied holds nothing but what the copy took from MongoDB: no backup need have it.
        """
        if after.record is None:
            raise TypeError("a wipe leaves a record")
        directories = tuple(dict.fromkeys(self.directories().values()))
        record = after.record if before.record != after.record else None
        sure = before.empty or (before.record is not None and before.record.state == "emptied")
        return Wipe(number, self.shard, directories, after.record.run, record, after.token, sure)

    def moves(self, before: DataState, after: DataState) -> bool:
        """Tell whether the files are set aside, or set-aside ones come back."""
        return after.restored is not None or (after.empty and (not before.empty or bool(before.missing)))

    def _keeps_files(self, before: DataState, after: DataState) -> bool:
        """Tell whether nothing but the record changes."""
        return not self.moves(before, after) and before.record != after.record

    def behind_joint(self, before: Any, after: Any) -> str:
        """Put set-aside files back, or remove the record of a shard whose files stay where they are."""
        if after.restored is not None:
            return self._put_back(before, after, after.restored)
        if self._keeps_files(before, after) and after.record is None:
            return write_script(self.shard.stamp, None)
        return NOTHING

    def _put_back(self, before: DataState, after: DataState, restored: Restored) -> str:
        """Return sh that renames set-aside directories back, and what is there out of their way.

        The record says `restoring` meanwhile: nobody takes a half-restored shard for a whole one.
        """
        known = after.record or before.record
        begin = dataclasses.replace(known, state="restoring", was=None, run=restored.run) if known else None
        paths = quote(dict.fromkeys(self.directories().values()))
        return f"""{write_script(self.shard.stamp, begin)}for d in {paths}; do
  for run in {quote(restored.runs)}; do
    [ -d "$d.aside-$run" ] || continue
    [ ! -d "$d" ] || mv -T "$d" "$d.aside-{restored.run}" || exit
    mv -T "$d.aside-$run" "$d" || exit
    break
  done
done
sync
{write_script(self.shard.stamp, after.record)}"""

    def reverse(self, run: str, before: Any, after: Any) -> Any:
        """Return the record and the data that a run found; what it set aside comes back."""
        aside = self.moves(before, after)
        return DataState(before.files, before.record, restored=Restored((run,)) if aside else None)

    def facts(self, value: Any) -> Mapping[str, str]:
        """Return the record, whether there are files, and whose: a shard that serves writes to them all the time."""
        found = {"data files": "none" if value.empty else "there", "missing directories": text_of(value.missing)}
        return {**record_facts(value.record), **found, "Tarantool instance": text_of(value.instances)}

    def reached(self, before: Any, after: Any, observed: Any) -> bool:
        """Compare; files that the shard writes itself are not compared."""
        same_files = isinstance(after.files, Unknown) or after.files == observed.files
        return bool(same_files and after.record == observed.record and after.missing == observed.missing)

    def missed(self, before: Any, after: Any, observed: Any) -> list[str]:
        """Return what differs; files that the shard writes itself, and whose they are, are not predicted."""
        found = otherwise(record_facts(after.record), record_facts(observed.record))
        found += otherwise({"missing": text_of(after.missing)}, {"missing": text_of(observed.missing)})
        if not isinstance(after.files, Unknown):
            found += otherwise({"data files": text_of(after.files)}, {"data files": text_of(observed.files)})
        return found

    def show(self, before: Any, after: Any) -> str:
        """Return counts and sizes of what goes aside, and the record's change."""
        lines = []
        if after.empty and not before.empty:
            for kind, ending in ENDINGS.items():
                found = before.names(kind)
                if found:
                    total = sum(size for _, size in found)
                    lines.append(f"set aside {len(found)} {ending}, {human(total)} in {self.directories()[kind]}")
        if after.token[0]:
            lines.append(f"needs the verified backup {after.token[0].rpartition('/')[0]} of {self.shard.name}")
        if before.record != after.record:
            lines.append(difference(before.record, after.record))
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class ShardsData(ShellResource):
    """The data of several shards in one reading. Value: for each its `DataState`, or the ValueError of its record."""

    every: tuple[ShardData, ...]

    @property
    def label(self) -> str:
        """Return the data directories."""
        return ", ".join(one.label for one in self.every)

    def read_script(self) -> str:
        """Print what is there of all of them."""
        return files_script([one.shard for one in self.every])

    def parse(self, reply: Reply) -> tuple[DataState | ValueError, ...]:
        """Return the states. Raise ValueError where not all could be read."""
        return tuple(map(_state, self.every, files_of([one.shard for one in self.every], told(reply))))


def _state(one: ShardData, found: ShardFiles) -> DataState | ValueError:
    """Return a shard's state, or what is wrong with its record."""
    try:
        record = parse_record(found.record, one.shard.stamp)
    except ValueError as error:
        return error
    return DataState(found.files, record, found.missing, found.aside, found.newest, found.instances)


def human(size: int) -> str:
    """Return a number of bytes as people write it: 12.3 GiB."""
    amount = float(size)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TiB"
