"""The sh of detached jobs: how a process is known again, followed, and forgotten; `job_start` has how it is started.

A job's directory holds a folder a process (1, 2, ...), and each folder: `run` (what runs), `work` (what it is a part
of), `by` (the run that started it, and when), `pid`, `log`, `rc` (the exit code, once it has one), `limit` (its
deadline in seconds), `late` (it met its deadline) and `noted` (the run that took note of its end). Such a folder is
made whole under another name and put in place by the process itself, by one rename: a folder in place has had its
process, and a start that was broken off leaves none there.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from ffplay.resources.base import quote

# Of a log so many bytes are kept for what is registered.
KEPT_BYTES = 65536

# So long a start waits for another start on the host, in seconds.
_MUTEX_SECONDS = 90


@dataclass(frozen=True, slots=True)
class Part:
    """One process of a job: its folder, and the whole content of `run`; what has another one is another job's."""

    folder: str
    text: str

    @property
    def unit(self) -> str:
        """Return the name of its transient unit; a job in another directory has another one."""
        name = "-".join(self.folder.rsplit("/", 2)[1:])
        digest = hashlib.sha256(self.folder.encode()).hexdigest()[:8]
        return f"ffplay-{re.sub(r'[^A-Za-z0-9_.-]', '_', name)[:150]}-{digest}.service"


# `alive` succeeds while the process of folder $d lives, and leaves its id in $p: the id may have been given to another
# program meanwhile, so the command line must name the folder. Where the process itself is gone, its children (the tool)
# may live on in its group; what nobody has reaped yet is no life. After a reboot nothing lives.
LIFE = r"""others() {
  for f in /proc/[0-9]*/stat; do
    { read -r s < "$f"; } 2>/dev/null || continue
    f=${f#/proc/}
    set -- ${s##*) }
    [ "$3" != "$p" ] || [ "$1" = Z ] || [ "${f%/stat}" = "$p" ] || return 0
  done
  return 1
}
alive() {
  p= b= c=
  [ ! -f "$d/rc" ] && { read -r p < "$d/pid"; } 2>/dev/null && [ -n "$p" ] || return 1
  { read -r b < "$d/boot"; read -r c < /proc/sys/kernel/random/boot_id; } 2>/dev/null
  [ "$b" = "$c" ] || return 1
  case " $(tr '\0' ' ' 2>/dev/null < "/proc/$p/cmdline")" in *" $d "*) return 0;; " ") ;; *) return 1;; esac
  kill -0 "-$p" 2>/dev/null && others
}
"""

# `state` says what became of the process of $d: `running`, its exit code, `late` at its deadline, or `vanished`.
STATE = r"""state() {
  if alive; then echo running; return; fi
  e=$(cat "$d/rc" 2>/dev/null)
  case $e in ''|124) if [ -f "$d/late" ]; then e=late; fi;; esac
  echo "${e:-vanished}"
}
is() { [ "$(cat "$d/run" 2>/dev/null)" = "$1" ]; }
"""

# Only one start at a time on a host, for it looks at other jobs too. A start holds the last number until its process is
# gone, however that ends. The next number goes to the one whose rename succeeds. The last one always stays, so none is
# given twice: who finds a later one than his own was too slow, and steps back.
MUTEX = rf"""born() {{
  {{ read -r s < "/proc/$1/stat"; }} 2>/dev/null || return
  {{ read -r c < /proc/sys/kernel/random/boot_id; }} 2>/dev/null
  set -- ${{s##*) }}
  [ "$1" = Z ] || echo "${{20}} $c"
}}
held() {{ {{ read -r o b < "$1/owner"; }} 2>/dev/null && [ "$(born "$o")" = "$b" ] && [ -n "$b" ]; }}
last() {{
  m=0
  for t in "$starts"/[0-9]*; do
    t=${{t##*/}}
    case $t in *[!0-9]*) ;; *) [ "$t" -le $m ] || m=$t;; esac
  done
}}
begin() {{
  mine=$starts/.new.$$
  mkdir -p "$starts" && rm -rf "$mine" && mkdir "$mine" && echo "$$ $(born $$)" > "$mine/owner" || exit
  n=0 k=-1
  while last; [ $m -ne $k ]; do
    [ $k -lt 0 ] || mv -T "$starts/$k" "$mine" || exit
    k=-1 n=$((n+1))
    [ $n -lt {_MUTEX_SECONDS * 10} ] || {{ rm -rf "$mine"; echo "another start is at work: $starts/$m" >&2; exit 1; }}
    if [ $m -gt 0 ] && held "$starts/$m"; then sleep 0.1; continue; fi
    mv -T "$mine" "$starts/$((m+1))" 2>/dev/null && k=$((m+1))
  done
  for t in "$starts"/[0-9]*; do [ "$t" = "$starts/$k" ] || rm -rf "$t"; done
}}
"""


def status_script(job: str, parts: Sequence[Part]) -> str:
    """Return sh that prints a line for each process of the job, and for each other of its kind that runs.

    Tab-separated: number or `busy`, state, pid, run with its time, who took note, the first line of what it runs, and
    of a good end that was noted the end of the log in base64.
    """
    mine = "\n".join(
        f"  {quote([part.folder])}) ! is {quote([part.text])} || w={part.folder.rpartition('/')[2]};;" for part in parts
    )
    return f"""{LIFE}{STATE}job={quote([job])}
for d in "${{job%-*}}"-*/*; do
  [ -d "$d" ] || continue
  w=busy
  case $d in
{mine}
  esac
  s=$(state)
  [ "$w" != busy ] || [ "$s" = running ] || continue
  l=; {{ read -r l < "$d/run"; }} 2>/dev/null
  r=$(cat "$d/noted" 2>/dev/null) o=
  [ -z "$r" ] || [ "$s" != 0 ] || o=$(tail -c {KEPT_BYTES} "$d/log" | base64 | tr -d '\\n')
  printf '%s\\t%s\\t%s\\t%s\\t%s\\t%s\\t%s\\n' $w "$s" "$(cat "$d/pid")" "$(cat "$d/by")" \\
    "$r" "$l" "$o"
done
:"""


def jobs_script(jobs: str) -> str:
    """Return sh that prints a line for each process of all jobs below a directory.

    Tab-separated: folder, what it runs in base64, and then as `status_script` does without the first line of that.
    """
    return f"""{LIFE}{STATE}for d in {quote([jobs])}/*-*/*; do
  [ -f "$d/run" ] || continue
  s=$(state)
  r=$(cat "$d/noted" 2>/dev/null) o=
  [ -z "$r" ] || [ "$s" != 0 ] || o=$(tail -c {KEPT_BYTES} "$d/log" | base64 | tr -d '\\n')
  printf '%s\\t%s\\t%s\\t%s\\t%s\\t%s\\t%s\\n' "$d" "$(base64 < "$d/run" | tr -d '\\n')" "$s" \\
    "$(cat "$d/pid")" "$(cat "$d/by")" "$r" "$o"
done
:"""


def poll_script(folder: str, offset: int, seconds: float) -> str:
    """Return sh that waits a while for the end, prints a line of `state`, then the log from `offset` on."""
    return f"""{LIFE}{STATE}d={quote([folder])}
n=0; while [ $n -lt {seconds * 20:.0f} ] && alive; do
  if [ $n -lt 8 ]; then n=$((n+1)); sleep 0.05; else n=$((n+4)); sleep 0.2; fi
done
s=$(state)
if [ "$s" = late ]; then s="late $(cat "$d/late")"; fi
echo "$s"
tail -c +{offset + 1} "$d/log" 2>/dev/null; :"""


def note_script(folders: Sequence[str], run: str) -> str:
    """Return sh that writes down that a run took note of how the processes ended."""
    lines = (
        f'd={quote([folder])}; echo {quote([run])} > "$d/noted.new" && mv "$d/noted.new" "$d/noted"'
        for folder in folders
    )
    return " || exit\n".join(lines)


def forget_script(jobs: str, works: Sequence[str]) -> str:
    """Return sh that removes, below the directory of all jobs, what is left of works that are over."""
    return f"""{LIFE}{MUTEX}starts={quote([starts_of(f"{jobs}/any")])}
[ -d "$starts" ] || exit 0
begin
for d in {quote([jobs])}/*/*; do
  case $(cat "$d/work" 2>/dev/null) in {"|".join(quote([work]) for work in works)}) ;; *) continue;; esac
  alive || {{ rm -rf "$d"; rmdir "${{d%/*}}" 2>/dev/null; }}
done
:"""


def starts_of(job: str) -> str:
    """Return the directory in which the starts of a job and of all beside it take their turns."""
    return f"{job.rpartition('/')[0]}/.starts"
