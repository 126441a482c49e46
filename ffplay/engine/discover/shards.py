"""From a host's Lua files to its shards: what each file says, and what of it the documented layout does not."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ffplay.edit import EditError, Opaque, lua
from ffplay.engine.discover.seeds import is_loopback, is_wildcard
from ffplay.engine.discover.services import Address, address_of
from ffplay.findface import DEFAULT_FACEN_SIZE
from ffplay.load import shard_of
from ffplay.model import Shard
from ffplay.resources.instance_files import InstanceFile

STANDALONE = "FindFace"
_NUMBERED = re.compile(r"FindFace_shard_(\d+)")

# The fields of a shard that its file states, in the order in which an inventory has them.
STATED = ("name", "data_dir", "snap_dir", "wal_dir", "address", "port", "http_port")


@dataclass(frozen=True, slots=True)
class FoundShard:
    """A shard as its Lua file has it.

    `shard` is what an inventory with `entry` makes of it; `entry` has, beside the id, only what the documented layout
    does not say. `memtx` is bytes. What the file leaves out, or only Lua can tell, is None or empty; `opaque` names
    the latter. `problem` says why the file cannot be read: then `shard` is what its name says. `address` is the one on
    which both ports listen, empty for all of the host's; `binary` is where the binary port does.
    """

    shard: Shard
    entry: Mapping[str, Any] = field(hash=False)
    facen_size: int | None = None
    memtx: int | None = None
    force_recovery: bool = False
    replication: str = ""
    licence: Address | None = None
    address: str = ""
    binary: Address | None = None
    opaque: tuple[str, ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Instances:
    """What a host's instances are: its shards, and the files of instances that are none."""

    shards: tuple[FoundShard, ...] = ()
    others: tuple[str, ...] = ()


def instances_of(files: Iterable[InstanceFile], names: Mapping[str, Any]) -> Instances:
    """Return what a host's files say, by the host's variables."""
    shards: list[FoundShard] = []
    others: list[str] = []
    taken: set[int] = set()
    for file in sorted(files, key=_order):
        stem = file.name.removesuffix(".lua")
        parsed, problem = _parsed(file)
        if parsed is None and not _is_ours(stem):
            others.append(file.name)
            continue
        number = _number(stem, parsed, names, taken)
        taken |= {number} if number is not None else set()
        base: dict[str, Any] = {} if number is None else {"id": number}
        base |= {} if stem in {STANDALONE, f"FindFace_shard_{number}"} else {"name": stem}
        if parsed is None:
            shards.append(FoundShard(shard_of(base or {"id": None}, names), base, problem=problem))
        else:
            shards.append(_found(base, parsed, names))
    return Instances(tuple(shards), tuple(others))


def _order(file: InstanceFile) -> tuple[int, str]:
    numbered = _NUMBERED.fullmatch(file.name.removesuffix(".lua"))
    return (int(numbered[1]) if numbered else 0, file.name)


def _is_ours(stem: str) -> bool:
    return stem == STANDALONE or _NUMBERED.fullmatch(stem) is not None


def _parsed(file: InstanceFile) -> tuple[lua.ShardFile | None, str]:
    if file.text is None:
        return None, "it may not be read"
    try:
        return lua.parse(file.text), ""
    except EditError as error:
        return None, str(error)


def _number(stem: str, parsed: lua.ShardFile | None, names: Mapping[str, Any], taken: set[int]) -> int | None:
    """Return a shard's id: that of its name, else the one that its HTTP port stands for, else the next one."""
    if stem == STANDALONE:
        return None
    numbered = _NUMBERED.fullmatch(stem)
    if numbered:
        return int(numbered[1])
    port = parsed.http_port.literal if parsed else None
    by_port = port - int(names["shard_http_base"]) if isinstance(port, int) else 0
    return by_port if by_port > 0 and by_port not in taken else max(taken, default=0) + 1


def _found(base: dict[str, Any], parsed: lua.ShardFile, names: Mapping[str, Any]) -> FoundShard:
    default = shard_of(base or {"id": None}, names)
    values = {name: value.literal for name, value in parsed.box.items()}
    start = {name: parsed.option(name, None) for name in ("facen_size", "replication", "license_ntls_server")}
    start |= {"address": parsed.address.literal, "http_port": parsed.http_port.literal}
    every = {**values, **start}
    stated = _stated(every, default)
    entry = base | {name: stated[name] for name in STATED if name in stated and stated[name] != getattr(default, name)}
    size = start["facen_size"]
    return FoundShard(
        shard_of(entry or {"id": None}, names),
        entry,
        DEFAULT_FACEN_SIZE if size is None else size if isinstance(size, int) else None,
        _memtx(values),
        values.get("force_recovery") is True,
        _replication(start["replication"], values),
        address_of(start["license_ntls_server"]),
        stated.get("address", ""),
        address_of(values.get("listen")),
        tuple(sorted(name for name in _READ if isinstance(every.get(name), Opaque))),
    )


# What is read of a file, and would be missed where only Lua can tell it.
_READ = (
    "listen", "work_dir", "memtx_dir", "wal_dir", "memtx_memory", "force_recovery", "facen_size", "replication",
    "license_ntls_server", "address", "http_port",
)  # fmt: skip


def _stated(every: Mapping[str, Any], default: Shard) -> dict[str, Any]:
    """Return the fields of a shard that its file states, the directories as an inventory would say them."""
    found: dict[str, Any] = {}
    binary = address_of(every.get("listen"))
    if binary is not None:
        found["port"] = binary[1]
    if isinstance(every["http_port"], int):
        found["http_port"] = every["http_port"]
    addresses = [every["address"], binary[0] if binary is not None else ""]
    # A wildcard is reached by any of the host's own addresses.
    own = [one for one in addresses if isinstance(one, str) and not is_wildcard(one)]
    if own:
        found["address"] = "127.0.0.1" if is_loopback(own[0]) else own[0]
    return found | _directories(every, default)


def _directories(every: Mapping[str, Any], default: Shard) -> dict[str, str]:
    """Return the directories: the data directory where both others lie in it by the documented names, else each."""
    work = every.get("work_dir") if isinstance(every.get("work_dir"), str) else default.data_dir
    snap = _directory(every.get("memtx_dir", every.get("snap_dir")), str(work))
    wal = _directory(every.get("wal_dir"), str(work))
    found = {name: path for name, path in (("snap_dir", snap), ("wal_dir", wal)) if path}
    parent = posixpath.dirname(snap or "")
    if snap and (snap, wal) == (f"{parent}/snapshots", f"{parent}/xlogs"):
        return {"data_dir": parent} if parent != default.data_dir else {}
    if found and isinstance(every.get("work_dir"), str):
        found["data_dir"] = posixpath.normpath(str(work))
    return found


def _directory(said: object, work: str) -> str:
    return posixpath.normpath(posixpath.join(work, said)) if isinstance(said, str) and said else ""


def _memtx(values: Mapping[str, Any]) -> int | None:
    """Return the bytes that facens may take: `memtx_memory`, or what versions before 1.7.3 call it, in GiB."""
    now, before = values.get("memtx_memory"), values.get("slab_alloc_arena")
    if isinstance(now, int | float):
        return int(now)
    return int(before * (1 << 30)) if isinstance(before, int | float) else None


def _replication(said: object, values: Mapping[str, Any]) -> str:
    """Return the master's address that a replica names, without a user and a password."""
    for value in (said, values.get("replication"), values.get("replication_source")):
        first = value[0] if isinstance(value, list) and value else value
        if isinstance(first, str) and first:
            return first.rpartition("@")[2]
    return ""
