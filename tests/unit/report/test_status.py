from __future__ import annotations

import json

from ffplay.engine.survey import FacesStatus, HostStatus, ShardStatus, SiteStatus
from ffplay.errors import Unreachable
from ffplay.report.status import document, lines
from ffplay.report.style import Style
from ffplay.resources.glance import RunningJob
from ffplay.resources.lock import Held, Holder
from ffplay.resources.record import Record
from ffplay.resources.runs import RunEnd, RunHead, RunState
from ffplay.resources.shard_data import DataState
from ffplay.resources.unit import RUNNING, UnitState
from tests.unit.report import samples

RUN = "20261123T205251Z-10b8"
HELD = Held(Holder("ann", "laptop", 77, "2026-11-23 20:52:51 UTC", RUN, "/p/switch.yml", "secret-token"), 5)
OPEN = RunState(RunHead(RUN, "apply", "ann", "laptop", "2026-11-23", "/p/switch.yml", "0.1.0", "x"), None, intents=9)
FILLED = DataState((("snap/1.snap", 2048), ("wal/1.xlog", 1024)), Record(samples.NEW))
EMPTIED = DataState(
    (), Record(samples.NEW, "emptied"), ("index",), ((f"/d/snapshots.aside-{RUN}", 100), (f"/d/xlogs.aside-{RUN}", 28))
)
SITE = SiteStatus(
    (
        HostStatus(
            "app1",
            services=(("findface-facenapi", RUNNING),),
            jobs=(RunningJob("/s/jobs/regenerate-1/1", 4711),),
            faces=FacesStatus("mongodb://127.0.0.1:27017/facenapi.faces", 200, Record(samples.NEW, "regenerating")),
            lock=HELD,
        ),
        HostStatus(
            "db1",
            (
                ShardStatus(samples.shard("db1", 1), RUNNING, FILLED),
                ShardStatus(samples.shard("db1", 2), UnitState("failed"), EMPTIED),
                ShardStatus(samples.shard("db1", 3), None, None),
            ),
            lock=Held(HELD.holder, 3),
        ),
        HostStatus("db2", errors=(Unreachable("db2", "no route to host"),)),
    ),
    (OPEN,),
    frozenset({RUN}),
)


def test_everything_that_a_site_is_at() -> None:
    text = "\n".join(lines(SITE, Style()))
    assert text.startswith("3 hosts, 3 shards\n")
    assert f"run {RUN} (apply) is open, under way: 0/9 changes\n" in text
    assert f"locked on app1, db1 by run {RUN}: ann on laptop (pid 77)" in text
    assert "last sign of life 3 s ago" in " ".join(text.split())
    assert "set aside: 128.0 KiB on db1 (ff-play commit removes it)" in text
    assert "  200 faces in mongodb://127.0.0.1:27017/facenapi.faces: regenerating, for cherry_480 (480)\n" in text
    assert "  findface-facenapi  active\n" in text
    assert "  runs: /s/jobs/regenerate-1/1 (pid 4711)\n" in text
    assert "  FindFace_shard_1  active    cherry_480 (480); 2 data files, 3.0 KiB\n" in text
    assert "  FindFace_shard_2  failed    emptied, for cherry_480 (480); 0 data files, 0 B; missing: index\n" in text
    assert f"set aside by run {RUN}: 128.0 KiB\n" in text
    assert "  FindFace_shard_3  unknown   its data cannot be read\n" in text
    assert "db2\n  no route to host" in text
    assert max(map(len, text.splitlines())) <= 100


def test_a_quiet_site() -> None:
    done = RunState(OPEN.head, RunEnd("ok"), "done", RUN, 9, 9)
    text = "\n".join(lines(SiteStatus((HostStatus("a"),), (done,)), Style()))
    assert text == f"1 host, 0 shards\nno run is open; the last was {RUN} (apply, ok)\nno lock\n\na"
    assert "no run is open\n" in "\n".join(lines(SiteStatus((HostStatus("a"),), ()), Style()))


def test_faces_that_nobody_can_count() -> None:
    faces = FacesStatus("mongodb://m/d.f", None, None)
    text = "\n".join(lines(SiteStatus((HostStatus("a", faces=faces),), ()), Style()))
    assert "an unknown number of faces in mongodb://m/d.f: no record" in text


def test_status_as_json_tells_no_token() -> None:
    found = document(SITE)
    text = json.dumps(found)
    assert json.loads(text) == found
    assert "secret-token" not in text
    app1, db1, db2 = found["hosts"]
    assert (app1["lock"]["run"], app1["lock"]["silent_seconds"]) == (RUN, 5)
    assert app1["faces"]["record"]["state"] == "regenerating"
    assert [one["active"] for one in db1["shards"]] == ["active", "failed", None]
    assert db1["shards"][1]["set_aside"][0] == {"path": f"/d/snapshots.aside-{RUN}", "kib": 100}
    assert [error["message"] for error in db2["errors"]] == ["no route to host"]
    assert [run["run"] for run in found["open_runs"]] == [RUN]
