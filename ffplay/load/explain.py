"""Where a variable's value comes from: every place that gives it one, and which of them wins."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ffplay.errors import InputError, usage_error
from ffplay.load.findings import did_you_mean, listed
from ffplay.load.hostvars import Level, Levels
from ffplay.load.inventory import Inventory, joined
from ffplay.load.marked import Dict, Text, value_place
from ffplay.load.quick import is_template
from ffplay.load.targets import target_of
from ffplay.load.values import NotKnown
from ffplay.load.variables import Scope, shard_variables
from ffplay.model import Host, Mark, Play, Shard, Site

if TYPE_CHECKING:
    from ffplay.load.load import Loaded

# What a shard's field is made of where its entry does not state it.
_MADE_OF: Mapping[str, tuple[str, ...]] = {
    "unit": ("tarantool_unit_prefix",),
    "conf": ("tarantool_instances_dir",),
    "data_dir": ("tarantool_data_dir",),
    "snap_dir": ("tarantool_data_dir",),
    "wal_dir": ("tarantool_data_dir",),
    "index_dir": ("tarantool_data_dir",),
    "address": ("shard_address",),
    "port": ("shard_port_base",),
    "http_port": ("shard_http_base",),
    "answer_seconds": ("shard_answer_seconds",),
}
# A template's variables are explained as far as this, one within another.
_DEEPEST = 4


@dataclass(frozen=True)
class Origins:
    """Everything as it was written: the inventories, who gives each host its variables, and each `-e`."""

    inventory: Inventory
    levels: Levels
    extra: tuple[Dict, ...]


@dataclass(frozen=True, slots=True)
class Definition:
    """One place that gives a variable a value.

    `title` says whose it is (`host db1`), `mark` where it stands (None: in no file), `value` what stands there.
    """

    title: str
    mark: Mark | None
    value: Any


@dataclass(frozen=True, slots=True)
class Explanation:
    """Where one value comes from.

    `definitions` begin with the one that wins, then what it beats, the strongest first. `value` is rendered, and None
    where that fails, which `failure` tells. `shards_own` are those of a host's shards that say something else of
    themselves. `uses` explains the variables that the winning template, or ffplay's own layout of shards, is made of.
    """

    name: str
    host: str
    shard: str
    play: str
    value: Any
    failure: str
    definitions: tuple[Definition, ...]
    shards_own: tuple[Definition, ...]
    uses: tuple[Explanation, ...]


@dataclass(frozen=True)
class _Asked:
    """Whose variables are asked for, what they are there, and which of them ffplay itself sets (`computed`)."""

    origins: Origins
    host: Host
    shard: Shard | None
    play: Play | None
    scope: Scope
    computed: frozenset[str]


def explain(loaded: Loaded, host: Host, name: str, shard: Shard | None = None) -> list[Explanation]:
    """Return where a host's variable, or a shard's, comes from: once for each play that gives it, else once.

    Raise InputError where nothing gives it a value.
    """
    plays = loaded.playbook.plays if loaded.playbook else ()
    giving: list[Play | None] = [play for play in plays if name in play.vars]
    found = []
    for play in giving or plays[:1] or [None]:
        asked = _asked(loaded, host, shard, play)
        explained = _explained(asked, name, ())
        if explained is None:
            known = {*asked.scope.mapping(), *(shard_variables(shard) if shard else ())}
            hint = did_you_mean(name, known) or f"ff-play inventory --host {host.name} shows what there is"
            whose = f"{shard.name} of {host.name}" if shard else host.name
            raise usage_error(f"nothing gives {whose} a variable `{name}`", hint)
        found.append(explained)
    return found


def find_host(site: Site, name: str) -> tuple[Host, Shard | None]:
    """Return the host `db1`, or host and shard of `db1/FindFace_shard_2` and `db1/2`. Raise InputError."""
    host_name, _, wanted = name.partition("/")
    host = next((host for host in site.hosts if host.name == host_name), None)
    if host is None:
        names = [host.name for host in site.hosts]
        hint = did_you_mean(host_name, names) or f"hosts: {listed(names)}"
        raise usage_error(f"the inventory has no host `{host_name}`", hint)
    for shard in host.shards:
        if wanted in {shard.name, str(shard.id)}:
            return host, shard
    if wanted:
        names = [shard.name for shard in host.shards]
        hint = did_you_mean(wanted, names) or f"its shards: {listed(names) or 'none'}"
        raise usage_error(f"{host_name} has no shard `{wanted}`", hint)
    return host, None


def _asked(loaded: Loaded, host: Host, shard: Shard | None, play: Play | None) -> _Asked:
    scope = loaded.variables.scope(host, play)
    if play is not None:
        scope = loaded.variables.scope(host, play, target_of(play, scope))
    if shard is not None:
        scope = scope.of_shard(shard)
    computed = loaded.variables.computed(host, play) - {"shards"}
    return _Asked(loaded.origins, host, shard, play, scope, computed)


def _explained(asked: _Asked, name: str, within: tuple[str, ...]) -> Explanation | None:
    """Return where a value comes from, None where nothing gives it; `within` are the names that it is explained for."""
    shard = asked.shard
    definitions = tuple(_definitions(asked, name))
    field = shard is not None and name in shard.__slots__ and name != "vars"
    if not definitions and not field:
        return None
    value, failure = (getattr(shard, name), "") if field else _value(asked, name)
    used = _used(asked, definitions[0].value) if definitions else list(_MADE_OF.get(name, ()))
    deeper = used if len(within) < _DEEPEST else []
    told = {*within, name, *asked.computed}
    inner = (_explained(asked, other, (*within, name)) for other in deeper if other not in told)
    return Explanation(
        name=name,
        host=asked.host.name,
        shard=shard.name if shard else "",
        play=asked.play.name if asked.play else "",
        value=value,
        failure=failure,
        definitions=definitions or (Definition("ffplay's layout of shards", None, None),),
        shards_own=() if shard or name in Shard.__slots__ else tuple(_shards_own(asked, name)),
        uses=tuple(filter(None, inner)),
    )


def _value(asked: _Asked, name: str) -> tuple[Any, str]:
    """Return a value rendered, and what fails where it cannot be."""
    if name == "shards":
        return [shard.name for shard in asked.host.shards], ""
    try:
        value = asked.scope.mapping()[name]
        return (list(value) if name == "hostvars" else value), ""  # all that every host has leads back to itself
    except InputError as error:
        return None, str(error)
    except NotKnown as error:
        return None, f"known after apply: {error.why}"


def _used(asked: _Asked, value: Any) -> list[str]:
    """Return the variables that a value as written refers to."""
    if isinstance(value, Text) and is_template(value):
        return sorted(asked.scope.uses(value))
    inner = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    return sorted({name for item in inner for name in _used(asked, item)})


def _definitions(asked: _Asked, name: str) -> Iterator[Definition]:
    """Yield what gives a variable a value, the strongest first."""
    if name in asked.computed:
        yield Definition("ffplay itself", None, None)
    levels = [Level(f"shard {asked.shard.name}", _entry(asked, asked.shard))] if asked.shard else []
    if asked.shard is None or name not in asked.shard.__slots__:  # of a field only its entry says something
        levels += [Level("the command line", given) for given in reversed(asked.origins.extra)]
        levels += [Level(f"play {asked.play.name}", joined([asked.play.vars]))] if asked.play else []
        levels += reversed(asked.origins.levels.of(asked.host.name))
    for level in levels:
        if name in level.values:
            yield _definition(level, name)


def _shards_own(asked: _Asked, name: str) -> Iterator[Definition]:
    for shard in asked.host.shards:
        if name in (entry := _entry(asked, shard)):
            yield _definition(Level(f"shard {shard.name}", entry), name)


def _definition(level: Level, name: str) -> Definition:
    place = value_place(level.values, name)
    return Definition(level.title, place.mark if place else None, level.values[name])


def _entry(asked: _Asked, shard: Shard) -> Dict:
    """Return a shard's entry in the variable `shards` as written; where that is a template, what came out."""
    sources = [*reversed(asked.origins.extra), asked.host.vars]
    raw = next((given["shards"] for given in sources if "shards" in given), None)
    index = asked.host.shards.index(shard)
    entry = raw[index] if isinstance(raw, list) and index < len(raw) else raw
    return entry if isinstance(entry, Dict) else Dict(shard.vars)
