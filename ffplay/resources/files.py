"""Several files in one reading: a program is started once for all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ffplay.remote.base import Reply
from ffplay.resources.base import ShellResource, quote, told

if TYPE_CHECKING:
    from ffplay.resources.file import File, FileState

# The kernel's own files say nothing of how long they are.
_KERNELS = ("/proc/", "/sys/", "/dev/")


def together(path: str) -> bool:
    """Tell whether a file is one that is read with others."""
    return not path.startswith(_KERNELS)


@dataclass(frozen=True, slots=True)
class Files(ShellResource):
    """The things at several paths. Value: for each its `FileState`, or the ValueError that says why it has none."""

    every: tuple[File, ...]

    @property
    def label(self) -> str:
        """Return the paths."""
        return ", ".join(one.path for one in self.every)

    def read_script(self) -> str:
        """Print what each is, a letter each; the links' targets; a line of metadata for each other; the contents."""
        return f"""set -- {quote(one.path for one in self.every)}
kinds=
for p; do
  if [ -L "$p" ]; then k=l
  elif [ -d "$p" ]; then k=d; set -- "$@" "$p"
  elif [ -f "$p" ]; then k=u; set -- "$@" "$p"; [ ! -r "$p" ] || k=f
  elif [ -e "$p" ]; then k=o
  else k=a; fi
  kinds=$kinds$k
done
echo $kinds
for p; do [ ! -L "$p" ] || readlink "$p" || exit; done
shift {len(self.every)}
[ $# -eq 0 ] || stat -c "%a %U %G %Y %s" "$@" || exit
n=$#
for p; do [ ! -f "$p" ] || [ ! -r "$p" ] || set -- "$@" "$p"; done
shift $n
[ $# -eq 0 ] || cat "$@" """

    def parse(self, reply: Reply) -> tuple[FileState | ValueError, ...]:
        """Return the states. Raise ValueError where one changed while they were read."""
        told(reply)
        kinds, _, rest = reply.stdout.partition(b"\n")
        letters = kinds.decode("ascii", "replace")
        count = sum(letter in "ldfu" for letter in letters)
        parts = rest.split(b"\n", count)
        lines, contents = parts[:count], parts[count] if len(parts) > count else b""
        targets = lines[: letters.count("l")]
        facts = [line.decode("utf-8", "surrogateescape").split(" ") for line in lines[letters.count("l") :]]
        found = tuple(_states(self.every, letters, iter(targets), iter(facts), contents))
        size = sum(int(fact[4]) for letter, fact in zip(_stated(letters), facts, strict=True) if letter == "f")
        if len(found) != len(self.every) or size != len(contents):
            raise ValueError("a file changed while it was read; plan again")
        return found


def _stated(letters: str) -> list[str]:
    """Return the letters of what has a line of metadata."""
    return [letter for letter in letters if letter in "dfu"]


def _states(
    every: Sequence[File], letters: str, targets: Iterator[bytes], facts: Iterator[list[str]], contents: bytes
) -> Iterator[FileState | ValueError]:
    """Yield each file's state."""
    from ffplay.resources.file import ABSENT, FileState

    at = 0
    for one, letter in zip(every, letters, strict=True):
        if letter == "a":
            yield ABSENT
        elif letter == "o":
            yield ValueError(f"{one.path} is neither a file nor a directory")
        elif letter == "l":
            yield FileState("link", target=next(targets).decode("utf-8", "surrogateescape"))
        else:
            mode, owner, group, mtime, size = next(facts)
            if letter == "u":
                yield ValueError("it may not be read by this user")
                continue
            content = contents[at : at + int(size)] if letter == "f" else None
            at += int(size) if letter == "f" else 0
            kind = "file" if letter == "f" else "directory"
            yield FileState(kind, content, mode.rjust(4, "0"), owner, group, mtime=int(mtime))
