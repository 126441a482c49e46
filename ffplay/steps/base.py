"""What a step kind is: a schema, a docstring with an example, and one pure function from a view to outcomes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from ffplay.model import Change, Check, Host, Note, Problem, Site, Target
from ffplay.resources.base import Resource

Outcome = Change | Check | Problem | Note


class View(Protocol):
    """The site as it will be when this step's turn comes: observed, and overlaid with what earlier steps change."""

    def read(self, host: str, *resources: Resource) -> list[Any]:
        """Return the resources' values, in order.

        A value that is not known yet stops the step's function; it is called again once the value has been read, so
        ask for all that may be needed in one call. A value may be `Unknown`.
        """


@dataclass(frozen=True, slots=True)
class Context:
    """All that a step's function may know.

    `host` is the host that it is asked about, `args` its rendered arguments, `hosts` every host of the play (in
    order), `variables` the host's rendered variables by name, `template` renders a template file of the playbook with
    the host's variables and the given ones.
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
    run: str = ""

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
        """Return the group's first host that is in the play, None where there is none."""
        members = set(self.site.groups.get(group, ()))
        return next((host for host in self.hosts if host.name in members), None)


@dataclass(frozen=True, slots=True)
class StepKind:
    """One kind of step.

    `schema` is the JSON Schema (2020-12) of its argument mapping, with a description of every property. A plain value
    in the playbook (`stop: tarantool`) is put under `main`. `groups` are the host groups where it has work, none
    meaning every host of the play. `summary` is one sentence, `example` is YAML of one step.
    """

    name: str
    summary: str
    example: str
    schema: Mapping[str, Any]
    plan: Callable[[Context], Iterator[Outcome]]
    main: str | None = None
    groups: tuple[str, ...] = field(default=())
    needs_target: bool = False
