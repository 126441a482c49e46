"""What differs between the kinds of lab hosts, behind one protocol: how they come to be, boot and end."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

from ffplay.errors import Finding, InputError
from ffplay.lab.layout import LabHost, LabOptions, LabSite

NAMES = ("loopback", "nspawn")


class Driver(Protocol):
    """One kind of lab hosts. Made for one command; what outlives it is in the lab's directory and in the kernel."""

    def check(self, options: LabOptions) -> None:
        """Raise `Error`, with what to do, where this machine has not what the hosts need."""

    def claimed(self, subnet: str | None) -> AbstractContextManager[str]:
        """Claim the addresses of a lab, new ones for None, and give their subnet. Raise `Error` where they are taken.

        Once a host was booted within the context, the claim lives as long as that host.
        """

    def install(self, site: LabSite) -> None:
        """Make the trees of a new lab's hosts."""

    def boot(self, site: LabSite, host: LabHost) -> None:
        """Switch a host on. It starts its enabled units; nobody waits for that here."""

    def cut(self, site: LabSite, host: LabHost) -> None:
        """Cut a host's power: all its processes are gone at once, and what it kept in memory is lost. Idempotent."""

    def stop(self, site: LabSite) -> int:
        """End a lab in any state, and leave nothing of it but its directory; return how many processes it had."""

    def processes(self, site: LabSite) -> int:
        """Return how many processes of the lab there are."""


def named(name: str, progress: Callable[[str], None] = lambda _: None) -> Driver:
    """Return the driver of that name, which tells `progress` of what takes long. Raise `InputError` for no name."""
    if name == "loopback":
        from ffplay.lab.loopback import Loopback

        return Loopback()
    if name == "nspawn":
        from ffplay.lab.nspawn.driver import Nspawn

        return Nspawn(progress)
    raise InputError([Finding(None, f"no such lab driver: {name}", f"there are {', '.join(NAMES)}")])
