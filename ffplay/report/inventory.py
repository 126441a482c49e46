"""An inventory as Ansible's JSON and as a tree, and where a value comes from."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

from ffplay.load import Definition, Explanation, Origins
from ffplay.load.quick import is_template
from ffplay.model import Host, Shard, Site
from ffplay.report.plain import plain
from ffplay.report.style import Style
from ffplay.secret import names_secret


def listing(site: Site, origins: Origins, hosts: set[str]) -> dict[str, Any]:
    """Return what `ansible-inventory --list` prints of some hosts: groups, and variables as written, secrets masked."""
    found: dict[str, Any] = {}
    for name in origins.inventory.descendants("all"):
        group = origins.inventory.groups[name]
        members = [host for host in group.hosts if host in hosts and name != "all"]
        body = {"children": list(group.children), "hosts": members}
        if any(body.values()):
            found[name] = {word: names for word, names in body.items() if names}
    given = {host.name: masked(origins.levels.written(host.name)) for host in site.hosts if host.name in hosts}
    hostvars = {host: values for host, values in given.items() if values}
    return found | {"_meta": {"hostvars": hostvars, "profile": "inventory_legacy"}}


def masked(values: Any, name: str = "") -> Any:
    """Return a value as JSON has it, secrets masked by their names."""
    if names_secret(name):
        return f"<secret {name}>"
    if isinstance(values, Mapping):
        return {str(key): masked(value, str(key)) for key, value in values.items()}
    return [masked(value) for value in values] if isinstance(values, list) else plain(values)


def variables(host: Host) -> dict[str, Any]:
    """Return a host's variables as written, ffplay's defaults and its shards as they come out included."""
    found: dict[str, Any] = masked(host.vars)
    return found | ({"shards": [_fields(shard) for shard in host.shards]} if host.shards else {})


def shard_variables(shard: Shard) -> dict[str, Any]:
    """Return a shard's variables: what it is, and what its entry says beside that."""
    found: dict[str, Any] = masked(shard.vars)
    return found | _fields(shard)


def _fields(shard: Shard) -> dict[str, Any]:
    return {each.name: getattr(shard, each.name) for each in fields(shard) if each.name != "vars"}


def graph(site: Site, origins: Origins, name: str, with_variables: bool) -> list[str]:
    """Return a group as `ansible-inventory --graph` draws it, and below the hosts of tntapi their shards."""
    shards = set(origins.inventory.descendants("tntapi")) if "tntapi" in origins.inventory.groups else set()
    return list(_drawn(site, origins, name, 0, (shards, with_variables)))


def _drawn(site: Site, origins: Origins, name: str, depth: int, what: tuple[set[str], bool]) -> Iterator[str]:
    shards, with_variables = what
    group = origins.inventory.groups[name]
    yield _branch(depth, f"@{name}:")
    for child in group.children:
        yield from _drawn(site, origins, child, depth + 1, what)
    for host in group.hosts if name != "all" else ():
        yield _branch(depth + 1, host)
        for shard in site.host(host).shards if name in shards else ():
            yield _branch(depth + 2, f"{shard.name} ({shard.address}, port {shard.port}, HTTP {shard.http_port})")
        if with_variables:
            yield from _assignments(origins.levels.written(host), depth + 2)
    if with_variables:
        yield from _assignments(origins.levels.of_group(name), depth + 1)


def _assignments(values: Mapping[str, Any], depth: int) -> Iterator[str]:
    for name, value in sorted(masked(values).items()):
        yield _branch(depth, f"{{{name} = {value}}}")


def _branch(depth: int, text: str) -> str:
    return f"{'  |' * depth}--{text}" if depth else text


def explanation(found: Explanation, style: Style, depth: int = 0) -> Iterator[str]:
    """Yield where a value comes from: the value, then each place that gives it one, the winning one first."""
    indent = "  " * depth
    whose = f"shard {found.shard} of {found.host}" if found.shard else found.host
    play = f", play {found.play}" if found.play else ""
    value = style.paint("red", found.failure) if found.failure else style.paint("bold", _text(_value(found)))
    yield f"{indent}{found.name} = {value}" + (f"  ({whose}{play})" if depth == 0 else "")
    for index, definition in enumerate(found.definitions):
        yield f"{indent}  {'from' if index == 0 else 'over'} {_origin(found.name, definition)}"
    for definition in found.shards_own:
        yield f"{indent}  not for {_origin(found.name, definition)}"
    for inner in found.uses:
        yield from explanation(inner, style, depth + 2)


def explanation_json(found: Explanation) -> dict[str, Any]:
    """Return an explanation for programs."""
    return {
        "name": found.name,
        "host": found.host,
        "shard": found.shard or None,
        "play": found.play or None,
        "value": _value(found),
        "failure": found.failure or None,
        "definitions": [_definition_json(found.name, one) for one in found.definitions],
        "shards_own": [_definition_json(found.name, one) for one in found.shards_own],
        "uses": [explanation_json(inner) for inner in found.uses],
    }


def _definition_json(name: str, found: Definition) -> dict[str, Any]:
    return {
        "title": found.title,
        "file": found.mark.file if found.mark else None,
        "line": found.mark.line if found.mark else None,
        "column": found.mark.column if found.mark else None,
        "written": masked(found.value, name),
        "template": is_template(found.value),
    }


def _origin(name: str, definition: Definition) -> str:
    place = f", {definition.mark}" if definition.mark else ""
    if definition.value is None and not definition.mark:
        return definition.title
    return f"{definition.title}{place}: {_text(masked(definition.value, name))}"


def _value(found: Explanation) -> Any:
    """Return the value that came out; what is made of a secret is a secret."""
    return masked(found.value, found.name)


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
