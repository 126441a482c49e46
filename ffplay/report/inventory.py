"""An inventory as Ansible's JSON and as a tree."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import Any

from ffplay.model import Host, Shard, Site
from ffplay.report.plain import plain

_SECRET = re.compile(r"(^|_)(password|passwd|pass|secret|token)$", re.IGNORECASE)
_MASK = "********"


def listing(site: Site) -> dict[str, Any]:
    """Return what `ansible-inventory --list` prints: groups with their hosts, and every host's variables."""
    groups = [name for name in site.groups if name != "all"]
    found: dict[str, Any] = {
        "_meta": {"hostvars": {host.name: variables(host) for host in site.hosts}},
        "all": {"children": groups},
    }
    return found | {name: {"hosts": list(site.groups[name])} for name in groups}


def variables(host: Host) -> dict[str, Any]:
    """Return a host's variables as written in the inventory, secrets masked, with its shards as they come out."""
    found = {name: _MASK if _SECRET.search(name) else plain(value) for name, value in host.vars.items()}
    return found | ({"shards": [_shard(shard) for shard in host.shards]} if host.shards else {})


def _shard(shard: Shard) -> dict[str, Any]:
    return {each.name: getattr(shard, each.name) for each in fields(shard) if each.name != "vars"}


def graph(site: Site) -> list[str]:
    """Return groups, hosts and shards as `ansible-inventory --graph` draws them."""
    lines = ["@all:"]
    for name, members in site.groups.items():
        if name == "all" or (name == "ungrouped" and not members):
            continue
        lines.append(f"  |--@{name}:")
        for host in members:
            lines.append(f"  |  |--{host}")
            if name == "tntapi":
                lines += [f"  |  |  |--{_line(shard)}" for shard in site.host(host).shards]
    return lines


def _line(shard: Shard) -> str:
    return f"{shard.name} ({shard.address}, port {shard.port}, HTTP {shard.http_port})"
