"""The inventory of a lab, as a person would write one for a real site."""

from __future__ import annotations

import grp
import os
import shlex
from typing import Any

import yaml

from ffplay.lab import access
from ffplay.lab.layout import LabHost, LabSite

_HEAD = "# Inventory of a lab site; written by `ff-play lab up`.\n"

# About how many facens a second the lab's extraction-api makes on a small machine.
_FACENS_A_SECOND = 500


def write(site: LabSite) -> None:
    """Write the lab's inventory."""
    site.inventory.write_text(_HEAD + yaml.safe_dump(content(site), sort_keys=False, width=120))


def content(site: LabSite) -> dict[str, Any]:
    """Return the inventory as data."""
    groups: dict[str, Any] = {"facenapi": {"hosts": {site.app.name: _host(site, site.app)}}}
    groups |= {name: {"hosts": {site.app.name: {}}} for name in ("extraction", "mongo", "upload", "ntls")}
    groups["tntapi"] = {"hosts": {host.name: _host(site, host) for host in site.databases}}
    return {"all": {"vars": _common(site), "children": groups}}


def _common(site: LabSite) -> dict[str, Any]:
    address = site.app.address
    services = ("facenapi", "extraction", "mongo", "ntls")
    # On hosts without users of their own everything belongs to who runs the lab.
    shared = {"tarantool_owner": f"{access.user(site)}:{grp.getgrgid(os.getgid()).gr_name}"}
    return {
        "ansible_user": access.user(site),
        "ansible_port": site.app.ssh_port,
        "ansible_ssh_private_key_file": str(site.key),
        "ansible_ssh_common_args": f"-o UserKnownHostsFile={shlex.quote(str(site.known_hosts))}",
        "ansible_become": site.machines,
        **({} if site.machines else shared),
        "models_dir": "{{ root }}/usr/share/findface-data/models",
        # The stand-in makes a digest where the real one works for a second.
        "extraction_speed": _FACENS_A_SECOND,
        **{f"{service}_address": address for service in services},
    }


def _host(site: LabSite, host: LabHost) -> dict[str, Any]:
    found: dict[str, Any] = {"ansible_host": host.address}
    if not host.machine:
        found["root"] = str(host.prefix)
    if host.shards:
        found["shard_address"] = host.address
        # A standalone site's one shard has no number, and is called FindFace.
        found["shards"] = "standalone" if site.options.standalone else host.shards
    return found
