"""The nouns of ffplay as plain frozen data; imports nothing of ours.

Everything that is shown, applied, verified, written down or reversed is one of these values, so the whole
decision-making core can be tested with data alone.
"""

from __future__ import annotations

import enum
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a file that a person wrote; line and column count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Login:
    """How a host is reached: the connection variables of its inventory entry, rendered.

    `None` leaves the choice to `~/.ssh/config` and its defaults. `password` and `become_password` are secrets: they
    are kept out of `repr`. `common_args` is `ansible_ssh_common_args` as written (OpenSSH option syntax).
    """

    address: str
    port: int | None = None
    user: str | None = None
    key_file: str | None = None
    password: str | None = field(default=None, repr=False)
    become: bool = False
    become_user: str = "root"
    become_password: str | None = field(default=None, repr=False)
    common_args: str = ""
    local: bool = False
    connect_timeout: float = 10.0
    command_timeout: float = 120.0


@dataclass(frozen=True, slots=True)
class Shard:
    """One tntapi shard, that is one Tarantool instance, on one host.

    `id` is None on a standalone site, whose one shard is called `FindFace` and keeps its data in `default/`. `address`
    is where both ports listen as seen from the shard's own host; `answer_seconds` is how long a plan waits for each of
    its answers. `vars` are the variables given for this shard alone.
    """

    name: str
    id: int | None
    unit: str
    conf: str
    data_dir: str
    snap_dir: str
    wal_dir: str
    index_dir: str
    address: str
    port: int
    http_port: int
    answer_seconds: float = 10.0
    vars: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def __hash__(self) -> int:
        # Shards are keys wherever something is read of them, many times; these tell them apart, the rest need not.
        return hash((self.name, self.conf, self.address, self.http_port))

    @property
    def stamp(self) -> str:
        """Path of the file beside the data that records the generation which the data are at."""
        return f"{self.data_dir}/ffplay-generation.json"


@dataclass(frozen=True, slots=True)
class Host:
    """One machine of the site. `vars` are the merged inventory variables, defaults included, not yet rendered."""

    name: str
    groups: tuple[str, ...]
    login: Login
    shards: tuple[Shard, ...] = ()
    vars: Mapping[str, Any] = field(default_factory=dict, hash=False, repr=False)


@dataclass(frozen=True, slots=True)
class Site:
    """Every host of the inventory, in the inventory's order, and its groups (name to host names, in order)."""

    hosts: tuple[Host, ...]
    groups: Mapping[str, tuple[str, ...]] = field(hash=False)
    _by_name: dict[str, Host] = field(init=False, repr=False, compare=False, default_factory=dict)
    _by_group: dict[str, tuple[Host, ...]] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._by_name.update({host.name: host for host in reversed(self.hosts)})

    def host(self, name: str) -> Host:
        """Return the host of that name. Raise KeyError where there is none."""
        return self._by_name[name]

    def group(self, name: str) -> tuple[Host, ...]:
        """Return the hosts of a group; a group that does not exist is empty."""
        if name not in self._by_group:
            members = set(self.groups.get(name, ()))
            self._by_group[name] = tuple(host for host in self.hosts if host.name in members)
        return self._by_group[name]


@dataclass(frozen=True, slots=True)
class Generation:
    """What faces (in MongoDB or in a shard) were made with; faces of equal generations may be compared.

    `detector` is None where nobody recorded it; `facen_size` counts float32 values.
    """

    model: str
    facen_size: int
    detector: str | None = None
    detector_settings: tuple[tuple[str, str], ...] = ()

    @property
    def digest(self) -> str:
        """Return 16 hex digits that name the generation."""
        canonical = json.dumps([self.model, self.facen_size, self.detector, self.detector_settings])
        return hashlib.sha256(canonical.encode()).hexdigest()[:16]

    def __str__(self) -> str:
        detector = f", detector {self.detector}" if self.detector else ""
        settings = "".join(f", {key}={value}" for key, value in self.detector_settings)
        return f"{self.model} ({self.facen_size}){detector}{settings}"


@dataclass(frozen=True, slots=True)
class Target:
    """What a play wants its site to be at.

    `detector` None means that the play does not mind the detector: the one that the site is at stays. `was` is the
    playbook's `from`: the model that the operator states the site is at where its records and evidence cannot tell.
    """

    model: str
    facen_size: int
    detector: str | None = None
    detector_settings: tuple[tuple[str, str], ...] = ()
    was: str | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One entry of a play's `steps` or `handlers`, as written; strings may still hold Jinja2.

    `args` is the mapping under the step's kind (a plain value is already put under the kind's main parameter).
    `when`, `until` are Jinja2 expressions without braces, all of which must hold. `timeout` and `delay` are seconds.
    Of a step with `no_log` neither its values nor what it gives are shown.
    """

    kind: str
    args: Mapping[str, Any] = field(hash=False)
    mark: Mark
    name: str | None = None
    when: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    hosts: str | None = None
    vars: Mapping[str, Any] = field(default_factory=dict, hash=False)
    register: str | None = None
    retries: int = 0
    delay: float = 5.0
    until: tuple[str, ...] = ()
    timeout: float | None = None
    ignore_errors: bool = False
    become: bool | None = None
    become_user: str | None = None
    run_once: bool = False
    loop: Any = field(default=None, hash=False)
    loop_var: str = "item"
    notify: tuple[str, ...] = ()
    no_log: bool = False

    @property
    def user(self) -> str | None:
        """Return as whom its commands run: None leaves it to the host's own setting, empty is who logs in."""
        if self.become is None and self.become_user is None:
            return None
        return "" if self.become is False else self.become_user or "root"

    @property
    def title(self) -> str:
        """Return what output calls the step."""
        return self.name or self.kind


@dataclass(frozen=True, slots=True)
class Play:
    """One play: which hosts, which target, which steps.

    `serial` holds batch sizes (`2`, `"50%"`); empty means all. `strategy` is `linear` where hosts wait for each other
    behind every step, and `stages` where only some steps need that.
    """

    name: str
    hosts: str
    mark: Mark
    steps: tuple[Step, ...] = ()
    handlers: tuple[Step, ...] = ()
    vars: Mapping[str, Any] = field(default_factory=dict, hash=False)
    target: Mapping[str, Any] | None = field(default=None, hash=False)
    serial: tuple[int | str, ...] = ()
    strategy: str = "stages"


@dataclass(frozen=True, slots=True)
class Playbook:
    """A playbook file: its plays in order. `inventory` is the inline one, or None."""

    path: str
    plays: tuple[Play, ...]
    inventory: Any = field(default=None, hash=False)


@dataclass(frozen=True, slots=True)
class Digested:
    """A content of `size` bytes that was left out, known by its SHA-256 in hex."""

    size: int
    sha256: str

    def __len__(self) -> int:
        return self.size


@dataclass(frozen=True, slots=True)
class Unknown:
    """A value that nobody can know before the change is made; `why` completes "known after apply, once ..."."""

    why: str


class Resource(Protocol):
    """One thing on a host that can be read and brought to a value; see `ffplay.resources.base`."""

    @property
    def label(self) -> str:
        """Return how output names the thing: a path, a unit."""


@dataclass(frozen=True, slots=True)
class Change:
    """One thing on one host, what it is and what it shall be.

    The same value is shown by `plan`, made by `apply` and verified by reading `resource` again. `summary` is
    the line that a person reads. `effects` are further resources whose values this change is known to alter (they are
    not verified: the change's own resource is). `shown` is what is read under that line where the resource is not to
    tell it: in a saved plan, which leaves contents out, or where its values hold secrets. Then it is `hidden`, and they
    are shown nowhere.
    """

    host: str
    resource: Any
    before: Any = field(hash=False)
    after: Any = field(hash=False)
    summary: str
    shard: str | None = None
    effects: tuple[tuple[str, Any, Any], ...] = field(default=(), hash=False)
    shown: str | None = field(default=None, compare=False, repr=False)
    hidden: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Check:
    """A reading that must come out clean at its place in the order; `resource` reads to a tuple of findings.

    Of a `hidden` one nothing is told but whether it did.
    """

    host: str
    resource: Any
    summary: str
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class Problem:
    """Something seen on the site that makes the play impossible or unsafe; a plan that has one is not applied."""

    host: str
    summary: str
    advice: str


@dataclass(frozen=True, slots=True)
class Note:
    """Something that an operator should know of a step, an assumption among others; changes nothing.

    `result` is what `register` keeps of it, where an earlier run left that.
    """

    host: str
    summary: str
    result: Mapping[str, Any] = field(default_factory=dict, hash=False)


class Status(enum.Enum):
    """How a step ended on a host."""

    OK = "ok"
    CHANGED = "changed"
    SKIPPED = "skipped"
    FAILED = "failed"
    UNREACHABLE = "unreachable"
