"""The proof that a migration worked: MongoDB's faces against what the shards serve, byte for byte."""

from __future__ import annotations

import hashlib
import http.client
import json
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from ffplay.errors import SiteError
from ffplay.findface import FLOAT_BYTES
from ffplay.model import Host, Shard
from ffplay.remote.base import Access
from ffplay.resources.base import DirectResource, quote
from ffplay.resources.checks import Findings
from ffplay.resources.mongo import MongoPlace, open_database
from ffplay.resources.shard_http import shard_api

# So many ids of one kind of mistake are named; the count is always told.
_NAMED = 5

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
class _Seen:
    """What the shards serve."""

    placed: dict[str, dict[int, str]] = field(default_factory=dict)
    doubled: list[str] = field(default_factory=list)
    wrong_size: list[str] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)
    wrong_cell: list[str] = field(default_factory=list)
    compared: int = 0
    problems: list[str] = field(default_factory=list)
    cell: Callable[[int], str] | None = None


@dataclass(frozen=True, slots=True)
class FacesAudit(DirectResource):
    """Every face of MongoDB once in each of its galleries over all shards, and facens equal. Value: `Findings`.

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
        with open_database(access, host, self.place) as database:
            wanted = self._wanted(database[self.place.faces])
        seen = _Seen(cell=self._cells(access))
        for name, shard in self.shards:
            access.tell(host.name, f"reading {shard.name} on {name}")
            self._read_shard(access, name, shard, wanted, seen)
        return self._judge(wanted, seen)

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
        with_facen = {place.field_facen: {"$exists": True, "$ne": None}}
        for face in faces.find(with_facen, fields):
            wanted.faces += 1
            for gallery in face.get(place.field_galleries) or ():
                name = self.gallery_name.format(owner=face.get(place.field_owner), gallery=gallery)
                wanted.galleries.setdefault(name, set()).add(int(face[place.field_id]))
        without = faces.find({place.field_facen: None}, {place.field_id: 1}).sort(place.field_id, 1)
        wanted.faceless = [int(face[place.field_id]) for face in without]
        ids = sorted(set().union(*wanted.galleries.values()))
        if self.sample is not None and self.sample < len(ids):
            ids = sorted(random.Random(_SEED).sample(ids, self.sample))  # noqa: S311 - no secret depends on it
        for start in range(0, len(ids), _BATCH):
            query = {place.field_id: {"$in": ids[start : start + _BATCH]}}
            for face in faces.find(query, {place.field_id: 1, place.field_facen: 1}):
                number = int(face[place.field_id])
                facen = face[place.field_facen]
                wanted.sample[number] = _digest(facen)
                if len(facen) != self.facen_size * FLOAT_BYTES:
                    wanted.wrong_size.append(number)
        return wanted

    def _read_shard(self, access: Access, host: str, shard: Shard, wanted: _Wanted, seen: _Seen) -> None:
        """Go through all faces of one shard."""
        where = f"{host} {shard.name}"
        port = str(shard.http_port)
        try:
            with shard_api(access, host, shard) as api:
                for gallery in api.galleries():
                    placed = seen.placed.setdefault(gallery.name, {})
                    for number, facen in api.faces(gallery.name):
                        if number in placed:
                            seen.doubled.append(f"{number} of {gallery.name} on {placed[number]} and {where}")
                        placed[number] = where
                        if len(facen) != self.facen_size * FLOAT_BYTES:
                            seen.wrong_size.append(f"{number} on {where} ({len(facen)} bytes)")
                        if number in wanted.sample:
                            seen.compared += 1
                            if _digest(facen) != wanted.sample[number]:
                                seen.stale.append(f"{number} on {where}")
                        if seen.cell is not None and not self._is_here(seen.cell(number), host, port):
                            seen.wrong_cell.append(f"{number} on {where}")
        except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
            seen.problems.append(f"{where} does not answer: {error or type(error).__name__}")

    def _is_here(self, cell: str, host: str, port: str) -> bool:
        """Tell whether a cell's host:port is a shard; its host may be written in any way, unless the ports tell."""
        address, _, cell_port = cell.rpartition(":")
        known = {shard.address for name, shard in self.shards if name == host} | {host}
        others = {shard.address for name, shard in self.shards if name != host}
        return cell_port == port and (address in known or address not in others)

    def _judge(self, wanted: _Wanted, seen: _Seen) -> Findings:
        """Return every difference, with its count and the first ids."""
        problems = list(seen.problems)
        for name in sorted(wanted.galleries.keys() | seen.placed.keys()):
            ids = wanted.galleries.get(name, set())
            there = seen.placed.get(name, {}).keys()
            if len(ids) != len(there):
                problems.append(f"gallery {name}: {len(ids)} faces in MongoDB, {len(there)} on the shards")
            problems += _some(f"of gallery {name} in MongoDB and on no shard", sorted(ids - there))
            problems += _some(f"of gallery {name} on a shard and not in MongoDB", sorted(there - ids))
        problems += _some("on more than one shard", seen.doubled)
        problems += _some(f"on a shard with another size than {self.facen_size} floats", seen.wrong_size)
        problems += _some(f"in MongoDB with another size than {self.facen_size} floats", wanted.wrong_size)
        problems += _some("on a shard with other bytes than in MongoDB", seen.stale)
        problems += _some("on a shard that tntapi.json does not name for their cell", seen.wrong_cell)
        info = (
            f"{wanted.faces} faces, {sum(map(len, wanted.galleries.values()))} gallery entries on {len(self.shards)} "
            f"shards, {seen.compared} facens compared byte for byte"
        )
        if wanted.faceless:
            info += "; without a facen, for the detector finds no face: " + ", ".join(_ids(wanted.faceless))
        return Findings(tuple(problems), info)


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
