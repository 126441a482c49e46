"""Files, directories and symbolic links."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import difflib
import functools
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ffplay.edit import lua
from ffplay.model import Unknown
from ffplay.remote.base import Reply
from ffplay.resources.base import NOTHING, Irreversible, ShellResource, blame_script, quote, sync_script
from ffplay.resources.differences import content_facts, facts_of, otherwise, text_of
from ffplay.resources.files import Files, together

# The content of a larger file is not kept in journals, in bytes: its change cannot be rolled back.
KEPT_BYTES = 1 << 20

# What a file is called before all of it is there: by whom it was begun does not matter, one run at a time may write it.
_NEW = ".ffplay-new"

# Stands at the end of a text's last line where no line feed does; no text has the character before it.
_UNENDED = "\0\n"


@dataclass(frozen=True, slots=True)
class FileState:
    """What is at a path.

    `kind` is absent, file, directory or link; `mode` is octal text such as "0644"; in a planned value None leaves
    mode, owner or group as they are. `mtime` is in seconds of the host's clock and takes no part in comparisons.
    """

    kind: str
    content: bytes | None = field(default=None, repr=False)
    mode: str | None = None
    owner: str | None = None
    group: str | None = None
    target: str | None = None
    mtime: int = field(default=0, compare=False)

    @property
    def text(self) -> str:
        """Return the content as text; bytes that are no UTF-8 survive a round trip."""
        return (self.content or b"").decode("utf-8", "surrogateescape")


ABSENT = FileState("absent")


@dataclass(frozen=True, slots=True)
class File(ShellResource):
    """The thing at one absolute path. Value: `FileState`."""

    path: str

    @property
    def label(self) -> str:
        """Return the path."""
        return self.path

    @property
    def group(self) -> type[Files] | None:
        """Return what reads many at once."""
        return Files if together(self.path) else None

    def read_script(self) -> str:
        """Print one line of metadata, then the content of a regular file."""
        return (
            f"p={quote([self.path])}\n"
            'if [ -L "$p" ]; then echo "link - - - - $(readlink "$p")"\n'
            'elif [ -d "$p" ]; then stat -c "directory %a %U %G %Y" "$p"\n'
            'elif [ -f "$p" ]; then stat -c "file %a %U %G %Y" "$p" && cat "$p"\n'
            'elif [ -e "$p" ]; then echo "$p is neither a file nor a directory" >&2; exit 1\n'
            "else echo absent; fi"
        )

    def parse(self, reply: Reply) -> FileState:
        """Return the state; the exit code is not zero where the file may not be read."""
        if reply.code:
            raise ValueError(reply.error_text.strip() or f"cannot read {self.path}")
        head, _, content = reply.stdout.partition(b"\n")
        words = head.decode("utf-8", "surrogateescape").split(" ", 5)
        if words[0] == "absent":
            return ABSENT
        if words[0] == "link":
            return FileState("link", target=words[5])
        kind, mode, owner, group, mtime = words
        body = content if kind == "file" else None
        return FileState(kind, body, mode.rjust(4, "0"), owner, group, mtime=int(mtime))

    def bring_script(self, before: Any, after: Any) -> str:
        """Bring the path to `after`."""
        if _writes(before, after):
            return _write_script([(0, self.path, after)])
        head = f"set -e\np={quote([self.path])}\nt={quote([self.path + _NEW])}\n"
        if after.kind == "absent":
            return head + ('rmdir "$p"' if before.kind == "directory" else 'rm -f "$p"')
        if after.kind == "link":
            return head + f'rm -f "$t"; ln -s {quote([after.target])} "$t" && mv -fT "$t" "$p"'
        if after.kind == "directory":
            return head + 'mkdir -p "$p"\n' + "".join(_ownership(after, '"$p"'))
        return head + "".join(_ownership(after, '"$p"'))

    @classmethod
    def joint(cls, changes: Sequence[tuple[Any, Any, Any]]) -> str:
        """Write files together, where nothing else is to be done between them."""
        if len({one.path for one, _, _ in changes}) < len(changes) or not all(_writes(*each[1:]) for each in changes):
            return ""
        return _write_script([(number, one.path, after) for number, (one, _, after) in enumerate(changes)])

    def behind_joint(self, before: Any, after: Any) -> str:
        """Return nothing: it was written with the others."""
        return NOTHING

    def facts(self, value: Any) -> Mapping[str, str]:
        """Return all but the content itself: a digest of each line, and of a Lua file its numbers by name."""
        if not isinstance(value, FileState):
            return facts_of(value)
        told = {name: getattr(value, name) for name in ("kind", "mode", "owner", "group", "target")}
        found = {name: str(text) for name, text in told.items() if text is not None}
        if value.content is None:
            return found
        settings = _settings(value.text) if self.path.endswith(".lua") else {}
        return {**found, **settings, **content_facts(value.content)}

    def missed(self, before: Any, after: Any, observed: Any) -> list[str]:
        """Return what differs; mode, owner and group only where the plan states them."""
        kept = {name: getattr(observed, name) for name in ("mode", "owner", "group") if getattr(after, name) is None}
        return otherwise(self.facts(dataclasses.replace(after, **kept)), self.facts(observed))

    def reached(self, before: Any, after: Any, observed: Any) -> bool:
        """Compare; mode, owner and group only where the plan states them."""
        same = (after.kind, after.content, after.target) == (observed.kind, observed.content, observed.target)
        stated = ((getattr(after, name), getattr(observed, name)) for name in ("mode", "owner", "group"))
        return same and all(wanted is None or wanted == seen for wanted, seen in stated)

    def kept(self, value: Any) -> Any:
        """Return the state, of a large file without its content."""
        large = isinstance(value, FileState) and len(value.content or b"") > KEPT_BYTES
        return dataclasses.replace(value, content=None) if large else value

    def reverse(self, run: str, before: Any, after: Any) -> Any:
        """Return what was there. Raise `Irreversible` for a file too large to be kept."""
        if isinstance(before, Unknown):
            raise Irreversible(f"{self.path}: what was there was not known when it was changed")
        if before.kind == "file" and self.kept(before).content is None:
            raise Irreversible(f"{self.path}: the file is larger than the {KEPT_BYTES >> 20} MiB that a journal keeps")
        return before

    def show(self, before: Any, after: Any) -> str:
        """Return a unified diff of text, or one line about what else differs."""
        if isinstance(after, Unknown) or isinstance(before, Unknown):
            return ""
        lines = [
            f"{name}: {old or '-'} -> {new}"
            for name in ("mode", "owner", "group", "target")
            if (new := getattr(after, name)) is not None and (old := getattr(before, name)) != new and old is not None
        ]
        if before.content != after.content and "file" in (before.kind, after.kind):
            lines.append(unified(self.path, before.content or b"", after.content or b""))
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class FileCopy(File):
    """A copy of a file as it is. Its content is not shown: nothing in it changes, and it may hold a password."""

    @property
    def lasting(self) -> bool:
        """It is a backup."""
        return True

    def show(self, before: Any, after: Any) -> str:
        """Return nothing."""
        return ""


@functools.lru_cache(maxsize=4096)
def _settings(text: str) -> Mapping[str, str]:
    """Return the numbers and switches of a shard's Lua file by name; its texts may hold passwords."""
    try:
        parsed = lua.parse(text)
    except lua.LuaError:
        return {}
    values = {**parsed.box, **parsed.options}
    return {name: text_of(value.literal) for name, value in values.items() if isinstance(value.literal, int | float)}


def unified(path: str, before: bytes, after: bytes) -> str:
    """Return the unified diff of two contents, with undecodable bytes as surrogates.

    Of binary or very large contents sizes and digests are told instead: nobody reads such a diff.
    """
    if b"\0" in before or b"\0" in after or max(len(before), len(after)) > KEPT_BYTES:
        both = (("was", before), ("will be", after))
        return "\n".join(f"{word} {_digest(content)}" for word, content in both if content)
    old, new = (_lines(content) for content in (before, after))
    lines = difflib.unified_diff(old, new, path, path, lineterm="", n=2)
    return "\n".join(line.replace(_UNENDED, "\n\\ No newline at end of file") for line in lines)


def _lines(content: bytes) -> list[str]:
    """Return the lines of a text; they end at line feeds alone, so that no other character is lost from view."""
    *lines, last = content.decode("utf-8", "surrogateescape").split("\n")
    return [*lines, last + _UNENDED] if last else lines


def _digest(content: bytes) -> str:
    return f"{len(content)} bytes, SHA-256 {hashlib.sha256(content).hexdigest()}"


def _writes(before: Any, after: FileState) -> bool:
    """Tell whether a content is to be written."""
    same = isinstance(before, FileState) and before.kind == "file" and before.content == after.content
    return after.kind == "file" and not same


def _write_script(files: Sequence[tuple[int, str, FileState]]) -> str:
    """Return sh that writes files, each (number of its change, path, state) whole under another name.

    All are synced before any is renamed. What a deadline or a failure leaves half done goes at once; what a loss of
    power leaves has the name that the next attempt writes to.
    """
    lines = ["set -e", "n=; written="]
    names = [quote([path + _NEW]) for _, path, _ in files]
    undone = f'rm -f {" ".join(names)}; [ -z "$n" ] || {blame_script("$n")}'
    lines.append(f'undone() {{ [ -n "$written" ] || {{ {undone}; }}; }}\ntrap undone EXIT')
    # Not every sh looks at EXIT where a signal ends it. `timeout` sends its signal twice: the second one spares the rm.
    lines += ["trap \"trap '' TERM; exit 143\" TERM", f"rm -f {' '.join(names)}"]
    stated: dict[str, list[str]] = {}
    for (number, path, after), name in zip(files, names, strict=True):
        lines += [f"n={number} p={quote([path])} t={name}", f"(umask 077; {_content(after.content or b'')})", _LIKE]
        for command in _ownership(after, ""):
            stated.setdefault(command, []).append(name)
    lines += [f"{command.strip()} {' '.join(paths)}" for command, paths in stated.items()]
    lines.append(sync_script(" ".join(names)))
    lines += [f"n={number}; mv -f {name} {quote([path])}" for (number, path, _), name in zip(files, names, strict=True)]
    return "\n".join([*lines, "written=1"])


# sh that gives `$t` the mode and the owner of `$p` (an ACL too). cp says nothing where it may not give a file to its
# owner; chown does.
_LIKE = """if [ -f "$p" ]; then
  cp --attributes-only --preserve=mode,ownership "$p" "$t"
  { [ -O "$p" ] && [ -G "$p" ]; } || chown --reference="$p" "$t"
else chmod 0644 "$t"; fi"""


def _content(content: bytes) -> str:
    """Return sh that writes a content to `$t`: a text by the shell alone, which starts no program for it."""
    with contextlib.suppress(UnicodeDecodeError):
        text = content.decode()
        if "\0" not in text:
            return f'printf %s {quote([text])} > "$t"'
    return f"base64 -d > \"$t\" <<'FFPLAY_CONTENT'\n{base64.encodebytes(content).decode()}FFPLAY_CONTENT\n"


def _ownership(after: FileState, shell_word: str) -> list[str]:
    """Return lines of sh that give the stated owner, group and mode to a path."""
    lines = []
    if after.owner or after.group:
        lines.append(
            f"chown {quote([(after.owner or '') + (':' + after.group if after.group else '')])} {shell_word}\n"
        )
    if after.mode:
        lines.append(f"chmod {after.mode} {shell_word}\n")
    return lines
