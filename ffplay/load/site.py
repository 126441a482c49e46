"""From inventory variables to the site: how each host is reached, and which shards it has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ffplay.load.filters import to_bool
from ffplay.load.findings import Findings, Mistake
from ffplay.load.inventory import Inventory
from ffplay.load.marked import Dict, value_place
from ffplay.load.shards import check_shards, shards_of
from ffplay.load.variables import Directories, Variables
from ffplay.model import Host, Login, Site

ALIASES: Mapping[str, tuple[str, ...]] = {
    "address": ("ansible_host", "ansible_ssh_host"),
    "port": ("ansible_port", "ansible_ssh_port"),
    "user": ("ansible_user", "ansible_ssh_user"),
    "key_file": ("ansible_ssh_private_key_file", "ansible_private_key_file"),
    "password": ("ansible_password", "ansible_ssh_pass", "ansible_ssh_password"),
    "become": ("ansible_become",),
    "become_user": ("ansible_become_user",),
    "become_password": ("ansible_become_password", "ansible_become_pass"),
    "local": ("ansible_connection",),
    "connect_timeout": ("ansible_ssh_timeout", "ansible_timeout"),
    "command_timeout": ("ansible_command_timeout",),
}
_CONVERT: Mapping[str, Callable[[Any], Any]] = {
    "port": int,
    "become": to_bool,
    "local": lambda value: value == "local",
    "connect_timeout": float,
    "command_timeout": float,
    "key_file": lambda value: str(Path(str(value)).expanduser()),
}
CONNECTIONS = ("ssh", "smart", "paramiko", "paramiko_ssh", "local", "ansible.builtin.ssh", "ansible.builtin.local")


def build_site(
    inventory: Inventory,
    variables: Mapping[str, Dict],
    extra: Mapping[str, Any],
    where: Directories,
    findings: Findings,
) -> Site:
    """Return the site that an inventory describes; mistakes in its variables go to `findings`."""
    groups = {name: inventory.members(name) for name in inventory.groups}
    of_host: dict[str, list[str]] = {host: [] for host in inventory.hosts}
    for group, members in groups.items():
        for host_name in members:
            of_host[host_name].append(group)
    bare = tuple(Host(name, tuple(of_host[name]), Login(name), (), variables[name]) for name in inventory.hosts)
    site = Site(bare, groups)
    scopes = Variables(site, extra, where, shards=False, vault=findings.vault)
    hosts = []
    for host in bare:
        names = scopes.scope(host).mapping()
        shards = shards_of(host, names, findings)
        hosts.append(replace(host, login=_login(host, names, findings), shards=shards))
        check_shards(hosts[-1], findings)
    return Site(tuple(hosts), groups)


def _login(host: Host, names: Mapping[str, Any], findings: Findings) -> Login:
    found: dict[str, Any] = {}
    for field, aliases in ALIASES.items():
        name = next((alias for alias in aliases if alias in names), None)
        if name is None:
            continue
        try:
            value = names[name]
            if value is not None and value != "":
                found[field] = _CONVERT.get(field, str)(value)
                _known_connection(host, name, value)
        except Mistake as mistake:
            findings.extend(mistake.findings)
        except (TypeError, ValueError):
            findings.add(value_place(host.vars, name), f"`{name}` of {host.name} must be a number, not {value!r}")
    found.setdefault("address", host.name)
    try:
        options = (names.get("ansible_ssh_common_args"), names.get("ansible_ssh_extra_args"))
    except Mistake as mistake:
        findings.extend(mistake.findings)
        options = (None, None)
    return Login(common_args=" ".join(str(option) for option in options if option), **found)


def _known_connection(host: Host, name: str, value: Any) -> None:
    if name == "ansible_connection" and value not in CONNECTIONS:
        raise Mistake(
            value_place(host.vars, name),
            f"the connection `{value}` of {host.name} is not known",
            "there are ssh and local",
        )
