"""Verified copies of a shard's files: on its own host, or on another one by way of the controller."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ffplay.errors import ChangeFailed
from ffplay.model import Host, Shard
from ffplay.remote.base import Access, Connection, Reply
from ffplay.resources.backup_manifest import Rows, ShardBackup, manifest_text, parse_manifest
from ffplay.resources.backup_script import (
    READ_BACK,
    Staging,
    clear_script,
    finish_script,
    stage_script,
    stopped_script,
)
from ffplay.resources.base import NOTHING, DirectResource, Scripted, blamed, quote, told
from ffplay.resources.differences import members
from ffplay.resources.progress import followed
from ffplay.resources.shard_data import human
from ffplay.resources.shard_live import Count, kept

_DAY = 24 * 3600


@dataclass(frozen=True, slots=True)
class ShardBackups(Scripted, DirectResource):
    """The verified backups of one shard below `directory`. Value: tuple of `ShardBackup`, oldest first.

    Each lies in `directory/SHARD/RUN/` with a `manifest` that is written last, after every file was read back. With a
    `host` that directory is on that host, and the manifests are kept in `tokens` on the shard's own host as well.
    `command` is Tarantool's program there, which reads the files.
    """

    shard: Shard
    directory: str
    host: str = ""
    tokens: str = ""
    command: str = "tarantool"

    @property
    def label(self) -> str:
        """Return the directory of this shard's backups."""
        return f"{self.host}:{self._place}" if self.host else self._place

    @property
    def lane(self) -> str:
        """Return the shard: one that is slow does not hold up what another needs from its own process."""
        return self.shard.name

    @property
    def _place(self) -> str:
        return f"{self.directory}/{self.shard.name}"

    @property
    def _manifests(self) -> str:
        """Return the directory on the shard's own host that has a directory with a manifest for each backup."""
        return f"{self.tokens}/{self.shard.name}" if self.host else self._place

    def token(self, backup: ShardBackup) -> tuple[str, str]:
        """Return a backup's manifest on the shard's own host, and its files' directory, empty if not on that host."""
        made = f"{self._manifests}/{backup.run}"
        return f"{made}/manifest", "" if self.host else made

    def read_script(self) -> str:
        """Print the manifests; what has no whole one is half-made."""
        return f"""for m in {quote([self._manifests])}/*/manifest; do
  case $m in *.part/manifest|*.dead/manifest) continue;; esac
  if [ -f "$m" ]; then cat "$m" || exit; echo; echo =; fi
done"""

    def parse(self, reply: Reply) -> tuple[ShardBackup, ...]:
        """Return the backups; what is cut or of another format counts for nothing. Raise ValueError."""
        found = (parse_manifest(text.strip()) for text in told(reply).split("\n=\n"))
        return tuple(sorted((one for one in found if one is not None), key=lambda one: one.run))

    def read(self, access: Access, host: Host) -> tuple[ShardBackup, ...]:
        """Read the manifests."""
        found: tuple[ShardBackup, ...] = self.asked(access, host)
        return found

    def scripted(self, before: Any, after: Any) -> bool:
        """Tell whether it is of a stopped shard and stays on its host: nothing but its files is asked then."""
        return not self.host and not after[-1].hot

    def bring_script(self, before: Any, after: Any) -> str:
        """Make a backup of a stopped shard under another name, verify it, and only then give it its name."""
        return self.joint([(self, before, after)])

    @classmethod
    def joint(cls, changes: Sequence[tuple[Any, Any, Any]]) -> str:
        """Make backups of stopped shards together: all are verified before any has its name."""
        staged = [Staging(one.shard, one._place, after[-1].run) for one, _, after in changes]
        stopped = stopped_script([one.shard for one in staged])
        return stopped + stage_script(staged, changes[0][0].command) + finish_script(staged)

    def behind_joint(self, before: Any, after: Any) -> str:
        """Return nothing: all of it is done together."""
        return NOTHING

    def bring(self, access: Access, host: Host, before: Any, after: Any) -> None:
        """Make the newest of `after` under another name, verify it, and only then give it its name.

        Raise `ChangeFailed` where anything of it is not as it must be.
        """
        run: str = after[-1].run
        connection = access.connection(host.name)
        # For another host the files are first held together here: snapshots are linked, so that costs next to nothing.
        home = f"{self.shard.data_dir}/ffplay-backup" if self.host else self._place
        staging = Staging(self.shard, home, run)
        with kept(access, host, self.shard, run) as count:
            first = count()
            script = stage_script([staging], self.command) + '\ncat "$part/manifest"'
            reply = _must(connection, host, script, f"back up {self.shard.name}")
            second = count()
        backup = _staged(reply, run, first is not None)
        backup = _compared(host, self.shard, backup, [one for one in (first, second) if one is not None])
        if self.host:
            self._send(access, host, staging.part, backup)
            return
        _finish(connection, host, staging.part, staging.final, backup)

    def _send(self, access: Access, host: Host, part: str, backup: ShardBackup) -> None:
        """Stream the files to the other host, compare what it reads back, and keep the manifest here."""
        here, there = access.connection(host.name), access.connection(self.host)
        away = Host(self.host, (), host.login)
        target = f"{self._place}/{backup.run}.part"
        made = quote([f"{target}/{name}" for name in ("snap", "wal", "index")])
        files = _files(backup)
        need = sum(size for _, size, _ in files) // 1024 + len(files)
        script = f"""umask 077
{clear_script(quote([self._place]))}
mkdir -p {made} || exit
free=$(df -Pk {quote([target])} | {{ read -r head; read -r system total used free rest; echo "$free"; }})
[ {need} -lt "$free" ] || {{ echo "the backup needs {need} KiB, and $free KiB are free in {target}" >&2; exit 1; }}"""
        _must(there, away, script, f"back up {self.shard.name} of {host.name}")
        for name, size, digest in files:
            sent = hashlib.sha256()
            chunks = followed(access, host.name, f"{name} of {self.shard.name}", here.get(f"{part}/{name}"), size)
            written = there.put(f"{target}/{name}", _digested(chunks, sent))
            if not written == sent.hexdigest() == digest:
                raise ChangeFailed(
                    host.name,
                    f"{name} of {self.shard.name} arrived on {self.host} as something else than was verified",
                    "look at the network and at that host's memory and disks, then apply again",
                )
        _finish(there, away, target, f"{self._place}/{backup.run}", backup, read_back=True)
        token, _ = self.token(backup)
        kept_in = token.rpartition("/")[0]
        text = manifest_text(backup)
        script = f"""set -e
umask 077; mkdir -p {quote([kept_in])}
cat > {quote([f"{token}.new"])} <<'FFPLAY_MANIFEST'
{text}FFPLAY_MANIFEST
sync; mv -f {quote([f"{token}.new"])} {quote([token])}; rm -rf {quote([part])}; sync"""
        _must(here, host, script, f"note the backup of {self.shard.name}")

    def facts(self, value: Any) -> Mapping[str, str]:
        """Return which backups there are: what a new one will hold is still being written."""
        return members("backup", (backup.run for backup in value))

    def reached(self, before: Any, after: Any, observed: Any) -> bool:
        """Tell whether the planned backup is among those that are there, and no earlier one went."""
        runs = {backup.run for backup in observed}
        return {backup.run for backup in after} <= runs

    @property
    def lasting(self) -> bool:
        """A rollback leaves backups where they are."""
        return True

    def show(self, before: Any, after: Any) -> str:
        """Return where it goes and how."""
        return f"to {self.label}/{after[-1].run}: {after[-1].how}"


@dataclass(frozen=True, slots=True)
class BackupIntact(DirectResource):
    """A backup on another host, whose every file is read and compared with its manifest. Value: `Findings`."""

    backups: ShardBackups
    run: str

    @property
    def label(self) -> str:
        """Return the backup's directory."""
        return f"{self.backups.label}/{self.run}"

    def read(self, access: Access, host: Host) -> Any:
        """Read all of it."""
        from ffplay.resources.checks import Findings

        made = quote([f"{self.backups.directory}/{self.backups.shard.name}/{self.run}"])
        reply = access.connection(self.backups.host).run(f"cd {made} || exit\n{READ_BACK}", timeout=_DAY)
        problems = () if reply.code == 0 else (f"{self.label}: {reply.error_text.strip() or 'cannot be read'}",)
        return Findings(problems, f"{self.label} is as it was verified")


def _finish(
    connection: Connection, host: Host, part: str, final: str, backup: ShardBackup, read_back: bool = False
) -> None:
    """Write the manifest and give the backup its name; with `read_back` every file is read once more before."""
    check = f"({READ_BACK}) || exit" if read_back else ":"
    script = f"""cd {quote([part])} || exit
cat > manifest <<'FFPLAY_MANIFEST' || exit
{manifest_text(backup)}FFPLAY_MANIFEST
{check}
cd / && sync && mv -T {quote([part])} {quote([final])} && sync"""
    _must(connection, host, script, f"finish the backup {final}")


def _must(connection: Connection, host: Host, script: str, what: str) -> Reply:
    _, reply = blamed(connection.run(script, timeout=_DAY))
    if reply.code:
        said = reply.error_text.strip().splitlines()
        raise ChangeFailed(
            host.name,
            f"{what}: {said[-1] if said else f'exit code {reply.code}'}",
            "mend the cause and apply again; nothing has been wiped, and what is half-made counts for nothing",
            reply.error_text,
        )
    return reply


def _staged(reply: Reply, run: str, hot: bool) -> ShardBackup:
    """Return the backup from what the script printed."""
    files: list[tuple[str, int, str]] = []
    rows: list[tuple[int, int, int]] = []
    single = {"newest": "0", "instance": "", "vclock": ""}
    for line in reply.text.splitlines():
        word, _, rest = line.partition(" ")
        if word == "file":
            digest, size, name = rest.split(" ", 2)
            files.append((name, int(size), digest))
        elif word == "rows":
            space, least, greatest = map(int, rest.split())
            rows.append((space, least, greatest))
        else:
            single[word] = rest
    found = ShardBackup(run, tuple(files), int(single["newest"]), hot, single["instance"], single["vclock"])
    return replace(found, rows=tuple(sorted(rows)))


def _compared(host: Host, shard: Shard, backup: ShardBackup, counts: list[Count]) -> ShardBackup:
    """Compare with what the shard itself said before and after; return the backup with it. Raise `ChangeFailed`."""
    advice = "see memtx_dir and wal_dir in the shard's file and `shards` in the inventory; apply again if it was busy"
    in_files = {space: (least, greatest) for space, least, greatest in backup.rows}
    live: dict[int, tuple[int, int]] = {}
    for count in counts:
        if count.instance and count.instance != backup.instance:
            said = f"{shard.name} runs as instance {count.instance}, and its files are of {backup.instance}"
            raise ChangeFailed(host.name, said, advice)
        greatest = sum(pair[1] for pair in in_files.values())
        if count.faces is not None and greatest < count.faces:
            said = f"the backup of {shard.name} holds {greatest} rows at most, and it serves {count.faces} faces"
            raise ChangeFailed(host.name, said, advice)
        for space, number in count.rows:
            least, most = live.get(space, (number, number))
            live[space] = (min(least, number), max(most, number))
    for space in live.keys() | (in_files.keys() if live else set()):
        (low, high), (least, most) = in_files.get(space, (0, 0)), live.get(space, (0, 0))
        if high < least or low > most:
            said = (
                f"the backup of {shard.name} holds {_span(low, high)} rows of space {space}, "
                f"and the shard {_span(least, most)}"
            )
            raise ChangeFailed(host.name, said, advice)
    return replace(backup, live=_rows(live))


def _rows(found: dict[int, tuple[int, int]]) -> Rows:
    return tuple((space, *pair) for space, pair in sorted(found.items()))


def _span(least: int, greatest: int) -> str:
    return str(least) if least == greatest else f"{least} to {greatest}"


def _files(backup: ShardBackup) -> tuple[tuple[str, int, str], ...]:
    if not isinstance(backup.files, tuple):
        raise TypeError("a backup that is not made has no files")
    return backup.files


def _digested(chunks: Iterator[bytes], digest: Any) -> Iterator[bytes]:
    for chunk in chunks:
        digest.update(chunk)
        yield chunk


def size_of(files: tuple[tuple[str, int], ...]) -> str:
    """Return the total of (name, bytes) pairs as people write it."""
    return human(sum(size for _, size in files))
