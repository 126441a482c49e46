"""systemd units: what state they are in, and how they are started, stopped and restarted so that it can be believed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ffplay.model import Unknown
from ffplay.remote.base import Reply
from ffplay.resources.base import NOTHING, ShellResource, only, quote
from ffplay.resources.differences import facts_of, otherwise, text_of
from ffplay.resources.unit_scripts import LOOK, blame_cases, start_script, stop_script

# Read as `Key=value` lines in whatever order systemd prints them.
_PROPERTIES = "LoadState,ActiveState,MainPID,ExecMainStartTimestamp,UnitFileState"
_STARTED = "ExecMainStartTimestamp="

# What comes before the times.
_STARTS = "starts"


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

    @property
    def group(self) -> type[Units]:
        """Return what reads many at once."""
        return Units

    def read_script(self) -> str:
        """Print the unit's properties, then the start of its process in seconds since 1970."""
        return Units((self,)).read_script()

    def parse(self, reply: Reply) -> UnitState:
        """Return the state. Raise ValueError where systemd did not answer."""
        found: UnitState = only(Units((self,)).parse(reply))
        return found

    def bring_script(self, before: Any, after: Any) -> str:
        """Start, stop or restart; enable or disable where the plan says so."""
        return self.joint([(self, before, after)])

    @classmethod
    def joint(cls, changes: Sequence[tuple[Any, Any, Any]]) -> str:
        """Bring many at once: systemd starts and stops them at the same time, and they are waited for together."""
        lines = [blame_cases([unit.name for unit, _, _ in changes]), LOOK]
        starts: dict[str, list[str]] = {}
        stops: list[tuple[str, int]] = []
        for unit, before, after in changes:
            if after.enabled is not None and after.enabled != before.enabled:
                verb = "enable" if after.enabled == "enabled" else "disable"
                lines.append(f"systemctl {verb} {quote([unit.name])} || {{ blame {quote([unit.name])}; exit 1; }}")
            if after.active == "active" and (isinstance(after.since, Unknown) or before.active != "active"):
                starts.setdefault("restart" if isinstance(after.since, Unknown) else "start", []).append(unit.name)
            elif after.active == "inactive" and before.active != "inactive":
                stops.append((unit.name, before.pid))
        lines += [stop_script(stops)] if stops else []
        lines += [start_script(names, verb) for verb, names in starts.items()]
        return "\n".join(lines)

    def behind_joint(self, before: Any, after: Any) -> str:
        """Return nothing: all of it is done together."""
        return NOTHING

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


@dataclass(frozen=True, slots=True)
class Units(ShellResource):
    """Several units in one reading. Value: for each its `UnitState`, or the ValueError that says what is wrong."""

    units: tuple[Unit, ...]

    @property
    def label(self) -> str:
        """Return the units' names."""
        return ", ".join(unit.name for unit in self.units)

    def read_script(self) -> str:
        """Print the properties of each, a blank line between, then when their processes started in seconds since 1970.

        systemd 229 writes weekdays in the host's language, which date does not read.
        """
        names = quote(unit.name for unit in self.units)
        return f"""found=$(LC_ALL=C systemctl show -p {_PROPERTIES} {names}) || exit
printf '%s\\n' "$found" {_STARTS}
printf '%s\\n' "$found" | while IFS= read -r line; do
  case $line in {_STARTED}?*) echo "${{line#*=}}";; esac
done | date -f - +%s 2>/dev/null; :"""

    def parse(self, reply: Reply) -> tuple[UnitState | ValueError, ...]:
        """Return the states. Raise ValueError where not every unit has an answer."""
        listing, _, starts = reply.text.partition(f"\n{_STARTS}\n")
        blocks = listing.strip("\n").split("\n\n")
        if reply.code or len(blocks) != len(self.units):
            raise ValueError(f"systemctl show {self.label}: {reply.error_text.strip() or 'no answer'}")
        started = [bool(re.search(f"^{_STARTED}.", block, re.MULTILINE)) for block in blocks]
        seconds = [int(line) for line in starts.split()]
        # Where date could not read one, nobody knows whose the others are.
        told = iter(seconds if len(seconds) == sum(started) else [0] * len(blocks))
        every = [next(told) if one else 0 for one in started]
        return tuple(map(_state, (unit.name for unit in self.units), blocks, every))


def _state(name: str, block: str, started: int) -> UnitState | ValueError:
    """Return a unit's state by its properties, and by when its main process started."""
    found = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
    if "ActiveState" not in found:
        return ValueError(f"systemctl show {name}: no answer")
    active = found["ActiveState"]
    since = started if active == "active" else 0
    return UnitState(
        active, found.get("LoadState", ""), int(found.get("MainPID") or 0), since, found.get("UnitFileState") or None
    )
