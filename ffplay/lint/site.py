"""Rules about the site, as far as the inventory describes it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ffplay.findface import FACES_A_SHARD
from ffplay.lint.base import Book, Rule, Seen
from ffplay.load.marked import value_place
from ffplay.model import Host, Mark, Site


def _shards_above_cores(book: Book) -> Iterator[Seen]:
    for host in book.site.hosts if book.site else ():
        cores = _number(host.vars.get("cores"))
        if cores is not None and len(host.shards) > max(1, cores - 1):
            message = f"{host.name} has {len(host.shards)} shards and {cores} cores: at most {max(1, cores - 1)}"
            yield Seen(_mark(host, "shards"), message)


def _faces_above_bound(book: Book) -> Iterator[Seen]:
    site = book.site
    if site is None:
        return
    bound = _bound(book)
    stated = False
    for host in site.hosts:
        for shard in host.shards:
            faces = _number(shard.vars.get("faces"))
            stated = stated or faces is not None
            if faces is not None and faces > bound:
                yield Seen(_mark(host, "shards"), f"{shard.name} of {host.name} has {faces} faces: at most {bound}")
    if not stated:
        yield from _on_the_whole(site, bound)


def _on_the_whole(site: Site, bound: int) -> Iterator[Seen]:
    """Judge by how many faces the site has, which the shards share."""
    masters = sum("replica_of" not in shard.vars for host in site.hosts for shard in host.shards)
    host = next((host for host in site.hosts if _number(host.vars.get("faces")) is not None), None)
    faces = _number(host.vars.get("faces")) if host is not None else None
    if host is not None and faces is not None and masters and faces > bound * masters:
        share = -(-faces // masters)
        message = f"{faces} faces are {share} for each of {masters} shards: at most {bound}"
        yield Seen(_mark(host, "faces"), message)


def _bound(book: Book) -> int:
    """Return how many faces a shard may get: what the playbook's preflight says, or else the vendor."""
    stated = [_number(step.args.get("faces_a_shard")) for step in book.entries() if step.kind == "preflight"]
    return max((number for number in stated if number is not None), default=FACES_A_SHARD)


def _number(value: Any) -> int | None:
    """Return a variable that is a number as written; None for one that is not, or that a template gives."""
    text = str(value).replace("_", "")
    return int(text) if text.isdigit() else None


def _mark(host: Host, name: str) -> Mark:
    place = value_place(host.vars, name)
    return place.mark if place is not None else Mark("inventory", 1, 1)


RULES = (
    Rule(
        "shards-above-cores",
        "A host with more shards than its physical cores less one (the variable `cores` says how many it has).",
        "Each shard keeps a core busy while it searches; the vendor leaves one for everything else.",
        _shards_above_cores,
    ),
    Rule(
        "faces-above-bound",
        "A shard with more than 10,000,000 faces (`faces` of a shard's entry, or of the site, says how many).",
        "The vendor's bound: searches slow down, and the new facens may not fit its memory. preflight refuses it.",
        _faces_above_bound,
    ),
)
