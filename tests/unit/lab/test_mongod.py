"""The lab's MongoDB, over real sockets, with the driver that is installed."""

import contextlib
import signal
import socket
import struct
import subprocess
import sys
from pathlib import Path

import bson
import pymongo
import pytest
from pymongo.errors import OperationFailure

from ffplay.lab import mongostore
from tests.unit.lab.servers import Program, running

CHECK = Path(__file__).with_name("mongo_driver_check.py")
# A driver refuses servers older than it knows: MongoDB 3.2 and 3.4 are for PyMongo 3 alone.
WIRES = (4, 5, 6, 9, 13, 25) if pymongo.version_tuple < (4,) else (9, 13, 25)


@contextlib.contextmanager
def client(program):
    with pymongo.MongoClient("127.0.0.1", program.port, serverSelectionTimeoutMS=5000) as found:
        yield found


@pytest.mark.parametrize("wire", WIRES)
def test_a_driver_sees_mongodb(tmp_path, wire):
    with running("mongod", "--dbpath", tmp_path, "--wire-version", wire) as program:
        done = subprocess.run([sys.executable, CHECK, str(program.port)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert program.end() == 0


def test_what_was_acknowledged_survives_a_kill(tmp_path):
    with running("mongod", "--dbpath", tmp_path) as program, client(program) as mongo:
        faces = mongo["facenapi"]["faces"]
        faces.insert_many([{"_id": bson.Int64(n), "facen": b"a" * 100} for n in range(500)])
        faces.update_many({"_id": {"$gte": 400}}, {"$set": {"facen": b"b"}})
        faces.delete_many({"_id": {"$lt": 100}})
        faces.create_index("owner")
        before = [bson.encode(face) for face in faces.find()]
        program.end(signal.SIGKILL)
    with running("mongod", "--dbpath", tmp_path) as program, client(program) as mongo:
        faces = mongo["facenapi"]["faces"]
        assert [bson.encode(face) for face in faces.find()] == before
        assert "owner_1" in faces.index_information()


def test_a_torn_tail_is_cut_off_and_a_damaged_middle_refused(tmp_path):
    store = mongostore.Store(tmp_path)
    for number in range(3):
        store.put("db.faces", [bson.encode({"_id": number, "x": "y" * 50})])
    store.close()
    log = tmp_path / "lab.bson.log"
    whole = log.read_bytes()
    for cut in (1, 10, 70):
        log.write_bytes(whole[:-cut])
        store = mongostore.Store(tmp_path)
        assert len(store.get("db.faces").docs) == 2
        store.put("db.faces", [bson.encode({"_id": 2, "x": "y" * 50})])
        store.close()
        assert log.read_bytes() == whole
    log.write_bytes(whole[:40] + b"!" + whole[41:])
    with pytest.raises(mongostore.CorruptLog):
        mongostore.Store(tmp_path)


def test_a_long_log_is_compacted_at_the_start(tmp_path, monkeypatch):
    monkeypatch.setattr(mongostore, "_COMPACT_BYTES", 1000)
    store = mongostore.Store(tmp_path)
    for number in range(100):
        store.put("db.faces", [bson.encode({"_id": number % 5, "n": number})])
    store.index("db.faces", [{"name": "n_1", "key": {"n": 1}}])
    store.close()
    before = (tmp_path / "lab.bson.log").stat().st_size
    store = mongostore.Store(tmp_path)
    store.close()
    assert (tmp_path / "lab.bson.log").stat().st_size < before / 10
    store = mongostore.Store(tmp_path)
    found = store.get("db.faces")
    assert [bson.decode(raw)["n"] for raw in found.docs.values()] == [95, 96, 97, 98, 99]
    assert set(found.indexes) == {"n_1"}


def test_a_second_server_on_the_directory_is_refused(tmp_path):
    with running("mongod", "--dbpath", tmp_path):
        second = Program("mongod", "--dbpath", tmp_path)
        assert second.process.wait(10) == 100
        assert "cannot use" in second.said


@pytest.mark.skipif(pymongo.version_tuple >= (4,), reason="no driver of today speaks to MongoDB 3.4")
def test_an_old_server_refuses_what_it_lacks(tmp_path):
    with running("mongod", "--dbpath", tmp_path, "--wire-version", 5) as program, client(program) as mongo:
        faces = mongo["facenapi"]["faces"]
        faces.insert_one({"_id": 1})
        assert mongo.server_info()["version"].startswith("3.4.")
        for pipeline in ([{"$project": {"n": {"$bsonSize": "$$ROOT"}}}], [{"$set": {"a": 1}}]):
            with pytest.raises(OperationFailure):
                list(faces.aggregate(pipeline))
        with pytest.raises(OperationFailure) as caught:
            mongo.admin.command("hello")
        assert caught.value.code == 59
        with pytest.raises(OperationFailure):
            mongo["facenapi"].command({"find": "faces", "lsid": {"id": 1}})
        with pytest.raises(OperationFailure):
            faces.create_index("photo_hash", unique=True)


def test_an_old_server_hangs_up_on_op_msg(tmp_path):
    body = bson.encode({"ping": 1, "$db": "admin"})
    message = struct.pack("<iiii", 21 + len(body), 1, 0, 2013) + b"\0\0\0\0\0" + body
    for wire, answers in ((5, False), (6, True)):
        with (
            running("mongod", "--dbpath", tmp_path, "--wire-version", wire) as program,
            socket.create_connection(("127.0.0.1", program.port)) as sock,
        ):
            sock.sendall(message)
            assert bool(sock.recv(100)) is answers


def test_a_cursor_goes_on_and_can_be_killed(tmp_path):
    with running("mongod", "--dbpath", tmp_path) as program, client(program) as mongo:
        db = mongo["facenapi"]
        db["faces"].insert_many([{"_id": n} for n in range(10)])
        reply = db.command({"find": "faces", "batchSize": 4})["cursor"]
        db["faces"].delete_many({"_id": {"$gte": 8}})
        more = db.command({"getMore": reply["id"], "collection": "faces"})["cursor"]
        assert [face["_id"] for face in more["nextBatch"]] == [4, 5, 6, 7]
        assert more["id"] == 0
        reply = db.command({"find": "faces", "batchSize": 0})["cursor"]
        assert reply["firstBatch"] == []
        db.command({"killCursors": "faces", "cursors": [reply["id"]]})
        with pytest.raises(OperationFailure) as caught:
            db.command({"getMore": reply["id"], "collection": "faces"})
        assert caught.value.code == 43
