"""What a plan costs this machine, without any network: a site of N hosts with 8 shards each, made up.

`python -m tests.benchmarks.planning [HOSTS ...]` plans `switch-model.yml` for each number of hosts in a process of its
own, and prints the processor's seconds of each part and the most memory that was taken.
"""

from __future__ import annotations

import itertools
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from ffplay.engine.events import Event
from ffplay.engine.options import Options
from ffplay.engine.plan import Plan
from ffplay.engine.planner import Planner
from ffplay.engine.runner import Session
from ffplay.engine.view import PlanView
from ffplay.load import Loaded, Sources, load, uncollected
from ffplay.model import Shard
from ffplay.report.plan_text import render
from ffplay.report.style import Style
from ffplay.resources.database_size import DatabaseSize
from ffplay.resources.facts import HostFacts, HostState, Instance, Room
from ffplay.resources.file import ABSENT, File, FileState
from ffplay.resources.job import Jobs
from ffplay.resources.mongo import Faces, FacesState
from ffplay.resources.mongo_dump import MongoDumps
from ffplay.resources.reachable import Reachable
from ffplay.resources.runs import Runs
from ffplay.resources.shard_backup import ShardBackups
from ffplay.resources.shard_data import DataState, ShardData
from ffplay.resources.shard_http import Gallery, ShardFaces, ShardState
from ffplay.resources.unit import Unit, UnitState
from tests.benchmarks import layout

TOP = Path(__file__).parents[2]
SIZES = (100, 300, 1000)
SHARDS = 8
FACES = 250_000

_PARTS = ("facenapi", "extraction", "mongo", "upload", "ntls")


def inventory(hosts: int) -> dict[str, Any]:
    """Return the inventory of a site: the parts on one host, the shards on the others."""
    members: dict[str, Any] = {part: {"hosts": {"app1": None}} for part in _PARTS}
    members["tntapi"] = {"hosts": {f"db{n:04}": {"ansible_host": _address(n), "shards": SHARDS} for n in range(hosts)}}
    return {"all": {"hosts": {"app1": {"ansible_host": "10.9.0.1"}}, "children": members}}


def _address(number: int) -> str:
    return f"10.8.{number // 250}.{number % 250 + 1}"


class Imagined(Session):
    """A session that makes up what it would read; all else is as it is. `rounds` counts what each reading asked for."""

    def __init__(self, loaded: Loaded) -> None:
        options = Options()
        super().__init__(loaded, Planner(loaded, options, "20260101T000000Z-0000"), options, _Nobody())
        self._site = loaded.site
        self._hosts = {host.name: host for host in loaded.site.hosts}
        self._confs = {(host.name, shard.conf): shard for host in loaded.site.hosts for shard in host.shards}
        self.rounds: list[int] = []

    def _first(self, planner: Planner) -> Plan:
        return self._plan(planner)

    def _read(self, view: PlanView, observed: dict[Any, Any], connect: object = None) -> None:
        wanted = {**view.missing, **view.foreseen}
        self.rounds.append(len(wanted))
        observed.update({key: self._answer(*key) for key in wanted})

    def _answer(self, host: str, asked: Any) -> Any:
        if isinstance(asked, File):
            return self._file(host, asked)
        if isinstance(asked, HostFacts):
            return self._facts(host, asked)
        return _ANSWERS[type(asked)](asked)

    def _file(self, host: str, asked: File) -> FileState:
        shard = self._confs.get((host, asked.path))
        name = asked.path.rpartition("/")[2]
        if shard is None and name not in _FILES:
            return ABSENT
        text = _conf(host, shard) if shard is not None else _FILES[name](self)
        return FileState("file", text.encode(), "0644", "root", "root", mtime=1)

    def table(self) -> str:
        """Return facenapi's table of shards."""
        return json.dumps([[f"{host.login.address}:{s.http_port}" for host in self._site.hosts for s in host.shards]])

    def _facts(self, host: str, asked: HostFacts) -> HostState:
        shards = self._hosts[host].shards
        return HostState(
            256 << 30,
            200 << 30,
            32,
            rooms=tuple(Room(path, 1, "/", 4 << 40, 8 << 40) for path in asked.paths),
            programs=asked.programs,
            models=asked.models,
            files=tuple(shard.conf.rpartition("/")[2] for shard in shards),
            instances=tuple(Instance(shard.unit, "active", True) for shard in shards),
        )


class _Nobody:
    """Hears nothing."""

    def event(self, event: Event) -> None:
        pass


def _conf(host: str, shard: Shard) -> str:
    """Return a shard's Lua file, as an engineer has set it shard by shard."""
    made = layout.Shard(int(shard.id), host, shard.address, Path("/"))
    return made.conf_text(layout.FROM_SIZE, "10.9.0.1").replace("* 1024 * 1024,", "* 1024 * 1024 * 1024,")


_FILES: Mapping[str, Callable[[Imagined], str]] = {
    "tntapi.json": Imagined.table,
    "findface-extraction-api.ini": lambda _: "listen: 0.0.0.0:18666\nmodels:\n  # the network\n  facen: apricot_320\n",
    "findface-facenapi.ini": lambda _: "detector = 'nnd'\nextraction_api_url = 'http://10.9.0.1:18666'\n",
}


def _served(asked: ShardFaces) -> ShardState:
    sample = tuple(("default", number, b"\0" * layout.FROM_SIZE * 4) for number in range(3))
    return ShardState((Gallery("default", FACES, 0, 0),), (layout.FROM_SIZE,), sample)


def _data(asked: ShardData) -> DataState:
    files = (("index/a.idx", 1 << 20), ("snap/0001.snap", 1 << 30), ("wal/0001.xlog", 1 << 28))
    return DataState(files, instances=(f"{asked.shard.address}-{asked.shard.id}",))


_ANSWERS: Mapping[type, Callable[[Any], Any]] = {
    DatabaseSize: lambda _: 1 << 38,
    Faces: lambda _: FacesState(FACES, ((layout.FROM_SIZE, FACES),)),
    Jobs: lambda _: (),
    MongoDumps: lambda _: (),
    Reachable: lambda _: True,
    Runs: lambda _: (),
    ShardBackups: lambda _: (),
    ShardData: _data,
    ShardFaces: _served,
    Unit: lambda _: UnitState("active", pid=1, since=1, enabled="enabled"),
}


def prepared(folder: Path, hosts: int) -> Loaded:
    """Return the site of so many hosts with the shipped playbook; its inventory is written to the folder."""
    path = folder / "site.yml"
    path.write_text(yaml.dump(inventory(hosts), Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper)))
    return load(Sources(TOP / "playbooks" / "switch-model.yml", (path,)))


def measured(hosts: int) -> Iterator[tuple[str, float]]:
    """Yield what each part of a plan costs: processor seconds, and the process's most memory in MiB at the end."""
    with tempfile.TemporaryDirectory() as folder:
        clock = time.process_time()
        loaded = prepared(Path(folder), hosts)
        yield "load", time.process_time() - clock
    clock = time.process_time()
    with Imagined(loaded) as session:
        plan = session.plan()
        yield "plan", time.process_time() - clock
    _check(plan, hosts)
    clock = time.process_time()
    with uncollected():
        text = list(render(plan, Style(False)))
    yield "text", time.process_time() - clock
    yield "lines", len(text)
    yield "changes", len(plan.changes)
    yield "MiB", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _check(plan: Plan, hosts: int) -> None:
    """Hold that it was the whole work that was measured: a plan with a problem leaves much of it out."""
    if plan.problems or plan.deferred:
        raise AssertionError([*plan.problems, *plan.deferred][:3])
    touched = {change.host for change in plan.changes}
    if len(touched) != hosts + 1:
        raise AssertionError(f"changes on {len(touched)} hosts of {hosts + 1}")


def main(words: list[str]) -> None:
    """Print a line for each number of hosts; `--one N` measures in this very process."""
    if words[:1] == ["--one"]:
        print(json.dumps(dict(measured(int(words[1])))))  # noqa: T201
        return
    for number, hosts in enumerate(map(int, words) if words else SIZES):
        command = [sys.executable, "-m", __spec__.name, "--one", str(hosts)]
        found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True, cwd=TOP).stdout)
        if not number:
            print("  ".join(f"{name:>8}" for name in itertools.chain(["hosts"], found)))  # noqa: T201
        print("  ".join(f"{value:>8.5g}" for value in itertools.chain([hosts], found.values())))  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1:])
