"""What a step kind is: a schema, a docstring with an example, and one pure function from a view to outcomes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from ffplay.model import Change, Check, Host, Note, Problem, Site, Target
from ffplay.resources.base import Resource

Outcome = Change | Check | Problem | Note


@dataclass(frozen=True, slots=True)
class DiskUse:
    """What a play puts on one file system of a host, in bytes.

    `free` is what is free there now, `needs` what comes there until the play's end, as (what it is, bytes); `aside` is
    what the play sets aside there, which takes no room of its own and goes with `commit`.
    """

    mount: str
    free: int
    needs: tuple[tuple[str, int], ...] = ()
    aside: int = 0

    @property
    def needed(self) -> int:
        """Return the bytes of all that comes there."""
        return sum(size for _, size in self.needs)


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a play takes of one host; only a forecast shows it.

    All sizes are bytes: `memory` is the host's, `available` what of it is not in use, `facens_now` and `facens_then`
    what facens take of it today and once the shards are filled. `faces` are (shard, faces) of the shards that are to be
    filled, a face counted once a gallery.
    """

    host: str
    disks: tuple[DiskUse, ...] = ()
    memory: int = 0
    available: int = 0
    facens_now: int = 0
    facens_then: int = 0
    faces: tuple[tuple[str, int], ...] = ()


class View(Protocol):
    """The site as it will be when this step's turn comes: observed, and overlaid with what earlier steps change."""

    def read(self, host: str, *resources: Resource) -> list[Any]:
        """Return the resources' values, in order.

        A value that is not known yet stops the step's function; it is called again once the value has been read, so
        ask for all that may be needed in one call. A value may be `Unknown`.
        """

    def memo(self, key: Any, find: Callable[[], Any]) -> Any:
        """Return what `find` finds, found once for all who give this key, as long as what it asked for stays as it is.

        A judgement of the whole site costs every host of it once, and not once for each host that asks.
        """

    def prefetch(self, wanted: Iterable[tuple[str, Resource]]) -> None:
        """Ask for resources of many hosts, as (host, resource), at once; each is then there for `read`."""


@dataclass(frozen=True, slots=True)
class Context:
    """All that a step's function may know.

    `host` is the host that it is asked about, `args` its rendered arguments, `hosts` every host of the play (in
    order), `variables` the host's rendered variables by name, `template` renders a template file of the playbook with
    the host's variables and the given ones. `read_file` gives the bytes of a file beside the playbook. `test`
    evaluates a condition. `run` names the run, `timeout` is the step's own, in seconds. `began` is the name of the
    first run of the work that this run goes on with, equal to `run` where it is new work. `renewed` tells that
    something before the step changes anew on the host, so that what an earlier run of the work did there is due again.
    `user` is as whom the step's commands run: None leaves it to the host's own setting, empty is who logs in.
    """

    host: Host
    hosts: tuple[Host, ...]
    site: Site
    args: Mapping[str, Any]
    view: View
    target: Target | None
    variables: Mapping[str, Any]
    template: Callable[[str, Mapping[str, Any]], str]
    read_file: Callable[[str], bytes]
    test: Callable[[str], bool]
    run: str = ""
    timeout: float | None = None
    began: str = ""
    renewed: bool = False
    user: str | None = None

    def read(self, *resources: Resource, host: str | None = None) -> list[Any]:
        """Return values of this host's resources (or of another's)."""
        return self.view.read(host or self.host.name, *resources)

    def one(self, resource: Resource, host: str | None = None) -> Any:
        """Return the value of one resource."""
        return self.view.read(host or self.host.name, resource)[0]

    def variables_of(self, host: str) -> Mapping[str, Any]:
        """Return another host's rendered variables."""
        found: Mapping[str, Any] = self.variables["hostvars"][host]
        return found

    def first(self, group: str) -> Host | None:
        """Return the group's first host in the play, else its first on the site (`--limit` may leave it out)."""

        def find() -> Host | None:
            members = self.site.group(group)
            names = {host.name for host in members}
            return next((host for host in self.hosts if host.name in names), members[0] if members else None)

        # By the tuple itself: comparing it costs as much as looking.
        found: Host | None = self.view.memo(("first", group, id(self.hosts)), find)
        return found

    def members(self, group: str) -> tuple[Host, ...]:
        """Return the group's hosts that are in the play."""
        names = set(self.site.groups.get(group, ()))
        return tuple(host for host in self.hosts if host.name in names)


@dataclass(frozen=True, slots=True)
class StepKind:
    """One kind of step.

    `schema` is the JSON Schema (2020-12) of its argument mapping, with a description of every property. A plain value
    in the playbook (`stop: tarantool`) is put under `main`. `groups` are the host groups where it has work, none
    meaning every host of the play; with `once` its function is called for the first of them alone, and plans for all.
    `apart` tells that its work on a host needs nothing of what other hosts do in the steps around it, so that they need
    not wait for each other. `review` judges all changes that a play plans, after its last step. `foresee` yields, as
    (host, resource), what the function may ask for once it knows more: it is read along with what is asked for first,
    for a plan has one round trip a host.
    `summary` is one sentence, `example` is YAML of one step. `reads` and `changes` are sentences for who writes a
    playbook: what on the site the step goes by, and what it may leave otherwise than it was ("Nothing." where nothing).
    """

    name: str
    summary: str
    example: str
    reads: str
    changes: str
    schema: Mapping[str, Any]
    plan: Callable[[Context], Iterator[Outcome | Estimate]]
    main: str | None = None
    groups: tuple[str, ...] = field(default=())
    needs_target: bool = False
    once: bool = False
    apart: bool = False
    review: Callable[[tuple[Change, ...]], Iterator[Problem]] | None = None
    foresee: Callable[[Context], Iterator[tuple[str, Resource]]] | None = None


def parameters(required: Sequence[str] = (), **properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON Schema of an argument mapping that knows these parameters and no others."""
    schema: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
    if required:
        schema["required"] = list(required)
    return schema
