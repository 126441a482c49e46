"""What a resource is: one thing on a host that can be read, brought to a value, shown, and brought back.

A resource is a frozen dataclass that says *which* thing it is (so it is hashable and serves as a key); its value is
plain frozen data. Resources are the only code that knows shell, Lua, BSON or HTTP.
"""

from __future__ import annotations

import shlex
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ffplay.errors import SiteError
from ffplay.model import Host
from ffplay.remote.base import Access, Reply
from ffplay.resources.differences import facts_of, otherwise, text_of


class Irreversible(Exception):
    """Nothing undoes a change; the text completes "cannot be rolled back: ..."."""


class Resource(ABC):
    """Common ground of both kinds of resources."""

    @property
    @abstractmethod
    def label(self) -> str:
        """Return how output names the thing: a path, a unit, a database."""

    def show(self, before: Any, after: Any) -> str:
        """Return what a person should read of the difference, many lines or none."""
        return ""

    @property
    def readable(self) -> bool:
        """Tell whether reading again after a change is possible; what only acts (a POST) is judged by its answer."""
        return True

    def noted(self, observed: Any) -> str:
        """Return what an operator should know of what was read after a change, empty where that is nothing."""
        return ""

    @classmethod
    def joint(cls, changes: Sequence[tuple[Any, Any, Any]]) -> str:
        """Return sh that does once for several changes of one host, as (thing, before, after), what all of them need.

        Empty where each is made by itself. What goes wrong is blamed on one of them by `blame_script`.
        """
        return ""

    def scripted(self, before: Any, after: Any) -> bool:
        """Tell whether sh alone brings the thing from one value to the other (`bring_script`)."""
        return False

    @property
    def lasting(self) -> bool:
        """Tell whether a rollback leaves what a change made: backups, and tools' runs that others undo."""
        return False

    def kept(self, value: Any) -> Any:
        """Return what a journal keeps of a value: all of it, unless it may be very large."""
        return value

    def reverse(self, run: str, before: Any, after: Any) -> Any:
        """Return the value that undoes a change which `run` made or was about to make. Raise `Irreversible`."""
        return before

    def facts(self, value: Any) -> Mapping[str, str]:
        """Return by name what a plan rests on in a value, as short texts; empty where it rests on nothing.

        What a serving site alters by itself is none of it: how much there is, and since when.
        """
        return facts_of(value)

    def same(self, one: Any, other: Any) -> bool:
        """Tell whether two readings are the same to a plan."""
        return self.facts(one) == self.facts(other)

    def missed(self, before: Any, after: Any, observed: Any) -> list[str]:
        """Return in words what was planned and what was found, of a value that `reached` says no to."""
        told = otherwise(self.facts(after), self.facts(observed))
        return told or [f"predicted {text_of(after)}, found {text_of(observed)}"]

    def reached(self, before: Any, after: Any, observed: Any) -> bool:
        """Tell whether what was read afterwards is what was planned."""
        return bool(after == observed)


# The script of a change that is made together with others (`joint`), and leaves nothing else to do.
NOTHING = ":"


class Scripted(Resource):
    """A resource that is read by POSIX sh, so that many are read on a host by one script."""

    @property
    def group(self) -> Callable[[tuple[Any, ...]], Scripted] | None:
        """Return what reads many of its kind in one script for less than each by itself costs.

        Its value has that of each in order, or the ValueError that says why it has none.
        """
        return None

    @property
    def source(self) -> Scripted | None:
        """Return a reading that tells this value too (`derived`), where there is one."""
        return None

    def derived(self, found: Any) -> Any:
        """Return the value by what `source` was read to be."""
        raise TypeError(f"{type(self).__name__} has no source")

    @abstractmethod
    def read_script(self) -> str:
        """Return sh that prints the value in a form of this resource's own; it changes nothing."""

    @abstractmethod
    def parse(self, reply: Reply) -> Any:
        """Return the value from what `read_script` printed. Raise ValueError where that makes no sense."""

    def parsed(self, host: str, reply: Reply) -> Any:
        """Return the value from what `read_script` left on a host. Raise `SiteError` where that makes no sense."""
        try:
            return self.parse(reply)
        except ValueError as error:
            raise SiteError(host, f"cannot read {self.label}: {error}") from error

    def asked(self, access: Access, host: Host) -> Any:
        """Read this thing alone and return its value. Raise `SiteError` where the answer makes no sense."""
        return self.parsed(host.name, access.connection(host.name).run(self.read_script()))


class ShellResource(Scripted):
    """A resource that is read and brought by POSIX sh, so that many travel to a host as one script."""

    def bring_script(self, before: Any, after: Any) -> str:
        """Return sh that brings the thing from one value to the other and exits non-zero where it could not."""
        raise TypeError(f"{type(self).__name__} can only be read")

    def behind_joint(self, before: Any, after: Any) -> str:
        """Return the sh of one change behind `joint`."""
        return self.bring_script(before, after)

    def scripted(self, before: Any, after: Any) -> bool:
        """Tell that sh alone always does."""
        return True


class DirectResource(Resource):
    """A resource that is read or brought over HTTP, the binary protocols, or by many small commands."""

    @property
    def beside(self) -> tuple[Scripted, ...]:
        """Return readings over the shell that its value has a part of, and that travel with others."""
        return ()

    @property
    def behind(self) -> tuple[Scripted, ...]:
        """Return readings over the shell that are wanted once it was read."""
        return ()

    def read_beside(self, access: Access, host: Host, beside: Callable[[], tuple[Any, ...]]) -> Any:
        """Return the value; the values of `beside` are read meanwhile, and waited for where they are asked for."""
        return self.read(access, host)

    def read_behind(self, value: Any, behind: tuple[Any, ...]) -> Any:
        """Return the value by what was read, and by the values of `behind`."""
        return value

    @property
    def lane(self) -> str:
        """Return what changes must not be made at the same time as this one; those of other lanes on a host may be.

        Empty for a change that nothing else may accompany.
        """
        return ""

    @abstractmethod
    def read(self, access: Access, host: Host) -> Any:
        """Return the value. Raise `SiteError` where it cannot be read."""

    def bring(self, access: Access, host: Host, before: Any, after: Any) -> Reply | None:
        """Bring the thing from one value to the other; return what its tool left, where it ran one.

        Raise `ChangeFailed` where that cannot be done.
        """
        raise TypeError(f"{type(self).__name__} can only be read")


# What a joint script says on its standard error of the change that is to blame.
_BLAME = "ffplay_blame"


def blame_script(number: int | str) -> str:
    """Return sh by which a script says which of its changes is to blame for its end: a number, or `$NAME` of one."""
    return f'echo {_BLAME} "{number}" >&2'


def blamed(reply: Reply) -> tuple[int, Reply]:
    """Return which change of a joint script is to blame, by default the first, and the reply without that word."""
    number, lines = 0, []
    for line in reply.stderr.splitlines(keepends=True):
        word, _, rest = line.decode("utf-8", "replace").partition(" ")
        if word == _BLAME and rest.strip().isdigit():
            number = int(rest)
        else:
            lines.append(line)
    return number, Reply(reply.code, reply.stdout, b"".join(lines))


def told(reply: Reply) -> str:
    """Return what a script that reads printed. Raise ValueError where it did not come to its end.

    What is not there is told by what such a script prints: one that failed, or met its deadline, told nothing.
    """
    if reply.code:
        raise ValueError(reply.error_text.strip() or f"exit code {reply.code}")
    return reply.text


def only(found: Sequence[Any]) -> Any:
    """Return the value of a reading of many that was made of one. Raise the ValueError that stands in its place."""
    (value,) = found
    if isinstance(value, ValueError):
        raise value
    return value


def whole(host: str, label: str, reply: Reply) -> Reply:
    """Return the reply of a script that reads. Raise `SiteError` where it did not come to its end."""
    try:
        told(reply)
    except ValueError as error:
        raise SiteError(host, f"cannot read {label}: {error}", "", reply.error_text) from error
    return reply


def at_once(script: str) -> str:
    """Return sh that prints by one write what a script prints, which is text: each write travels by itself."""
    return f"""ffplay_told=$(
{script}
)
ffplay_rc=$?; printf '%s\\n' "$ffplay_told"; [ $ffplay_rc -eq 0 ] || exit $ffplay_rc"""


def sync_script(paths: str) -> str:
    """Return sh that has files on disk, given as sh has their paths; everything, where sync takes no paths."""
    return f"sync {paths} 2>/dev/null || sync"


def quote(argv: Iterable[str]) -> str:
    """Return an argument list as one line of sh; the one place where arguments are quoted."""
    return " ".join(shlex.quote(word) for word in argv)
