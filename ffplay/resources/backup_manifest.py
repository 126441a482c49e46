"""The manifest of a shard's backup, which is the token without which nothing is set aside.

A manifest is lines of words, so that a host without Python reads it too:

    ffplay-backup 2
    run RUN
    way hot|stopped
    instance UUID
    vclock ID:LSN,...
    rows SPACE LEAST GREATEST
    live SPACE LEAST GREATEST        what the shard itself said while the backup was made
    newest SECONDS                   when the last snapshot or xlog was written, since 1970
    file SHA-256 BYTES NAME
    end LINES                        how many lines come before: what is cut has no such line
"""

from __future__ import annotations

from dataclasses import dataclass

from ffplay.model import Unknown
from ffplay.resources.backup_token import FIRST_LINE
from ffplay.resources.shard_data import DataState

Rows = tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True)
class ShardBackup:
    """One finished backup: the run that made it, and its files as (name, bytes, SHA-256).

    `newest` is when the last of the copied snapshots and xlogs was written, in seconds since 1970. `hot` tells that the
    shard ran meanwhile. `rows` are (space, least, greatest) as read from the files, `live` as the shard counted them.
    `how` is what a plan says of a backup that is to be made.
    """

    run: str
    files: tuple[tuple[str, int, str], ...] | Unknown = ()
    newest: int = 0
    hot: bool = False
    instance: str = ""
    vclock: str = ""
    rows: Rows = ()
    live: Rows = ()
    how: str = ""

    def covers(self, data: DataState) -> bool:
        """Tell whether the backup has every snapshot and xlog as it is now.

        Name and size do not tell: a shard that was filled anew with as many faces has files of the same names and
        sizes. A backup that this plan makes covers what is there when it is made.
        """
        if isinstance(self.files, Unknown):
            return True
        wanted = {*data.names("snap"), *data.names("wal")}
        return self.newest == data.newest and wanted <= {(name, size) for name, size, _ in self.files}


def manifest_text(backup: ShardBackup) -> str:
    """Return the manifest of a backup that is whole."""
    if isinstance(backup.files, Unknown):
        raise TypeError("a backup that is not made has no manifest")
    lines = [FIRST_LINE, f"run {backup.run}", f"way {'hot' if backup.hot else 'stopped'}"]
    lines += [f"instance {backup.instance}", f"vclock {backup.vclock}"]
    lines += [f"rows {space} {least} {greatest}" for space, least, greatest in backup.rows]
    lines += [f"live {space} {least} {greatest}" for space, least, greatest in backup.live]
    lines.append(f"newest {backup.newest}")
    lines += [f"file {digest} {size} {name}" for name, size, digest in backup.files]
    return "\n".join([*lines, f"end {len(lines)}", ""])


def parse_manifest(text: str) -> ShardBackup | None:
    """Return the backup of a manifest; None, for it counts for nothing, where it is cut or of another format."""
    lines = text.splitlines()
    if len(lines) < 2 or lines[0] != FIRST_LINE or lines[-1] != f"end {len(lines) - 1}":
        return None
    single: dict[str, str] = {}
    counts: dict[str, list[tuple[int, int, int]]] = {"rows": [], "live": []}
    files: list[tuple[str, int, str]] = []
    try:
        for line in lines[1:-1]:
            word, _, rest = line.partition(" ")
            if word == "file":
                digest, size, name = rest.split(" ", 2)
                files.append((name, int(size), digest))
            elif word in counts:
                space, least, greatest = map(int, rest.split())
                counts[word].append((space, least, greatest))
            else:
                single[word] = rest
        return ShardBackup(
            single["run"],
            tuple(files),
            int(single["newest"]),
            single["way"] == "hot",
            single["instance"],
            single["vclock"],
            tuple(counts["rows"]),
            tuple(counts["live"]),
        )
    except (KeyError, ValueError):
        return None
