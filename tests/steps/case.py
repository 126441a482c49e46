"""Reads a step's case: a site's state in, the step's outcomes out. The language is explained in README.md."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from ffplay import steps
from ffplay.engine.finder import defaults_of
from ffplay.engine.view import NeedsReading, PlanView
from ffplay.findface import DEFAULTS, MODELS
from ffplay.load import Variables
from ffplay.load.findings import Findings
from ffplay.load.shards import shards_of
from ffplay.model import Change, Check, Generation, Host, Login, Note, Problem, Shard, Site, Target, Unknown
from ffplay.resources import checks
from ffplay.resources.backup_manifest import ShardBackup
from ffplay.resources.census import Census, CensusState
from ffplay.resources.command import Command, Verdict
from ffplay.resources.database_size import DatabaseSize
from ffplay.resources.facts import HostFacts, HostState, Instance, Room
from ffplay.resources.file import ABSENT, File, FileState
from ffplay.resources.job import JobState, JobStatus
from ffplay.resources.mongo import Facens, FacensMade, Faces, FacesState
from ffplay.resources.mongo_dump import MongoDump, MongoDumps
from ffplay.resources.originals import MissingFiles, MissingPages, Originals
from ffplay.resources.reachable import Reachable
from ffplay.resources.record import Record
from ffplay.resources.shard_backup import ShardBackups
from ffplay.resources.shard_data import DataState, ShardData
from ffplay.resources.shard_http import Gallery, ShardFaces, ShardState, Silent
from ffplay.resources.unit import Unit, UnitState
from ffplay.steps.base import Context, Estimate, Outcome

_UNITS = {"KiB": 10, "MiB": 20, "GiB": 30}
_KEYS = {
    "hosts",
    "vars",
    "play",
    "host",
    "target",
    "earlier",
    "step",
    "review",
    "timeout",
    "files",
    "state",
    "expect",
    "estimate",
    "began",
    "renewed",
    "user",
}


class Unanswered(Exception):
    """The step asked for something that the case's state does not have."""


@dataclasses.dataclass(frozen=True)
class Case:
    """One file: `kind` is the folder that it lies in."""

    path: Path
    kind: str
    body: Mapping[str, Any]

    @functools.cached_property
    def site(self) -> Site:
        hosts = tuple(_host(name, given or {}, self.body.get("vars", {})) for name, given in self.body["hosts"].items())
        names = dict.fromkeys(group for host in hosts for group in host.groups)
        return Site(hosts, {group: tuple(h.name for h in hosts if group in h.groups) for group in names})

    @functools.cached_property
    def play(self) -> tuple[Host, ...]:
        """The hosts of the play: all of the site, unless the case says `play`."""
        names = self.body.get("play", [host.name for host in self.site.hosts])
        return tuple(self.site.host(name) for name in names)

    def outcomes(self) -> list[Outcome]:
        """Return what the step plans."""
        return [one for one in self._planned() if not isinstance(one, Estimate)]

    def estimates(self) -> list[Estimate]:
        """Return what the step tells of what the play takes of the host."""
        return [one for one in self._planned() if isinstance(one, Estimate)]

    def _planned(self) -> list[Outcome | Estimate]:
        """Plan as the planner does: again from the start whenever something had to be read first."""
        observed: dict[Any, Any] = {}
        while True:
            view = PlanView(observed)
            try:
                earlier = [one for host, step in self._earlier() for one in self._one(view, host, step)]
                found = list(self._one(view, self._on(), self.body["step"]))
                return [*found, *(self._review([*earlier, *found]) if self.body.get("review") else ())]
            except NeedsReading:
                observed.update({key: self._answer(*key) for key in view.missing})

    def _review(self, outcomes: list[Outcome | Estimate]) -> Iterator[Problem]:
        """Yield what the kinds of all the case's steps say of the changes of a play that ends here."""
        changes = tuple(outcome for outcome in outcomes if isinstance(outcome, Change))
        written = [*(step for _, step in self._earlier()), self.body["step"]]
        for kind in dict.fromkeys(word for step in written for word in step):
            review = steps.kind(kind).review
            yield from review(changes) if review is not None else ()

    def _on(self) -> str:
        return str(self.body.get("host", self.play[0].name))

    def _earlier(self) -> Iterator[tuple[str, Any]]:
        """Yield earlier steps of the same plan as (host, step); each is written under the host that it is asked on."""
        for entry in self.body.get("earlier", ()):
            yield from entry.items()

    def _one(self, view: PlanView, on: str, written: Any) -> Iterator[Outcome | Estimate]:
        ((kind, given),) = written.items()
        step = steps.kind(kind)
        args: dict[str, Any] = given if isinstance(given, dict) else {str(step.main): given}
        jsonschema.Draft202012Validator(step.schema).validate(args)
        host = self.site.host(on)
        target = _target(self.body.get("target"))
        variables = Variables(self.site)
        scope = variables.scope(host, None, target, [one.name for one in self.play])
        files = self.body.get("files", {})
        context = Context(
            host=host,
            hosts=self.play,
            site=self.site,
            args={**defaults_of(step), **args},
            view=view,
            target=target,
            variables=scope.mapping(),
            template=lambda name, extra: scope.template(files[name], name, extra),
            read_file=lambda name: files[name].encode(),
            test=scope.test,
            run="run2",
            timeout=self.body.get("timeout"),
            began=self.body.get("began", ""),
            renewed=self.body.get("renewed", False),
            user=self.body.get("user"),
        )
        for outcome in step.plan(context):
            if isinstance(outcome, Change):
                view.plan(outcome)
            yield outcome

    def _answer(self, host: str, resource: Any) -> Any:
        word, make = _ANSWERS[type(resource)]
        key = f"{word} {_name_of(resource)}".strip()
        state = self.body.get("state", {}).get(host, {})
        if word == "job" and key not in state:
            return JobState()
        if key not in state:
            raise Unanswered(f"{self.path.name}: the step asks {host} for `{key}`, and the case's state has none")
        given = state[key]
        if isinstance(given, dict) and "unknown" in given:
            return Unknown(given["unknown"])
        return make(resource, given)


def load_cases(folder: Path) -> list[Case]:
    """Return every case below a folder. Raise where a file has a word that the language lacks."""
    found = []
    for path in sorted(folder.glob("*/*.yaml")):
        body = yaml.safe_load(path.read_text(encoding="utf-8"))
        if not isinstance(body, dict) or set(body) - _KEYS:
            raise ValueError(f"{path}: no case has {set(body) - _KEYS}")
        found.append(Case(path, path.parent.name, body))
    return found


def _host(name: str, given: Mapping[str, Any], common: Mapping[str, Any]) -> Host:
    own = {key: value for key, value in given.items() if key != "groups"}
    host = Host(name, ("all", *given.get("groups", ())), Login(name), (), {**DEFAULTS, **common, **own})
    names = Variables(Site((host,), {}), shards=False).scope(host).mapping()
    findings = Findings()
    shards = shards_of(host, names, findings)
    findings.stop()
    return dataclasses.replace(host, shards=shards)


def _target(given: Mapping[str, Any] | None) -> Target | None:
    if given is None:
        return None
    settings = tuple(sorted((key, str(value)) for key, value in given.get("detector_settings", {}).items()))
    size = given.get("facen_size", MODELS.get(given["model"]))
    return Target(given["model"], size, given.get("detector"), settings, given.get("from"))


def _name_of(resource: Any) -> str:
    shard: Shard | None = getattr(resource, "shard", None)
    if shard is not None:
        return shard.name
    if isinstance(resource, JobStatus):
        # The rest of the name is a digest.
        return Path(resource.directory).name.partition("-")[0]
    return str(resource.label) if isinstance(resource, File | Unit | Command | Reachable) else ""


def _file(_: Any, given: Any) -> FileState:
    """Text is a file of root's; nothing is nothing."""
    if given is None:
        return ABSENT
    if isinstance(given, str):
        given = {"content": given}
    kind = "link" if "target" in given else given.get("kind", "file")
    if kind != "file":
        return FileState(kind, **{key: value for key, value in given.items() if key != "kind"})
    owner = {"mode": "0644", "owner": "root", "group": "root"}
    return FileState("file", **{**owner, **given, "content": given["content"].encode()})


def _unit(_: Any, given: Any) -> UnitState:
    return UnitState(given) if isinstance(given, str) else UnitState(**given)


def _verdict(command: Command, given: Mapping[str, Any]) -> Verdict:
    return command.judged({name: code for name, code in given.items() if name != "says"}, given.get("says", ""))


def _record(given: Any) -> Record | None:
    if given is None:
        return None
    was = _generation(given["was"]) if given.get("was") else None
    indexed, left = (tuple(given.get(word, ())) for word in ("indexed", "left"))
    return Record(_generation(given), given.get("state", "complete"), was, indexed, given.get("run", "run1"), left)


def _generation(given: Mapping[str, Any]) -> Generation:
    target = _target(given)
    assert target is not None
    return Generation(target.model, target.facen_size, target.detector, target.detector_settings)


def _data(_: Any, given: Mapping[str, Any]) -> DataState:
    return DataState(
        tuple(sorted((name, size(amount)) for name, amount in given.get("files", {}).items())),
        _record(given.get("record")),
        tuple(given.get("missing", ())),
        tuple((path, kib) for path, kib in given.get("aside", {}).items()),
        **_newest(given),
        instances=tuple(given.get("instances", ())),
    )


def _served(_: Any, given: Any) -> ShardState | Silent | None:
    if given == "down":
        return None
    if given == "silent":
        return Silent(10.0)
    galleries = tuple(
        Gallery(name, *(faces if isinstance(faces, list) else [faces, 0, 0]))
        for name, faces in given.get("galleries", {}).items()
    )
    sample = tuple(
        (gallery, number, facen.encode())
        for gallery, faces in given.get("sample", {}).items()
        for number, facen in faces.items()
    )
    return ShardState(galleries, tuple(given.get("sizes", ())), sample)


def _faces(_: Any, given: Mapping[str, Any]) -> FacesState:
    return FacesState(given["count"], tuple(given.get("sizes", {}).items()), _record(given.get("record")))


def _census(_: Any, given: Mapping[str, Any]) -> CensusState:
    missing, surplus = (tuple(given.get(word, {}).items()) for word in ("missing", "surplus"))
    return CensusState(missing, surplus, tuple(given.get("silent", ())))


def _facens(resource: Any, given: Mapping[int, str]) -> tuple[tuple[int, bytes], ...]:
    found = ((number, given[number]) for number in resource.ids if number in given)
    return tuple((number, hashlib.sha256(facen.encode()).digest()) for number, facen in found)


def _facts(facts: HostFacts, given: Mapping[str, Any]) -> HostState:
    """`free` says what is free on the file system mounted at each path; the root's has enough unless it says."""
    mounts = {"/": "1024GiB", **given.get("free", {})}
    units = given.get("units", {}).items()
    return HostState(
        size(given.get("memory", "64GiB")),
        size(given.get("memory", "64GiB")),
        given.get("cores", 8),
        given.get("skew", 0),
        tuple(_room(path, mounts) for path in facts.paths),
        tuple(given.get("programs", ())),
        tuple(model for model in facts.models if model in given.get("models", ())),
        tuple(given.get("instances", ())),
        tuple(Instance(name, one.get("active", ""), one.get("enabled", False)) for name, one in units),
    )


def _room(path: str, mounts: Mapping[str, Any]) -> Room:
    """Return the file system of a path: the one that is mounted nearest above it."""
    mount = max((one for one in mounts if f"{path}/".startswith(f"{one.rstrip('/')}/")), key=len)
    return Room(path, list(mounts).index(mount), mount, size(mounts[mount]), size(mounts[mount]))


def _backups(_: Any, given: Mapping[str, Mapping[str, Any]]) -> tuple[ShardBackup, ...]:
    return tuple(
        ShardBackup(
            run,
            tuple((name, size(amount), "digest") for name, amount in files.items() if name not in {"newest", "hot"}),
            hot=files.get("hot", False),
            **_newest(files),
        )
        for run, files in given.items()
    )


def _newest(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return when the last of some files was written, where a case says so."""
    return {"newest": given["newest"]} if "newest" in given else {}


def size(given: int | str) -> int:
    """Return bytes: a number, or a number with KiB, MiB or GiB."""
    if isinstance(given, int):
        return given
    return int(float(given[:-3]) * (1 << _UNITS[given[-3:]]))


# What a state's key begins with, and how its value is made.
_ANSWERS: Mapping[type, tuple[str, Callable[[Any, Any], Any]]] = {
    File: ("file", _file),
    Unit: ("unit", _unit),
    ShardData: ("data", _data),
    ShardFaces: ("served", _served),
    ShardBackups: ("backups", _backups),
    Faces: ("faces", _faces),
    Facens: ("facens", _facens),
    Census: ("census", _census),
    MongoDumps: ("dumps", lambda _, runs: tuple(MongoDump(run) for run in runs)),
    HostFacts: ("facts", _facts),
    FacensMade: ("facens made", lambda _, problems: checks.Findings(tuple(problems))),
    JobStatus: ("job", lambda _, given: JobState(**given)),
    Command: ("command", _verdict),
    Reachable: ("reachable", lambda _, answers: answers),
    DatabaseSize: ("database", lambda _, amount: size(amount)),
    Originals: ("originals", lambda _, places: tuple((number, text or "") for number, text in places.items())),
    MissingFiles: ("missing files", lambda asked, paths: tuple(path for path in asked.paths if path in paths)),
    MissingPages: ("missing pages", lambda asked, pages: tuple((u, pages[u]) for u in asked.urls if u in pages)),
}


def told(outcome: Outcome) -> dict[str, Any]:
    """Return an outcome as a case writes it, in full."""
    word = type(outcome).__name__.lower()
    found: dict[str, Any] = {word: outcome.summary, "host": outcome.host}
    if isinstance(outcome, Problem):
        return {**found, "advice": outcome.advice}
    if isinstance(outcome, Note):
        return found
    found["of"] = f"{type(outcome.resource).__name__} {outcome.resource.label}"
    found["resource"] = plain(outcome.resource)
    if isinstance(outcome, Check):
        return found
    before, after = outcome.before, outcome.after
    found |= {"shard": outcome.shard, "before": plain(before), "after": plain(after)}
    found["shows"] = outcome.resource.show(before, after)
    found["effects"] = [f"{host}: {type(r).__name__} {r.label}" for host, r, _ in outcome.effects]
    return found


def plain(value: Any) -> Any:
    """Return a value as YAML has it: a generation in its short form, pairs as a mapping, nothing that is not set."""
    if isinstance(value, Generation):
        return str(value)
    if isinstance(value, Unknown):
        return {"unknown": value.why}
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if dataclasses.is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, tuple) and value and all(isinstance(one, tuple) and len(one) == 2 for one in value):
        return {key: plain(inner) for key, inner in value}
    return [plain(one) for one in value] if isinstance(value, tuple) else value


def differs(wanted: Any, seen: Any) -> bool:
    """Tell whether something that is wanted is not there; of a mapping only the keys that are wanted count."""
    if isinstance(wanted, dict) and isinstance(seen, dict):
        return any(key not in seen or differs(value, seen[key]) for key, value in wanted.items())
    if isinstance(wanted, list) and isinstance(seen, list) and len(wanted) == len(seen):
        return any(map(differs, wanted, seen))
    return bool(wanted != seen)
