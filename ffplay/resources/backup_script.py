"""The scripts that make a shard's backup on a host: link, copy, read back, verify."""

from __future__ import annotations

from pathlib import Path

from ffplay.model import Shard
from ffplay.resources.backup_token import FIRST_LINE
from ffplay.resources.base import quote

# Reads every block of snapshots and xlogs; run by the Tarantool of the shard's host.
VERIFIER = Path(__file__).with_name("verify_backup.lua")

# sh that compares every file of the current directory's manifest with it.
READ_BACK = """[ -f manifest ] || { echo 'there is no manifest' >&2; exit 1; }
[ "$(tail -n 1 manifest)" = "end $(($(wc -l < manifest) - 1))" ] || { echo 'its manifest is cut' >&2; exit 1; }
while read -r word sum size name; do
  [ "$word" = file ] || continue
  [ "$(sha256sum < "$name" | cut -d' ' -f1)" = "$sum" ] || { echo "$name is not what was verified" >&2; exit 1; }
done < manifest"""


def clear_script(home: str) -> str:
    """Return sh that removes what runs that were killed left half-made.

    Renamed first: a script of theirs may still be at work, and must not give its name to what is half removed.
    """
    return f"""mkdir -p {quote([home])} || exit
for old in {quote([home])}/*.part; do [ ! -d "$old" ] || mv -T "$old" "$old.$$.dead" || exit; done
rm -rf {quote([home])}/*.dead"""


def stopped_script(shard: Shard) -> str:
    """Return sh that exits 1 where a shard runs whose backup is to be one of a stopped one: rows would be missing."""
    unit = quote([shard.unit])
    return f"""case $(systemctl show -p ActiveState {unit}) in
  *=inactive|*=failed) ;;
  *) echo "{shard.unit} runs, and is to be backed up stopped; apply again" >&2; exit 1;;
esac
"""


def finish_script(stage: str, run: str, part: str, final: str) -> str:
    """Return sh that stages a stopped shard's backup, writes its manifest from what that printed, and names it.

    No `||` behind the staging: bash would take its `set -e` for nothing there, and name what was refused.
    """
    return f"""told=$(
{stage}
)
ffplay_rc=$?; [ $ffplay_rc -eq 0 ] || exit $ffplay_rc
cd {quote([part])} || exit
{{ printf '%s\\n' '{FIRST_LINE}' {quote([f"run {run}"])} 'way stopped' "$told"; }} > manifest || exit
echo "end $(wc -l < manifest)" >> manifest || exit
cd / && sync && mv -T {quote([part])} {quote([final])} && sync"""


def stage_script(shard: Shard, command: str, home: str, part: str) -> str:
    """Return sh that links or copies the files, reads the copies back, verifies them, and prints what they are.

    A snapshot never changes, so a hard link is a backup of it; an xlog and the Lua file are copied. Of a running
    shard an xlog grows while it is copied, hence the comparison up to the copy's own length, and old files may
    vanish: what is missing then shows when the files are verified.
    """
    return f"""set -e
umask 077
{clear_script(home)}
part={quote([part])}
mkdir -p "$part/snap" "$part/wal" "$part/index"
fail() {{ echo "$1" >&2; exit 1; }}
link=
for f in {quote([shard.snap_dir])}/*.snap; do
  [ -f "$f" ] || continue
  if ln "$f" "$part/snap/" 2>/dev/null; then link=1; fi
done
need=0
for f in {quote([shard.snap_dir])}/*.snap {quote([shard.wal_dir])}/*.xlog {quote([shard.index_dir])}/*.idx; do
  [ -f "$f" ] || continue
  case $f in *.snap) [ -z "$link" ] || continue;; esac
  need=$((need + $(stat -c %s "$f" || echo 0) / 1024 + 1))
done
free=$(df -Pk "$part" | {{ read -r head; read -r system total used free rest; echo "$free"; }})
[ "$need" -lt "$free" ] || fail "a backup of {shard.name} needs $need KiB, and $free KiB are free in $part"
copied() {{
  cp -p "$1" "$2" || {{ [ ! -f "$1" ] && rm -f "$2" && return; fail "$1 cannot be copied to $2"; }}
  [ -f "$1" ] || return 0
  [ "$(head -c "$(stat -c %s "$2")" "$1" | sha256sum)" = "$(sha256sum < "$2")" ] || fail "the copy of $1 differs"
}}
for f in {quote([shard.snap_dir])}/*.snap; do
  to="$part/snap/${{f##*/}}"
  [ -f "$f" ] && [ ! -f "$to" ] && [ -z "$link" ] || continue
  for old in {quote([home])}/*/snap/"${{f##*/}}"; do
    [ -f "$old" ] && [ ! -f "$to" ] || continue
    [ "$(sha256sum < "$old")" != "$(sha256sum < "$f")" ] || ln "$old" "$to" || :
  done
  [ -f "$to" ] || copied "$f" "$to"
done
for f in {quote([shard.wal_dir])}/*.xlog; do [ ! -f "$f" ] || copied "$f" "$part/wal/${{f##*/}}"; done
for f in {quote([shard.index_dir])}/*.idx; do [ ! -f "$f" ] || copied "$f" "$part/index/${{f##*/}}"; done
[ ! -f {quote([shard.conf])} ] || copied {quote([shard.conf])} "$part/{shard.conf.rpartition("/")[2]}"
sync
cd "$part"
set --
for f in snap/*.snap wal/*.xlog; do [ ! -f "$f" ] || set -- "$@" "$f"; done
[ $# -gt 0 ] || fail "{shard.name} has no snapshot in {shard.snap_dir}"
echo "newest $(stat -c %Y "$@" | sort -n | tail -n 1)"
for f in "$@" index/*.idx *.lua; do
  [ -f "$f" ] || continue
  echo "file $(sha256sum < "$f" | cut -d' ' -f1) $(stat -c %s "$f") $f"
done
cat > .verify <<'FFPLAY_LUA'
{VERIFIER.read_text(encoding="utf-8")}FFPLAY_LUA
timeout -k 10 $((600 + $(du -sk . | cut -f1) / 1024)) {command} .verify "$@" </dev/null
rm -f .verify"""
