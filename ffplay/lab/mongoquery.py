"""MongoDB's queries over a stored collection: mongomock's semantics, and a short cut where `_id` narrows the search."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import bson
import mongomock
from mongomock import aggregate, filtering

from ffplay.lab.mongostore import Collection, Document, Key, decode, encode, id_key

_RANGE = {"$gt", "$gte", "$lt", "$lte"}
_UNORDERED_RANK = 20  # What `id_key` looks up and does not order.

# Operators younger than MongoDB 3.4, with the wire version that brought them.
SINCE: Mapping[str, int] = {
    "$expr": 6, "$jsonSchema": 6, "$mergeObjects": 6, "$dateFromString": 6, "$objectToArray": 6,
    "$toInt": 7, "$toLong": 7, "$toString": 7, "$toDouble": 7, "$convert": 7,
    "$merge": 8, "$round": 8, "$regexMatch": 8,
    "$bsonSize": 9, "$binarySize": 9, "$function": 9, "$unionWith": 9,
}  # fmt: skip
_STAGES_SINCE = {"$set": 8, "$unset": 8, "$replaceWith": 8}


class CommandError(Exception):
    """What a command is answered with where it fails: MongoDB's error code, its name, a message."""

    def __init__(self, code: int, name: str, message: str) -> None:
        super().__init__(message)
        self.code, self.name, self.message = code, name, message


def check_age(value: Any, wire: int) -> None:
    """Raise CommandError where a query or a pipeline has an operator that a server of this wire version lacks."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if SINCE.get(key, 0) > wire:
                raise CommandError(168, "InvalidPipelineOperator", f"Unrecognized expression '{key}'")
            check_age(inner, wire)
    elif isinstance(value, list):
        for inner in value:
            check_age(inner, wire)


def check_stages(pipeline: list[Document], wire: int) -> None:
    """Raise CommandError where a pipeline has a stage that a server of this wire version lacks."""
    for stage in pipeline:
        for name in stage:
            if _STAGES_SINCE.get(name, 0) > wire:
                raise CommandError(40324, "Location40324", f"Unrecognized pipeline stage name: '{name}'")
    check_age(pipeline, wire)


def matches(where: Document, document: Document) -> bool:
    """Say whether a document matches a filter."""
    return bool(filtering.filter_applies(where, document))  # type: ignore[no-untyped-call]


def select(collection: Collection, where: Document, sort: Mapping[str, int] | None = None) -> Iterator[bytes]:
    """Yield the raw documents that match, in the order asked for; documents are looked at only as they are taken."""
    keys, rest, by_id = _candidates(collection, where)
    matches(rest, {})  # Raises for an operator that there is not, even where no document is looked at.
    if sort and list(sort) != ["_id"]:
        yield from _sorted(_matching(collection, keys, rest), sort)
        return
    if sort:
        keys = keys if by_id else _in_order(collection, keys)
        keys = keys[::-1] if sort["_id"] < 0 else keys
    yield from _matching(collection, keys, rest)


def _matching(collection: Collection, keys: list[Key], rest: Document) -> Iterator[bytes]:
    for key in keys:
        raw = collection.docs.get(key)
        if raw is not None and (not rest or matches(rest, decode(raw))):
            yield raw


def _in_order(collection: Collection, keys: list[Key]) -> list[Key]:
    return list(collection.ordered()) if len(keys) == len(collection.docs) else sorted(keys)


def _sorted(raws: Iterator[bytes], sort: Mapping[str, int]) -> list[bytes]:
    found = list(raws)
    for field, direction in reversed(list(sort.items())):
        if field == "$natural":
            found = found[::-1] if direction < 0 else found
            continue
        found.sort(key=functools.partial(_sort_key, field), reverse=direction < 0)
    return found


def _sort_key(field: str, raw: bytes) -> Any:
    return filtering.resolve_sort_key(field, decode(raw))  # type: ignore[no-untyped-call]


def _candidates(collection: Collection, where: Document) -> tuple[list[Key], Document, bool]:
    """Return the keys to look at, what is still to be checked of each, and whether they are in the order of `_id`."""
    everything = (list(collection.docs), where, False)
    if "_id" not in where:
        return everything
    wanted = where["_id"]
    rest = {field: value for field, value in where.items() if field != "_id"}
    if not (isinstance(wanted, Mapping) and any(name.startswith("$") for name in wanted)):
        if isinstance(wanted, bson.Regex):
            return everything
        return [key for key in [id_key(wanted)] if key in collection.docs], rest, True
    if set(wanted) in ({"$in"}, {"$eq"}):
        values = wanted["$in"] if "$in" in wanted else [wanted["$eq"]]
        return sorted({key for key in map(id_key, values) if key in collection.docs}), rest, True
    if set(wanted) <= _RANGE:
        bounds = {name: id_key(value) for name, value in wanted.items()}
        ranks = {key[0] for key in bounds.values()}
        if _UNORDERED_RANK not in ranks:
            return _range(collection, bounds) if len(ranks) == 1 else [], rest, True
    return everything


def _range(collection: Collection, bounds: dict[str, Key]) -> list[Key]:
    rank = next(iter(bounds.values()))[0]
    lows = [bounds[name] for name in ("$gt", "$gte") if name in bounds]
    highs = [bounds[name] for name in ("$lt", "$lte") if name in bounds]
    low, high = max(lows, default=(rank,)), min(highs, default=(rank + 1,))
    return collection.between(low, high, with_low=low != bounds.get("$gt"), with_high=high != bounds.get("$lt"))


def projector(fields: Mapping[str, Any] | None) -> Callable[[bytes], bytes]:
    """Return what turns a raw document into its projection."""
    if not fields:
        return lambda raw: raw
    shown = dict(fields)
    flat = all(isinstance(value, bool | int | float) and "." not in name for name, value in shown.items())
    if not flat:
        return lambda raw: encode(next(scratch([decode(raw)]).find({}, dict(shown))))
    kinds = {bool(value) for name, value in shown.items() if name != "_id"}
    if len(kinds) > 1:
        raise CommandError(2, "BadValue", "Projection cannot have a mix of inclusion and exclusion.")
    names = {name for name, value in shown.items() if value}
    hidden = {name for name, value in shown.items() if not value}
    if kinds == {True} or (not kinds and names):
        if shown.get("_id", True):
            names.add("_id")
        return lambda raw: encode({name: value for name, value in decode(raw).items() if name in names})
    return lambda raw: encode({name: value for name, value in decode(raw).items() if name not in hidden})


def scratch(documents: list[Document]) -> Any:
    """Return a mongomock collection of these documents, to run on it what has no short cut."""
    collection = mongomock.MongoClient()["scratch"]["documents"]
    if documents:
        collection.insert_many(documents)
    return collection


def updated(document: Document | None, where: Document, update: Any) -> Document:
    """Return what an update or replacement makes of a document, or of the filter where there is none (upsert)."""
    operators = isinstance(update, list) or any(name.startswith("$") for name in update)
    if document is not None:
        before = document["_id"]
        if not operators:
            after = {"_id": before, **update}
        elif _is_plain_set(update):
            after = {**document, **update["$set"]}
        else:
            collection = scratch([document])
            collection.update_one(where, update)
            after = dict(collection.find_one({}))
        if id_key(after["_id"]) != id_key(before):
            message = "the (immutable) field '_id' was found to have been altered"
            raise CommandError(66, "ImmutableField", f"After applying the update, {message}")
        return after
    collection = scratch([])
    if operators:
        collection.update_one(where, update, upsert=True)
    else:
        collection.replace_one(where, update, upsert=True)
    made = dict(collection.find_one({}))
    return {"_id": made.pop("_id"), **made}


def _is_plain_set(update: Any) -> bool:
    if not isinstance(update, Mapping) or list(update) != ["$set"]:
        return False
    return bool(update["$set"]) and not any("." in name or name.startswith("$") for name in update["$set"])


def run_pipeline(collection: Collection, pipeline: list[Document]) -> Iterator[bytes]:
    """Yield what an aggregation makes of a collection, as raw documents."""
    where: Document = {}
    rest = list(pipeline)
    if rest and rest[0].get("$collStats") == {"count": {}}:
        # What PyMongo 3.13 makes of estimated_document_count.
        rest[0] = {"$count": "count"}
    if rest and "$match" in rest[0]:
        where = rest.pop(0)["$match"]
    found = select(collection, where)
    group = rest[0].get("$group") if len(rest) == 1 else None
    if group is not None and set(group) == {"_id", "n"} and group["n"] == {"$sum": 1} and group["_id"] in (1, None):
        # What drivers make of count_documents.
        count = sum(1 for _ in found)
        return iter([encode({"_id": group["_id"], "n": count})] if count else [])
    database = mongomock.MongoClient()["scratch"]
    documents = [decode(raw) for raw in found]
    made = aggregate.process_pipeline(documents, database, rest, None)  # type: ignore[no-untyped-call]
    return (encode(document) for document in made)
