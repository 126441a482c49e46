"""What a host tells at a glance: tools that run detached, and how many faces there are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ffplay.errors import SiteError
from ffplay.model import Host
from ffplay.remote.base import Access, Reply
from ffplay.resources.base import DirectResource, ShellResource, quote, told
from ffplay.resources.mongo import MongoPlace, open_database


@dataclass(frozen=True, slots=True)
class RunningJob:
    """A detached process that is at work: its folder on the host, and its pid, which leads a group of its own."""

    folder: str
    pid: int


@dataclass(frozen=True, slots=True)
class RunningJobs(ShellResource):
    """The detached processes that run on a host, whatever they were started for. Value: tuple of `RunningJob`."""

    state_dir: str

    @property
    def label(self) -> str:
        """Return the directory."""
        return f"{self.state_dir}/jobs"

    def read_script(self) -> str:
        """Print the pid and the folder of each.

        A pid may have been given to another program meanwhile: the process must name its folder, or, where it is gone
        itself, have left live members in its group.
        """
        jobs = quote([self.label])
        return f"""for f in {jobs}/*/pid {jobs}/*/*/pid {jobs}/*/*/*/pid; do
  d=${{f%/pid}}; p=; [ -f "$f" ] && [ ! -f "$d/rc" ] && {{ read -r p < "$f"; }} 2>/dev/null
  case $p in ''|*[!0-9]*) continue;; esac
  case "$(tr '\\0' ' ' 2>/dev/null < "/proc/$p/cmdline")" in *"$d"*) echo "$p $d"; continue;; ?*) continue;; esac
  kill -0 "-$p" 2>/dev/null || continue
  for s in /proc/[0-9]*/stat; do
    {{ read -r line < "$s"; }} 2>/dev/null || continue
    set -- ${{line##*) }}
    if [ "$3" = "$p" ] && [ "$1" != Z ]; then echo "$p $d"; break; fi
  done
done; :"""

    def parse(self, reply: Reply) -> tuple[RunningJob, ...]:
        """Return them."""
        lines = (line.partition(" ") for line in told(reply).splitlines())
        return tuple(RunningJob(folder, int(pid)) for pid, _, folder in lines)


@dataclass(frozen=True, slots=True)
class FacesCount(DirectResource):
    """How many faces MongoDB says that it has, without looking at any. Value: their number."""

    place: MongoPlace

    @property
    def label(self) -> str:
        """Return the collection."""
        return self.place.name

    def facts(self, value: Any) -> Mapping[str, str]:
        """Return nothing: faces come and go while the site serves."""
        return {}

    def read(self, access: Access, host: Host) -> int:
        """Ask for it. Raise `SiteError`, at once where nothing listens there."""
        if not access.connection(host.name).reachable(self.place.address, self.place.port):
            raise SiteError(host.name, f"MongoDB at {self.place.address}:{self.place.port} does not listen")
        with open_database(access, host, self.place) as database:
            return int(database[self.place.faces].estimated_document_count())
