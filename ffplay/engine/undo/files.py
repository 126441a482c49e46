"""Files, directories and links come back as they were, byte for byte."""

from __future__ import annotations

from collections.abc import Iterator

from ffplay.engine.undo.base import Undo, first_found
from ffplay.model import Change, Note
from ffplay.resources.base import Irreversible
from ffplay.resources.file import File
from ffplay.steps.base import Outcome


def put_back(undo: Undo) -> Iterator[Outcome]:
    """Plan each file's first content, host by host, the last changed first; say what nothing brings back."""
    things = undo.history.files()
    undo.view.prefetch(things)
    for (host, file), deeds in undo.in_order(reversed(things.items())):
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
            hidden = any(deed.entry.change.hidden for deed in deeds)
            shown = deeds[0].entry.change.shown if hidden else None
            yield Change(host, file, now, wanted, f"{what} {file.path} as before run {made}", shard, (), shown, hidden)
    yield from _told(undo)


def _told(undo: Undo) -> Iterator[Outcome]:
    """Say what nothing undoes: commands, and the index of a shard whose data stay."""
    back = {(host.name, shard.name) for host, shard in undo.back}
    for _, deed in undo.in_order(((deed.host, deed.resource), deed) for deed in undo.history.deeds):
        change = deed.entry.change
        if isinstance(deed.resource, File) or deed.resource.lasting or (deed.host, change.shard) in back:
            continue
        try:
            deed.resource.reverse(deed.run, change.before, change.after)
        except Irreversible as why:
            yield Note(deed.host, f"cannot be rolled back: {why} (run {deed.run})")
