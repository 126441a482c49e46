"""Reading many hosts at once for those who only look: what cannot be read is told, and the rest is shown all the same.

A plan needs all that it asks for and reads otherwise (`engine/access.py`).
"""

from __future__ import annotations

import concurrent.futures
from collections.abc import Mapping, Sequence
from typing import Any

from ffplay.engine.access import SiteAccess, collected, read_together, told_by
from ffplay.engine.events import Event
from ffplay.engine.view import Key
from ffplay.errors import HostError, SiteError
from ffplay.model import Host
from ffplay.resources.base import DirectResource, Resource, Scripted

# So many things of a host are read over tunnels at the same time.
_DIRECT_AT_ONCE = 16

Values = dict[Key, Any]
Errors = dict[str, list[HostError]]


class Nobody:
    """Hears nothing: who only looks has no events to tell."""

    def event(self, event: Event) -> None:
        """Forget it."""


def read_hosts(
    access: SiteAccess, hosts: Sequence[Host], wanted: Mapping[str, Sequence[Resource]], forks: int
) -> tuple[Values, Errors]:
    """Read resources of all hosts at once, by host name; return the values, and what went wrong on each host."""
    values: Values = {}
    errors: Errors = {name: [] for name in wanted}
    of_name = {host.name: host for host in hosts}

    def read(name: str) -> None:
        try:
            _read_host(access, of_name[name], wanted[name], values, errors[name])
        except HostError as error:
            errors[name].append(error)

    with concurrent.futures.ThreadPoolExecutor(max(1, min(forks, len(wanted)))) as pool:
        list(pool.map(read, wanted))
    return values, errors


def _read_host(
    access: SiteAccess, host: Host, resources: Sequence[Resource], values: Values, errors: list[HostError]
) -> None:
    """Read a host's resources, all shell ones in one script; one that makes no sense leaves the others."""
    shell = [one for one in resources if isinstance(one, Scripted)]
    for reading, members, reply in read_together(access, host, shell):
        with collected(errors):
            for one, value in told_by(host.name, reading, members, reply):
                if isinstance(value, SiteError):
                    errors.append(value)
                else:
                    values[host.name, one] = value
    _read_direct(
        access,
        host,
        [one for one in resources if isinstance(one, DirectResource) and not isinstance(one, Scripted)],
        values,
        errors,
    )


def _read_direct(
    access: SiteAccess, host: Host, resources: Sequence[DirectResource], values: Values, errors: list[HostError]
) -> None:
    """Read what is no shell's at the same time: several that do not answer take no longer than one."""

    def read(one: DirectResource) -> None:
        with collected(errors):
            values[host.name, one] = one.read(access, host)

    with concurrent.futures.ThreadPoolExecutor(max(1, min(_DIRECT_AT_ONCE, len(resources)))) as pool:
        list(pool.map(read, resources))
