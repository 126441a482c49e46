"""From what was read to an inventory as data: groups, hosts, and of every variable what is not the default."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ffplay.engine.discover.parts import address_on, groups_of, master_of, mongo_variables
from ffplay.engine.discover.readings import HostReading, ShardReading, SiteReading
from ffplay.engine.discover.seeds import is_address
from ffplay.findface import DEFAULTS, MODELS

# What two shards of one host cannot share in an inventory.
_OWN = ("port", "http_port", "data_dir")


@dataclass(frozen=True, slots=True)
class HostEntry:
    """One host of the inventory: its name there, its groups, its own variables in order, and what was read of it."""

    name: str
    groups: tuple[str, ...]
    variables: Mapping[str, Any] = field(hash=False)
    reading: HostReading


@dataclass(frozen=True, slots=True)
class Description:
    """An inventory. `left_out` are (host, shard, why): shards that it cannot have beside the others."""

    hosts: tuple[HostEntry, ...]
    left_out: tuple[tuple[str, str, str], ...] = ()


def describe(site: SiteReading, *, by_name: bool = False) -> Description:
    """Return the inventory of a site. `by_name` keeps the names: variables of the command line are made from them."""
    groups = groups_of(site)
    names = {host.name: host.name for host in site.hosts} if by_name else _names(site)
    entries, left_out = [], []
    for host in site.hosts:
        member = tuple(group for group, hosts in groups.items() if host.name in {one.name for one in hosts})
        kept, dropped = _compatible(host.shards)
        left_out += [(host.name, name, why) for name, why in dropped]
        variables = _connection(host, names[host.name]) | services(site, host, member)
        if "tntapi" in member:
            variables |= _shards(site, host, kept, names)
        entries.append(HostEntry(names[host.name], member, variables, host))
    return Description(tuple(entries), tuple(left_out))


def _names(site: SiteReading) -> dict[str, str]:
    """Return the name of each host in the inventory: a host known by an address alone gets its own, if that is free."""
    found = {host.name: host.name for host in site.hosts}
    own = [host.identity.node.partition(".")[0] for host in site.hosts if host.identity]
    for host in site.hosts:
        node = host.identity.node.partition(".")[0] if host.identity else ""
        if is_address(host.name) and node and own.count(node) == 1 and node not in found.values():
            found[host.name] = node
    return found


def _connection(host: HostReading, name: str) -> dict[str, Any]:
    asked = host.asked
    return (asked.variables | {"ansible_host": asked.address}) if name != asked.address else asked.variables


def _compatible(shards: Iterable[ShardReading]) -> tuple[list[ShardReading], list[tuple[str, str]]]:
    """Return the shards that may stand beside each other, and the others with the reason."""
    kept: list[ShardReading] = []
    dropped: list[tuple[str, str]] = []
    taken: dict[tuple[str, Any], str] = {}
    for shard in shards:
        wanted = {("port" if "port" in name else name, getattr(shard.found.shard, name)): name for name in _OWN}
        clash = next((key for key in wanted if key in taken), None)
        if clash is not None:
            dropped.append((shard.name, f"it has the {wanted[clash]} {clash[1]} of {taken[clash]}"))
            continue
        taken |= dict.fromkeys(wanted, shard.name)
        kept.append(shard)
    return kept, dropped


def services(site: SiteReading, host: HostReading, groups: Iterable[str]) -> dict[str, Any]:
    """Return what of a host's services is not as its variables have it."""
    found: dict[str, Any] = {}
    if host.facenapi is not None:
        address, port = host.facenapi.listen
        found |= {"facenapi_address": address_on(host, port, address), "facenapi_port": port}
        found |= {"tntapi_servers_file": host.table} if host.table else {}
    if "mongo" in groups:
        found |= mongo_variables(site, host)
    if host.extraction is not None:
        address, port = host.extraction.listen or ("", _extraction_port(site))
        found |= {"extraction_address": address_on(host, port, address), "extraction_port": port}
        found |= {"models_dir": place} if (place := models_place(host)) else {}
        instances = host.extraction.instances
        found |= {"extraction_instances": instances} if instances is not None else {}
    licence = _licence(host)
    if licence is not None:
        found |= {"ntls_address": licence[0] or "127.0.0.1", "ntls_port": licence[1]}
    return {name: value for name, value in _rooted(host, found).items() if _differs(host, name, value)}


def models_place(host: HostReading) -> str:
    """Return the directory in which a model that the table knows, or that is configured, lies; empty for none."""
    known = {*MODELS, host.extraction.model if host.extraction else ""}
    models = host.identity.models if host.identity else ()
    places = [place for place, name in models if name.partition(".")[0] in known]
    # A model may lie in a directory of its own: what is nearest to the root has them all.
    return min(places, key=len, default="")


def _extraction_port(site: SiteReading) -> int:
    app = site.facenapi
    default = int(DEFAULTS["extraction_port"])
    return app.facenapi.extraction[1] if app is not None and app.facenapi is not None else default


def _licence(host: HostReading) -> tuple[str, int] | None:
    if host.extraction is not None and host.extraction.licence is not None:
        return host.extraction.licence
    return next((one.licence for one in host.instances.shards if one.licence is not None), None)


def _differs(host: HostReading, name: str, value: object) -> bool:
    return str(host.variables[name]) != _unrooted(host, str(value))


def _rooted(host: HostReading, found: Mapping[str, Any]) -> dict[str, Any]:
    """Return variables with a host's `root` written as such in paths, and no other template in any text."""
    return {name: written(host, value) for name, value in found.items()}


def written(host: HostReading, value: Any) -> Any:
    """Return a value as an inventory may say it: paths below `root` by it, and what looks like a template as text."""
    if not isinstance(value, str):
        return value
    root = str(host.variables["root"])
    rest = value.removeprefix(root) if root and value.startswith(f"{root}/") else value
    text = f"{{% raw %}}{rest}{{% endraw %}}" if any(mark in rest for mark in ("{{", "{%", "{#")) else rest
    return "{{ root }}" + text if rest is not value else text


def _unrooted(host: HostReading, text: str) -> str:
    return text.replace("{{ root }}", str(host.variables["root"]), 1)


def _shards(
    site: SiteReading, host: HostReading, shards: Iterable[ShardReading], names: Mapping[str, str]
) -> dict[str, Any]:
    """Return `shards` in its shortest form, and what all shards of the host have in common."""
    entries = [_entry(site, host, one, names) for one in shards] or _by_table(site, host)
    addresses = {str(entry.get("address", host.variables["shard_address"])) for entry in entries}
    found: dict[str, Any] = {}
    if len(addresses) == 1 and addresses != {str(host.variables["shard_address"])}:
        found["shard_address"] = addresses.pop()
        entries = [{key: value for key, value in entry.items() if key != "address"} for entry in entries]
    return found | {"shards": _short(entries)}


def _entry(site: SiteReading, host: HostReading, shard: ShardReading, names: Mapping[str, str]) -> dict[str, Any]:
    entry = {name: written(host, value) for name, value in shard.found.entry.items()}
    master = master_of(site, host, shard) if shard.found.replication else None
    return entry | ({"replica_of": f"{names[master[0].name]}/{master[1].name}"} if master else {})


def _by_table(site: SiteReading, host: HostReading) -> list[dict[str, Any]]:
    """Return the shards of a host that did not answer, by the table of shards alone."""
    base = int(host.variables["shard_http_base"])
    ports = sorted(
        int(port)
        for cell in site.cells()
        if (port := cell.rpartition(":")[2]).isdigit() and site.of_cell(cell)[0] is host
    )
    numbered = [port - base for port in ports if 0 < port - base < 1000]
    others = [port for port in ports if not 0 < port - base < 1000]
    free = max(numbered, default=0)
    return [{"id": number} for number in numbered] + [
        {"id": free + more, "http_port": port} for more, port in enumerate(others, 1)
    ]


def _short(entries: list[dict[str, Any]]) -> Any:
    """Return entries of `shards` as a person would write them."""
    if len(entries) == 1 and "id" not in entries[0]:
        return {"name": "FindFace", **entries[0]} if entries[0] else "standalone"
    entries = [entry if "id" in entry else {"name": "FindFace", **entry} for entry in entries]
    ids = [entry.get("id") for entry in entries]
    if any(set(entry) != {"id"} for entry in entries):
        return entries
    return len(ids) if ids == list(range(1, len(ids) + 1)) and ids else ids
