"""Whether what the shards and extraction-api need to start is there: the licence server, and the model."""

from __future__ import annotations

from collections.abc import Iterator

from ffplay.edit import EditError, lua, yamlfile
from ffplay.model import Note, Problem
from ffplay.resources.facts import HostState
from ffplay.resources.file import File, FileState
from ffplay.resources.reachable import Reachable
from ffplay.steps._gap import Gap
from ffplay.steps.base import Context, Outcome

_OPTION = "license_ntls_server"


def licence(ctx: Context, due: set[str], extraction: bool) -> Iterator[Problem]:
    """Ask from this host for the licence servers that its services name, where the play will start them anew.

    `due` names the shards, `extraction` tells of extraction-api.
    """
    asking: dict[tuple[str, int], str] = {}
    for shard in ctx.host.shards:
        if shard.name in due:
            found = _address(ctx, _of_shard(ctx.one(File(shard.conf))))
            if found is not None:
                asking.setdefault(found, shard.conf)
    if "extraction" in ctx.host.groups and extraction:
        path = str(ctx.variables["extraction_ini"])
        found = _address(ctx, _of_extraction(ctx.one(File(path))))
        if found is not None:
            asking.setdefault(found, path)
    servers = [Reachable(*address) for address in asking]
    answers = ctx.read(*servers) if servers else []
    for server, path, answers_it in zip(servers, asking.values(), answers, strict=True):
        if not answers_it:
            yield Problem(
                ctx.host.name,
                f"the licence server {server.label} does not answer from here; {path} names it",
                f"see `systemctl status ntls` on its host and what lies between, or {_OPTION} in that file",
            )


def model(ctx: Context, gap: Gap, facts: HostState) -> Iterator[Outcome]:
    """Judge whether an extraction host has the target's model, where facens are to be made with it."""
    if ctx.target is None or "extraction" not in ctx.host.groups or not (gap.faces or gap.problems):
        return
    directory = str(ctx.variables["models_dir"])
    if not directory:
        yield Note(
            ctx.host.name,
            f"whether the model {ctx.target.model} is installed is not checked: the variable models_dir is not set",
        )
    elif ctx.target.model not in facts.models:
        yield Problem(
            ctx.host.name,
            f"the model {ctx.target.model} is not installed: {directory} has no file of that name",
            "install the vendor's package with it, or see models_dir in the inventory",
        )


def _of_shard(conf: object) -> object:
    """Return what a shard's file says of the licence server; None where it says nothing."""
    try:
        return lua.parse(conf.text).option(_OPTION, None) if isinstance(conf, FileState) else None
    except EditError:
        return None


def _of_extraction(ini: object) -> object:
    """Return what extraction-api's configuration says of the licence server; None where it says nothing."""
    try:
        return yamlfile.get(ini.text, (_OPTION,)) if isinstance(ini, FileState) else None
    except (EditError, KeyError):
        return None


def _address(ctx: Context, said: object) -> tuple[str, int] | None:
    """Return the address that a file says as `host:port`; the inventory's where it says none; None for nonsense."""
    if said is None:
        return str(ctx.variables["ntls_address"]), int(ctx.variables["ntls_port"])
    host, _, port = str(said).rpartition(":") if isinstance(said, str) else ("", "", "")
    return (host.strip("[]"), int(port)) if host and port.isdigit() else None
