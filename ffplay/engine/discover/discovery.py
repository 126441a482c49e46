"""A discovery from its first hosts to the whole site, wave by wave."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from ffplay.engine.discover.parts import further, groups_of, mongo_variables
from ffplay.engine.discover.probe import Probe, merged
from ffplay.engine.discover.readings import SiteReading
from ffplay.engine.discover.seeds import Reach, Seed, reached
from ffplay.load import Loaded
from ffplay.model import Host
from ffplay.steps._gap import mongo_place


class Discovery:
    """Reads a site, and changes nothing; owns the connections. `forks` hosts are read at once."""

    def __init__(self, forks: int = 50) -> None:
        self._probe = Probe(forks)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._probe.close()

    def find(self, seeds: Sequence[Seed], reach: Reach) -> SiteReading:
        """Return the site that some of its hosts lead to. Raise InputError."""
        known, new, site = tuple(seeds), tuple(seeds), SiteReading(())
        loaded = reached(known, reach)
        while new:
            site = SiteReading(merged(site.hosts, self._probe.look(loaded, new)))
            new = further(site)
            known += new
            loaded = reached(known, reach) if new else loaded
        return self._whole(loaded.site.hosts, site)

    def compare(self, loaded: Loaded) -> SiteReading:
        """Return the site of an inventory as its hosts have it; hosts that it lacks are not asked."""
        hosts = loaded.site.hosts
        seeds = [Seed(host.name, host.login.address, host.login.port, host.login.user) for host in hosts]
        return self._whole(hosts, SiteReading(self._probe.look(loaded, seeds)))

    def _whole(self, hosts: Sequence[Host], site: SiteReading) -> SiteReading:
        """Return the site with the data of its shards and of MongoDB."""
        site = SiteReading(self._probe.details(hosts, site.hosts))
        for host in groups_of(site)["mongo"]:
            if host.answered:
                place = mongo_place({**host.variables, **mongo_variables(site, host)})
                found, errors = self._probe.mongo(hosts, host.name, place)
                told = dataclasses.replace(host, errors=(*host.errors, *errors))
                return SiteReading(merged(site.hosts, [told]), found, host.name)
        return site
