"""What a saved plan holds of the site: the values of its changes without their contents, and facts of what was read.

A fact is compared by its text (`ffplay.resources.differences`), a change by a digest of what it is about and of the
facts of its values. The name of the run that makes a plan is in paths and records; it counts as the same for another
run, so that a plan which is made anew can be found equal.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from ffplay.model import Change, Site
from ffplay.resources.base import Resource
from ffplay.resources.codec import encode
from ffplay.resources.command import Command

# Stands for the run's own name.
_RUN = "RUN"


def scrubbed(value: Any) -> Any:
    """Return a value as what JSON can hold, contents as sizes and digests, without shards' variables and passwords."""
    return _scrubbed(encode(value))


def _scrubbed(body: Any) -> Any:
    if isinstance(body, list):
        return [_scrubbed(item) for item in body]
    if not isinstance(body, dict):
        return body
    if len(body) == 1 and body.keys() <= {"utf8", "base64"}:
        return _digested(body)
    left_out = _LEFT_OUT.get(str(body.get("is")), {})
    return {key: left_out[key] if key in left_out else _scrubbed(item) for key, item in body.items()}


# Fields that may hold secrets or say nothing of a plan, by the class that has them, and what stands in their place.
_LEFT_OUT: Mapping[str, Mapping[str, Any]] = {
    "model.Shard": {"vars": {"map": {}}},
    "model.Host": {"vars": {"map": {}}},
    "model.Login": {"password": None, "become_password": None},
}


def _digested(body: Mapping[str, str]) -> Any:
    import base64

    content = body["utf8"].encode() if "utf8" in body else base64.b64decode(body["base64"])
    return {"is": "model.Digested", "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}


# Texts that tell what is there or runs, and nothing of what it holds.
_TOLD = {"is", "kind", "active", "load", "enabled", "state", "mode", "owner", "group"}


def blanked(body: Any, key: str = "") -> Any:
    """Return a scrubbed value of something that is hidden: without any text but those that its sign is told by."""
    if isinstance(body, str):
        return body if key in _TOLD else ""
    if isinstance(body, dict):
        return {name: blanked(item, name) for name, item in body.items()}
    return [blanked(item) for item in body] if isinstance(body, list) else body


def of_change(change: Change, run: str) -> str:
    """Return a change's fingerprint; `run` is the name of the run that is to make it."""
    before, after = change.resource.facts(change.before), change.resource.facts(change.after)
    return _digest([change.host, change.shard, scrubbed(change.resource), dict(before), dict(after)], run)


def _digest(body: Any, run: str) -> str:
    text = json.dumps(body, sort_keys=True).replace(run, _RUN)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def observations(observed: Mapping[tuple[str, Resource], Any], site: Site, run: str) -> list[dict[str, Any]]:
    """Return the facts of everything that was read and that a plan rests on, in an order of their own."""
    shards = {host.name: _named(host.shards) for host in site.hosts}
    found = []
    for (host, resource), value in observed.items():
        facts = resource.facts(value)
        if facts:
            found.append(
                {
                    "host": host,
                    "shard": _shard_of(resource, shards.get(host, {})),
                    "kind": type(resource).__name__,
                    "what": _what(resource),
                    "id": _digest([type(resource).__name__, scrubbed(resource)], run),
                    "facts": {name: text.replace(run, _RUN) for name, text in facts.items()},
                }
            )
    return sorted(found, key=lambda one: (one["host"], one["shard"] or "", one["kind"], one["what"], one["id"]))


def _what(resource: Resource) -> str:
    """Return what a person knows a thing by; of a command its program alone, for its arguments may be hidden."""
    if not isinstance(resource, Command):
        return resource.label
    program = next((word for word in resource.line.split() if "=" not in word), "")
    return f"command {program}".rstrip()


def _named(shards: Any) -> dict[str, str]:
    """Return the names of shards by what only they have."""
    return {place: shard.name for shard in shards for place in (shard.conf, shard.unit, shard.stamp)}


def _shard_of(resource: Resource, named: Mapping[str, str]) -> str | None:
    shard = getattr(resource, "shard", None)
    return shard.name if shard is not None else named.get(resource.label)
