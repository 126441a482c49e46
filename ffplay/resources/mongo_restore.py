"""Puts back what a regeneration rewrote in MongoDB, face by face, from a verified dump.

Nothing else is touched: faces enrolled since stay as they are, faces deleted since stay deleted, and so does every
field that a regeneration does not write, such as metadata that somebody edited since.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ffplay.errors import ChangeFailed, SiteError
from ffplay.model import Host, Unknown
from ffplay.remote.base import Access
from ffplay.resources.base import DirectResource
from ffplay.resources.differences import text_of
from ffplay.resources.mongo import MongoPlace, open_database
from ffplay.resources.mongo_compare import NO_IDS, Comparison, Ids, Restoration
from ffplay.resources.mongo_dump import MongoDumps, damage

_ADVICE = "bring the file back from wherever you have a copy; or apply with the former model as target"


@dataclass(frozen=True, slots=True)
class RestoreState:
    """How the faces in MongoDB differ from a dump.

    `differing` of those in both have other values in the fields that count. `enrolled` are in MongoDB and not in the
    dump, `gone` in the dump and not in MongoDB: both stay so.
    """

    differing: int | Unknown
    enrolled: Ids = NO_IDS
    gone: Ids = NO_IDS


@dataclass(frozen=True, slots=True)
class FacesRestore(DirectResource):
    """The faces in MongoDB as the dump of a run has them. Value: `RestoreState`; brought to 0 that differ.

    `directory` is where backups are, as of `MongoDumps`; `fields` are the fields that are put back: those that the
    regeneration rewrote. A kill in the middle costs nothing: what is back already differs no more. The dump's bytes are
    checked against its manifest before the first write, on the host itself. What reads again after the change compares
    every face with the dump once more.
    """

    place: MongoPlace
    directory: str
    run: str
    fields: tuple[str, ...]

    @property
    def label(self) -> str:
        """Return what is restored from where."""
        return f"{self.place.name} from {self._dumps.label}/{self.run}"

    @property
    def _dumps(self) -> MongoDumps:
        return MongoDumps(self.place, self.directory)

    def read(self, access: Access, host: Host) -> RestoreState:
        """Compare every face. Raise `SiteError` where the dump is not there or not whole."""
        count, digest = self._verified(access, host)
        work = Comparison(access, host, self.place, self.fields, (self._path, count))
        with open_database(access, host, self.place) as database:
            enrolled = self._run(work, host, database, digest).enrolled(database)
        return RestoreState(work.differing, enrolled, work.gone.ids())

    def bring(self, access: Access, host: Host, before: Any, after: Any) -> None:
        """Write the fields of the faces that differ. Raise `SiteError` where the dump is not whole."""
        count, digest = self._verified(access, host)
        problems = damage(access, host, f"{self._dumps.label}/{self.run}", ((self._file, digest),))
        if problems:
            raise ChangeFailed(host.name, f"nothing is restored: {problems[0]}", _ADVICE)
        work = Restoration(access, host, self.place, self.fields, (self._path, count))
        work.expected = before.differing if isinstance(before.differing, int) else 0
        with open_database(access, host, self.place) as database:
            self._run(work, host, database, digest)
        access.tell(host.name, f"restored {work.differing:,} faces")

    def facts(self, value: Any) -> Mapping[str, str]:
        """Return how many differ: faces come and go while the site serves."""
        return {"differing faces": text_of(value.differing)}

    def reached(self, before: Any, after: Any, observed: Any) -> bool:
        """Tell whether no face differs any more."""
        return bool(observed.differing == 0)

    def noted(self, observed: Any) -> str:
        """Return which faces are not as the dump has them, and stay so."""
        lines = []
        if observed.enrolled.count:
            lines.append(f"{observed.enrolled.count:,} faces enrolled since stay as they are: {observed.enrolled}")
        if observed.gone.count:
            lines.append(f"{observed.gone.count:,} faces deleted since stay deleted: {observed.gone}")
        return "\n".join(lines)

    def show(self, before: Any, after: Any) -> str:
        """Return how many faces change, which fields, and which faces do not."""
        if isinstance(before.differing, Unknown):
            return ""
        differing = f"{before.differing:,} faces get back {', '.join(self.fields)} as of {self.run}"
        return "\n".join(line for line in (differing, self.noted(before)) if line)

    @property
    def _file(self) -> str:
        return f"{self.place.db}/{self.place.faces}.bson"

    @property
    def _path(self) -> str:
        return f"{self._dumps.label}/{self.run}/{self._file}"

    def _verified(self, access: Access, host: Host) -> tuple[int, str]:
        """Return how many faces the dump has, and the SHA-256 of their file. Raise `SiteError` where there is none."""
        for dump in self._dumps.read(access, host):
            for name, count, _, digest in () if isinstance(dump.collections, Unknown) else dump.collections:
                if (dump.run, name) == (self.run, self.place.faces):
                    return count, digest
        raise SiteError(
            host.name,
            f"there is no verified dump of {self.place.faces} in {self._dumps.label}/{self.run}",
            "without it only another regeneration brings the old facens back: apply with the former model as target",
        )

    def _run(self, work: Comparison, host: Host, database: Any, digest: str) -> Comparison:
        """Go through the dump, and see that its bytes were those that were verified."""
        try:
            work.run(database)
        except ValueError as error:
            raise SiteError(host.name, f"{self._path} is damaged: {error}", _ADVICE) from error
        if work.file.digest != digest:
            said = f"{self._path} is damaged: its bytes are not those that were verified"
            raise SiteError(host.name, said, _ADVICE)
        return work
