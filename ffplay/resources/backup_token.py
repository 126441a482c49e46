"""How a host checks, right before data are set aside, that a verified backup has them; its manifest is the token."""

from __future__ import annotations

from collections.abc import Sequence

from ffplay.model import Shard
from ffplay.resources.base import blame_script, quote

# The first line of every manifest; another layout gets another number and counts for nothing.
FIRST_LINE = "ffplay-backup 2"


def check_script(tokens: Sequence[tuple[int, Shard, str, str]]) -> str:
    """Return sh that exits 1 unless verified backups have every snapshot and xlog of the shards as they are now.

    Of each shard (the number of its change, shard, manifest, directory) the directory holds the backup's files, which
    are read and compared with the manifest; it is empty where they lie on another host. An xlog may have grown by its
    end marker, and an xlog without any row may have come: a stop leaves both.
    """
    every = " ".join(str(number) for number, *_ in tokens)
    cases = "\n".join(
        f"  {number}) name={quote([shard.name])} snap={quote([shard.snap_dir])} wal={quote([shard.wal_dir])}"
        f" manifest={quote([manifest])} backup={quote([directory])};;"
        for number, shard, manifest, directory in tokens
    )
    manifests = quote(manifest for _, _, manifest, _ in tokens)
    return f"""nl='
'
of() {{ case $1 in
{cases}
esac; }}
refuse() {{
  {blame_script("$i")}
  echo "$1: $name is not wiped; apply again: the next plan backs it up as it is then" >&2; exit 1
}}
bytes() {{ od -An -v -tx1 | tr -d ' \\n'; }}
# All is read by one program each, and a line at a time: a shell takes long to cut long texts.
by_line() {{ IFS=$nl; set -f; }}
by_word() {{ unset IFS; set +f; }}
for i in {every}; do
  of $i
  [ -f "$manifest" ] || refuse "the manifest of its backup, $manifest, is gone"
done
all=$(cat {manifests}) || refuse "a manifest cannot be read"
left='{every} '; files= owners=' '; n=0 instance=
i=${{left%% *}}; of "$i"
by_line
for line in $all; do
  by_word
  [ -n "$i" ] || {{ i=$last; refuse "$manifest is cut"; }}
  n=$((n+1))
  case $n,$line in
    1,"{FIRST_LINE}") ;;
    1,*) refuse "$manifest is no manifest of a verified backup";;
    *,"instance "*) instance=${{line#* }};;
    *,"file "*) files="$files$i ${{line#* }}$nl";;
    *,"end "*)
      [ "$line" = "end $((n-1))" ] || refuse "$manifest is cut"
      [ -n "$instance" ] || refuse "$manifest names no instance"
      owners="$owners$i:$instance "; n=0 instance= last=$i; left=${{left#* }}; i=${{left%% *}}
      of "$i";;
  esac
done
by_word
[ -z "$i" ] || refuse "$manifest is cut"
set --
for i in {every}; do
  of $i
  for f in "$snap"/*.snap "$wal"/*.xlog; do [ ! -f "$f" ] || set -- "$@" "$f"; done
done
heads=; [ $# -eq 0 ] || heads=$(head -v -c 1024 "$@" | tr -cd '\\11\\12\\40-\\176')
written=$nl
by_line
for line in $heads; do
  case $line in
    "==> "*" <==") f=${{line#"==> "}}; f=${{f%" <=="}};;
    "Instance: "*|"Server: "*) written="$written${{line#*: }} $f$nl";;
  esac
done
by_word
split() {{ # `NUMBER SHA-256 BYTES NAME`
  i=${{1%% *}}; file=${{1#* }}; sum=${{file%% *}}; file=${{file#* }}; size=${{file%% *}}; file=${{file#* }}
  of "$i"
}}
set --
by_line
for line in $files; do
  by_word; split "$line"
  [ -n "$backup" ] || continue
  [ -f "$backup/$file" ] || refuse "$backup/$file is missing"
  set -- "$@" "$backup/$file"
done
by_word
for i in {every}; do
  of $i
  for f in "$wal"/*.xlog; do [ ! -f "$f" ] || set -- "$@" "$f"; done
done
sums=; [ $# -eq 0 ] || sums=$(sha256sum "$@") || refuse "what its backup has cannot be read"
for i in {every}; do
  of $i
  for f in "$snap"/*.snap; do [ ! -f "$f" ] || set -- "$@" "$f"; done
done
sizes=; [ $# -eq 0 ] || sizes=$(stat -c '%s %n' "$@") || refuse "what its backup has cannot be read"
sums=$nl$sums$nl; sizes=$nl$sizes$nl
digested() {{ case $sums in *"$nl$2  $1$nl"*) ;; *) return 1;; esac; }}
sized() {{ case $sizes in *"$nl$2 $1$nl"*) ;; *) return 1;; esac; }}
ours() {{
  for owner in $owners; do case $owner in "$i:"*) instance=${{owner#*:}};; esac; done
  case $written in *"$nl$instance $1$nl"*) ;; *) refuse "$1 is of another instance than the backup ($instance)";; esac
}}
known=$nl
by_line
for line in $files; do
  by_word; split "$line"
  known="$known$i $file$nl"
  if [ -n "$backup" ]; then
    sized "$backup/$file" "$size" || refuse "$backup/$file has not $size bytes any more"
    digested "$backup/$file" "$sum" || refuse "$backup/$file is not what was verified"
  fi
  case $file in
    snap/*)
      f=$snap/${{file#*/}}
      [ -f "$f" ] || continue
      ours "$f"
      sized "$f" "$size" || refuse "$f has another size than in the backup ($size bytes)";;
    wal/*)
      f=$wal/${{file#*/}}
      [ -f "$f" ] || continue
      ours "$f"
      if sized "$f" "$size"; then
        digested "$f" "$sum" || refuse "$f is not what the backup has"
      else
        sized "$f" $((size + 4)) && [ "$(tail -c 4 "$f" | bytes)" = d510aded ] ||
          refuse "$f has not the $size bytes that it has in the backup: rows were written since"
        [ "$(head -c "$size" "$f" | sha256sum)" = "$sum  -" ] || refuse "$f does not begin as the backup has it"
      fi;;
  esac
done
by_word
for i in {every}; do
  of $i
  for f in "$snap"/*.snap; do
    [ -f "$f" ] || continue
    case $known in *"$nl$i snap/${{f##*/}}$nl"*) ;; *) refuse "$f is in no verified backup";; esac
  done
  for f in "$wal"/*.xlog; do
    [ -f "$f" ] || continue
    case $known in *"$nl$i wal/${{f##*/}}$nl"*) continue;; esac
    ours "$f"
    content=$(head -c 2048 "$f" | bytes)
    case $content in *d5ba0bab*|*d5ba0bba*) refuse "$f has rows that no backup has";; esac
    [ "$(stat -c %s "$f")" -lt 2048 ] || refuse "$f has rows that no backup has"
    case $content in *0a0a|*0a0ad510aded) ;; *) refuse "$f is in no verified backup";; esac
  done
done
"""
