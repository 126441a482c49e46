"""The scripts that make backups of shards on a host: link, copy, read back, verify, and only then give them a name.

All shards of a step are backed up by one script, which starts each program once for all of them as far as it can.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ffplay.model import Shard
from ffplay.resources.backup_token import FIRST_LINE
from ffplay.resources.base import blame_script, quote
from ffplay.resources.unit_scripts import LOOK

# Reads every block of snapshots and xlogs; run by the Tarantool of the shard's host.
VERIFIER = Path(__file__).with_name("verify_backup.lua")

# sh that compares every file of the current directory's manifest with it.
READ_BACK = """[ -f manifest ] || { echo 'there is no manifest' >&2; exit 1; }
[ "$(tail -n 1 manifest)" = "end $(($(wc -l < manifest) - 1))" ] || { echo 'its manifest is cut' >&2; exit 1; }
while read -r word sum size name; do
  [ "$word" = file ] || continue
  [ "$(sha256sum < "$name" | cut -d' ' -f1)" = "$sum" ] || { echo "$name is not what was verified" >&2; exit 1; }
done < manifest"""


@dataclass(frozen=True, slots=True)
class Staging:
    """One backup to be made: of which shard, below which directory `home`, under which name `run`."""

    shard: Shard
    home: str
    run: str

    @property
    def part(self) -> str:
        """Return the directory that it has until it is whole."""
        return f"{self.home}/{self.run}.part"

    @property
    def final(self) -> str:
        """Return the directory that it is given then."""
        return f"{self.home}/{self.run}"


def clear_script(home: str) -> str:
    """Return sh that removes what runs that were killed left half-made.

    Renamed first: a script of theirs may still be at work, and must not give its name to what is half removed.
    """
    return f"""for old in {home}/*.part; do [ ! -d "$old" ] || mv -T "$old" "$old.$$.dead" || exit; done
for old in {home}/*.dead; do [ ! -d "$old" ] || rm -rf "$old" || exit; done"""


def stopped_script(shards: Sequence[Shard]) -> str:
    """Return sh that exits 1 where a shard runs whose backup is to be one of a stopped one: rows would be missing."""
    units = quote(shard.unit for shard in shards)
    return f"""{LOOK}
n=0
while read -r u a p; do
  case $a in inactive|failed) n=$((n+1)); continue;; esac
  {blame_script("$n")}
  echo "$u runs, and is to be backed up stopped; apply again" >&2; exit 1
done <<FFPLAY_LOOK
$(look {units})
FFPLAY_LOOK
[ $n -eq {len(shards)} ] || {{ echo "systemd does not tell of all of: {units}" >&2; exit 1; }}
"""


def stage_script(backups: Sequence[Staging], command: str) -> str:
    """Return sh that links or copies the files, reads the copies back, verifies them, and writes manifests.

    A snapshot never changes, so a hard link is a backup of it; an xlog and the Lua file are copied. Of a running
    shard an xlog grows while it is copied, hence the comparison up to the copy's own length, and old files may
    vanish: what is missing then shows when the files are verified. Each `PART/manifest` lacks its first lines and its
    last one, so that it counts for nothing yet. `command` is Tarantool's program.
    """
    every = " ".join(str(number) for number in range(len(backups)))
    return f"""set -e
umask 077
nl='
'
{_table(backups)}
fail() {{ {blame_script("$i")}; echo "$1" >&2; exit 1; }}
set --
for i in {every}; do
  of $i
  {clear_script('"$home"')}
  set -- "$@" "$part/snap" "$part/wal" "$part/index"
done
mkdir -p "$@"
linked=' '
for i in {every}; do
  of $i
  set --
  for f in "$snap"/*.snap; do [ ! -f "$f" ] || set -- "$@" "$f"; done
  [ $# -eq 0 ] || ln "$@" "$part/snap/" 2>/dev/null || :
  for f in "$part"/snap/*.snap; do [ ! -f "$f" ] || {{ linked="$linked$i "; break; }}; done
done
links() {{ case $linked in *" $i "*) ;; *) return 1;; esac; }}
set --
names=
for i in {every}; do
  of $i
  names="$names${{names:+, }}$name"
  for f in "$snap"/*.snap "$wal"/*.xlog "$index"/*.idx; do
    [ -f "$f" ] || continue
    case $f in *.snap) ! links || continue;; esac
    set -- "$@" "$f"
  done
done
need=0
[ $# -eq 0 ] || for size in $(stat -c %s "$@" 2>/dev/null); do need=$((need + size / 1024 + 1)); done
free=$(df -Pk "$part" | {{ read -r head; read -r system total used free rest; echo "$free"; }})
[ "$need" -lt "$free" ] || fail "a backup of $names needs $need KiB, and $free KiB are free in $part"
copied() {{
  cp -p "$1" "$2" || {{ [ ! -f "$1" ] && rm -f "$2" && return; fail "$1 cannot be copied to $2"; }}
}}
# At once; what goes wrong with one of them shows by itself.
copied_all() {{ # DIRECTORY FILE...
  to=$1; shift
  [ -f "$1" ] || return 0
  cp -p "$@" "$to" 2>/dev/null || for f; do copied "$f" "$to/${{f##*/}}"; done
}}
for i in {every}; do
  of $i
  links || for f in "$snap"/*.snap; do
    to="$part/snap/${{f##*/}}"
    [ -f "$f" ] || continue
    for old in "$home"/*/snap/"${{f##*/}}"; do
      [ -f "$old" ] && [ ! -f "$to" ] || continue
      [ "$(sha256sum < "$old")" != "$(sha256sum < "$f")" ] || ln "$old" "$to" || :
    done
    [ -f "$to" ] || copied "$f" "$to"
  done
  copied_all "$part/wal" "$wal"/*.xlog
  copied_all "$part/index" "$index"/*.idx
  [ ! -f "$conf" ] || copied "$conf" "$part/${{conf##*/}}"
done
# What a copy was copied from; both are digested at once.
source_of() {{
  case $1 in
    snap/*) from=$snap/${{1#*/}};;
    wal/*) from=$wal/${{1#*/}};;
    index/*) from=$index/${{1#*/}};;
    *) from=$conf;;
  esac
}}
set --
for i in {every}; do
  of $i
  for f in "$part"/snap/*.snap "$part"/wal/*.xlog "$part"/index/*.idx "$part"/*.lua; do
    [ ! -f "$f" ] || set -- "$@" "$f"
  done
done
sums= facts=
[ $# -eq 0 ] || {{ sums=$(sha256sum "$@"); facts=$(stat -c '%s %Y %n' "$@"); }}
set --
for i in {every}; do
  of $i
  for f in "$part"/snap/*.snap "$part"/wal/*.xlog "$part"/index/*.idx "$part"/*.lua; do
    source_of "${{f#"$part/"}}"
    case $f in "$part"/snap/*) ! links || continue;; esac
    [ ! -f "$f" ] || [ ! -f "$from" ] || set -- "$@" "$from"
  done
done
originals=
[ $# -eq 0 ] || originals=$(sha256sum "$@" 2>/dev/null) || :
originals=$nl$originals$nl
set --
need=0
i=-1 count=1 part=/none
begun() {{ # FILE: go on to the backup that it is a file of, or, without one, to the end
  while :; do
    case $1 in "$part"/?*) return;; esac
    [ $count -gt 0 ] || fail "$name has no snapshot in $snap"
    [ $i -lt 0 ] || printf 'newest %s\\n%s' "$newest" "$lines" > "$part/manifest"
    i=$((i+1)) newest=0 lines= count=0
    [ $i -lt {len(backups)} ] || return 0
    of $i
    [ $i -eq 0 ] || verified="$verified$nl--"
  done
}}
verified=
# A line at a time, of both lists: a shell takes long to cut long texts.
while read -r sum f && read -r size written same <&4; do
  begun "$f"
  [ "$f" = "$same" ] || fail "$f went while it was looked at"
  need=$((need + size / 1024 + 1))
  lines="${{lines}}file $sum $size ${{f#"$part/"}}$nl"
  case $f in
    "$part"/snap/*|"$part"/wal/*)
      verified="$verified$nl$f"; count=$((count+1))
      [ "$written" -le "$newest" ] || newest=$written;;
  esac
  case $f in "$part"/snap/*) ! links || continue;; esac
  source_of "${{f#"$part/"}}"
  case $originals in *"$nl$sum  $from$nl"*) continue;; esac
  [ -f "$from" ] || continue
  [ "$(head -c "$size" "$from" | sha256sum)" = "$sum  -" ] || fail "the copy of $from differs"
done <<FFPLAY_SUMS 4<<FFPLAY_FACTS
$sums
FFPLAY_SUMS
$facts
FFPLAY_FACTS
begun ''
of 0
IFS=$nl; set -f; set -- $verified; set +f; unset IFS
cat > "$part/.verify" <<'FFPLAY_LUA'
{VERIFIER.read_text(encoding="utf-8")}FFPLAY_LUA
rc=0
found=$(timeout -k 10 $((600 + need / 1024)) {command} "$part/.verify" "$@" </dev/null) || rc=$?
rm -f "$part/.verify"
i=0; of 0
while read -r word rest; do
  [ "$word" != group ] || {{ i=$((rest - 1)); of $i; continue; }}
  [ $rc -ne 0 ] || printf '%s %s\\n' "$word" "$rest" >> "$part/manifest"
done <<FFPLAY_FOUND
$found
FFPLAY_FOUND
[ $rc -eq 0 ] || {{ {blame_script("$i")}; exit $rc; }}"""


def finish_script(backups: Sequence[Staging]) -> str:
    """Return sh that completes the manifests of staged backups of stopped shards, and names the backups."""
    every = " ".join(str(number) for number in range(len(backups)))
    return f"""
for i in {every}; do
  of $i
  count=3 lines="{FIRST_LINE}${{nl}}run $run${{nl}}way stopped$nl"
  while read -r line; do lines=$lines$line$nl; count=$((count+1)); done < "$part/manifest"
  printf '%send %d\\n' "$lines" $count > "$part/manifest"
done
cd /
sync
for i in {every}; do of $i; mv -T "$part" "$final"; done
sync"""


def _table(backups: Sequence[Staging]) -> str:
    """Return sh that defines `of NUMBER`, which sets the words of one of the backups."""
    cases = "\n".join(
        f"  {number}) name={quote([one.shard.name])} conf={quote([one.shard.conf])} home={quote([one.home])}"
        f" run={quote([one.run])} part={quote([one.part])} final={quote([one.final])}"
        f" snap={quote([one.shard.snap_dir])} wal={quote([one.shard.wal_dir])} index={quote([one.shard.index_dir])};;"
        for number, one in enumerate(backups)
    )
    return f"of() {{ case $1 in\n{cases}\nesac; }}"
