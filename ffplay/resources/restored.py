"""A shard's data and file after a rollback, compared with the backup that was made of them."""

from __future__ import annotations

from dataclasses import dataclass

from ffplay.model import Host, Shard
from ffplay.remote.base import Access
from ffplay.resources.base import DirectResource, quote
from ffplay.resources.checks import Findings

# Digests of a shard of 10,000,000 faces: some GiB are read.
_SECONDS = 24 * 3600


@dataclass(frozen=True, slots=True)
class ShardRestored(DirectResource):
    """A stopped shard whose files are those that a backup's `manifest` on its host lists. Value: `Findings`.

    An xlog may have grown since a backup of a running shard; it must begin as the copy does. `run` names the backup.
    """

    shard: Shard
    manifest: str
    run: str

    @property
    def label(self) -> str:
        """Return the shard's name."""
        return self.shard.name

    def read(self, access: Access, host: Host) -> Findings:
        """Compute the digests of what the backup lists."""
        reply = access.connection(host.name).run(self._script(), timeout=_SECONDS)
        problems = tuple(line.removeprefix("! ") for line in reply.text.splitlines() if line.startswith("! "))
        if reply.code:
            return Findings((f"{self.shard.name} cannot be compared: {reply.error_text.strip()}",))
        count = sum(line.startswith("= ") for line in reply.text.splitlines())
        if not count and not problems:
            return Findings((), f"{self.shard.name}: backup {self.run} is not on this host; nothing to compare with")
        return Findings(problems, f"{self.shard.name}: {count} files equal those of backup {self.run}")

    def _script(self) -> str:
        """Return sh that prints a line a file: `=` where it is as in the backup, `!` with what is wrong."""
        shard = self.shard
        conf = shard.conf.rpartition("/")[2]
        return f"""m={quote([self.manifest])}
[ -f "$m" ] || exit 0
while read -r word digest size name; do
  [ "$word" = file ] || continue
  case $name in
    snap/*.snap) f={quote([shard.snap_dir])}/${{name#*/}};;
    wal/*.xlog) f={quote([shard.wal_dir])}/${{name#*/}};;
    index/*.idx) f={quote([shard.index_dir])}/${{name#*/}};;
    {quote([conf])}) f={quote([shard.conf])};;
    *) continue;;
  esac
  if [ ! -f "$f" ]; then echo "! $f is not there, and backup {self.run} has it"
  elif [ "$(head -c "$size" "$f" | sha256sum | cut -d' ' -f1)" = "$digest" ]; then echo "= $f"
  else echo "! $f is not as in backup {self.run}"; fi
done < "$m"; :"""
