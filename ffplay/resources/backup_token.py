"""How a host checks, right before data are set aside, that a verified backup has them; its manifest is the token."""

from __future__ import annotations

from ffplay.model import Shard
from ffplay.resources.base import quote

# The first line of every manifest; another layout gets another number and counts for nothing.
FIRST_LINE = "ffplay-backup 2"


def check_script(shard: Shard, manifest: str, directory: str) -> str:
    """Return sh that exits 1 unless a verified backup has every snapshot and xlog of the shard as they are now.

    `directory` holds the backup's files, which are read and compared with the manifest; it is empty where they lie on
    another host. An xlog may have grown by its end marker, and an xlog without any row may have come: a stop leaves
    both.
    """
    return f"""manifest={quote([manifest])}; backup={quote([directory])}
refuse() {{ echo "$1: {shard.name} is not wiped; apply again: the next plan backs it up as it is then" >&2; exit 1; }}
bytes() {{ od -An -v -tx1 | tr -d ' \\n'; }}
digest() {{ sha256sum | cut -d' ' -f1; }}
[ -f "$manifest" ] || refuse "the manifest of its backup, $manifest, is gone"
[ "$(head -n 1 "$manifest")" = "{FIRST_LINE}" ] || refuse "$manifest is no manifest of a verified backup"
[ "$(tail -n 1 "$manifest")" = "end $(($(wc -l < "$manifest") - 1))" ] || refuse "$manifest is cut"
instance=
while read -r word value rest; do [ "$word" != instance ] || instance=$value; done < "$manifest"
[ -n "$instance" ] || refuse "$manifest names no instance"
while read -r word sum size name; do
  [ "$word" = file ] && [ -n "$backup" ] || continue
  [ -f "$backup/$name" ] || refuse "$backup/$name is missing"
  [ "$(stat -c %s "$backup/$name")" = "$size" ] || refuse "$backup/$name has not $size bytes any more"
  [ "$(digest < "$backup/$name")" = "$sum" ] || refuse "$backup/$name is not what was verified"
done < "$manifest"
recorded() {{
  sum=; size=
  while read -r word a b c; do [ "$word $c" != "file $1" ] || {{ sum=$a; size=$b; }}; done < "$manifest"
}}
ours() {{
  case "$(head -c 1024 "$1" | tr -cd '\\11\\12\\40-\\176')" in
    *"Instance: $instance"*|*"Server: $instance"*) ;;
    *) refuse "$1 is of another instance than the backup ($instance)";;
  esac
}}
for f in {quote([shard.snap_dir])}/*.snap; do
  [ -f "$f" ] || continue
  recorded "snap/${{f##*/}}"
  [ -n "$sum" ] || refuse "$f is in no verified backup"
  ours "$f"
  [ "$(stat -c %s "$f")" = "$size" ] || refuse "$f has another size than in the backup ($size bytes)"
done
for f in {quote([shard.wal_dir])}/*.xlog; do
  [ -f "$f" ] || continue
  recorded "wal/${{f##*/}}"
  now=$(stat -c %s "$f")
  ours "$f"
  if [ -z "$sum" ]; then
    content=$(head -c 2048 "$f" | bytes)
    case $content in *d5ba0bab*|*d5ba0bba*) refuse "$f has rows that no backup has";; esac
    [ "$now" -lt 2048 ] || refuse "$f has rows that no backup has"
    case $content in *0a0a|*0a0ad510aded) continue;; *) refuse "$f is in no verified backup";; esac
  fi
  if [ "$now" != "$size" ]; then
    [ "$now" = "$((size + 4))" ] && [ "$(tail -c 4 "$f" | bytes)" = d510aded ] ||
      refuse "$f has $now bytes and $size in the backup: rows were written since"
  fi
  [ "$(head -c "$size" "$f" | digest)" = "$sum" ] || refuse "$f is not what the backup has"
done
"""
