"""What a lab site holds, read without ffplay's help, in a form in which two labs can be compared."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import re
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

import bson

from ffplay.lab import unit_files
from ffplay.lab.layout import LabHost, LabSite
from ffplay.lab.vendor.extraction import Extractor, Wanted
from tests.e2e.judge import _get, faces_of

RUN = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]+")

# What of a host's tree is the site's: the rest is the lab's own, and logs.
_CONFIGURATION = "etc"
_NOT_COMPARED = ("etc/ssh/",)
_DATA = "opt/ntech/var/lib/tarantool"
_BACKUPS = "var/backups/ffplay"
_STATE = "var/lib/ffplay"

# So often it is looked for what seems to be lost, and how long after each look, in seconds.
_LOOKS = 4
_LOOK_SECONDS = 0.5

# What a model takes to be loaded, and far more.
_LOADED_SECONDS = 30


@dataclass
class State:
    """A site as a whole.

    `files` are the configuration and the records by HOST:PATH, `units` ActiveState by HOST:UNIT, and what
    extraction-api makes, `faces` digests of whole documents of MongoDB by id, `facens` the digests of their facens,
    `shards` HOST:PORT:GALLERY:ID to a digest, `kept` the rest that ffplay has left on the site: paths with runs' names
    taken out.
    """

    files: dict[str, str] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)
    faces: dict[str, str] = field(default_factory=dict)
    facens: dict[str, str] = field(default_factory=dict)
    shards: dict[str, str] = field(default_factory=dict)
    kept: list[str] = field(default_factory=list)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Return what `save` wrote."""
        return cls(**json.loads(path.read_text()))

    def save(self, path: Path) -> None:
        """Write it down."""
        path.write_text(json.dumps(asdict(self), indent=1))

    def differences(self, other: Self) -> list[str]:
        """Return in what another site differs from this one, but for what is `kept`."""
        found = []
        for part in ("files", "units", "faces", "shards"):
            mine, theirs = getattr(self, part), getattr(other, part)
            found += [f"{part}: {key} is missing" for key in sorted(mine.keys() - theirs.keys())]
            found += [f"{part}: {key} is there besides" for key in sorted(theirs.keys() - mine.keys())]
            found += [
                f"{part}: {key} differs" for key in sorted(mine.keys() & theirs.keys()) if mine[key] != theirs[key]
            ]
        return found


def read(lab: LabSite) -> State:
    """Read a whole site. Raise the driver's error where MongoDB does not answer."""
    state = State()
    faces = faces_of(lab)
    state.units["app1:the facen that extraction-api makes"] = _made(lab, next(iter(faces.values())))
    for number, face in faces.items():
        state.facens[str(number)] = _digest(bytes(face.get("facen") or b""))
        # What of a document is text may name a place of this lab.
        plain = {key: _plain(lab, value.encode()) if isinstance(value, str) else value for key, value in face.items()}
        state.faces[str(number)] = _digest(bson.encode(dict(sorted(plain.items()))))
    for host in lab.hosts:
        _files(lab, host, state)
        units = list(unit_files.names(host.root))
        found = host.systemctl("is-active", *units).stdout.splitlines()
        state.units.update({f"{host.name}:{unit}": word for unit, word in zip(units, found, strict=True)})
        for number in range(1, host.shards + 1):
            _shard(host, 8000 + number, state)
    return state


def _made(lab: LabSite, face: dict[str, Any]) -> str:
    """Return the digest of what extraction-api makes of a face: its file may say another model than it has loaded."""
    deadline = time.monotonic() + _LOADED_SECONDS
    wanted = [Wanted(face["_id"], bytes(face["normalized"]))]
    while True:
        try:
            extractor = Extractor(f"http://{lab.app.address}:18666", 10)
            (found,) = extractor.extract(wanted, "prenormalized", need_facen=True)
            return _digest(found.facen) if found else "none"
        except OSError as error:
            if time.monotonic() > deadline:
                return f"does not answer: {error}"
        time.sleep(0.1)


def _files(lab: LabSite, host: LabHost, state: State) -> None:
    for path in sorted(host.root.rglob("*")):
        name = str(path.relative_to(host.root))
        if path.is_dir() or name.startswith(_NOT_COMPARED):
            continue
        if name.startswith(f"{_CONFIGURATION}/"):
            state.files[f"{host.name}:{name}"] = f"{path.stat().st_mode:o} {_digest(_plain(lab, path.read_bytes()))}"
        elif path.name.endswith("-generation.json"):
            body = json.loads(path.read_text())
            # Names of runs and of instances are never the same twice.
            plain = {**body, "run": "RUN", "left": bool(body.get("left"))}
            state.files[f"{host.name}:{name}"] = json.dumps(plain, sort_keys=True)
        elif name.startswith((_BACKUPS, _STATE)) or (name.startswith(_DATA) and RUN.search(name)):
            state.kept.append(f"{host.name}:{RUN.sub('RUN', name)}")
    state.kept = sorted(set(state.kept))


def _plain(lab: LabSite, content: bytes) -> bytes:
    """Return bytes without what is this lab's own: where it is, and its addresses."""
    return content.replace(str(lab.directory).encode(), b"LAB").replace(f"{lab.subnet}.".encode(), b"127.A.B.")


def _shard(host: LabHost, port: int, state: State) -> None:
    try:
        galleries = _get(host.address, port, "/stat/list/1/1000")["galleries"]
    except OSError as error:
        state.shards[f"{host.name}:{port}"] = f"does not answer: {error}"
        return
    for gallery in galleries:
        start: int | None = 0
        while start is not None:
            page = _get(host.address, port, f"/v1/{gallery['name']}/list/{start}/1000")
            for face in page["faces"]:
                key = f"{host.name}:{port}:{gallery['name']}:{face['id']}"
                state.shards[key] = _digest(base64.b64decode(face["facen"]))
            start = page["next"] if page["faces"] else None


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]


@dataclass
class Treasure:
    """What must never be lost: each shard's snapshots and xlogs, and every facen, as they were at the start.

    `files` are HOST:SHARD:NAME to the bytes, `facens` ids to digests.
    """

    files: dict[str, bytes]
    facens: dict[str, str]

    @classmethod
    def of(cls, lab: LabSite) -> Self:
        """Read a site that nobody has touched yet."""
        files = {}
        for host in lab.databases:
            for path in [*(host.root / _DATA).rglob("*.snap"), *(host.root / _DATA).rglob("*.xlog")]:
                files[f"{host.name}:{path.parent.parent.name}:{path.name}"] = path.read_bytes()
        facens = {str(number): _digest(bytes(face["facen"])) for number, face in faces_of(lab).items()}
        return cls(files, facens)

    def lost(self, lab: LabSite) -> list[str]:
        """Return what of it is nowhere: neither in its place, nor set aside, nor in a backup that has its manifest.

        A script of a run that was killed may still be renaming things: what is lost is so at every look.
        """
        for _ in range(_LOOKS):
            with contextlib.suppress(FileNotFoundError):
                if not self._missed(lab):
                    return []
            time.sleep(_LOOK_SECONDS)
        return self._missed(lab)

    def _missed(self, lab: LabSite) -> list[str]:
        problems = []
        for key, content in self.files.items():
            host, shard, name = key.split(":")
            root = lab.host(host).root
            places = [*(root / _DATA / shard).rglob(name)]
            places += [path for path in (root / _BACKUPS).rglob(name) if shard in str(path) and _verified(path)]
            # A shard that ran on has written behind what was there.
            if not any(path.read_bytes()[: len(content)] == content for path in places):
                problems.append(f"{key} is neither in place, nor set aside, nor in a verified backup")
        return problems + self._lost_facens(lab)

    def out_of_place(self, lab: LabSite) -> list[str]:
        """Return which files are not where they were, as they were."""
        problems = []
        for key, content in self.files.items():
            host, shard, name = key.split(":")
            kind = "snapshots" if name.endswith(".snap") else "xlogs"
            path = lab.host(host).root / _DATA / shard / kind / name
            if not path.exists() or path.read_bytes()[: len(content)] != content:
                problems.append(f"{key} is not in its place as it was")
        return problems

    def _lost_facens(self, lab: LabSite) -> list[str]:
        there = {str(number): {_digest(bytes(face.get("facen") or b""))} for number, face in faces_of(lab).items()}
        for path in (lab.app.root / _BACKUPS).rglob("*.bson"):
            if not _verified(path):
                continue
            for document in bson.decode_file_iter(path.open("rb")):
                there.setdefault(str(document.get("_id")), set()).add(_digest(bytes(document.get("facen") or b"")))
        gone = [number for number, digest in self.facens.items() if digest not in there.get(number, set())]
        return [f"the facens of {len(gone)} faces are neither in MongoDB nor in a verified dump"] if gone else []


def _verified(path: Path) -> bool:
    """Tell whether a file is in a finished backup: none of its directories has a temporary name, one has a manifest."""
    parents = [parent for parent in path.parents if _BACKUPS in str(parent)]
    if any(parent.name.endswith((".part", ".new")) for parent in parents):
        return False
    return any("manifest" in file.name and ".new" not in file.name for parent in parents for file in parent.glob("*"))


def summary(differences: list[str]) -> list[str]:
    """Return the first of many differences."""
    return differences[:8] + ([f"and {len(differences) - 8} more"] if len(differences) > 8 else [])
