"""Whether the inventory knows every shard of the site: by files, by units, and by facenapi's table of shards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from ffplay.errors import SiteError
from ffplay.model import Host, Note, Problem, Shard
from ffplay.resources.audit import read_cells
from ffplay.resources.facts import HostState
from ffplay.resources.file import File, FileState
from ffplay.steps._gap_shards import is_replica
from ffplay.steps.base import Context, Outcome

_NAMED = 3

# A shard of the site: (host name, shard name).
_Known = tuple[str, str]


def instances(ctx: Context, facts: HostState) -> Iterator[Problem]:
    """Name the files and units of instances that the inventory does not know: a forgotten shard keeps the old facens.

    The host of the play may have lost shards to `--limit`; that of the site has them all.
    """
    shards = ctx.site.host(ctx.host.name).shards
    advice = "add the shard to `shards`, or name it in preflight's `ignore_instances`"
    ignored = set(ctx.args["ignore_instances"])
    known = {shard.conf.rpartition("/")[2] for shard in shards} | {f"{name}.lua" for name in ignored}
    for name in sorted(set(facts.files) - known):
        where = ctx.variables["tarantool_instances_dir"]
        yield Problem(ctx.host.name, f"{where}/{name} belongs to no shard of the inventory", advice)
    prefix = str(ctx.variables["tarantool_unit_prefix"])
    units = {shard.unit for shard in shards} | {f"{prefix}{name}" for name in ignored}
    for one in facts.instances:
        # One with a file was named by it. A unit that is neither up nor enabled does nothing.
        if one.unit in units or f"{one.unit.removeprefix(prefix)}.lua" in facts.files:
            continue
        if one.enabled or one.active not in {"", "inactive"}:
            state = " and ".join([*([one.active] if one.active else []), *(["enabled"] if one.enabled else [])])
            said = f"the unit {one.unit} is {state}, has no file, and belongs to no shard of the inventory"
            yield Problem(ctx.host.name, said, f"{advice}; or stop and disable the unit")


def cells(ctx: Context) -> Iterator[Outcome]:
    """Compare facenapi's table of shards with the inventory, on a facenapi host."""
    path = str(ctx.variables["tntapi_servers_file"])
    state = ctx.one(File(path))
    if not isinstance(state, FileState):
        return
    advice = "see tntapi_servers_file in the inventory and in facenapi's configuration"
    if state.kind == "absent":
        yield Problem(ctx.host.name, f"{path}, the table of shards, is not there", advice)
        return
    try:
        table = read_cells(state.text, ctx.host.name, path)
    except SiteError as error:
        yield Problem(ctx.host.name, error.message, advice)
        return
    named, unnamed = _matched(ctx, tuple(dict.fromkeys(table)))
    if Counter(cell.rpartition(":")[2] for cell in named) == Counter(str(shard.http_port) for _, shard in unnamed):
        # A site's own network may have other addresses and names than those by which its hosts are reached from here.
        if named:
            said = f"{path} names {_few(named)} by addresses that the inventory does not have"
            yield Note(ctx.host.name, f"{said}; they are taken for its shards, being as many of each port")
        return
    if named:
        yield Problem(
            ctx.host.name,
            f"{path} names {_few(named)}, and the inventory has no such shard",
            "add it to the inventory, or take it out of the table: what it holds would keep the old model",
        )
    if unnamed:
        said = _few([f"{host} {shard.name} (HTTP port {shard.http_port})" for host, shard in unnamed])
        yield Problem(
            ctx.host.name,
            f"{path} does not name {said}",
            "see http_port in the inventory; a shard that is a replica states `replica_of`",
        )


def _matched(ctx: Context, table: tuple[str, ...]) -> tuple[list[str], list[tuple[str, Shard]]]:
    """Return the cells that name no shard of the inventory by its address, and the shards that no cell names so."""
    shards = [(host, shard) for host in ctx.site.hosts for shard in host.shards]
    meant: dict[str, set[_Known]] = {}
    for host, shard in shards:
        for address in _addresses(ctx, host, shard):
            meant.setdefault(f"{address}:{shard.http_port}", set()).add((host.name, shard.name))
    named = set().union(*(meant.get(cell, set()) for cell in table))
    unnamed = [(h.name, s) for h, s in shards if (h.name, s.name) not in named and not is_replica(s)]
    return [cell for cell in table if cell not in meant], unnamed


def _addresses(ctx: Context, host: Host, shard: Shard) -> set[str]:
    """Return how a shard's address may be written on this host: a loopback address is one of this host's own."""
    own = {"127.0.0.1", "localhost", "::1", "[::1]"}
    found = {host.name, host.login.address, shard.address} - own
    return found | own if host.name == ctx.host.name else found


def _few(items: list[str]) -> str:
    """Return the first few in words, and how many more there are."""
    more = f" and {len(items) - _NAMED} more" if len(items) > _NAMED else ""
    return ", ".join(items[:_NAMED]) + more
