"""Whether a server listens, as seen from the host that will need it; read only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ffplay.model import Host
from ffplay.remote.base import Access
from ffplay.resources.base import DirectResource


@dataclass(frozen=True, slots=True)
class Reachable(DirectResource):
    """A TCP server at `address:port` as seen from the host. Value: bool, whether it takes a connection."""

    address: str
    port: int

    @property
    def label(self) -> str:
        """Return the address."""
        return f"{self.address}:{self.port}"

    def facts(self, value: Any) -> Mapping[str, str]:
        """Return whether it takes a connection."""
        return {"connections": "taken" if value else "refused"}

    def read(self, access: Access, host: Host) -> bool:
        """Connect from the host, once."""
        return access.connection(host.name).reachable(self.address, self.port)
