"""Loopback addresses: every lab has 256 of its own, so that each of its hosts keeps the documented ports."""

from __future__ import annotations

import contextlib
import errno
import random
import socket
import time

from ffplay.errors import Error
from ffplay.lab.layout import SSH_PORT

_TRIES = 100


def hold(subnet: str) -> socket.socket | None:
    """Take the name of `A.B.C` for as long as the socket returned is open anywhere, or return None where it is taken.

    The name is one in the abstract namespace: one atomic operation, and it goes with the process that holds it.
    """
    held = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        held.bind(f"\0ffplay-lab-{subnet}")
    except OSError:
        held.close()
        return None
    return held


def claim(subnet: str) -> socket.socket | None:
    """Claim `127.A.B` as `hold` does, or return None where it is taken or somebody listens on it."""
    held = hold(subnet)
    try:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((f"{subnet}.11", SSH_PORT))
    except OSError as error:
        if held is not None:
            held.close()
        if error.errno != errno.EADDRINUSE:
            raise Error(
                f"cannot listen on {subnet}.11: {error.strerror}",
                "the lab needs Linux, where all of 127.0.0.0/8 belongs to this machine",
            ) from error
        return None
    return held


def claim_any(chance: random.Random) -> tuple[str, socket.socket]:
    """Claim a subnet that nobody has."""
    for _ in range(_TRIES):
        subnet = f"127.{chance.randint(64, 254)}.{chance.randint(0, 255)}"
        held = claim(subnet)
        if held is not None:
            return subnet, held
    raise Error(f"no free loopback addresses in {_TRIES} tries", "stop labs that are not needed: ff-play lab down")


def await_port(address: str, port: int, deadline: float) -> bool:
    """Wait until something listens there; tell whether it does before `deadline` (monotonic seconds)."""
    while True:
        with contextlib.suppress(OSError), socket.create_connection((address, port), timeout=1):
            return True
        if time.monotonic() > deadline:
            return False
        time.sleep(0.03)
