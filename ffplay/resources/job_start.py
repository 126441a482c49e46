"""The sh that starts a detached job: once, whoever else starts it at the same time or died while starting it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from ffplay.resources.base import quote
from ffplay.resources.job_script import LIFE, MUTEX, STATE, Part, starts_of

# The exit code of a start where something else of the kind still runs.
BUSY = 75

# This directory is there where systemd is process 1.
SYSTEMD = "/run/systemd/system"

# Between SIGTERM and SIGKILL at a deadline, in seconds.
_GRACE_SECONDS = 10

# So long a start waits for its process to report, in seconds.
_START_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Start:
    """What a start needs to know beside its parts.

    `work` names what the job is a part of, `run` the run that starts it; `kept` is how an end counts that is there
    already: sh over the words $s (`state`) and $r (`noted`) that succeeds where it is taken and not run again.
    `limit` is the deadline in seconds, empty for none; `user` as in `Job`. `alone` tells that what is left of others of
    the kind is of no use any more.
    """

    work: str
    run: str
    kept: str
    limit: str
    user: str | None
    alone: bool


# What runs detached. Its folder is in its command line, which is how `alive` knows it. A signal to the whole group ends
# the tool, and its exit code is still noted. The watch has a group of its own: it outlives what it ends. What runs may
# hold secrets: it is no argument, and its folder is for nobody else.
_WRAPPER = (
    LIFE
    + r"""d=$1
{ echo $$ > "$2/pid" && mv -T "$2" "$d"; } 2>/dev/null || exit 0
. "$d/env"
cd "$(cat "$d/cwd")" 2>/dev/null || cd /
trap : HUP INT TERM
w=
if [ -s "$d/limit" ]; then
  setsid sh "$d/watch" "$d" "$(cat "$d/limit")" </dev/null >/dev/null 2>&1 &
  w=$!
fi
user=$(cat "$d/user")
if [ -z "$user" ]; then
  sh "$d/run" </dev/null >"$d/log" 2>&1
else
  eval "home=~$user"
  runuser -u "$user" -- env HOME="$home" USER="$user" LOGNAME="$user" sh -c 'eval "$(cat <&9)" 9<&-' \
    9<"$d/run" </dev/null >"$d/log" 2>&1
fi
rc=$?
if [ -f "$d/late" ]; then rc=124; wait "$w"
elif [ -n "$w" ]; then kill -KILL "-$w" "$w"; fi 2>/dev/null
echo $rc > "$d/rc.new"; mv "$d/rc.new" "$d/rc"
"""
)
_WATCH = (
    LIFE
    + rf"""d=$1
sleep "$2"
alive || exit 0
echo "$2" > "$d/late"
kill -TERM "-$p"
n=0
while others && [ $n -lt {_GRACE_SECONDS * 10} ]; do n=$((n+1)); sleep 0.1; done
others && kill -KILL "-$p"
"""
)

# What an earlier start that was broken off has prepared may just be putting itself in place. `void` renames it away: of
# the two renames the later one fails.
_VOID = r"""void() {
  for o in "${job%-*}"-*/.new.*; do
    [ ! -d "$o" ] || mv -T "$o" "${o%/*}/.void.${o##*/}" 2>/dev/null
  done
  rm -rf "${job%-*}"-*/.void.* "${job%-*}"-*/.old.*
}
"""

# `launch` starts what was prepared in $new; it puts itself in place at $d. A unit whose process was killed lingers
# under its name until it is reset (systemd 229 has no option for that), and what it left behind is ended with it.
_LAUNCH = rf"""failed() {{ echo "$1" >&2; cat "$new/said" >&2; void; exit 1; }}
launch() {{
  if [ "$(id -u)" = 0 ] && [ -d "$systemd" ] && command -v systemd-run >/dev/null; then
    systemctl stop "$unit" >/dev/null 2>&1
    systemctl reset-failed "$unit" >/dev/null 2>&1
    systemd-run --unit="$unit" --description="ffplay: $d" /bin/sh "$new/start" "$d" "$new" </dev/null \
      >"$new/said" 2>&1 || failed "systemd-run could not start $unit"
  else
    setsid sh "$new/start" "$d" "$new" </dev/null >/dev/null 2>&1 &
  fi
  t=0
  while [ -d "$new" ] && [ $t -lt {_START_SECONDS * 50} ]; do t=$((t+1)); sleep 0.02; done
  [ ! -d "$new" ] || void
  [ -d "$d" ] || {{ echo "no process of $d within {_START_SECONDS} s" >&2; exit 1; }}
}}
"""

# What belongs to a session that ends is of no use to a job; all else (PATH, LANG, HOME, proxies) is as in the session.
_ENVIRONMENT = r"""(umask 077; : > "$new/env") && { export -p && echo "umask $(umask)" && echo unset SSH_AUTH_SOCK \
  SSH_CLIENT SSH_CONNECTION SSH_TTY XDG_SESSION_ID XDG_RUNTIME_DIR DBUS_SESSION_BUS_ADDRESS; } > "$new/env" || exit
"""


def start_script(job: str, parts: Sequence[Part], start: Start) -> str:
    """Return sh that starts every process that neither runs nor has done its part, or says what is in the way."""
    mine = "\n".join(f"  {quote([part.folder])}) ! is {quote([part.text])} || continue;;" for part in parts)
    whole = "\n".join(f"d={quote([part.folder])}; has {quote([part.text])} || whole=" for part in parts)
    others = 'for o in "${job%-*}"-*; do [ "$o" = "$job" ] || rm -rf "$o"; done' if start.alone else ":"
    return f"""{LIFE}{STATE}{MUTEX}{_VOID}{_LAUNCH}
job={quote([job])} starts={quote([starts_of(job)])} systemd={SYSTEMD}
{_user(start.user)}
has() {{
  is "$1" || return 1
  s=$(state) r=$(cat "$d/noted" 2>/dev/null)
  [ "$s" = running ] || {start.kept}
}}
begin
mkdir -p "$job" || exit
void
busy=
for d in "${{job%-*}}"-*/*; do
  alive || continue
  case $d in
{mine}
  esac
  busy=1; printf '%s still runs (pid %s, run %s):\\n%s\\n' "$d" "$p" "$(cat "$d/by")" "$(cat "$d/run")" >&2
done
[ -z "$busy" ] || exit {BUSY}
whole=1
{whole}
[ -z "$whole" ] || exit 0
{others}
{"".join(_start_one(part, start) for part in parts)}"""


def _user(user: str | None) -> str:
    """Return sh that sets `user`, empty for the user whose shell this is. Only root may become another one."""
    if user is None:
        return "user="
    wanted = quote([user]) if user else '"${SUDO_USER:-}"'
    return f"""user={wanted}
if [ "$user" = "$(id -un)" ]; then user=; fi
[ -z "$user" ] || id -u "$user" >/dev/null || exit
[ -z "$user" ] || [ "$(id -u)" = 0 ] || {{ echo "only root can start a detached command as $user" >&2; exit 1; }}"""


def _start_one(part: Part, start: Start) -> str:
    """Return sh that starts one process unless it runs."""
    return f"""d={quote([part.folder])} n={part.folder.rpartition("/")[2]} unit={quote([part.unit])}
alive || {{
[ ! -e "$d" ] || mv -T "$d" "$job/.old.$n.$$" || exit
new=$job/.new.$n.$$
mkdir -m 700 "$new" || exit
{_file("run", part.text)}
{_file("start", _WRAPPER)}
{_file("watch", _WATCH)}
echo {quote([start.limit])} | tr -d '\\n' > "$new/limit"
echo "$user" > "$new/user"; echo {quote([start.work])} > "$new/work"; pwd > "$new/cwd"
cat /proc/sys/kernel/random/boot_id > "$new/boot" 2>/dev/null
echo {quote([start.run])} "$(date -u '+%Y-%m-%d %H:%M:%S UTC')" > "$new/by" || exit
{_ENVIRONMENT}launch
}}
"""


def _file(name: str, text: str) -> str:
    """Return sh that writes a file of a folder that is prepared; no line of the text can be the end of it."""
    end = f"FFPLAY_{hashlib.sha256(text.encode()).hexdigest()[:16]}"
    return f"cat > \"$new/{name}\" <<'{end}' || exit\n{text}\n{end}"
