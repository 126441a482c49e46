"""The network of a lab: a bridge of this machine, and for each host a network namespace with one end of a veth.

The hosts have no route but to each other and to this machine's end of the bridge, nothing is forwarded, and an
`unreachable` route takes what is sent to an address of the lab while the bridge is not there.
"""

from __future__ import annotations

import contextlib
import ipaddress
import random
import socket
from collections.abc import Iterator

from ffplay.errors import Error
from ffplay.lab import network
from ffplay.lab.layout import LabHost, LabSite
from ffplay.lab.nspawn.commands import run, succeeds

_TRIES = 100
_KINDS = {"unreachable", "blackhole", "prohibit", "throw", "broadcast", "local", "unicast"}

# The worst of all: it is taken where the bridge's own route is not there.
_METRIC = 4294967295


@contextlib.contextmanager
def claimed(subnet: str | None) -> Iterator[str]:
    """Claim `10.A.B` for as long as it takes to make the bridge, which then is the claim."""
    held = _claim(subnet) if subnet else None
    if subnet and held is None:
        raise Error(f"the addresses {subnet}.* of the lab are in use", "stop what uses them, or make a new lab")
    chance = random.Random()
    for _ in range(_TRIES):
        if held is not None and subnet:
            break
        subnet = f"10.{chance.randint(64, 254)}.{chance.randint(0, 255)}"
        held = _claim(subnet)
    if held is None or subnet is None:
        raise Error(f"no free 10.x addresses in {_TRIES} tries", "look at `ip route`; stop labs that are not needed")
    with held:
        yield subnet


def _claim(subnet: str) -> socket.socket | None:
    if any(network_.overlaps(ipaddress.ip_network(f"{subnet}.0/24")) for network_ in _routed()):
        return None
    return network.hold(subnet)


def _routed() -> list[ipaddress.IPv4Network]:
    """Return what this machine has routes to, the default one left out."""
    found = []
    for line in run("ip", "-4", "-o", "route", "show", "table", "all").splitlines():
        words = [word for word in line.split() if word not in _KINDS]
        if words and words[0] != "default":
            found.append(ipaddress.IPv4Network(words[0], strict=False))
    return found


def bridge(site: LabSite) -> str:
    """Return the name of the lab's bridge."""
    return f"ffp{site.subnet}"


def namespace(host: LabHost) -> str:
    """Return the name of a host's network namespace."""
    return f"ffp{host.address}"


def _veth(host: LabHost) -> str:
    """Return the name of this machine's end of a host's veth; a name has at most 15 characters."""
    return f"ffp{host.address.removeprefix('10.')}"


def _card(host: LabHost) -> str:
    """Return the hardware address of a host's network card.

    It is the same after each boot, as a machine's is: the other hosts remember it for a while.
    """
    return "02:66:" + ":".join(f"{int(part):02x}" for part in host.address.split("."))


def _unreachable(site: LabSite) -> tuple[str, ...]:
    return ("unreachable", f"{site.subnet}.0/24", "metric", str(_METRIC))


def lay(site: LabSite) -> None:
    """Make the bridge, unless it is there."""
    if succeeds("ip", "link", "show", bridge(site)):
        return
    run("ip", "route", "replace", *_unreachable(site))
    run("ip", "link", "add", "name", bridge(site), "type", "bridge")
    run("ip", "address", "add", f"{site.subnet}.1/24", "dev", bridge(site))
    run("ip", "link", "set", bridge(site), "up")


def plug(site: LabSite, host: LabHost) -> None:
    """Make a host's namespace and wire it to the bridge."""
    name = namespace(host)
    run("ip", "netns", "add", name)
    run("ip", "link", "add", _veth(host), "type", "veth", "peer", "name", "eth0", "address", _card(host), "netns", name)
    run("ip", "link", "set", _veth(host), "master", bridge(site), "up")
    run("ip", "-n", name, "address", "add", f"{host.address}/24", "dev", "eth0")
    for device in ("lo", "eth0"):
        run("ip", "-n", name, "link", "set", device, "up")


def unplug(host: LabHost) -> None:
    """Pull a host's wire: nobody hears from it any more, not even that its connections are closed."""
    succeeds("ip", "link", "delete", _veth(host))


def forget(host: LabHost) -> None:
    """Remove the namespace of a host that is off."""
    succeeds("ip", "netns", "delete", namespace(host))


def remove(site: LabSite) -> None:
    """Remove everything of a lab's network."""
    for host in site.hosts:
        unplug(host)
        forget(host)
    succeeds("ip", "link", "delete", bridge(site))
    succeeds("ip", "route", "delete", *_unreachable(site))
