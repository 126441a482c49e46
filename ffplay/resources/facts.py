"""What a host is: memory, cores, clock, disks, programs; read only."""

from __future__ import annotations

from dataclasses import dataclass

from ffplay.remote.base import Reply
from ffplay.resources.base import ShellResource, quote


@dataclass(frozen=True, slots=True)
class HostState:
    """Facts of one host. `memory` and `available` are bytes, `clock` seconds since 1970 by the host's own clock.

    `free` maps each asked path to (bytes free, bytes in all) of the file system that it is or would be on; `programs`
    holds those of the asked programs that are installed; `instances` are the shard files that the host has.
    """

    memory: int = 0
    available: int = 0
    cores: int = 0
    clock: int = 0
    free: tuple[tuple[str, int, int], ...] = ()
    programs: tuple[str, ...] = ()
    instances: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HostFacts(ShellResource):
    """The facts of a host. Value: `HostState`."""

    paths: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    instances_dir: str = ""

    @property
    def label(self) -> str:
        """Return a word for all of them."""
        return "host facts"

    def read_script(self) -> str:
        """Print a line a fact."""
        paths = quote(self.paths) if self.paths else "/"
        programs = quote(self.programs) if self.programs else "sh"
        return f"""while read -r key value rest; do
  case $key in MemTotal:) echo "memory $value";; MemAvailable:) echo "available $value";; esac
done < /proc/meminfo
echo "cores $(nproc)"; echo "clock $(date +%s)"
for p in {paths}; do
  q=$p; while [ ! -e "$q" ]; do q=${{q%/*}}; [ -n "$q" ] || q=/; done
  df -Pk "$q" | {{ read -r head; read -r system total used free rest; echo "free $free $total $p"; }}
done
for c in {programs}; do command -v "$c" >/dev/null 2>&1 && echo "program $c"; done
for f in {quote([self.instances_dir or "/nonexistent"])}/*.lua; do [ -f "$f" ] && echo "instance ${{f##*/}}"; done; :"""

    def parse(self, reply: Reply) -> HostState:
        """Return the facts. Raise ValueError where the host gave none."""
        single: dict[str, int] = {}
        free: list[tuple[str, int, int]] = []
        named: dict[str, list[str]] = {"program": [], "instance": []}
        for line in reply.text.splitlines():
            word, _, rest = line.partition(" ")
            if word == "free":
                available, total, path = rest.split(" ", 2)
                free.append((path, int(available) * 1024, int(total) * 1024))
            elif word in named:
                named[word].append(rest)
            elif word in ("memory", "available"):
                single[word] = int(rest) * 1024
            elif word in ("cores", "clock"):
                single[word] = int(rest)
        if not {"memory", "cores", "clock"} <= single.keys():
            raise ValueError(f"the host told too little of itself: {reply.error_text.strip()}")
        return HostState(
            single["memory"],
            single.get("available", single["memory"]),
            single["cores"],
            single["clock"],
            tuple(free),
            tuple(named["program"]),
            tuple(named["instance"]),
        )
