"""systemd units: what state they are in, and how they are started, stopped and restarted so that it can be believed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ffplay.model import Shard, Unknown
from ffplay.remote.base import Reply
from ffplay.resources.base import ShellResource, quote
from ffplay.resources.differences import facts_of, otherwise, text_of

# How long a unit may take to start or stop, in seconds, before the change counts as failed. A shard of 10,000,000 faces
# reads its snapshot before it is ready, hence minutes.
START_SECONDS = 600
STOP_SECONDS = 300

# systemd may start a unit anew after its RestartSec; a longer one than this is not waited for, in seconds.
_RESTART_SECONDS = 60

# Read as `Key=value` lines in whatever order systemd prints them.
_PROPERTIES = "LoadState,ActiveState,MainPID,ExecMainStartTimestamp,UnitFileState"


@dataclass(frozen=True, slots=True)
class UnitState:
    """What systemd says of a unit.

    `active` is its ActiveState (active, inactive, failed, activating ...), `load` its LoadState, `since` the start of
    its main process in seconds since 1970, 0 when it does not run; in a planned value `since` None is not compared and
    an `Unknown` asks for a new start. `enabled` is the UnitFileState, None where that does not matter.
    """

    active: str
    load: str = "loaded"
    pid: int = 0
    since: int | Unknown | None = None
    enabled: str | None = None

    @property
    def running(self) -> bool:
        """Tell whether the unit runs or is about to."""
        return self.active in ("active", "activating", "reloading", "deactivating")


STOPPED = UnitState("inactive")
RUNNING = UnitState("active")


def restarted(enabled: str | None = None) -> UnitState:
    """Return the planned value of a unit that is to be started anew."""
    return UnitState("active", since=Unknown("when the unit has been started again"), enabled=enabled)


@dataclass(frozen=True, slots=True)
class Unit(ShellResource):
    """One systemd unit by its full name, never a glob: a glob matches loaded units only. Value: `UnitState`."""

    name: str

    @property
    def label(self) -> str:
        """Return the unit's name."""
        return self.name

    def read_script(self) -> str:
        """Print the unit's properties, then the start of its process in seconds since 1970.

        systemd 229 writes weekdays in the host's language, which date does not read.
        """
        return (
            f"systemctl show -p {_PROPERTIES} {quote([self.name])} || exit\n"
            f"ts=$(LC_ALL=C systemctl show -p ExecMainStartTimestamp {quote([self.name])}); ts=${{ts#*=}}\n"
            '[ -z "$ts" ] || echo "Since=$(date -d "$ts" +%s 2>/dev/null)"'
        )

    def parse(self, reply: Reply) -> UnitState:
        """Return the state. Raise ValueError where systemd did not answer."""
        found = dict(line.split("=", 1) for line in reply.text.splitlines() if "=" in line)
        if reply.code or "ActiveState" not in found:
            raise ValueError(f"systemctl show {self.name}: {reply.error_text.strip() or 'no answer'}")
        active = found["ActiveState"]
        since = int(found.get("Since") or 0) if active == "active" else 0
        return UnitState(
            active,
            found.get("LoadState", ""),
            int(found.get("MainPID") or 0),
            since,
            found.get("UnitFileState") or None,
        )

    def bring_script(self, before: Any, after: Any) -> str:
        """Start, stop or restart; enable or disable where the plan says so."""
        lines = []
        if after.enabled is not None and after.enabled != before.enabled:
            lines.append(
                f"systemctl {'enable' if after.enabled == 'enabled' else 'disable'} {quote([self.name])} || exit"
            )
        if after.active == "active" and (isinstance(after.since, Unknown) or before.active != "active"):
            lines.append(_start(self.name, "restart" if isinstance(after.since, Unknown) else "start"))
        elif after.active == "inactive" and before.active != "inactive":
            lines.append(_stop(self.name, before.pid))
        return "\n".join(lines)

    def reverse(self, run: str, before: Any, after: Any) -> Any:
        """Return whether it ran, and was enabled where that was changed."""
        active = "active" if isinstance(before, Unknown) or before.running else "inactive"
        enabled = before.enabled if isinstance(before, UnitState) and after.enabled is not None else None
        return UnitState(active, enabled=enabled)

    def facts(self, value: Any) -> Mapping[str, str]:
        """Return its states: its process may be another one by now, for systemd starts what fails anew."""
        if not isinstance(value, UnitState):
            return facts_of(value)
        anew = {"start": "anew"} if isinstance(value.since, Unknown) else {}
        return {"state": value.active, "unit file": value.load, "enabled": text_of(value.enabled), **anew}

    def missed(self, before: Any, after: Any, observed: Any) -> list[str]:
        """Return which state is another one, or that a restart left the process that was there."""
        found = otherwise({"state": after.active}, {"state": observed.active})
        if after.enabled is not None:
            found += otherwise({"enabled": after.enabled}, {"enabled": text_of(observed.enabled)})
        return found or [f"main process: predicted a new one, found {observed.pid} as before"]

    def reached(self, before: Any, after: Any, observed: Any) -> bool:
        """Compare the activity; of a restart also that the main process is another one."""
        if after.enabled is not None and after.enabled != observed.enabled:
            return False
        if isinstance(after.since, Unknown) and before.pid and before.pid == observed.pid:
            return False
        return bool(after.active == observed.active)


def _start(name: str, verb: str) -> str:
    """Return sh that starts a unit and waits until it is stably active.

    A unit that crashes at once is `active` or `activating` in between (Restart=on-failure), so one look proves
    nothing: the same main process must be seen over several looks. reset-failed first, for a unit that hit its start
    limit refuses to start.
    """
    unit = quote([name])
    return f"""systemctl reset-failed {unit} 2>/dev/null
systemctl {verb} {unit} || {{ {_why(unit)}; exit 1; }}
seen=; stable=0; waited=0
while [ $stable -lt 4 ]; do
  now=$(systemctl show -p ActiveState,MainPID {unit} | sort | tr '\\n' ' ')
  case $now in
    *ActiveState=failed*|*ActiveState=inactive*) echo "{name} did not stay up" >&2; {_why(unit)}; exit 1;;
    *ActiveState=active*) if [ "$now" = "$seen" ]; then stable=$((stable+1)); else stable=0; fi;;
    *) stable=0;;
  esac
  seen=$now; waited=$((waited+1))
  [ $waited -lt {START_SECONDS * 5} ] || {{ echo "{name} is not stably active after {START_SECONDS} s" >&2; exit 1; }}
  sleep 0.2
done"""


def _stop(name: str, pid: int) -> str:
    """Return sh that stops a unit and waits until its process is gone and no successor has come."""
    unit = quote([name])
    return f"""systemctl stop {unit} || exit
waited=0; gone=0
while [ $gone -lt 2 ]; do
  now=$(systemctl show -p ActiveState,MainPID {unit} | sort | tr '\\n' ' ')
  case $now in
    *ActiveState=inactive*MainPID=0*|*ActiveState=failed*MainPID=0*)
      if [ {pid} -gt 0 ] && kill -0 {pid} 2>/dev/null; then gone=0; else gone=$((gone+1)); fi;;
    *) gone=0;;
  esac
  waited=$((waited+1))
  [ $waited -lt {STOP_SECONDS * 5} ] || {{ echo "{name} still runs after {STOP_SECONDS} s: $now" >&2; exit 1; }}
  [ $gone -ge 2 ] || sleep 0.2
done
systemctl reset-failed {unit} 2>/dev/null; :"""


def dead_script(shard: Shard, directories: list[str]) -> str:
    """Return sh that exits 1 unless a shard is proved dead: now, and after its unit's RestartSec as well.

    A unit that is inactive proves little: systemd may be about to start it again, and somebody may have started
    Tarantool without it. A live process serves on over files that were moved, and comes back empty.
    """
    unit = quote([shard.unit])
    places = "|".join(f"*' -> '{quote([one])}/*" for one in directories)
    return f"""alive() {{ echo "{shard.unit} $1: its data must not be touched" >&2; exit 1; }}
look() {{
  case "$(systemctl show -p ActiveState,MainPID {unit} | sort | tr '\\n' ' ')" in
    *ActiveState=inactive*MainPID=0*|*ActiveState=failed*MainPID=0*) ;;
    *) alive "still runs";;
  esac
}}
look
pause=0
for word in $(systemctl show -p RestartUSec {unit} | cut -d= -f2); do
  case $word in
    *[0-9]ms|*[0-9]us) pause=$((pause + 1));;
    *[0-9]min) pause=$((pause + 60 * ${{word%min}}));;
    *[0-9]s) word=${{word%s}}; pause=$((pause + ${{word%.*}} + 1));;
    *[0-9]h|*[0-9]d|infinity) pause={_RESTART_SECONDS};;
  esac
done
[ "$pause" -le {_RESTART_SECONDS} ] || pause={_RESTART_SECONDS}
sleep "$pause"
look
for p in /proc/[0-9]*; do
  case "$(readlink "$p/exe" 2>/dev/null)" in */tarantool*) ;; *) continue;; esac
  case "$(ls -l "$p/fd" 2>/dev/null)" in {places}) alive "is stopped, and process ${{p##*/}} has its files open";; esac
done
"""


def _why(unit: str) -> str:
    """Return sh that prints what the unit last said, to standard error."""
    return f"systemctl status --no-pager -n 15 {unit} >&2 2>&1 | tail -n 20 >&2"
