"""Files, directories and links come back as they were, byte for byte."""

from __future__ import annotations

from collections.abc import Iterator

from ffplay.engine.undo.base import Undo, first_found
from ffplay.model import Change, Note
from ffplay.resources.base import Irreversible
from ffplay.resources.command import Command
from ffplay.resources.job import Job
from ffplay.steps.base import Outcome


def put_back(undo: Undo) -> Iterator[Outcome]:
    """Plan each file's first content, the last changed first; say what nothing brings back."""
    things = undo.history.files()
    undo.view.prefetch(things)
    for (host, file), deeds in reversed(things.items()):
        made = deeds[0].run
        try:
            wanted = first_found(deeds)
        except Irreversible as why:
            yield Note(host, f"cannot be rolled back: {why}")
            continue
        now = undo.one(host, file)
        if wanted.kind == "absent" and now.kind == "directory":
            if deeds[0].entry.kind == "backup":
                continue
            yield Note(host, f"the directory {file.path}, which run {made} made, stays: others may use it")
        elif not file.reached(None, wanted, now):
            what = "remove" if wanted.kind == "absent" else "put back"
            shard = deeds[0].entry.change.shard
            yield Change(host, file, now, wanted, f"{what} {file.path} as before run {made}", shard)
    for deed in undo.history.deeds:
        detached = isinstance(deed.resource, Job) and not deed.resource.lasting
        if detached or isinstance(deed.resource, Command):
            line = deed.resource.lines[0] if detached else deed.resource.line
            yield Note(deed.host, f"cannot be rolled back: run {deed.run} ran `{line}`")
