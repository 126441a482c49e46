"""MongoDB's write commands over the store: each is one synced batch, and answers what became of every statement."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import bson
import mongomock

from ffplay.lab.mongoquery import CommandError, projector, select, updated
from ffplay.lab.mongostore import Document, Store, decode, encode, id_key
from ffplay.lab.mongowire import Request

_ID_FIRST = slice(5, 9)


def insert(store: Store, namespace: str, request: Request) -> Document:
    """Answer insert."""
    raws = request.raws.get("documents") or [encode(document) for document in request.body.get("documents", [])]
    known = store.get(namespace).docs
    taken = set()
    good: list[bytes] = []
    errors: list[Document] = []
    for index, given in enumerate(raws):
        raw, key = _with_id(given)
        if key in known or key in taken:
            message = f"E11000 duplicate key error collection: {namespace} index: _id_ dup key: {{ : {key[1]} }}"
            errors.append({"index": index, "code": 11000, "errmsg": message})
            if request.body.get("ordered", True):
                break
            continue
        taken.add(key)
        good.append(raw)
    if good:
        store.put(namespace, good)
    return {"n": len(good), **({"writeErrors": errors} if errors else {})}


def update(store: Store, namespace: str, request: Request) -> Document:
    """Answer update."""
    answer: Document = {"n": 0, "nModified": 0}
    upserted: list[Document] = []
    pending: dict[Any, bytes] = {}

    def one(index: int, statement: Document) -> None:
        where, change = statement["q"], statement["u"]
        found = _matches(store, namespace, where, pending, single=not statement.get("multi"))
        if not found and statement.get("upsert"):
            made = updated(None, where, change)
            _check_new(store, namespace, made, pending)
            pending[id_key(made["_id"])] = encode(made)
            upserted.append({"index": index, "_id": made["_id"]})
            answer["n"] += 1
        for raw in found:
            before = decode(raw)
            after = encode(updated(before, where, change))
            answer["n"] += 1
            if after != raw:
                pending[id_key(decode(after)["_id"])] = after
                answer["nModified"] += 1

    errors = _each(request, "updates", one)
    if pending:
        store.put(namespace, list(pending.values()))
    return answer | ({"upserted": upserted} if upserted else {}) | ({"writeErrors": errors} if errors else {})


def delete(store: Store, namespace: str, request: Request) -> Document:
    """Answer delete."""
    removed = 0

    def one(_index: int, statement: Document) -> None:
        nonlocal removed
        found = select(store.get(namespace), statement["q"])
        ids = [decode(raw)["_id"] for raw in itertools.islice(found, statement.get("limit") or None)]
        if ids:
            store.delete(namespace, ids)
        removed += len(ids)

    errors = _each(request, "deletes", one)
    return {"n": removed, **({"writeErrors": errors} if errors else {})}


def find_and_modify(store: Store, namespace: str, request: Request) -> Document:
    """Answer findAndModify."""
    body = request.body
    where = body.get("query") or {}
    raw = next(select(store.get(namespace), where, body.get("sort")), None)
    show = projector(body.get("fields"))
    if body.get("remove"):
        if raw is not None:
            store.delete(namespace, [decode(raw)["_id"]])
        value = None if raw is None else decode(show(raw))
        return {"lastErrorObject": {"n": int(raw is not None)}, "value": value}
    if raw is None and not body.get("upsert"):
        return {"lastErrorObject": {"updatedExisting": False, "n": 0}, "value": None}
    after = updated(decode(raw) if raw is not None else None, where, body["update"])
    if raw is None:
        _check_new(store, namespace, after, {})
    store.put(namespace, [encode(after)])
    last: Document = {"updatedExisting": raw is not None, "n": 1}
    if raw is None:
        last["upserted"] = after["_id"]
    shown = encode(after) if body.get("new") else raw
    return {"lastErrorObject": last, "value": None if shown is None else decode(show(shown))}


def _with_id(raw: bytes) -> tuple[bytes, Any]:
    """Return a document with its `_id` in the first place, made where it has none, and the key it is stored by."""
    document = decode(raw)
    if raw[_ID_FIRST] != b"_id\0":
        document = {"_id": document.get("_id", bson.ObjectId()), **document}
        raw = encode(document)
    return raw, id_key(document["_id"])


def _matches(store: Store, namespace: str, where: Document, pending: dict[Any, bytes], *, single: bool) -> list[bytes]:
    """Return what a statement of a batch changes, which may be what an earlier statement of it has made."""
    if pending:
        # Statements see one another. Those of a bulk by `_id` touch different documents and need no flush.
        wanted = where.get("_id")
        if isinstance(wanted, dict) or "_id" not in where or id_key(wanted) in pending:
            store.put(namespace, list(pending.values()))
            pending.clear()
    return list(itertools.islice(select(store.get(namespace), where), 1 if single else None))


def _check_new(store: Store, namespace: str, document: Document, pending: dict[Any, bytes]) -> None:
    key = id_key(document["_id"])
    if key in store.get(namespace).docs or key in pending:
        raise CommandError(11000, "DuplicateKey", f"E11000 duplicate key error collection: {namespace} index: _id_")


def _each(request: Request, field: str, one: Callable[[int, Document], None]) -> list[Document]:
    """Run every statement of a batch; return the errors, after the first of which an ordered batch stops."""
    statements = [decode(raw) for raw in request.raws.get(field, [])] or request.body.get(field, [])
    errors: list[Document] = []
    for index, statement in enumerate(statements):
        try:
            one(index, statement)
        except CommandError as error:
            errors.append({"index": index, "code": error.code, "errmsg": error.message})
        except (mongomock.OperationFailure, NotImplementedError, ValueError, TypeError) as error:
            errors.append({"index": index, "code": getattr(error, "code", None) or 9, "errmsg": str(error)})
        if errors and request.body.get("ordered", True):
            break
    return errors
