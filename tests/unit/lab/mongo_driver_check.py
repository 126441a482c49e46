"""What any driver must see of the lab's MongoDB. Run as `PYTHON mongo_driver_check.py PORT` with any PyMongo."""

import datetime
import sys
import time

import bson
import pymongo
from bson.binary import Binary
from pymongo.errors import OperationFailure


def check_round_trip(faces):
    document = {
        "_id": bson.Int64(4_000_000_000_001), "int": 5, "long": bson.Int64(5), "float": 5.0, "none": None,
        "raw": b"\x00\x01", "typed": Binary(b"\x02", 5), "user": Binary(b"u" * 16, 128), "uuid": Binary(b"4" * 16, 4),
        "when": datetime.datetime(2018, 3, 4, 5, 6, 7, 89000), "oid": bson.ObjectId(), "list": [1, "a", {"b": [b"c"]}],
        "sub": {"z": 1, "a": 2}, "text": "äöü", "yes": True, "re": bson.Regex("^a", "i"), "d": bson.Decimal128("1.5"),
        "stamp": bson.Timestamp(1, 2), "min": bson.MinKey(),
    }  # fmt: skip
    faces.insert_one(document)
    codec = bson.codec_options.CodecOptions(uuid_representation=0)
    faces = faces.with_options(codec_options=codec)
    back = faces.find_one({"_id": document["_id"]})
    assert bson.encode(back, codec_options=codec) == bson.encode(document, codec_options=codec)
    faces.update_one({"_id": document["_id"]}, {"$set": {"int": 6}})
    back = faces.find_one({"_id": document["_id"]})
    assert bson.encode(back, codec_options=codec) == bson.encode({**document, "int": 6}, codec_options=codec)
    faces.update_one({"_id": document["_id"]}, {"$inc": {"int": -1}, "$unset": {"none": ""}})
    back = faces.find_one({"_id": document["_id"]})
    document.pop("none")
    assert bson.encode(back, codec_options=codec) == bson.encode(document, codec_options=codec)
    faces.delete_many({})


def check_queries(faces):
    faces.insert_many([{"_id": n, "owner": f"{n % 3}", "galleries": ["default", "vip"][: 1 + n % 2], "n": n * 0.5}
                       for n in range(3000)])  # fmt: skip
    assert faces.count_documents({}) == faces.estimated_document_count() == 3000
    assert [face["_id"] for face in faces.find({"_id": {"$gt": 2995}}).sort("_id", 1)] == [2996, 2997, 2998, 2999]
    assert [face["_id"] for face in faces.find({"_id": {"$gte": 3, "$lt": 9}}, {"_id": 1}).sort("_id", -1)] == [
        8, 7, 6, 5, 4, 3,
    ]  # fmt: skip
    page, seen = 0, []
    while batch := list(faces.find({"_id": {"$gt": page - (not seen)}}).sort("_id", 1).limit(700)):
        page = batch[-1]["_id"]
        seen += [face["_id"] for face in batch]
    assert seen == list(range(3000))
    assert len(list(faces.find({}, batch_size=7).limit(50))) == 50
    assert sorted(face["_id"] for face in faces.find({"_id": {"$in": [5, 1, 9999]}})) == [1, 5]
    assert faces.find_one({"n": 1.5}, {"n": 1}) == {"_id": 3, "n": 1.5}
    assert faces.find_one({"_id": 1}, {"n": 0, "galleries": 0}) == {"_id": 1, "owner": "1"}
    assert faces.count_documents({"galleries": "vip", "owner": "1"}) == 500
    assert sorted(faces.distinct("owner")) == ["0", "1", "2"]
    assert sorted(faces.distinct("galleries", {"_id": {"$lt": 9}})) == ["default", "vip"]
    assert faces.find_one(sort=[("n", -1)])["_id"] == 2999
    groups = faces.aggregate([{"$unwind": "$galleries"}, {"$group": {"_id": "$galleries", "n": {"$sum": 1}}}])
    assert {row["_id"]: row["n"] for row in groups} == {"default": 3000, "vip": 1500}
    assert len(list(faces.aggregate([{"$match": {"_id": {"$lt": 500}}}, {"$sample": {"size": 20}}]))) == 20
    assert next(iter(faces.aggregate([{"$match": {"owner": "2"}}, {"$count": "n"}])))["n"] == 1000


def check_writes(faces):
    fails(11000, faces.insert_one, {"_id": 1})
    documents = [{"_id": -1}, {"_id": 1}, {"_id": -2}]
    assert fails(65, faces.insert_many, documents, ordered=False).details["nInserted"] == 2
    assert faces.delete_many({"_id": {"$lt": 0}}).deleted_count == 2
    assert faces.delete_many({"_id": {"$gte": 2990}}).deleted_count == 10
    assert faces.delete_one({"owner": "0"}).deleted_count == 1
    result = faces.update_many({"owner": "1"}, {"$set": {"seen": True}})
    assert result.matched_count == result.modified_count == faces.count_documents({"seen": True})
    result = faces.update_one({"_id": 7777}, {"$set": {"a": 1}, "$setOnInsert": {"b": 2}}, upsert=True)
    assert result.upserted_id == 7777
    assert faces.find_one({"_id": 7777}) == {"_id": 7777, "a": 1, "b": 2}
    faces.replace_one({"_id": 7777}, {"c": b"3"})
    assert faces.find_one({"_id": 7777}) == {"_id": 7777, "c": b"3"}
    result = faces.bulk_write([
        pymongo.UpdateOne({"_id": 11}, {"$set": {"facen": b"x"}}), pymongo.UpdateOne({"_id": 12}, {"$inc": {"n": 1}}),
        pymongo.UpdateOne({"_id": 11}, {"$set": {"more": 1}}), pymongo.InsertOne({"_id": 8888}),
        pymongo.DeleteOne({"_id": 7777}),
    ])  # fmt: skip
    assert (result.modified_count, result.inserted_count, result.deleted_count) == (3, 1, 1)
    assert faces.find_one({"_id": 11})["facen"] == b"x"
    assert faces.find_one({"_id": 11})["more"] == 1
    after = faces.find_one_and_update({"_id": 12}, {"$set": {"n": 1}}, return_document=pymongo.ReturnDocument.AFTER)
    assert after["n"] == 1
    assert faces.find_one_and_delete({"_id": 12})["_id"] == 12
    assert faces.find_one_and_update({"_id": 12}, {"$set": {"n": 1}}) is None


def check_catalogue(client, faces):
    db = faces.database
    faces.create_index([("owner", 1)], name="by_owner")
    assert set(faces.index_information()) == {"_id_", "by_owner"}
    faces.drop_index("by_owner")
    assert db.list_collection_names() == [faces.name]
    assert db.name in client.list_database_names()
    faces.rename("other")
    db["other"].rename(faces.name)
    assert db.command("collStats", faces.name)["count"] == faces.count_documents({})
    assert db.command("dbStats")["collections"] == 1
    assert client.admin.command("serverStatus")["pid"] > 0
    assert client.server_info()["version"]
    fails(59, db.command, "noSuchThing")
    fails(26, db.command, "listIndexes", "nothing")


def fails(code, call, *arguments, **options):
    try:
        call(*arguments, **options)
    except OperationFailure as error:
        found = error
    else:
        raise AssertionError(f"{call}{arguments} did not fail")
    assert found.code == code, found
    return found


def measure(faces, count=20000):
    documents = [{"_id": bson.Int64(n * 7), "owner": "ab" * 12, "facen": b"f" * 1280, "normalized": b"n" * 600}
                 for n in range(count)]  # fmt: skip
    start = time.monotonic()
    for at in range(0, count, 1000):
        faces.insert_many(documents[at : at + 1000], ordered=False)
    inserted = time.monotonic()
    assert sum(1 for _ in faces.find({})) == count
    read = time.monotonic()
    for at in range(0, count, 1000):
        faces.bulk_write([pymongo.UpdateOne({"_id": document["_id"]}, {"$set": {"facen": b"g" * 1920}})
                          for document in documents[at : at + 1000]], ordered=False)  # fmt: skip
    updated = time.monotonic()
    for document in documents[:1000]:
        faces.update_one({"_id": document["_id"]}, {"$set": {"facen": b"h" * 1920}})
    single = time.monotonic()
    sys.stdout.write(f"insert {count / (inserted - start):.0f}/s, read {count / (read - inserted):.0f}/s, "
          f"bulk update {count / (updated - read):.0f}/s, update {1000 / (single - updated):.0f}/s\n")  # fmt: skip


def main():
    client = pymongo.MongoClient("127.0.0.1", int(sys.argv[1]), serverSelectionTimeoutMS=5000)
    faces = client["drivercheck"]["faces"]
    client.drop_database("drivercheck")
    check_round_trip(faces)
    check_queries(faces)
    check_writes(faces)
    check_catalogue(client, faces)
    faces.drop()
    if "--measure" in sys.argv:
        measure(faces)
    client.drop_database("drivercheck")
    client.close()
    sys.stdout.write(f"ok {pymongo.version}\n")


main()
