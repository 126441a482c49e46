"""The parts of a site that stop and start know by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ffplay.model import Shard
from ffplay.resources.shard_backup import ShardBackups
from ffplay.steps._filling import filling
from ffplay.steps._gap import gap_of
from ffplay.steps.base import Context

# Part -> (host group, variable with the unit's name).
_UNITS = {
    "facenapi": ("facenapi", "facenapi_unit"),
    "extraction-api": ("extraction", "extraction_unit"),
    "mongo": ("mongo", "mongo_unit"),
}

PART_SCHEMA: Mapping[str, Any] = {
    "type": "string",
    "enum": ["tarantool", *_UNITS],
    "description": "What to stop or start: `tarantool` means the shards, each by its own unit.",
}


def units_of(ctx: Context, part: str) -> list[str]:
    """Return the units of a part on the step's host."""
    group, variable = _UNITS[part]
    return [str(ctx.variables[variable])] if group in ctx.host.groups else []


def shards_with_gap(ctx: Context) -> Iterator[tuple[Shard, str]]:
    """Yield the host's shards that must be filled anew and why; all of them where the play has no target.

    None is due while a copy that an earlier run started still fills them.
    """
    if not ctx.host.shards:
        return
    if ctx.target is None:
        yield from ((shard, "") for shard in ctx.host.shards)
        return
    gap = gap_of(ctx)
    found = [(shard, why) for shard in ctx.host.shards if (why := gap.shard(ctx.host, shard))]
    if found and not filling(ctx, gap):
        yield from found


def backup_dir(ctx: Context, parameter: str) -> str:
    """Return the directory of backups: the step's parameter, else the host's variable."""
    return str(ctx.args[parameter] or ctx.variables["backup_dir"])


def shard_backups(ctx: Context, shard: Shard, parameter: str) -> ShardBackups:
    """Return where a shard's backups are: a directory on its own host, or HOST:/DIRECTORY, HOST of the inventory.

    On another host the shards of several hosts meet, hence a directory for each.
    """
    place = backup_dir(ctx, parameter)
    command = str(ctx.variables["tarantool_command"])
    name, colon, path = place.partition(":")
    if not colon or "/" in name:
        return ShardBackups(shard, place, command=command)
    return ShardBackups(shard, f"{path}/{ctx.host.name}", name, f"{ctx.variables['state_dir']}/backups", command)
