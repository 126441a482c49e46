"""How a lab is, as text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ffplay.report.style import Style

if TYPE_CHECKING:
    from ffplay.lab.site import HostStatus, LabStatus


def status_lines(status: LabStatus, style: Style) -> Iterator[str]:
    """Yield the lab, its hosts and the state of their units."""
    word = style.paint("green", "running") if status.running else style.paint("yellow", "not running as a whole")
    yield f"lab in {status.site.directory}: {word} (processes: {status.processes})"
    yield f"  inventory: {status.site.inventory}"
    for host in status.hosts:
        yield from _host(host, style)


def _host(host: HostStatus, style: Style) -> Iterator[str]:
    yield f"  {host.name} ({host.address}): {'up' if host.running else style.paint('red', 'down')}"
    for unit, state in host.units:
        yield f"    {unit}: {style.paint('green' if state == 'active' else 'yellow', state)}"
