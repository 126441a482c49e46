"""What plans come to, by cases: the files in `forecasts` say what a site is like, which steps a play has, and what its
forecast must be. Of each mapping that is expected only the keys that are given count; a step's parts are written as
lines, and a time in which search is down as `FIRST to LAST: SECONDS`.

`shards` (HOST SHARD: [faces, floats]) are shards that run and hold so many faces; `state` answers all else as in the
steps' cases. `measured` is what a measurement of each host comes to, for a command with --measure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from ffplay.engine.forecaster import Forecaster
from ffplay.engine.options import Options
from ffplay.engine.planner import Planner
from ffplay.engine.view import NeedsReading, PlanView
from ffplay.errors import InputError
from ffplay.load import Sources, load
from ffplay.report.forecast import document
from ffplay.resources.extraction import ExtractionSpeed, Measured
from ffplay.resources.notifications import Notifications
from ffplay.resources.runs import Runs
from tests.steps.case import Case, differs

TOP = Path(__file__).resolve().parents[3]
FILES = sorted((Path(__file__).parent / "forecasts").glob("*.yaml"))
USUAL = {"facts": {"programs": ["findface-regenerate", "python3"]}, "reachable 127.0.0.1:3133": True}
CONF = """box.cfg{{memtx_memory = 107374182400}}
FindFace.start("127.0.0.1", 800{0}, {{facen_size = {1}, license_ntls_server = "127.0.0.1:3133"}})
"""


class Told:
    """A case: its playbook and inventory as files, and the answers to what a plan asks."""

    def __init__(self, path: Path, directory: Path) -> None:
        self.body: Mapping[str, Any] = yaml.safe_load(path.read_text())
        state: dict[str, dict[str, Any]] = {host: dict(USUAL) for host in self.body["hosts"]}
        for name, (faces, floats) in self.body.get("shards", {}).items():
            host, _, shard = name.partition(" ")
            state[host].update(_shard(shard, faces, floats))
        for host, given in self.body["state"].items():
            state[host].update(given)
        self._case = Case(path, "", {"hosts": {}, "state": state})
        playbook, inventory = directory / "playbook.yml", directory / "inventory.yml"
        play = {"hosts": "all", "target": self.body.get("target"), "steps": self.body["steps"]}
        playbook.write_text(yaml.safe_dump([{key: value for key, value in play.items() if value is not None}]))
        (directory / "templates").symlink_to(TOP / "templates")
        groups: dict[str, Any] = {}
        for host, given in self.body["hosts"].items():
            for group in given["groups"]:
                own = {key: value for key, value in given.items() if key != "groups"}
                groups.setdefault(group, {"hosts": {}})["hosts"][host] = {} if host in _hosts(groups) else own
        inventory.write_text(yaml.safe_dump({"all": {"vars": self.body.get("vars", {}), "children": groups}}))
        self._loaded = load(Sources(playbook, (inventory,)))
        self._forecaster = Forecaster(self._loaded, measure="measured" in self.body)
        self.measures = 0

    def document(self) -> Any:
        """Return the forecast as JSON has it, made as a session makes it."""
        observed: dict[Any, Any] = {}
        while True:
            view = PlanView(observed)
            plan = Planner(self._loaded, Options(), "run2").plan(view)
            if not view.missing:
                assert not plan.problems, plan.problems
                try:
                    return document(self._forecaster.of(plan, view))
                except NeedsReading:
                    pass
            observed |= {key: self._answer(*key) for key in view.missing}

    def _answer(self, host: str, resource: Any) -> Any:
        if isinstance(resource, ExtractionSpeed):
            self.measures += 1
            return Measured(**self.body["measured"][host])
        if isinstance(resource, Runs | Notifications):
            return ()
        return self._case._answer(host, resource)


def _hosts(groups: Mapping[str, Any]) -> Iterator[str]:
    return (host for group in groups.values() for host, own in group["hosts"].items() if own)


def _shard(name: str, faces: int, floats: int) -> dict[str, Any]:
    """Return a shard that runs, with a snapshot of its facens and no xlog to speak of."""
    size = faces * floats * 4
    return {
        f"unit tarantool@{name}": {"active": "active", "pid": 7},
        f"file /etc/tarantool/instances.enabled/{name}.lua": CONF.format(name[-1], floats),
        f"data {name}": {"files": {"snap/1.snap": size, "wal/1.xlog": 0}},
        f"served {name}": {"galleries": {"g": faces}, "sizes": [floats]},
        f"backups {name}": {},
    }


def _short(found: Any) -> Any:
    """Return a forecast with the steps that have work by number and title, their parts as lines."""
    if found is None:
        return None
    steps = {
        f"{step['number']} {step['title']}": {
            "seconds": step["seconds"] if step["complete"] else f"at least {step['seconds']}",
            "parts": [f"{one['host']}: {one['seconds']}: {one['what']} ({one['source']})" for one in step["parts"]],
        }
        for step in found["steps"]
        if step["parts"]
    }
    down = [
        f"{'already' if time['already'] else time['from']['number']} to "
        f"{time['until']['number'] if time['ends'] else 'ever'}: {time['seconds']}"
        for time in found["search_down"]
    ]
    return {**found, "steps": steps, "search_down": down, "hosts": {one["host"]: one for one in found["hosts"]}}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_forecast(path: Path, tmp_path: Path) -> None:
    told = Told(path, tmp_path)
    if "refused" in told.body:
        with pytest.raises(InputError) as refused:
            told.document()
        assert refused.value.findings[0].message == told.body["refused"]
        return
    seen = _short(told.document())
    # A plan is made again under the site's lock: nothing is measured a second time.
    assert _short(told.document()) == seen
    assert told.measures == len(told.body.get("measured", ()))
    if differs(told.body["expect"], seen):
        pytest.fail(f"{path}: the forecast was\n{yaml.safe_dump(seen, sort_keys=False, width=120)}", pytrace=False)
