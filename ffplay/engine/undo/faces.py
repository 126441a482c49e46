"""The faces in MongoDB come back face by face from the dump that the first run made."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

from ffplay.engine.history import Deed
from ffplay.engine.undo.base import Undo, first_found
from ffplay.model import Change, Note, Problem, Unknown
from ffplay.resources.facts import HostFacts
from ffplay.resources.job import Job
from ffplay.resources.mongo import Faces, FacesState
from ffplay.resources.mongo_dump import MongoDump, MongoDumps
from ffplay.resources.mongo_restore import FacesRestore, RestoreState
from ffplay.resources.record import Record
from ffplay.steps.base import Outcome


@dataclass(frozen=True, slots=True)
class _Rewritten:
    """That the runs rewrote faces: on which host MongoDB is, the changes of their record, and the first dump."""

    host: str
    faces: Faces
    records: list[Deed]
    dump: Deed | None
    redetected: bool


def backup(undo: Undo) -> Iterator[Outcome]:
    """Plan a dump of the faces as they are: they are overwritten, and this too can be undone."""
    found = _rewritten(undo)
    if found is None or found.dump is None:
        return
    dumps: MongoDumps = found.dump.resource
    programs = HostFacts(programs=("mongodump",))
    facts, made = undo.view.read(found.host, programs, dumps)
    if any(dump.run in undo.goes_on for dump in made):
        yield Note(found.host, "the faces were dumped before an earlier try of this rollback overwrote any")
        return
    dumps = dataclasses.replace(dumps, mongodump="mongodump" if "mongodump" in facts.programs else "")
    after = (*made, MongoDump(undo.run, Unknown("the dump has been read back")))
    yield Change(found.host, dumps, made, after, f"dump MongoDB database {dumps.place.db} as it is now")


def restore(undo: Undo) -> Iterator[Outcome]:
    """Plan the faces' own values, with a record before and after that says what they are at."""
    records = _records(undo)
    if records is None:
        return
    host, faces, deeds = records
    found = _rewritten(undo)
    now: FacesState = undo.one(host, faces)
    wanted: FacesState = first_found(deeds)
    if found is not None:
        if found.dump is None:
            yield Problem(
                host,
                f"the runs rewrote the faces in {faces.label}, and none of them made a dump before",
                "go back by applying a playbook whose target is what the site was at",
            )
            return
        dumps: MongoDumps = found.dump.resource
        run = found.dump.entry.change.after[-1].run
        if not any(dump.run == run for dump in undo.one(host, dumps)):
            yield Problem(
                host,
                f"the dump of run {run} is not in {dumps.label} any more: nothing holds the faces as they were",
                "bring it back from where it went, or go back by applying a playbook to the former target",
            )
            return
        begin = _under_way(deeds, wanted, undo.run)
        if begin is not None and begin != now.record:
            after = dataclasses.replace(now, sizes=(), record=begin)
            yield Change(host, faces, now, after, "note that the faces go back")
            now = after
        directory = dumps.label.rpartition("/")[0]
        restored = FacesRestore(faces.place, directory, run, _fields(undo, host, found))
        unknown = RestoreState(Unknown("the dump has been compared with MongoDB"))
        summary = f"restore the faces of dump {run}, face by face; those enrolled since stay, and are listed"
        yield Change(host, restored, unknown, RestoreState(0), summary)
    if now.record != wanted.record:
        after = FacesState(now.count, (), wanted.record)
        yield Change(host, faces, now, after, f"note what the faces were at before run {deeds[0].run}")


def _records(undo: Undo) -> tuple[str, Faces, list[Deed]] | None:
    """Return where the faces are, and the changes of their record; a site has them in one place."""
    for (host, faces), deeds in undo.history.by_thing(Faces).items():
        return host, faces, deeds
    return None


def _rewritten(undo: Undo) -> _Rewritten | None:
    """Return what the runs rewrote of the faces, None where they did not come to that."""
    records = _records(undo)
    if records is None:
        return None
    tools = [deed for deed in undo.history.of(Job) if deed.entry.kind == "regenerate"]
    restores = undo.history.of(FacesRestore)
    if not tools and not restores:
        return None
    redetected = any("normalized" in line for deed in tools for line in deed.resource.lines)
    redetected = redetected or any(len(deed.resource.fields) > 1 for deed in restores)
    return _Rewritten(*records, _dump_before(undo), redetected)


def _dump_before(undo: Undo) -> Deed | None:
    """Return the last dump that was begun before anything rewrote faces; earlier ones may have been broken off."""
    found = None
    for deed in undo.history.deeds:
        if isinstance(deed.resource, MongoDumps):
            found = deed
        if isinstance(deed.resource, FacesRestore) or (
            isinstance(deed.resource, Job) and deed.entry.kind == "regenerate"
        ):
            break
    return found


def _under_way(deeds: list[Deed], wanted: FacesState, run: str) -> Record | None:
    """Return the record that says that faces are under way to what they were; None where nobody knows what that is."""
    was = wanted.record.generation if wanted.record is not None else None
    for deed in deeds:
        record: Record | None = deed.entry.change.after.record
        if record is not None and was is None:
            was = record.was
        if record is not None and was is not None:
            return Record(was, "regenerating", record.generation, (), run)
    return None


def _fields(undo: Undo, host: str, found: _Rewritten) -> tuple[str, ...]:
    """Return the fields of a face that were rewritten."""
    variables = undo.variables(host)
    detected = [str(name) for name in variables["mongo_fields_detected"]] if found.redetected else []
    return tuple(dict.fromkeys([found.faces.place.field_facen, *detected]))
