"""The text of a new playbook: a whole switch, with a comment at each step that says what it does."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from shlex import quote
from typing import Any

from ffplay import steps
from ffplay.findface import MODELS
from ffplay.model import Site
from ffplay.report.names import joined
from ffplay.report.style import plural

_WIDTH = 110
# What a person may want to know beside what the step says of itself.
_MORE: Mapping[str, str] = {
    "configure": "From here until copy is over, searches fail: take a maintenance window.",
    "regenerate": "The long part: hours or days. More processes help where the extraction hosts have cores to spare.",
    "wipe": "Nothing is deleted before `ff-play commit`.",
    "template": "Memory for larger facens: `memtx_gb` in the inventory.",
}


@dataclass(frozen=True, slots=True)
class Wish:
    """What a new playbook is to do.

    `facen_size` is given for a model that the vendor's table lacks; `detector` None leaves the site's. `backups` is a
    directory, or HOST:/DIRECTORY for the shards' backups; empty leaves it to the variable backup_dir. `file` and
    `inventories` are as the commands in the comments have them.
    """

    model: str
    facen_size: int | None
    detector: str | None
    backups: str
    file: str
    inventories: tuple[str, ...]

    @property
    def given(self) -> str:
        """Return the playbook and its inventories as a command line has them."""
        return f"{quote(self.file)} {self.site}"

    @property
    def site(self) -> str:
        """Return the inventories as a command line has them."""
        return " ".join(f"-i {quote(path)}" for path in self.inventories) or "-i INVENTORY"

    @property
    def elsewhere(self) -> bool:
        """Tell whether the shards' backups go to another host."""
        return ":" in self.backups


def text(wish: Wish, site: Site | None, schema: str) -> str:
    """Return the playbook; `schema` is the path of the schema as the file names it, empty where there is none."""
    size = wish.facen_size or MODELS[wish.model]
    what = wish.model + (f" and the detector {wish.detector}" if wish.detector else "")
    head = [f"# yaml-language-server: $schema={schema}"] if schema else []
    head += [f"# Switch the site to {what}: facens of {size} floats.", *_site(site), "#", *_commands(wish), "#"]
    head += _wrapped(
        "Whatever stops apply: the same command again does what is left. `ff-play explain STEP` tells more."
    )
    return "\n".join((*head, f"- name: Switch to {what}", "  hosts: all", *_target(wish, size), *_steps(wish))) + "\n"


def _site(site: Site | None) -> Iterator[str]:
    if site is not None:
        shards = [(host.name, len(host.shards)) for host in site.hosts if host.shards]
        groups = ", ".join(f"{name} on {joined(site.groups[name])}" for name in ("facenapi", "extraction", "mongo"))
        where = joined([name for name, _ in shards])
        yield from _wrapped(f"The site: {groups}; {plural(sum(count for _, count in shards), 'shard')} on {where}.")


def _commands(wish: Wish) -> Iterator[str]:
    told = (
        (f"plan  {wish.given}", "shows every change, and makes none"),
        (f"apply {wish.given}", "shows it, asks, and makes it"),
        (f"rollback {wish.site}", "goes back"),
    )
    width = max(len(words) for words, _ in told)
    for words, what in told:
        yield f"#   ff-play {words:<{width}}    # {what}"


def _target(wish: Wish, size: int) -> Iterator[str]:
    yield "  target:"
    yield f"    model: {json.dumps(wish.model)}" if not wish.model.isidentifier() else f"    model: {wish.model}"
    if wish.facen_size is not None:
        yield f"    facen_size: {size}"
    if wish.detector is None:
        yield "    # detector: nnd            # left out, the site's detector stays"
    else:
        yield f"    detector: {wish.detector}"
        yield "    # detector_settings: {nnd_min_face_size: 30}"
    yield "    # from: apricot_320        # the model that the site is at: only where the plan asks for it"


def _steps(wish: Wish) -> Iterator[str]:
    yield "  steps:"
    to = {"to": wish.backups} if wish.backups else {}
    place = {"backups": wish.backups} if wish.backups else {}
    yield from _step("preflight", {"backup_to": wish.backups} if wish.backups else {})
    if wish.elsewhere:
        # Another host is for the shards alone: MongoDB is dumped on its own.
        yield from _step("backup", {"mongo": True})
        yield from _step("backup", {"tarantool": True, **to}, "The shards, while they run.")
    else:
        yield from _step("backup", {"mongo": True, "tarantool": True, **to})
    yield from _step("configure", {})
    yield from _step("regenerate", {"processes": 2, **({} if wish.elsewhere else place)})
    yield from _step("stop", "tarantool")
    yield from _step("backup", {"tarantool": True, **to}, "What was written since the first one: wipe goes by this.")
    yield from _step("wipe", {"part": "tarantool", **place} if place else "tarantool")
    yield from _step("template", "FindFace_shard.lua.j2")
    yield from _step("start", "tarantool")
    for kind in ("copy", "fast_index"):
        yield from _step(kind, {})
    yield from _step("verify", {"sample": 1000})


def _step(kind: str, args: Mapping[str, Any] | str, why: str = "") -> Iterator[str]:
    said = why or " ".join((steps.kind(kind).summary, _MORE.get(kind, ""))).strip()
    yield from _wrapped(said, "    # ")
    given = args if isinstance(args, str) else _mapping(args)
    yield f"    - {kind}: {given}" if given else f"    - {kind}"


def _mapping(args: Mapping[str, Any]) -> str:
    return "{" + ", ".join(f"{name}: {_value(value)}" for name, value in args.items()) + "}" if args else ""


def _value(value: Any) -> str:
    plain = isinstance(value, str) and all(char.isalnum() or char in "/._-" for char in value)
    return value if plain else json.dumps(value)


def _wrapped(said: str, prefix: str = "# ") -> Sequence[str]:
    return textwrap.wrap(said, _WIDTH, initial_indent=prefix, subsequent_indent=prefix, break_on_hyphens=False)
