"""Verified copies of a shard's files on its own host."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ffplay.model import Shard, Unknown
from ffplay.remote.base import Reply
from ffplay.resources.base import ShellResource, quote
from ffplay.resources.shard_data import DataState, human


@dataclass(frozen=True, slots=True)
class ShardBackup:
    """One finished backup: the run that made it, and its files as (name, bytes, SHA-256).

    `newest` is when the last of the copied snapshots and xlogs was written, in seconds since 1970.
    """

    run: str
    files: tuple[tuple[str, int, str], ...] | Unknown = ()
    newest: int = 0

    def covers(self, data: DataState) -> bool:
        """Tell whether the backup has every snapshot and xlog as it is now.

        Name and size do not tell: a shard that was filled anew with as many faces has files of the same names and
        sizes. A backup that this plan makes covers what is there when it is made.
        """
        if isinstance(self.files, Unknown):
            return True
        wanted = {*data.names("snap"), *data.names("wal")}
        return self.newest == data.newest and wanted <= {(name, size) for name, size, _ in self.files}


@dataclass(frozen=True, slots=True)
class ShardBackups(ShellResource):
    """The verified backups of one shard below `directory`. Value: tuple of `ShardBackup`, oldest first.

    Each lies in `directory/SHARD/RUN/` with a `manifest` that is written last, after every file was read back.
    """

    shard: Shard
    directory: str

    @property
    def label(self) -> str:
        """Return the directory of this shard's backups."""
        return f"{self.directory}/{self.shard.name}"

    def read_script(self) -> str:
        """Print each finished backup's manifest."""
        return f"""for m in {quote([self.label])}/*/manifest; do
  [ -f "$m" ] || continue
  echo "= $(stat -c %Y "${{m%/*}}"/snap/*.snap "${{m%/*}}"/wal/*.xlog 2>/dev/null | sort -n | tail -n 1) $m"
  cat "$m"
done; :"""

    def parse(self, reply: Reply) -> tuple[ShardBackup, ...]:
        """Return the backups. Raise ValueError for a damaged manifest."""
        found: list[tuple[str, int, list[tuple[str, int, str]]]] = []
        for line in reply.text.splitlines():
            if line.startswith("= "):
                _, newest, path = line.split(" ", 2)
                found.append((path.split("/")[-2], int(newest), []))
                continue
            digest, size, name = line.split(" ", 2)
            found[-1][2].append((name, int(size), digest))
        return tuple(ShardBackup(run, tuple(files), newest) for run, newest, files in sorted(found))

    def bring_script(self, before: Any, after: Any) -> str:
        """Make the newest of `after`: link or copy, read back, and only then give it its name.

        A snapshot never changes, so a hard link is a backup of it; an xlog and the Lua file are copied. Of a running
        shard an xlog grows while it is copied, hence the comparison up to the copy's own length.
        """
        run = after[-1].run
        final = f"{self.label}/{run}"
        return f"""set -e
final={quote([final])}; part="$final.part"
umask 077
rm -rf "$part"; mkdir -p "$part/snap" "$part/wal" "$part/index"
for f in {quote([self.shard.snap_dir])}/*.snap; do
  [ -f "$f" ] || continue
  [ "$(head -c 4 "$f")" = SNAP ] || {{ echo "$f does not begin as a snapshot does" >&2; exit 1; }}
  end=$(tail -c 4 "$f" | od -An -tx1 | tr -d ' \n')
  [ "$end" = d510aded ] || {{ echo "$f has no end marker: it is cut" >&2; exit 1; }}
  ln "$f" "$part/snap/" 2>/dev/null || {{
    cp -p "$f" "$part/snap/"
    [ "$(sha256sum < "$f")" = "$(sha256sum < "$part/snap/${{f##*/}}")" ] || {{
      echo "the copy of $f differs" >&2; exit 1
    }}
  }}
done
for f in {quote([self.shard.wal_dir])}/*.xlog {quote([self.shard.index_dir])}/*.idx {quote([self.shard.conf])}; do
  [ -f "$f" ] || continue
  case $f in *.xlog) to="$part/wal";; *.idx) to="$part/index";; *) to="$part";; esac
  cp -p "$f" "$to/"
  copy="$to/${{f##*/}}"
  [ "$(head -c "$(stat -c %s "$copy")" "$f" | sha256sum)" = "$(sha256sum < "$copy")" ] || {{
    echo "the copy of $f differs" >&2; exit 1
  }}
done
cd "$part"
for f in snap/*.snap wal/*.xlog index/*.idx *.lua; do
  [ -f "$f" ] || continue
  echo "$(sha256sum < "$f" | cut -d' ' -f1) $(stat -c %s "$f") $f"
done > manifest.new
[ -s manifest.new ]
sync; mv manifest.new manifest; sync; mv -T "$part" "$final"; sync"""

    def same(self, one: Any, other: Any) -> bool:
        """Compare which backups there are: what a new one will hold is still being written."""
        return [backup.run for backup in one] == [backup.run for backup in other]

    def reached(self, before: Any, after: Any, observed: Any) -> bool:
        """Tell whether the planned backup is among those that are there, and no earlier one went."""
        runs = {backup.run for backup in observed}
        return {backup.run for backup in after} <= runs

    def show(self, before: Any, after: Any) -> str:
        """Return where it goes and how."""
        return f"to {self.label}/{after[-1].run}: .snap by hard link where the file system allows, the rest by copy"


def size_of(files: tuple[tuple[str, int], ...]) -> str:
    """Return the total of (name, bytes) pairs as people write it."""
    return human(sum(size for _, size in files))
