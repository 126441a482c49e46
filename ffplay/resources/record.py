"""The record of a generation that ffplay leaves on the site: beside each shard's data, and one for the faces.

It lies on the site and not with the operator, so that anybody, from any machine, goes on where another one stopped.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from ffplay.model import Generation
from ffplay.remote.base import Reply
from ffplay.resources.base import ShellResource, blame_script, quote, sync_script, told
from ffplay.resources.differences import facts_of

# A record is one small JSON object; a later layout gets another number and is refused, not guessed at.
_FORMAT = 1

# What a line about a record begins with.
RECORD = "record: "


@dataclass(frozen=True, slots=True)
class Record:
    """What data are at.

    `state` is `complete` (all of the data are at `generation`), `emptied` (a shard was wiped to be filled with it),
    `restoring` (a rollback puts back a shard's data that are at it) or `regenerating` (faces are under way to it).
    `was` is the generation before, None where nobody knows. `indexed` are the galleries of a shard that had a fast
    index before it was wiped and want it again. `run` names the run that wrote the record and takes no part in
    comparisons. `left` are the Tarantool instances (UUIDs) whose data were set aside: an emptied shard begins with an
    instance of its own, so data of one of these are not what the record is of.
    """

    generation: Generation
    state: str = "complete"
    was: Generation | None = None
    indexed: tuple[str, ...] = ()
    run: str = field(default="", compare=False)
    left: tuple[str, ...] = ()

    def complete_at(self, generation: Generation) -> bool:
        """Tell whether all of the data are known to be at the generation."""
        return self.state == "complete" and self.generation == generation


def record_text(record: Record) -> str:
    """Return the file's content."""
    body = {
        "format": _FORMAT,
        "state": record.state,
        "generation": _plain(record.generation),
        "was": _plain(record.was) if record.was else None,
        "indexed": list(record.indexed),
        "left": list(record.left),
        "run": record.run,
    }
    return json.dumps(body, indent=1) + "\n"


def parse_record(text: str, path: str) -> Record | None:
    """Return the record in a file's text, None for an empty text. Raise ValueError where it is damaged."""
    if not text.strip():
        return None
    try:
        body = json.loads(text)
        if body["format"] != _FORMAT:
            raise ValueError(f"format {body['format']}")
        was = _generation(body["was"]) if body["was"] else None
        left = tuple(body.get("left", ()))
        return Record(_generation(body["generation"]), body["state"], was, tuple(body["indexed"]), body["run"], left)
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is damaged ({error}); look at it; deleted, the site is judged anew") from error


@dataclass(frozen=True, slots=True)
class RecordFile(ShellResource):
    """The record in one file. Value: `Record`, or None where there is none."""

    path: str

    @property
    def label(self) -> str:
        """Return the path."""
        return self.path

    def read_script(self) -> str:
        """Print it."""
        path = quote([self.path])
        return f"[ ! -e {path} ] || cat {path}"

    def parse(self, reply: Reply) -> Record | None:
        """Return the record. Raise ValueError where it is damaged."""
        return parse_record(told(reply), self.path)


def write_script(path: str, record: Record | None) -> str:
    """Return sh that writes the record whole, or removes it."""
    target = quote([path])
    if record is None:
        return f"rm -f {target} || exit\n"
    return (
        f"{prepare_script(path, record)}"
        f"{{ {sync_script(f'{target}.part')}; }} && mv -f {target}.part {target} || exit\n"
    )


def write_together_script(records: Sequence[tuple[int, str, Record]]) -> str:
    """Return sh that writes records whole, each with the number of its change."""
    if not records:
        return ""
    prepared = "".join(prepare_script(path, record) for _, path, record in records)
    parts = quote(f"{path}.part" for _, path, _ in records)
    named = "".join(
        f"mv -f {quote([f'{path}.part', path])} || {{ {blame_script(number)}; exit 1; }}\n"
        for number, path, _ in records
    )
    return f"{prepared}{sync_script(parts)}\n{named}"


def prepare_script(path: str, record: Record) -> str:
    """Return sh that writes the record under another name, `PATH.part`."""
    directory = quote([path.rpartition("/")[0] or "/"])
    return (
        f"[ -d {directory} ] || mkdir -p {directory} || exit\n"
        f"printf %s {quote([record_text(record)])} > {quote([path])}.part || exit\n"
    )


def record_facts(record: Record | None) -> dict[str, str]:
    """Return a record's facts."""
    if record is None:
        return {"record": "none"}
    return {"record": record.state, **{f"record's {name}": text for name, text in facts_of(record).items()}}


def difference(before: Record | None, after: Record | None) -> str:
    """Return how the change of a record is shown."""
    return f"{RECORD}{describe(before)} -> {describe(after)}"


def describe(record: Record | None) -> str:
    """Return a record in a few words."""
    if record is None:
        return "no record"
    return str(record.generation) if record.state == "complete" else f"{record.state}, for {record.generation}"


def _plain(generation: Generation) -> dict[str, object]:
    return {
        "model": generation.model,
        "facen_size": generation.facen_size,
        "detector": generation.detector,
        "detector_settings": [list(pair) for pair in generation.detector_settings],
    }


def _generation(body: dict[str, object]) -> Generation:
    settings = tuple((str(key), str(value)) for key, value in body["detector_settings"])  # type: ignore[attr-defined]
    detector = body["detector"]
    size = body["facen_size"]
    if not isinstance(size, int):
        raise ValueError("facen_size is no number")
    return Generation(str(body["model"]), size, None if detector is None else str(detector), settings)
