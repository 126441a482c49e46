"""What MongoDB's commands tell of, and do to, databases, collections and indexes as a whole."""

from __future__ import annotations

from collections.abc import Iterator

from ffplay.lab.mongoquery import CommandError, matches
from ffplay.lab.mongostore import Collection, Document, Store, encode
from ffplay.lab.mongowire import Request

HELLO_SINCE = 9  # The wire version of MongoDB 4.4.


class Catalogue:
    """The commands on namespaces; `wire` is the wire version that the server advertises."""

    def __init__(self, store: Store, wire: int) -> None:
        self.store, self.wire = store, wire

    def list_databases(self, _request: Request, _connection: int) -> Document:
        """Answer listDatabases."""
        sizes: dict[str, int] = {}
        for namespace, collection in self.store.collections.items():
            name = namespace.partition(".")[0]
            sizes[name] = sizes.get(name, 0) + sum(map(len, collection.docs.values()))
        rows = [{"name": name, "sizeOnDisk": float(size), "empty": False} for name, size in sorted(sizes.items())]
        return {"databases": rows, "totalSize": float(sum(sizes.values()))}

    def collection_rows(self, request: Request) -> Iterator[bytes]:
        """Yield what listCollections answers with."""
        prefix = f"{request.database}."
        where = request.body.get("filter") or {}
        for namespace in self.store.collections:
            row = {"name": namespace.removeprefix(prefix), "type": "collection", "options": {}}
            if namespace.startswith(prefix) and matches(where, row):
                yield encode({**row, "info": {"readOnly": False}})

    def index_rows(self, request: Request) -> Iterator[bytes]:
        """Yield what listIndexes answers with. Raise CommandError where there is no such collection."""
        collection = self.existing(request)
        specs = [{"v": 2, "key": {"_id": 1}, "name": "_id_"}, *collection.indexes.values()]
        # Servers from 4.4 on no longer repeat the namespace.
        old = {"ns": namespace_of(request)} if self.wire < HELLO_SINCE else {}
        return (encode({**spec, **old}) for spec in specs)

    def create(self, request: Request, _connection: int) -> Document:
        """Answer create."""
        if namespace_of(request) in self.store.collections:
            raise CommandError(48, "NamespaceExists", f"a collection '{namespace_of(request)}' already exists")
        self.store.index(namespace_of(request), [])
        return {}

    def create_indexes(self, request: Request, _connection: int) -> Document:
        """Answer createIndexes; what the lab would not enforce is refused rather than ignored."""
        specs = request.body["indexes"]
        if any(spec.get("unique") or "expireAfterSeconds" in spec for spec in specs):
            raise CommandError(67, "CannotCreateIndex", "this server enforces neither unique nor TTL indexes")
        before = self.collection(request).indexes
        fresh = [{"v": 2, **spec} for spec in specs if spec["name"] not in before]
        counts = {"numIndexesBefore": len(before) + 1, "numIndexesAfter": len(before) + 1 + len(fresh)}
        self.store.index(namespace_of(request), fresh)
        return counts

    def drop_indexes(self, request: Request, _connection: int) -> Document:
        """Answer dropIndexes, by name or `*`."""
        have = self.existing(request).indexes
        wanted = request.body["index"]
        names = list(have) if wanted == "*" else [wanted]
        if not set(names) <= set(have):
            raise CommandError(27, "IndexNotFound", f"index not found with name [{wanted}]")
        self.store.drop_index(namespace_of(request), names)
        return {"nIndexesWas": len(have) + 1}

    def drop(self, request: Request, _connection: int) -> Document:
        """Answer drop."""
        collection = self.existing(request)
        self.store.drop(namespace_of(request))
        return {"ns": namespace_of(request), "nIndexesWas": len(collection.indexes) + 1}

    def drop_database(self, request: Request, _connection: int) -> Document:
        """Answer dropDatabase."""
        for namespace in [name for name in self.store.collections if name.startswith(f"{request.database}.")]:
            self.store.drop(namespace)
        return {"dropped": request.database}

    def rename(self, request: Request, _connection: int) -> Document:
        """Answer renameCollection."""
        source, to = request.body["renameCollection"], request.body["to"]
        if source not in self.store.collections:
            raise CommandError(26, "NamespaceNotFound", "source namespace does not exist")
        if to in self.store.collections and not request.body.get("dropTarget"):
            raise CommandError(48, "NamespaceExists", "target namespace exists")
        self.store.rename(source, to)
        return {}

    def stats(self, request: Request, _connection: int) -> Document:
        """Answer collStats and dbStats, roughly."""
        if "collStats" in request.body:
            chosen, extra = [self.collection(request)], {"ns": namespace_of(request)}
        else:
            prefix = f"{request.database}."
            chosen = [c for name, c in self.store.collections.items() if name.startswith(prefix)]
            extra = {"db": request.database}
        size = sum(len(raw) for collection in chosen for raw in collection.docs.values())
        count = sum(len(collection.docs) for collection in chosen)
        return {**extra, "collections": len(chosen), "count": count, "objects": count, "size": size, "dataSize": size,
                "storageSize": size, "avgObjSize": size // max(count, 1), "indexes": len(chosen),
                "totalIndexSize": 0, "indexSize": 0}  # fmt: skip

    def collection(self, request: Request) -> Collection:
        """Return the collection that a command names; one that does not exist is empty."""
        return self.store.get(namespace_of(request))

    def existing(self, request: Request) -> Collection:
        """Return the collection that a command names. Raise CommandError where it does not exist."""
        if namespace_of(request) not in self.store.collections:
            raise CommandError(26, "NamespaceNotFound", "ns not found")
        return self.collection(request)


def namespace_of(request: Request) -> str:
    """Return `database.collection` of a command."""
    collection = next(iter(request.body.values()))
    if not isinstance(collection, str) or not collection:
        raise CommandError(73, "InvalidNamespace", f"collection name has invalid type {type(collection).__name__}")
    return f"{request.database}.{collection}"
