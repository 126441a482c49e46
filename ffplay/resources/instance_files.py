"""All Lua files of a host's Tarantool instances with their texts, in one script; read only."""

from __future__ import annotations

from dataclasses import dataclass

from ffplay.remote.base import Reply
from ffplay.resources.base import ShellResource, quote


@dataclass(frozen=True, slots=True)
class InstanceFile:
    """One file of the instances' directory. `text` is None where it may not be read; its bad bytes survive."""

    name: str
    text: str | None


@dataclass(frozen=True, slots=True)
class InstanceFiles(ShellResource):
    """The `*.lua` files of a directory, by name. Value: tuple of `InstanceFile`; none where there is no directory."""

    directory: str

    @property
    def label(self) -> str:
        """Return the directory."""
        return self.directory

    def read_script(self) -> str:
        """Print a line with the size (a dash where it cannot be read) and the name of each, and then its bytes."""
        return (
            f"for f in {quote([self.directory])}/*.lua; do\n"
            '  [ -f "$f" ] || continue\n'
            '  if [ -r "$f" ]; then s=$(wc -c < "$f"); echo "$((s)) ${f##*/}"; head -c "$s" "$f"\n'
            '  else echo "- ${f##*/}"; fi\n'
            "done; :"
        )

    def parse(self, reply: Reply) -> tuple[InstanceFile, ...]:
        """Return them. Raise ValueError where a file changed while it was read."""
        found: list[InstanceFile] = []
        rest = reply.stdout
        while rest:
            head, _, rest = rest.partition(b"\n")
            size, _, name = head.decode("utf-8", "surrogateescape").partition(" ")
            if size == "-":
                found.append(InstanceFile(name, None))
            elif size.isdigit() and len(rest) >= int(size):
                found.append(InstanceFile(name, rest[: int(size)].decode("utf-8", "surrogateescape")))
                rest = rest[int(size) :]
            else:
                raise ValueError("a file changed meanwhile; try again")
        return tuple(sorted(found, key=lambda file: file.name))
