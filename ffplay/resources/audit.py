"""The proof that a migration worked: MongoDB's faces against what the shards serve, byte for byte."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from ffplay.errors import SiteError, Unreachable
from ffplay.findface import FLOAT_BYTES
from ffplay.model import Host, Shard
from ffplay.remote.base import Access
from ffplay.resources.base import DirectResource, quote
from ffplay.resources.checks import Findings
from ffplay.resources.mongo import MongoPlace, of_other_length, open_database, with_facen
from ffplay.resources.shard_http import PATIENT_SECONDS, shard_api

# So many ids of one kind of mistake are named; the count is always told.
_NAMED = 5

# So many shards are read at the same time.
_AT_ONCE = 8

# Documents a query for sampled facens.
_BATCH = 500

# The same faces are sampled each time, so that two verifications can be compared.
_SEED = 20180401


@dataclass(slots=True)
class _Wanted:
    """What MongoDB holds: the ids of each gallery (by its name on the shards), and digests of the sampled facens."""

    galleries: dict[str, set[int]] = field(default_factory=dict)
    faceless: list[int] = field(default_factory=list)
    sample: dict[int, bytes] = field(default_factory=dict)
    wrong_size: list[int] = field(default_factory=list)
    faces: int = 0


@dataclass(slots=True)
class _Served:
    """What one shard serves: the ids of each gallery, and what is wrong with it."""

    where: str
    galleries: dict[str, list[int]] = field(default_factory=dict)
    wrong_size: list[str] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)
    wrong_cell: list[str] = field(default_factory=list)
    compared: int = 0
    problem: str = ""


@dataclass(frozen=True, slots=True)
class FacesAudit(DirectResource):
    """Every face of MongoDB once in each of its galleries over all shards, and facens equal. Value: `Findings`.

    All ids of all galleries are compared, and the sizes of all facens, on the shards and in MongoDB (which looks for
    another size by itself). The shards' API gives ids with their facens alone, so all of these travel here; what
    is sampled is which facens of MongoDB are read to be compared with them.

    `shards` are (host name, shard), replicas left out; `sample` is how many faces' facens are compared byte for byte,
    None all. `gallery_name` gives a gallery's name on the shards from `{owner}` and `{gallery}`. `cell_rule` is a
    Jinja2 expression of `id` and `cells` that gives an id's cell in `cells_file` (tntapi.json) on the host `facenapi`;
    an empty one leaves the cells unchecked.
    """

    place: MongoPlace
    shards: tuple[tuple[str, Shard], ...]
    facen_size: int
    sample: int | None
    gallery_name: str
    cell_rule: str = ""
    cells_file: str = ""
    facenapi: str = ""

    @property
    def label(self) -> str:
        """Return what is compared."""
        return f"{self.place.name} and {len(self.shards)} shards"

    def read(self, access: Access, host: Host) -> Findings:
        """Compare everything."""
        import concurrent.futures

        with open_database(access, host, self.place) as database:
            wanted = self._wanted(database[self.place.faces])
        cell = self._cells(access)

        def read(place: tuple[str, Shard]) -> _Served:
            access.tell(host.name, f"reading {place[1].name} on {place[0]}")
            return self._read_shard(access, *place, wanted, cell)

        with concurrent.futures.ThreadPoolExecutor(max(1, min(_AT_ONCE, len(self.shards)))) as pool:
            return self._judge(wanted, list(pool.map(read, self.shards)))

    def _cells(self, access: Access) -> Callable[[int], str] | None:
        """Return what tells the port of an id's cell, None where cells are not checked."""
        if not self.cell_rule:
            return None
        from jinja2 import Environment

        reply = access.connection(self.facenapi).run(f"cat {quote([self.cells_file])}")
        cells = read_cells(reply.text, self.facenapi, self.cells_file)
        rule = Environment(autoescape=True).compile_expression(self.cell_rule)
        return lambda number: cells[int(str(rule(id=number, cells=len(cells))))]

    def _wanted(self, faces: Any) -> _Wanted:
        """Read ids and galleries of all faces, then the facens of the sampled ones."""
        place = self.place
        wanted = _Wanted()
        fields = {place.field_id: 1, place.field_galleries: 1, place.field_owner: 1}
        for face in faces.find(with_facen(place), fields):
            wanted.faces += 1
            for gallery in face.get(place.field_galleries) or ():
                name = self.gallery_name.format(owner=face.get(place.field_owner), gallery=gallery)
                wanted.galleries.setdefault(name, set()).add(int(face[place.field_id]))
        just_id = {place.field_id: 1}
        without = faces.find({"$nor": [with_facen(place)]}, just_id).sort(place.field_id, 1)
        wanted.faceless = [int(face[place.field_id]) for face in without]
        others = of_other_length(place, [self.facen_size * FLOAT_BYTES])
        wanted.wrong_size = sorted(int(face[place.field_id]) for face in faces.find(others, just_id))
        ids = sorted(set().union(*wanted.galleries.values()))
        if self.sample is not None and self.sample < len(ids):
            import random

            ids = sorted(random.Random(_SEED).sample(ids, self.sample))  # noqa: S311 - no secret depends on it
        for start in range(0, len(ids), _BATCH):
            query = {place.field_id: {"$in": ids[start : start + _BATCH]}}
            for face in faces.find(query, {place.field_id: 1, place.field_facen: 1}):
                if face.get(place.field_facen):
                    wanted.sample[int(face[place.field_id])] = _digest(face[place.field_facen])
        return wanted

    def _read_shard(
        self, access: Access, host: str, shard: Shard, wanted: _Wanted, cell: Callable[[int], str] | None
    ) -> _Served:
        """Go through all faces of one shard."""
        import http.client

        seen = _Served(f"{host} {shard.name}")
        port = str(shard.http_port)
        try:
            with shard_api(access, host, shard, PATIENT_SECONDS) as api:
                for gallery in api.galleries():
                    placed = seen.galleries.setdefault(gallery.name, [])
                    for number, facen in api.faces(gallery.name):
                        placed.append(number)
                        if len(facen) != self.facen_size * FLOAT_BYTES:
                            seen.wrong_size.append(f"{number} on {seen.where} ({len(facen)} bytes)")
                        if number in wanted.sample:
                            seen.compared += 1
                            if _digest(facen) != wanted.sample[number]:
                                seen.stale.append(f"{number} on {seen.where}")
                        if cell is not None and not self._is_here(cell(number), host, port):
                            seen.wrong_cell.append(f"{number} on {seen.where}")
        except (OSError, http.client.HTTPException, Unreachable, ValueError, KeyError) as error:
            seen.problem = f"{seen.where} does not answer: {error or type(error).__name__}"
        return seen

    def _is_here(self, cell: str, host: str, port: str) -> bool:
        """Tell whether a cell's host:port is a shard; its host may be written in any way, unless the ports tell."""
        address, _, cell_port = cell.rpartition(":")
        known = {shard.address for name, shard in self.shards if name == host} | {host}
        others = {shard.address for name, shard in self.shards if name != host}
        return cell_port == port and (address in known or address not in others)

    def _judge(self, wanted: _Wanted, served: list[_Served]) -> Findings:
        """Return every difference, with its count and the first ids."""
        placed, doubled = _placed(served)
        problems = [shard.problem for shard in served if shard.problem]
        for name in sorted(wanted.galleries.keys() | placed.keys()):
            ids = wanted.galleries.get(name, set())
            there = placed.get(name, {}).keys()
            if len(ids) != len(there):
                problems.append(f"gallery {name}: {len(ids)} faces in MongoDB, {len(there)} on the shards")
            problems += _some(f"of gallery {name} in MongoDB and on no shard", sorted(ids - there))
            problems += _some(f"of gallery {name} on a shard and not in MongoDB", sorted(there - ids))
        problems += _some("on more than one shard", doubled)
        problems += _some(f"on a shard with another size than {self.facen_size} floats", _all(served, "wrong_size"))
        problems += _some(f"in MongoDB with another size than {self.facen_size} floats", wanted.wrong_size)
        problems += _some("on a shard with other bytes than in MongoDB", _all(served, "stale"))
        problems += _some("on a shard that tntapi.json does not name for their cell", _all(served, "wrong_cell"))
        info = (
            f"{wanted.faces} faces, {sum(map(len, wanted.galleries.values()))} gallery entries on {len(self.shards)} "
            f"shards, {sum(shard.compared for shard in served)} facens compared byte for byte"
        )
        if wanted.faceless:
            info += "; without a facen, for the detector finds no face: " + ", ".join(_ids(wanted.faceless))
        return Findings(tuple(problems), info)


def _placed(served: list[_Served]) -> tuple[dict[str, dict[int, str]], list[str]]:
    """Return on which shard each id of each gallery is, and those that are on several, in words."""
    placed: dict[str, dict[int, str]] = {}
    doubled: list[str] = []
    for shard in served:
        for name, ids in shard.galleries.items():
            known = placed.setdefault(name, {})
            for number in ids:
                if number in known:
                    doubled.append(f"{number} of {name} on {known[number]} and {shard.where}")
                known[number] = shard.where
    return placed, doubled


def _all(served: list[_Served], what: str) -> list[str]:
    """Return one kind of mistake of all shards."""
    return [item for shard in served for item in getattr(shard, what)]


def read_cells(text: str, host: str, path: str) -> tuple[str, ...]:
    """Return the shard of each cell from tntapi.json: `[["host:port", ...]]`. Raise `SiteError` for anything else."""
    try:
        cells = json.loads(text)[0]
        if not cells or not all(isinstance(cell, str) for cell in cells):
            raise ValueError("it must be a list in a list of host:port")
    except (ValueError, TypeError, IndexError, KeyError) as error:
        raise SiteError(host, f"{path} is no table of shards: {error}") from error
    return tuple(cells)


def _digest(facen: bytes) -> bytes:
    return hashlib.blake2b(bytes(facen), digest_size=16).digest()


def _ids(items: Iterable[object]) -> list[str]:
    """Return the first few as text, and how many more there are."""
    texts = [str(item) for item in items]
    more = [f"and {len(texts) - _NAMED} more"] if len(texts) > _NAMED else []
    return texts[:_NAMED] + more


def _some(what: str, items: list[Any]) -> list[str]:
    """Return one line about faces that have one thing wrong, none for no faces."""
    return [f"{len(items)} faces {what}: {', '.join(_ids(items))}"] if items else []
