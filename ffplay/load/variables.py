"""A host's variables in Ansible's order of precedence, rendered when they are asked for.

From the weakest to the strongest: ffplay's defaults and the inventory (merged in `Host.vars`), the play, the step and
what was registered, the command line, and the magic variables.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ffplay.load.filters import plain
from ffplay.load.findings import Mistake
from ffplay.load.marked import Text, place_of
from ffplay.load.quick import is_template
from ffplay.load.seen import read_bytes
from ffplay.load.values import OMIT, Kind, Layer, Lazy, NotKnown, without_omitted
from ffplay.load.vaulted import SecretText, plain_bytes
from ffplay.load.vaultkeys import Vault
from ffplay.model import Host, Play, Shard, Site, Step, Target, Unknown
from ffplay.secret import Secret, Secrets, names_secret

if TYPE_CHECKING:
    from ffplay.load.jinja import Renderer

NO_VARIABLES: Mapping[str, Any] = {}


@dataclass(frozen=True)
class Directories:
    """Where the playbook and the inventory are, and where templates and files are searched."""

    playbook: str = ""
    inventory: str = ""
    templates: tuple[Path, ...] = ()
    files: tuple[Path, ...] = ()


class Names(Mapping[str, Any]):
    """Variables by name. A value is rendered when it is asked for, once, and may use other variables.

    Threads may ask at once; one that asks for what another is rendering renders it too.
    """

    def __init__(self, layers: tuple[Layer, ...], renderer: Callable[[], Renderer], secrets: Secrets) -> None:
        self._layers, self._renderer, self._secrets = layers, renderer, secrets
        self._ready: dict[str, Any] = {}
        # What each thread is rendering, the outermost first.
        self._busy: dict[int, list[str]] = {}

    def __getitem__(self, name: str) -> Any:
        if name in self._ready:
            return self._ready[name]
        layer = next((layer for layer in self._layers if name in layer.values), None)
        if layer is None:
            raise KeyError(name)
        raw = layer.values[name]
        busy = self._busy.setdefault(threading.get_ident(), [])
        if name in busy:
            chain = " -> ".join([*busy[busy.index(name) :], name])
            raise Mistake(place_of(raw), f"the variable `{name}` is defined by itself: {chain}")
        busy.append(name)
        try:
            value = raw() if isinstance(raw, Lazy) else self.render(raw, layer.kind)
        finally:
            busy.pop()
        if isinstance(value, Unknown):
            raise NotKnown(value.why)
        if names_secret(name):
            value = self._secrets.hide(value, name)
        self._ready[name] = value
        return value

    def __contains__(self, name: object) -> bool:
        return any(name in layer.values for layer in self._layers)

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(name for layer in reversed(self._layers) for name in layer.values))

    def __len__(self) -> int:
        return len(set(self))

    def render(self, value: Any, kind: Kind = Kind.TEMPLATES) -> Any:
        """Return a value with every template in it rendered."""
        if isinstance(value, Secret):
            return self._secret(value)
        if isinstance(value, str):
            template = kind is Kind.TEMPLATES or isinstance(value, Text)
            return self._renderer().text(value, self) if template and "{" in value else str(value)
        if isinstance(value, dict):
            pairs = (
                (str(key) if isinstance(key, str) else key, self._entry(key, self.render(inner, kind)))
                for key, inner in value.items()
            )
            return without_omitted(dict(pairs))
        if isinstance(value, list | tuple):
            return [inner for inner in (self.render(inner, kind) for inner in value) if inner is not OMIT]
        return value

    def _entry(self, key: Any, value: Any) -> Any:
        return self._secrets.hide(value, key) if isinstance(key, str) and names_secret(key) else value

    def _secret(self, value: Secret) -> Any:
        """Return a secret rendered; only what a file wrote may be a template."""
        if isinstance(value, SecretText) and value.template and "{" in str.__str__(value):
            found = self._renderer().text(Text(str.__str__(value), value.place), self)
            return self._secrets.hide(found, "vault")
        return value

    def over(self, *layers: Layer, after: int) -> Names:
        """Return these names with further layers put in after the `after` strongest ones."""
        return Names((*self._layers[:after], *layers, *self._layers[after:]), self._renderer, self._secrets)


class Scope:
    """What the strings of one step on one host may use."""

    # The magic variables and the command line's stay stronger than what a step brings along.
    _FIXED = 2

    def __init__(self, names: Names, renderer: Callable[[], Renderer]) -> None:
        self._names, self._renderer = names, renderer

    def child(self, variables: Mapping[str, Any]) -> Scope:
        """Return a scope with further variables: a step's own, a loop's item, registered results.

        Strings that the playbook wrote are templates; any others are data, and stay as they are. Without any it is this
        one, so that what was rendered for one step need not be for the next.
        """
        if not variables:
            return self
        return Scope(self._names.over(Layer(variables, Kind.DATA), after=self._FIXED), self._renderer)

    def of_shard(self, shard: Shard) -> Scope:
        """Return the scope of a shard's template: the shard's own variables win over all others."""
        return Scope(self._names.over(Layer(shard.vars, Kind.DATA), after=0), self._renderer)

    def render(self, value: Any) -> Any:
        """Return a value with every string in it rendered. Raise InputError or NotKnown."""
        return self._names.render(value)

    def test(self, expression: str) -> bool:
        """Return whether a condition holds."""
        from ffplay.load.filters import FALSE, TRUE

        value = self._renderer().expression(expression, self._names)
        if isinstance(value, str) and value.strip().lower() in TRUE | FALSE:
            return value.strip().lower() in TRUE
        return bool(value)

    def missing(self, text: str, expression: bool = False) -> list[Mistake]:
        """Return the variables that a text uses and that are not defined, without rendering it."""
        return self._renderer().missing(text, self._names, expression)

    def uses(self, text: str) -> set[str]:
        """Return the names that a text refers to."""
        return self._renderer().uses(text)

    def template(self, text: str, source: str, variables: Mapping[str, Any] = NO_VARIABLES) -> str:
        """Return the text of a template file rendered; `source` is its path. Raise InputError or NotKnown."""
        names = self._names.over(Layer(variables, Kind.DATA), after=0) if variables else self._names
        return self._renderer().template(text, source, names)

    def mapping(self) -> Mapping[str, Any]:
        """Return the variables by name, each rendered when it is asked for."""
        return self._names


class Variables:
    """The variables of every host of a site. `extra` are those of the command line, merged."""

    def __init__(
        self,
        site: Site,
        extra: Mapping[str, Any] = NO_VARIABLES,
        where: Directories | None = None,
        *,
        shards: bool = True,
        vault: Vault | None = None,
    ) -> None:
        self._site, self._extra, self._where, self._shards = site, extra, where or Directories(), shards
        self._vault = vault or Vault(Secrets())
        self._made: Renderer | None = None
        self._making = threading.Lock()
        self._of_all: dict[Any, _HostVars] = {}
        self._own: dict[str, Mapping[str, Any]] = {}

    def scope(
        self, host: Host, play: Play | None = None, target: Target | None = None, play_hosts: Sequence[str] = ()
    ) -> Scope:
        """Return what strings may use on a host, in a play."""
        layers = [Layer(self._magic(host, play, target, play_hosts), Kind.DATA), Layer(self._extra)]
        if play is not None:
            layers.append(Layer(play.vars))
        names = Names((*layers, Layer(host.vars)), self._renderer, self._vault.secrets)
        return Scope(names, self._renderer)

    def own(self, host: Host) -> Mapping[str, Any]:
        """Return a host's variables as they are in every play; the same ones each time."""
        if host.name not in self._own:
            self._own[host.name] = self.scope(host).mapping()
        return self._own[host.name]

    def state_dir(self, host: Host) -> str:
        """Return where a host keeps ffplay's own files. Plays have no say in that: all must find them."""
        return str(self.own(host)["state_dir"])

    def _renderer(self) -> Renderer:
        with self._making:
            if self._made is None:
                from ffplay.load.jinja import Renderer

                self._made = Renderer(self._vault, self._where.templates, self._where.files)
            return self._made

    def _magic(
        self, host: Host, play: Play | None, target: Target | None, play_hosts: Sequence[str]
    ) -> Mapping[str, Any]:
        found: dict[str, Any] = {
            "inventory_hostname": host.name,
            "inventory_hostname_short": host.name.split(".")[0],
            "group_names": sorted(name for name in host.groups if name != "all"),
            "groups": Lazy(lambda: {name: list(members) for name, members in self._site.groups.items()}),
            "hostvars": Lazy(lambda: self._hostvars(play, target, play_hosts)),
            "play_hosts": Lazy(lambda: list(play_hosts)),
            "ansible_play_hosts": Lazy(lambda: list(play_hosts)),
            "playbook_dir": self._where.playbook,
            "inventory_dir": self._where.inventory,
            "omit": OMIT,
        }
        if self._shards:
            found["shards"] = Lazy(lambda: [shard_variables(shard) for shard in host.shards])
        if play is not None:
            found["ansible_play_name"] = play.name
        if target is not None:
            found["target"] = Lazy(lambda: target_variables(target))
        return found

    def _hostvars(self, play: Play | None, target: Target | None, play_hosts: Sequence[str]) -> _HostVars:
        """Return `hostvars`, the same ones for all hosts of a play."""
        # By the very objects, which the values keep: comparing a thousand names for each host would take long.
        key = (id(play), target, id(play_hosts))
        if key not in self._of_all:
            self._of_all[key] = _HostVars(self, play, target, play_hosts)
        return self._of_all[key]

    def computed(self, host: Host, play: Play | None = None) -> frozenset[str]:
        """Return the names that ffplay itself sets on a host; nothing that is written wins over them."""
        return frozenset(self._magic(host, play, None, ()))

    def arguments(self, step: Step, scope: Scope) -> dict[str, Any]:
        """Return a step's arguments rendered; with `no_log`, what templates gave of them is secret from now on.

        Raise InputError or NotKnown.
        """
        found: dict[str, Any] = plain(scope.render(dict(step.args)))
        if step.no_log:
            for name in (name for name in found if is_template(step.args.get(name))):
                self._vault.secrets.hide(found[name], "no_log")
        return found

    def content(self, path: Path) -> bytes:
        """Return a file's content, opened where it is encrypted. Raise `Mistake` or OSError."""
        return plain_bytes(read_bytes(path), path.name, self._vault)

    def host(self, name: str) -> Host:
        """Return a host of the site. Raise KeyError for a name that is none."""
        return self._site.host(name)

    def host_names(self) -> tuple[str, ...]:
        """Return the names of the site's hosts."""
        return tuple(host.name for host in self._site.hosts)


class _HostVars(Mapping[str, Any]):
    """`hostvars`: every host's variables, each rendered when it is asked for."""

    def __init__(
        self, variables: Variables, play: Play | None, target: Target | None, play_hosts: Sequence[str]
    ) -> None:
        self._variables, self._play, self._target, self._play_hosts = variables, play, target, play_hosts
        self._made: dict[str, Mapping[str, Any]] = {}

    def __getitem__(self, name: str) -> Mapping[str, Any]:
        if name not in self._made:
            host = self._variables.host(name)
            self._made[name] = self._variables.scope(host, self._play, self._target, self._play_hosts).mapping()
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._variables.host_names())

    def __len__(self) -> int:
        return len(self._variables.host_names())


def shard_variables(shard: Shard) -> dict[str, Any]:
    """Return a shard as templates see it: its fields, and the variables given for it alone."""
    fields = {name: getattr(shard, name) for name in shard.__slots__ if name != "vars"}
    return {**shard.vars, **fields}


def target_variables(target: Target) -> dict[str, Any]:
    """Return a target as templates see it."""
    fields = asdict(target) | {"detector_settings": dict(target.detector_settings), "from": target.was}
    del fields["was"]
    return fields
