"""What `commit` removes for good: data that runs set aside, and backups that later ones replaced.

Only what bears a run's own name is ever touched, and a link is not followed. What is to go is renamed first, to a name
that nothing else looks at, and then removed: if that is broken off, nobody takes the rest for data or for a backup, and
the next commit finishes it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from ffplay.remote.base import Reply
from ffplay.resources.base import Irreversible, ShellResource, quote

# The name of a run, as sh and as Python match it.
_RUN_GLOB = "[0-9]" * 8 + "T" + "[0-9]" * 6 + "Z-" + "[0-9a-f]" * 4
_RUN = r"\d{8}T\d{6}Z-[0-9a-f]{4}"
RUN_LENGTH = len("20261123T205251Z-10b8")

# What a name gets behind it (and a dot before it) while it is removed.
_GOING = ".going"


@dataclass(frozen=True, slots=True)
class Leftover:
    """One directory that a run left: its path, the run, and KiB on disk.

    `state` is `there`, `link` (it is one, and stays) or `going` (an earlier commit did not come to its end).
    """

    path: str
    run: str
    kib: int
    state: str = "there"


@dataclass(frozen=True, slots=True)
class SetAsides(ShellResource):
    """The set-aside twins of `directories`. Value: tuple of `Leftover`, with those that are half removed."""

    directories: tuple[str, ...]

    @property
    def label(self) -> str:
        """Return what is looked at."""
        return f"what is set aside of {', '.join(self.directories)}"

    def read_script(self) -> str:
        """Print a line for each."""
        return "\n".join(_list_script(path, f".aside-{_RUN_GLOB}") for path in self.directories) + "\n:"

    def parse(self, reply: Reply) -> tuple[Leftover, ...]:
        """Return them."""
        return _leftovers(reply)


@dataclass(frozen=True, slots=True)
class BackupFolders(ShellResource):
    """The finished backups right below `directory`. Value: tuple of `Leftover`, with those that are half removed.

    A backup is finished once it has the file `manifest`; what lacks it is left alone.
    """

    directory: str
    manifest: str

    @property
    def label(self) -> str:
        """Return the directory."""
        return self.directory

    def read_script(self) -> str:
        """Print a line for each."""
        return _list_script(f"{self.directory}/", _RUN_GLOB, self.manifest) + "\n:"

    def parse(self, reply: Reply) -> tuple[Leftover, ...]:
        """Return them."""
        return _leftovers(reply)


@dataclass(frozen=True, slots=True)
class Removable(ShellResource):
    """A directory that a run left at `path`. Value: its size in KiB, None where it is not there.

    Raises ValueError for a path that no run of ffplay made.
    """

    path: str

    pattern: ClassVar[re.Pattern[str]]

    def __post_init__(self) -> None:
        if not self.pattern.fullmatch(self.path):
            raise ValueError(f"{self.path} is none of ours: it is never removed")

    @property
    def label(self) -> str:
        """Return the path."""
        return self.path

    @property
    def run(self) -> str:
        """Return the run that left it."""
        return self.path[-RUN_LENGTH:]

    @property
    def _going(self) -> str:
        """Return its name while it is removed; a name with a dot before it is in nobody's listing."""
        parent, _, name = self.path.rpartition("/")
        return f"{parent}/.{name}{_GOING}"

    def read_script(self) -> str:
        """Print its size and that of what is left of it."""
        paths = quote([self.path, self._going])
        return f'for d in {paths}; do [ ! -d "$d" ] || du -sk "$d"; done'

    def parse(self, reply: Reply) -> int | None:
        """Return the size."""
        sizes = [int(line.split("\t")[0]) for line in reply.text.splitlines()]
        return sum(sizes) if sizes else None

    def bring_script(self, before: Any, after: Any) -> str:
        """Remove it, and what an earlier commit left of it."""
        if after is not None:
            raise TypeError("what is removed cannot be made again")
        return f"""p={quote([self.path])}; g={quote([self._going])}
for d in "$p" "$g"; do
  if [ -L "$d" ]; then echo "$d is a link, which is not followed" >&2; exit 1; fi
  [ -e "$d" ] || continue
  if [ ! -d "$d" ] || [ "$(stat -c %d "$d")" != "$(stat -c %d "${{d%/*}}")" ]; then
    echo "$d is no directory of the file system that it lies on" >&2; exit 1
  fi
done
if [ -d "$p" ]; then
  [ ! -d "$g" ] || rm -rf --one-file-system "$g" || exit
  mv -T "$p" "$g" || exit
fi
[ ! -d "$g" ] || rm -rf --one-file-system "$g" || exit
sync"""

    def show(self, before: Any, after: Any) -> str:
        """Return its path."""
        return self.path


@dataclass(frozen=True, slots=True)
class SetAside(Removable):
    """A directory that a wipe or a rollback set aside. Value: its size in KiB, None where it is not there."""

    pattern: ClassVar[re.Pattern[str]] = re.compile(rf"/(?:[^/]+/)*[^/]+\.aside-{_RUN}")

    def reverse(self, run: str, before: Any, after: Any) -> Any:
        """Nothing brings it back."""
        raise Irreversible(f"what run {self.run} set aside is removed for good")


@dataclass(frozen=True, slots=True)
class OldBackup(Removable):
    """A backup that later ones replaced. Value: its size in KiB, None where it is not there."""

    pattern: ClassVar[re.Pattern[str]] = re.compile(rf"/(?:[^/]+/)+{_RUN}")

    def reverse(self, run: str, before: Any, after: Any) -> Any:
        """Nothing brings it back."""
        raise Irreversible(f"the backup that run {self.run} made is removed for good")


def _list_script(path: str, ending: str, manifest: str = "") -> str:
    """Return sh that prints `what KiB path` of all that is called PATH and the ending, or was until its removal."""
    parent, _, name = path.rpartition("/")
    there, going = quote([f"{parent}/{name}"]), quote([f"{parent}/.{name}"])
    whole = f'[ -f "$d"/{quote([manifest])} ] || continue; ' if manifest else ""
    return f"""for d in {there}{ending}; do
  if [ -L "$d" ]; then printf 'link 0\\t%s\\n' "$d"; continue; fi
  [ -d "$d" ] || continue; {whole}echo "there $(du -sk "$d")"
done
for d in {going}{ending}{_GOING}; do
  if [ -d "$d" ] && [ ! -L "$d" ]; then echo "going $(du -sk "$d")"; fi
done"""


def _leftovers(reply: Reply) -> tuple[Leftover, ...]:
    """Return what was listed; one path that is there and half removed is there, with both sizes."""
    found: dict[str, Leftover] = {}
    for line in reply.text.splitlines():
        state, _, rest = line.partition(" ")
        size, _, path = rest.partition("\t")
        if state == "going":
            parent, _, name = path.rpartition("/")
            path = f"{parent}/{name.removeprefix('.').removesuffix(_GOING)}"
        known = found.get(path, Leftover(path, path[-RUN_LENGTH:], 0, state))
        found[path] = replace(known, kib=known.kib + int(size))
    return tuple(found[path] for path in sorted(found))
