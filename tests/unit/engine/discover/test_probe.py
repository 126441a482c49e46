from __future__ import annotations

from typing import Any

import pytest

from ffplay.engine.discover.describe import describe
from ffplay.engine.discover.odd_site import oddities
from ffplay.engine.discover.probe import Probe
from ffplay.engine.discover.readings import SiteReading
from ffplay.engine.discover.seeds import Reach, Seed, reached
from ffplay.errors import SiteError
from ffplay.resources.file import File, FileState
from ffplay.resources.identity import HostIdentity, Identity

SEED = Seed("app1", "10.0.0.5")


@pytest.fixture
def probe(monkeypatch: pytest.MonkeyPatch) -> Probe:
    """A probe whose host has its table of shards elsewhere, by a link, and a file that may not be read."""

    def read(_access: Any, _hosts: Any, wanted: Any, _forks: int) -> Any:
        files = {
            "/etc/findface-facenapi.ini": FileState("file", b"tntapi_servers_file = '/srv/cells.json'\n"),
            "/etc/tntapi.json": FileState("link", target="/srv/tntapi.json"),
            "/srv/cells.json": FileState("file", b'[["10.0.0.11:8001"]]'),
        }
        values: dict[Any, Any] = {}
        for resource in wanted["app1"]:
            if isinstance(resource, Identity):
                values["app1", resource] = HostIdentity("app1")
            elif isinstance(resource, File) and resource.path in files:
                values["app1", resource] = files[resource.path]
        denied = [SiteError("app1", "cannot read /etc/findface-extraction-api.ini: Permission denied")]
        return values, {"app1": denied if len(wanted["app1"]) > 1 else []}

    monkeypatch.setattr("ffplay.engine.discover.probe.read_hosts", read)
    return Probe(1)


def test_the_table_is_the_one_that_facenapi_names(probe: Probe) -> None:
    (host,) = probe.look(reached([SEED], Reach()), [SEED])
    assert (host.table, host.cells) == ("/srv/cells.json", ("10.0.0.11:8001",))


def test_what_could_not_be_read_is_odd(probe: Probe) -> None:
    site = SiteReading(probe.look(reached([SEED], Reach()), [SEED]))
    odd = [one.message for one in oddities(site, describe(site)) if one.kind == "unreadable"]
    assert odd == [
        "cannot read /etc/findface-extraction-api.ini: Permission denied",
        "/etc/tntapi.json is a link, and was not followed",
    ]
