"""A sound site of three hosts as it is read, and what a case bends of it.

A case names hosts, and of each what is otherwise: `lua` (file name without ending to the words of its text, or a whole
text, or null for none), `units` (of instances: `[active, enabled]`, or null), `served`, `snap` and `index` (bytes),
`instance` (Tarantool's), `facenapi` and `extraction` (lines that replace those of the same name, or null for none),
`cells`, `lost` (the host does not answer), `models`, `tarantool`, `cores`, `memory`, `service`, `stated`
(variables of the host).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from ffplay.engine.discover.parts import further, groups_of
from ffplay.engine.discover.probe import merged
from ffplay.engine.discover.readings import HostReading, ShardReading, SiteReading
from ffplay.engine.discover.seeds import Reach, Seed, reached
from ffplay.engine.discover.services import extraction_of, facenapi_of
from ffplay.engine.discover.shards import Instances, instances_of
from ffplay.errors import Unreachable
from ffplay.resources.facts import HostState, Instance
from ffplay.resources.identity import HostIdentity
from ffplay.resources.instance_files import InstanceFile
from ffplay.resources.mongo_look import MongoState
from ffplay.resources.shard_data import DataState
from ffplay.resources.shard_http import Gallery, ShardState, Silent
from ffplay.resources.unit import UnitState

SEEDS = (Seed("app1", "10.0.0.5"), Seed("db1", "10.0.0.11"), Seed("db2", "10.0.0.12"))
DATA = "/opt/ntech/var/lib/tarantool"

_LUA = """\
box.cfg{{
    listen = {listen},
    work_dir = '{data}/{dir}',
    memtx_dir = '{data}/{dir}/snapshots',
    wal_dir = '{data}/{dir}/xlogs',
    memtx_memory = {memtx},
    force_recovery = {force_recovery}{more}
}}
FindFace = require("FindFace")
FindFace.start("{address}", {http_port}, {{license_ntls_server="10.0.0.5:3133", facen_size={facen_size}{options}}})
"""
_FACENAPI = {
    "mongo_host": "'127.0.0.1'",
    "mongo_port": "27017",
    "extraction_api_url": "'http://127.0.0.1:18666'",
    "tntapi_servers_file": "'/etc/tntapi.json'",
    "detector": "'nnd'",
}
_EXTRACTION = {"listen": "127.0.0.1:18666", "license_ntls_server": "127.0.0.1:3133", "models": "{facen: apricot_320}"}
_CELLS = ["10.0.0.11:8001", "10.0.0.11:8002", "10.0.0.12:8001", "10.0.0.12:8002"] * 4


def lua_text(name: str, words: Mapping[str, Any]) -> str:
    """Return the text of a shard's file: by the documented layout, but for `words`."""
    number = int(name.rpartition("_")[2]) if name[-1].isdigit() else 1
    directory = f"shard_{number}" if name != "FindFace" else "default"
    values = {
        "listen": f"'127.0.0.1:{33000 + number}'",
        "data": DATA,
        "dir": directory,
        "memtx": "1024 * 1024 * 1024",
        "force_recovery": "false",
        "more": "",
        "address": "127.0.0.1",
        "http_port": 8000 + number,
        "facen_size": 320,
        "options": "",
    }
    return _LUA.format(**values | dict(words))


def site(bend: Mapping[str, Any]) -> SiteReading:
    """Return the site with what a case bends."""
    hosts = tuple(_host(seed, bend.get(seed.name) or {}) for seed in SEEDS)
    found = SiteReading(hosts)
    # Hosts that only the site itself names do not answer.
    lost = [_lost(seed) for seed in further(found)]
    found = SiteReading(merged(hosts, lost))
    mongo = groups_of(found)["mongo"]
    state = {"collections": {"faces": 2000}, "fields": ["_id", "facen", "galleries", "owner"], "facen_size": 320}
    given = bend.get("mongo", {})
    if not mongo or given is None:
        return found
    state |= given
    seen = MongoState("3.4.24", tuple(state["collections"].items()), tuple(state["fields"]), state["facen_size"])
    return dataclasses.replace(found, mongo=seen, mongo_host=mongo[0].name)


def _variables(seed: Seed) -> Mapping[str, Any]:
    loaded = reached([seed], Reach())
    return loaded.variables.scope(loaded.site.hosts[0]).mapping()


def _lost(seed: Seed) -> HostReading:
    return HostReading(seed, _variables(seed), errors=(Unreachable(seed.name, "no route to host", "look at it"),))


def _host(seed: Seed, bend: Mapping[str, Any]) -> HostReading:
    if bend.get("lost"):
        return _lost(seed)
    names = {**_variables(seed), **bend.get("stated", {})}
    lua = {"FindFace_shard_1": {}, "FindFace_shard_2": {}} if seed.name != "app1" else {}
    lua = {name: words for name, words in (lua | bend.get("lua", {})).items() if words is not None}
    files = [
        InstanceFile(f"{name}.lua", words if isinstance(words, str) else lua_text(name, words))
        for name, words in lua.items()
    ]
    units = {f"tarantool@{name}": ("active", True) for name in lua} | {
        f"tarantool@{name}": state and tuple(state) for name, state in bend.get("units", {}).items()
    }
    identity = HostIdentity(
        seed.name,
        "Ubuntu 16.04",
        (seed.address,),
        frozenset(("0.0.0.0", port) for port in (8000, 18666, 27017)),
        (("Tarantool", bend.get("tarantool", "1.7.3")),),
        tuple(("/usr/share/findface-data/models", name) for name in bend.get("models", ["apricot_320.fnk"])),
    )
    instances = tuple(Instance(name, state[0], state[1]) for name, state in units.items() if state)
    memory = bend.get("memory", 64 << 30)
    facts = HostState(memory, memory, bend.get("cores", 16), files=tuple(f.name for f in files), instances=instances)
    found = instances_of(files, names) if files else Instances()
    app = seed.name == "app1"
    facenapi = _lines(_FACENAPI, bend.get("facenapi", {} if app else None), " = ")
    extraction = _lines(_EXTRACTION, bend.get("extraction", {} if app else None), ": ")
    return HostReading(
        seed,
        names,
        identity,
        facts,
        facenapi_of("/etc/findface-facenapi.ini", facenapi) if facenapi is not None else None,
        extraction_of("/etc/findface-extraction-api.ini", extraction) if extraction is not None else None,
        {"facenapi_unit": UnitState(bend.get("service", "active")), "extraction_unit": UnitState("active")},
        found,
        tuple(_shard(seed, one, bend) for one in found.shards),
        "/etc/tntapi.json" if facenapi is not None else "",
        (tuple(bend["cells"]) if bend.get("cells") else None if "cells" in bend else tuple(_CELLS)) if app else None,
    )


def _lines(usual: Mapping[str, str], other: Any, sign: str) -> str | None:
    if other is None or isinstance(other, str):
        return other
    return "".join(f"{name}{sign}{value}\n" for name, value in {**usual, **other}.items())


def _shard(seed: Seed, one: Any, bend: Mapping[str, Any]) -> ShardReading:
    name = one.shard.name
    served = bend.get("served", {}).get(name, 500)
    size = one.facen_size or 320
    indexed = bend.get("indexed", {}).get(name, 0)
    state: Any = Silent(10.0) if served == "silent" else None
    if isinstance(served, int):
        state = ShardState((Gallery("g", served - indexed, 0, indexed),), (bend.get("sizes", {}).get(name, size),))
    snap = bend.get("snap", {}).get(name, 1000)
    files = [("snap/00000000000000000001.snap", snap)]
    files += [("index/g.idx", bend["index"][name])] if name in bend.get("index", {}) else []
    data = DataState(tuple(files), instances=(bend.get("instance", {}).get(name, f"{seed.name}-{name}"),))
    return ShardReading(one, data, state)
