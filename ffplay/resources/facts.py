"""What a host is: memory, clock, disks, programs, shard instances, models; read only, and all of it in one script."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ffplay.remote.base import Reply
from ffplay.resources.base import ShellResource, at_once, quote
from ffplay.resources.differences import text_of


@dataclass(frozen=True, slots=True)
class Room:
    """The file system that a path is on, or would be on once it is made: `free` and `total` are bytes."""

    path: str
    device: int
    mount: str
    free: int
    total: int

    def links_to(self, other: Room) -> bool:
        """Tell whether a hard link may lead from one to the other: not from one bind mount of a device to another."""
        return (self.device, self.mount) == (other.device, other.mount)


@dataclass(frozen=True, slots=True)
class Instance:
    """A systemd unit of a Tarantool instance: `active` is its ActiveState, empty where it is not loaded."""

    unit: str
    active: str
    enabled: bool


@dataclass(frozen=True, slots=True)
class HostState:
    """Facts of one host. `memory` and `available` are bytes.

    `skew` is by how many seconds at least the host's clock is ahead of this machine's (behind: negative): what the
    question took is in the host's favour. `rooms` has an entry for each asked path; `programs` and `models` hold those
    of the asked ones that are installed; `files` are the shard files that the host has, `instances` their units.
    """

    memory: int = 0
    available: int = 0
    cores: int = 0
    skew: int = 0
    rooms: tuple[Room, ...] = ()
    programs: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    instances: tuple[Instance, ...] = ()

    def room(self, path: str) -> Room:
        """Return the file system of an asked path. Raise KeyError for a path that was not asked for."""
        return {room.path: room for room in self.rooms}[path]


@dataclass(frozen=True, slots=True)
class HostFacts(ShellResource):
    """The facts of a host. Value: `HostState`.

    `instances_dir` has the shards' Lua files, `unit_prefix` begins the names of their units, `units_dir` is where
    systemd keeps which of them are enabled; all empty where no shards are looked for. A model of `models` is installed
    where `models_dir` or a directory in it has a file of its name, with any ending.
    """

    paths: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    instances_dir: str = ""
    unit_prefix: str = ""
    units_dir: str = ""
    models_dir: str = ""
    models: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """Return a word for all of them."""
        return "host facts"

    def read_script(self) -> str:
        """Print a line a fact. The clock goes first, with this machine's own time at which the question was asked."""
        programs = quote(self.programs) if self.programs else "sh"
        lines = [
            f'echo "clock $(date +%s) {time.time():.3f}"',
            "while read -r key value rest; do\n"
            '  case $key in MemTotal:) echo "memory $value";; MemAvailable:) echo "available $value";; esac\n'
            "done < /proc/meminfo",
            'echo "cores $(nproc)"',
            f'for c in {programs}; do command -v "$c" >/dev/null 2>&1 && echo "program $c"; done',
        ]
        if self.paths:
            lines.append(_ROOMS.format(paths=quote(self.paths)))
        if self.models_dir:
            lines.append(_MODELS.format(models=quote(self.models), directory=shlex.quote(self.models_dir)))
        if self.instances_dir:
            lines.append(
                _INSTANCES.format(
                    files=shlex.quote(self.instances_dir),
                    prefix=shlex.quote(self.unit_prefix),
                    units=shlex.quote(self.units_dir),
                )
            )
        return at_once("\n".join([*lines, ":"]))

    def parse(self, reply: Reply) -> HostState:
        """Return the facts. Raise ValueError where the host gave none."""
        told: dict[str, list[str]] = {}
        for line in reply.text.splitlines():
            word, _, rest = line.partition(" ")
            told.setdefault(word, []).append(rest)
        if not {"memory", "cores", "clock"} <= told.keys():
            raise ValueError(f"the host told too little of itself: {reply.error_text.strip()}")
        memory = int(told["memory"][0]) * 1024
        return HostState(
            memory,
            int(told["available"][0]) * 1024 if "available" in told else memory,
            int(told["cores"][0]),
            _skew(*told["clock"][0].split(" ")),
            tuple(map(_room, self.paths, told.get("df", ()), told.get("device", ()))),
            tuple(told.get("program", ())),
            tuple(told.get("model", ())),
            tuple(told.get("file", ())),
            _instances(told.get("unit", ()), told.get("enabled", ()), self.unit_prefix),
        )

    def facts(self, value: HostState) -> Mapping[str, str]:
        """Return what a host is made of; what is free on it, and its clock, change by themselves."""
        rooms = {f"file system of {room.path}": room.mount for room in value.rooms}
        units = {f"unit {one.unit}": f"{one.active or 'not loaded'}, {_enabled(one)}" for one in value.instances}
        return {
            "memory": f"{value.memory >> 20} MiB",
            "cores": text_of(value.cores),
            "programs": text_of(value.programs),
            "models": text_of(value.models),
            "shard files": text_of(value.files),
            **rooms,
            **units,
        }


def _enabled(one: Instance) -> str:
    return "enabled" if one.enabled else "not enabled"


# A path that is not there yet will be on the file system of the nearest directory above it.
_ROOMS = r"""set --
for p in {paths}; do
  q=$p; while [ ! -e "$q" ]; do case $q in /*/*) q=${{q%/*}};; *) q=/;; esac; done
  set -- "$@" "$q"
done
df -Pk "$@" | {{ read -r head; while IFS= read -r line; do echo "df $line"; done; }}
stat -c "device %d" "$@"
"""

_MODELS = """for m in {models}; do
  for f in {directory}/"$m" {directory}/"$m".* {directory}/*/"$m" {directory}/*/"$m".*; do
    [ -e "$f" ] && echo "model $m" && break
  done
done"""

# Enabled are the links below *.wants: systemd 229 does not list instances of a template among the unit files.
_INSTANCES = """for f in {files}/*.lua; do [ -f "$f" ] && echo "file ${{f##*/}}"; done
systemctl list-units --all --full --no-legend --no-pager {prefix}'*' 2>/dev/null |
  while read -r line; do echo "unit $line"; done
for f in {units}/*.wants/{prefix}*; do [ -L "$f" ] && echo "enabled ${{f##*/}}"; done"""


def _skew(clock: str, asked: str) -> int:
    """Return how far the clock is from the time that went by between question and answer; 0 where it is within it."""
    seen = int(clock)
    answered = time.time()
    if seen > answered:
        return int(seen - answered)
    # The host's second had up to a second more when it was told.
    return min(0, int(seen + 1 - float(asked)))


def _room(path: str, line: str, device: str) -> Room:
    """Return a file system by its line of `df -P` (a mount point may have spaces) and its device."""
    _, total, _, free, _, mount = line.split(None, 5)
    return Room(path, int(device), mount, int(free) * 1024, int(total) * 1024)


def _instances(loaded: Iterable[str], enabled: Iterable[str], prefix: str) -> tuple[Instance, ...]:
    """Return the instances by the lines of `systemctl list-units` (a dot may come first) and their enabled units."""
    found: dict[str, str] = {}
    for line in loaded:
        words = line.split()
        at = next((index for index, word in enumerate(words) if word.startswith(prefix)), None)
        if at is not None and len(words) > at + 2:
            found[words[at]] = words[at + 2]
    on = set(enabled)
    return tuple(
        Instance(name.removesuffix(".service"), found.get(name, ""), name in on) for name in sorted({*found, *on})
    )
