"""What others do to a site, by hand and through facenapi, and how the site is: all of it without ffplay."""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Callable
from pathlib import Path

import pymongo

from ffplay import findface
from ffplay.errors import Error
from ffplay.lab import seed, services, shards
from ffplay.lab.http_client import Connection
from ffplay.lab.layout import LabHost, LabSite
from tests.e2e.judge import faces_of
from tests.fault.state import State, Treasure, read

# What the playbook sets in a file; everything else in it is its owner's.
_SET = re.compile(r"(?<=facen_size = )\d+|(?<=\n  facen: )\w+")

# What blocks of rows begin with; Tarantool makes a file that has none anew when it starts.
_ROWS = (b"\xd5\xba\x0b\xab", b"\xd5\xba\x0b\xba")

_PATIENCE = 60.0


class Shard:
    """One shard of the lab: where its file, data and record are."""

    def __init__(self, host: LabHost, number: int, name: str, directory: str) -> None:
        port = findface.DEFAULTS["shard_http_base"] + number
        self.host = host
        self.key = f"{host.name}:{port}"
        self.http = f"{host.address}:{port}"
        self.unit = f"tarantool@{name}.service"
        self.conf = host.root / f"etc/tarantool/instances.enabled/{name}.lua"
        self.data = host.root / shards.DATA / directory
        self.record = self.data / "ffplay-generation.json"

    @property
    def runs(self) -> bool:
        return self.systemctl("is-active") == "active"

    def systemctl(self, verb: str) -> str:
        return self.host.systemctl(verb, self.unit).stdout.strip()

    def file_key(self, path: Path) -> str:
        """Return a file's key in `State.files`."""
        return f"{self.host.name}:{path.relative_to(self.host.root)}"

    def asides(self) -> set[str]:
        """Return the runs that set data of it aside."""
        return {path.name.partition(".aside-")[2] for path in self.data.glob("*.aside-*")}


def shards_of(lab: LabSite) -> list[Shard]:
    """Return all shards, in the order of the site."""
    return [Shard(host, *each) for host in lab.databases for each in shards.names(lab, host)]


def wait_for(ready: Callable[[], bool], what: str) -> None:
    """Wait until something is so. Raise AssertionError."""
    deadline = time.monotonic() + _PATIENCE
    while not ready():
        assert time.monotonic() < deadline, f"waited in vain until {what}"
        time.sleep(0.05)


def look(lab: LabSite) -> State:
    """Return the site as it is, once every shard that is active answers."""
    found: list[State] = []

    def ready() -> bool:
        running = [shard.key for shard in shards_of(lab) if shard.runs]
        found.append(read(lab))
        # The key of a shard itself is that of one that does not answer.
        return not any(key in found[-1].shards for key in running)

    wait_for(ready, "every active shard answers")
    state = found[-1]
    state.shards = {key: facen for key, facen in state.shards.items() if key.count(":") > 1}
    return state


def treasure(lab: LabSite) -> Treasure:
    """Return what must not be lost of a site that was worked on: of what is in use, all files that have rows."""
    every = Treasure.of(lab)
    every.files = {
        f"{shard.host.name}:{shard.data.name}:{path.name}": content
        for shard in shards_of(lab)
        for path in (*(shard.data / "snapshots").glob("*.snap"), *(shard.data / "xlogs").glob("*.xlog"))
        if any(marker in (content := path.read_bytes()) for marker in _ROWS)
    }
    return every


def quiet(lab: LabSite) -> None:
    """Wait until no tool runs that a killed run has left."""
    wait_for(lambda: not any(_alive(pid) for host in lab.hosts for pid in _jobs(host)), "the tools are over")


def _jobs(host: LabHost) -> list[Path]:
    jobs = host.root / "var/lib/ffplay/jobs"
    return [path for path in jobs.glob("*/*/pid") if not path.with_name("rc").exists()]


def _alive(file: Path) -> bool:
    with contextlib.suppress(OSError, ValueError):
        os.kill(int(file.read_text().split()[0]), 0)
        return True
    return False


def owned(lab: LabSite) -> dict[str, str]:
    """Return what of each configuration file is its owner's: all but the values that the playbook sets."""
    files = [lab.app.root / "etc/findface-extraction-api.ini", lab.app.root / "etc/findface-facenapi.ini"]
    files += [shard.conf for shard in shards_of(lab)]
    return {str(path): _SET.sub("SET", path.read_text()) for path in files}


def model_of(lab: LabSite) -> str:
    """Return the model that extraction-api makes facens with."""
    text = (lab.app.root / "etc/findface-extraction-api.ini").read_text()
    found = re.search(r"\n  facen: (\w+)", text)
    assert found, text
    return found[1]


def enrol(lab: LabSite, count: int) -> list[int]:
    """Enrol faces as facenapi does with the model of the moment; a shard that refuses or is down has none of them."""
    before = faces_of(lab).keys()
    with contextlib.suppress(Error, OSError):
        seed.seed(
            lab.app.address,
            int(services.port("mongo_port")),
            lab.shards(),
            services.cells(lab),
            count,
            model_of(lab),
            lab.app.root / services.UPLOADS,
            lab.options.seed,
        )
    return sorted(faces_of(lab).keys() - before)


def delete(lab: LabSite, place: int) -> int:
    """Delete a face as facenapi does: on its shard, then in MongoDB. Return its id."""
    faces = faces_of(lab)
    number = sorted(faces)[place % len(faces)]
    cells = services.cells(lab)
    address = cells[number % len(cells)]
    for gallery in faces[number]["galleries"]:
        Connection.to(address).request("DELETE", f"/v1/{faces[number]['owner']}_{gallery}/del/{number}")
    with pymongo.MongoClient(lab.app.address, int(services.port("mongo_port"))) as client:
        client["facenapi"]["faces"].delete_one({"_id": number})
    return number


def break_tool(lab: LabSite) -> Path:
    """Have findface-regenerate fail while the file is there whose path is returned."""
    broken = lab.directory / "broken"
    tool = lab.app.root / "usr/bin/findface-regenerate"
    whole = tool.rename(f"{tool}.whole")
    tool.write_text(f'#!/bin/sh\n[ ! -e {broken} ] || {{ echo "no licence" >&2; exit 1; }}\nexec {whole} "$@"\n')
    tool.chmod(0o755)
    return broken
