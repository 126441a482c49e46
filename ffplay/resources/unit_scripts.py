"""sh that starts and stops units so that it can be believed, and that proves that shards are dead."""

from __future__ import annotations

from collections.abc import Sequence

from ffplay.model import Shard
from ffplay.resources.base import blame_script, quote

# How long a unit may take to start or stop, in seconds, before the change counts as failed. A shard of 10,000,000 faces
# reads its snapshot before it is ready, hence minutes.
START_SECONDS = 600
STOP_SECONDS = 300

# systemd may start a unit anew after its RestartSec; a longer one than this is not waited for, in seconds.
_RESTART_SECONDS = 60

# `look UNIT...` prints a line a unit: its name, its ActiveState, its MainPID. systemd prints them in the order given.
LOOK = """look() {
  systemctl show -p ActiveState,MainPID "$@" | {
    a= p=
    while IFS== read -r k v; do
      case $k in ActiveState) a=$v;; MainPID) p=$v;; '') echo "$1 $a $p"; shift; a= p=;; esac
    done
    [ -z "$a$p" ] || echo "$1 $a $p"
  }
}"""


def blame_cases(units: Sequence[str]) -> str:
    """Return sh that defines `blame UNIT`, which says whose change is to blame; of a single one nobody asks."""
    cases = " ".join(f"{quote([unit])}) {blame_script(number)};;" for number, unit in enumerate(units))
    return f"blame() {{ case $1 in {cases if len(units) > 1 else '*) ;;'} esac; }}"


def start_script(names: Sequence[str], verb: str) -> str:
    """Return sh that starts units and waits until all are stably active.

    A unit that crashes at once is `active` or `activating` in between (Restart=on-failure), so one look proves
    nothing: the same main processes must be seen for 0.8 s, by three looks. reset-failed first, for a unit that hit its
    start limit refuses to start.
    """
    units = quote(names)
    return f"""down() {{ blame "$1"; {_why('"$1"')}; exit 1; }}
set -- {units}
systemctl reset-failed "$@" 2>/dev/null
systemctl {verb} "$@" || {{
  while read -r u a p; do [ "$a" = active ] || down "$u"; done <<FFPLAY_LOOK
$(look "$@")
FFPLAY_LOOK
  down "$1"
}}
seen=; stable=0; waited=0
while [ $stable -lt 2 ]; do
  now=$(look "$@"); late=
  while read -r u a p; do
    case $a in
      active) ;;
      failed|inactive) echo "$u did not stay up" >&2; down "$u";;
      *) late=${{late:-$u}};;
    esac
  done <<FFPLAY_LOOK
$now
FFPLAY_LOOK
  if [ -z "$late" ] && [ "$now" = "$seen" ]; then stable=$((stable+1)); else stable=0; fi
  seen=$now; waited=$((waited+1))
  [ $waited -lt {START_SECONDS * 5 // 2} ] || {{
    echo "${{late:-$1}} is not stably active after {START_SECONDS} s" >&2; blame "${{late:-$1}}"; exit 1
  }}
  sleep 0.4
done"""


def stop_script(units: Sequence[tuple[str, int]]) -> str:
    """Return sh that stops units and waits until their processes are gone and no successors have come."""
    names = quote(name for name, _ in units)
    lives = "\n".join(
        f"  ! kill -0 {pid} 2>/dev/null || left=${{left:-{quote([name])}}}" for name, pid in units if pid > 0
    )
    return f"""set -- {names}
systemctl stop "$@" || exit
waited=0; gone=0
while :; do
  left=$(look "$@" | while read -r u a p; do
    case $a:$p in inactive:0|failed:0) ;; *) echo "$u"; break;; esac
  done)
{lives}
  if [ -z "$left" ]; then gone=$((gone+1)); else gone=0; fi
  [ $gone -lt 2 ] || break
  waited=$((waited+1))
  [ $waited -lt {STOP_SECONDS * 5} ] || {{
    echo "$left still runs after {STOP_SECONDS} s" >&2; blame "$left"; exit 1
  }}
  sleep 0.2
done
systemctl reset-failed "$@" 2>/dev/null; :"""


def dead_script(shards: Sequence[tuple[int, Shard, Sequence[str]]]) -> str:
    """Return sh that exits 1 unless shards are proved dead: now, and after their units' RestartSec as well.

    Each comes with the number of its change and with its directories. A unit that is inactive proves little: systemd
    may be about to start it again, and somebody may have started Tarantool without it. A live process serves on over
    files that were moved, and comes back empty.
    """
    units = quote(shard.unit for _, shard, _ in shards)
    places = "\n".join(
        f"      {'|'.join(_holds(one) for one in dict.fromkeys(directories))})"
        f' alive {quote([shard.unit])} "is stopped, and process $p has its files open";;'
        for _, shard, directories in shards
    )
    cases = " ".join(f"{quote([shard.unit])}) {blame_script(number)};;" for number, shard, _ in shards)
    return rf"""alive() {{
  echo "$1 $2: its data must not be touched" >&2
  case $1 in {cases} esac
  exit 1
}}
{LOOK}
dead() {{
  n=0
  while read -r u a p; do
    case $a:$p in inactive:0|failed:0) n=$((n+1));; *) alive "$u" "still runs";; esac
  done <<FFPLAY_LOOK
$(look {units})
FFPLAY_LOOK
  [ $n -eq {len(shards)} ] || {{ echo "systemd does not tell of all of: {units}; no data are touched" >&2; exit 1; }}
}}
dead
pause=0; most=0
for word in $(systemctl show -p RestartUSec {units}); do
  case $word in
    *=*) pause=0; word=${{word#*=}};;
  esac
  case $word in
    *[0-9]us) pause=$((pause + 1));;
    *[0-9]ms) pause=$((pause + ${{word%ms}}));;
    *[0-9]min) pause=$((pause + 60000 * ${{word%min}}));;
    *.*[0-9]s) pause=$((pause + 1000 * ${{word%%.*}} + 1000));;
    *[0-9]s) pause=$((pause + 1000 * ${{word%s}}));;
    *[0-9]h|*[0-9]d|infinity) pause={_RESTART_SECONDS}000;;
  esac
  [ "$pause" -le "$most" ] || most=$pause
done
most=$((most + 50))
[ "$most" -le {_RESTART_SECONDS}000 ] || most={_RESTART_SECONDS}000
sleep "$((most / 1000)).$(printf %03d $((most % 1000)))"
dead
ls -l /proc/[0-9]*/exe 2>/dev/null | while IFS= read -r line; do
  case $line in *' -> '*/tarantool*) ;; *) continue;; esac
  p=${{line%%/exe -\>*}}; p=${{p##*/}}
  case "$(ls -l "/proc/$p/fd" 2>/dev/null)" in
{places}
  esac
done || exit
"""


def _holds(directory: str) -> str:
    """Return the pattern of sh for a list of open files that has one below a directory."""
    return f"*' -> '{quote([directory])}/*"


def _why(unit: str) -> str:
    """Return sh that prints what the unit last said, to standard error."""
    return f"systemctl status --no-pager -n 15 {unit} >&2 2>&1 | tail -n 20 >&2"
