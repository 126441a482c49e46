"""What each part of a rollback may know."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from ffplay.engine.history import Deed, History
from ffplay.engine.view import PlanView
from ffplay.model import Host, Shard, Site
from ffplay.resources.base import Irreversible, Resource

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Undo:
    """The site as it is, and what is to be undone.

    `run` is the rollback's own name, `back` are the shards whose data or file go back. `variables` gives a host's
    inventory variables and `state_dir` where it keeps ffplay's files; `goes_on` are the broken-off rollbacks that this
    one finishes.
    """

    site: Site
    view: PlanView
    history: History
    run: str
    variables: Callable[[str], Mapping[str, Any]]
    state_dir: Callable[[str], str]
    goes_on: tuple[str, ...] = ()
    back: tuple[tuple[Host, Shard], ...] = ()

    def one(self, host: str, resource: Resource) -> Any:
        """Return a resource's value, as this plan leaves it so far."""
        return self.view.read(host, resource)[0]

    def in_order(self, things: Iterable[tuple[tuple[str, Any], T]]) -> list[tuple[tuple[str, Any], T]]:
        """Return things, which come with (host, what), host by host as the site has them.

        Journals number the changes of several hosts as these happened to come.
        """
        order = {host.name: number for number, host in enumerate(self.site.hosts)}
        return sorted(things, key=lambda item: order.get(item[0][0], len(order)))

    def affected(self) -> list[tuple[Host, Shard]]:
        """Return the shards whose data or file the runs changed, in the order of the site."""
        data = self.history.data()
        paths = {(host, file.path) for host, file in self.history.files()}
        return [
            (host, shard)
            for host in self.site.hosts
            for shard in host.shards
            if (host.name, shard.name) in data or (host.name, shard.conf) in paths
        ]


def first_found(deeds: Iterable[Deed]) -> Any:
    """Return the value that undoes all of a thing's changes: what the first of them found. Raise `Irreversible`."""
    for deed in deeds:
        change = deed.entry.change
        return change.resource.reverse(deed.run, change.before, change.after)
    raise Irreversible("nothing was changed")
