"""A host's shards: the documented layout, with whatever the inventory says is different."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

from ffplay.load.findings import Findings, Mistake
from ffplay.load.marked import Dict, Place, value_place
from ffplay.model import Host, Shard

FIELDS = (
    "name", "unit", "conf", "data_dir", "snap_dir", "wal_dir", "index_dir", "address", "port", "http_port",
    "answer_seconds",
)  # fmt: skip
_STANDALONE = "FindFace"
_FORMS = "write a number (4), a list of ids ([1, 2]), a list of mappings ([{id: 1, port: 33001}]), or `standalone`"
# What two shards of one host cannot share: the field, what it is called, and the kind of thing (both ports are ports).
_OWN = (
    ("id", "the id", "id"),
    ("name", "the name", "name"),
    ("unit", "the unit", "unit"),
    ("conf", "the configuration file", "file"),
    ("data_dir", "the data directory", "directory"),
    ("snap_dir", "the snapshot directory", "directory"),
    ("wal_dir", "the directory of xlogs", "directory"),
    ("port", "the port", "port"),
    ("http_port", "the port", "port"),
)


def shards_of(host: Host, names: Mapping[str, Any], findings: Findings) -> tuple[Shard, ...]:
    """Return a host's shards by its variable `shards`; mistakes go to `findings`."""
    if "shards" not in names:
        if "tntapi" in host.groups:
            message = f"{host.name} is in the group tntapi, and nothing says which shards it has"
            findings.add(getattr(host.vars, "place", None), message, f"give it the variable `shards`: {_FORMS}")
        return ()
    place = value_place(host.vars, "shards")
    try:
        entries = _entries(names["shards"], place)
    except Mistake as mistake:
        findings.extend(mistake.findings)
        return ()
    found = []
    for index, entry in enumerate(entries):
        try:
            found.append(shard_of(entry, names))
        except Mistake as mistake:
            findings.extend(mistake.at(entry_place(host, index)).findings)
    return tuple(found)


def _entries(value: Any, place: Place | None) -> list[Mapping[str, Any]]:
    if isinstance(value, str) and value.isdigit():
        value = int(value)
    if value == "standalone" or (isinstance(value, dict) and value.get("name", _STANDALONE) == _STANDALONE):
        return [{**(value if isinstance(value, dict) else {}), "id": None}]
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return [{"id": number} for number in range(1, value + 1)]
    entries = value if isinstance(value, list) else [value] if isinstance(value, dict) else None
    if entries is None:
        raise Mistake(place, f"`shards` cannot be {value!r}", _FORMS)
    return [entry if isinstance(entry, dict) else {"id": entry} for entry in entries]


def shard_of(entry: Mapping[str, Any], names: Mapping[str, Any]) -> Shard:
    """Return the shard of one entry of `shards`, by its host's variables. Raise `Mistake` where it makes no sense."""
    number = _number(entry, "id") if entry.get("id") is not None else None
    standalone = number is None and entry.get("name", _STANDALONE) == _STANDALONE
    if number is None and not standalone:
        raise Mistake(None, f"the shard `{entry['name']}` has no id", "give it `id: N`")
    name = str(entry.get("name", _STANDALONE if standalone else f"FindFace_shard_{number}"))
    default_dir = f"{names['tarantool_data_dir']}/{'default' if standalone else f'shard_{number}'}"
    data_dir = str(entry.get("data_dir", default_dir))
    offset = 1 if number is None else number
    defaults: dict[str, Any] = {
        "unit": f"{names['tarantool_unit_prefix']}{name}",
        "conf": f"{names['tarantool_instances_dir']}/{name}.lua",
        "snap_dir": f"{data_dir}/snapshots",
        "wal_dir": f"{data_dir}/xlogs",
        "index_dir": f"{data_dir}/index",
        "address": names["shard_address"],
    }
    texts: dict[str, Any] = {field: str(entry.get(field, default)) for field, default in defaults.items()}
    ports: dict[str, Any] = {
        "port": _number(entry, "port") if "port" in entry else _number(names, "shard_port_base") + offset,
        "http_port": _number(entry, "http_port")
        if "http_port" in entry
        else _number(names, "shard_http_base") + offset,
    }
    seconds = _seconds(entry, "answer_seconds") or _seconds(names, "shard_answer_seconds")
    own = {key: value for key, value in entry.items() if key not in FIELDS and key != "id"}
    return Shard(name=name, id=number, data_dir=data_dir, **texts, **ports, answer_seconds=seconds, vars=own)


def _seconds(values: Mapping[str, Any], name: str) -> float:
    """Return a time above nothing, 0 where there is none."""
    if name not in values:
        return 0
    with contextlib.suppress(ValueError, TypeError):
        if (seconds := float(values[name])) > 0 and seconds < float("inf"):
            return seconds
    raise Mistake(None, f"`{name}` of a shard must be a number of seconds, not {values[name]!r}")


def _number(values: Mapping[str, Any], name: str) -> int:
    value = values[name]
    if isinstance(value, str) and value.strip().isdigit():
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise Mistake(None, f"`{name}` of a shard must be a number, not {value!r}", "" if name != "id" else _FORMS)


def check_shards(host: Host, findings: Findings) -> None:
    """Report shards of one host that would get into each other's way."""
    taken: dict[tuple[str, Any], Shard] = {}
    for index, shard in enumerate(host.shards):
        clash = ""
        for field, words, kind in _OWN:
            value = getattr(shard, field)
            other = taken.setdefault((kind, value), shard) if value is not None else shard
            if other is not shard and not clash:
                clash = f"two shards of {host.name}, {other.name} and {shard.name}, both have {words} {value}"
        if clash:
            findings.add(entry_place(host, index), clash)


def entry_place(host: Host, index: int) -> Place | None:
    """Return where the inventory has a host's n-th shard, or the variable where it is but a number."""
    raw = host.vars.get("shards")
    if isinstance(raw, list) and index < len(raw):
        return value_place(raw, index)
    return value_place(host.vars, "shards") if isinstance(host.vars, Dict) else None
