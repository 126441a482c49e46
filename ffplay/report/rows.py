"""Which lines of a plan say the same of many hosts and shards, so that one line can say it of all of them.

Two lines are alike when they differ in names of hosts and shards, and in free-standing numbers (sizes, ports) only. A
merged line shows such numbers as `lowest..highest`. What a file's diff changes and the commands that are run must be
the very same but for names; what stays in a file may differ.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ffplay.engine.plan import StepPlan
from ffplay.model import Change, Unknown
from ffplay.report import diff
from ffplay.report.names import item_name
from ffplay.report.signs import sign
from ffplay.report.style import clean
from ffplay.resources.file import File

# A number that is no part of a name, an address or a version.
_NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?!\w|\.\d)")

# The last word of a shard's name with its number.
_NUMBERED = re.compile(r"([A-Za-z]+_)\d+$")


@dataclass(frozen=True, slots=True)
class Entry:
    """One outcome on one host: its sign, its line, and the text under it, of which a file's diff is kept apart."""

    sign: str
    host: str
    summary: str
    shard: str | None = None
    text: str = ""
    diff: tuple[str, ...] = ()
    item: str = ""

    @property
    def place(self) -> str:
        """Return the host, and the shard where there is one."""
        return f"{self.host} {self.shard}" if self.shard else self.host


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a plan, said of one or more entries that are alike."""

    entries: tuple[Entry, ...]

    @property
    def places(self) -> list[tuple[str, str | None]]:
        """Return (host, shard) of each entry, each once."""
        return list(dict.fromkeys((entry.host, entry.shard) for entry in self.entries))

    @property
    def first(self) -> Entry:
        """Return the entry that stands for the row."""
        return self.entries[0]

    @property
    def summary(self) -> str:
        """Return the line that holds for all entries."""
        return _merged([(entry, entry.summary) for entry in self.entries])

    @property
    def text(self) -> str:
        """Return the text under it, but for the diff, that holds for all entries."""
        return _merged([(entry, entry.text) for entry in self.entries])


def entries(plan: StepPlan) -> Iterator[Entry]:
    """Yield what a step comes to on a host."""
    item = "" if plan.item is None else item_name(plan.item)
    for problem in plan.problems:
        yield Entry("!", problem.host, clean(problem.summary), text=clean(problem.advice), item=item)
    for note in plan.notes:
        yield Entry("i", note.host, clean(note.summary), item=item)
    for outcome in plan.outcomes:
        if isinstance(outcome, Change):
            yield entry_of(outcome, item)
    for check in plan.checks:
        yield Entry("check", check.host, clean(check.summary), item=item)
    if plan.state == "deferred":
        yield Entry("?", plan.host, f"known after apply: {plan.reason}", item=item)


def entry_of(change: Change, item: str = "") -> Entry:
    """Return a change as it is shown, with all that a person should read under its line."""
    text, lines = _shown(change)
    return Entry(sign(change), change.host, clean(change.summary), change.shard, text, lines, item)


def shown(change: Change) -> str:
    """Return all that a person should read under a change's line."""
    text, lines = _shown(change)
    return "\n".join([*([text] if text else []), *lines])


def _shown(change: Change) -> tuple[str, tuple[str, ...]]:
    """Return the text and the diff under a change's line; a command that the line does not have, in full."""
    if isinstance(change.after, Unknown):
        return f"known after apply: {clean(change.after.why)}", ()
    text: str = change.resource.show(change.before, change.after)
    label: str = change.resource.label
    if not text and sign(change) == ">" and label not in change.summary:
        text = "\n".join(f"$ {line}" for line in label.splitlines())
    at = _diff_at(text) if isinstance(change.resource, File) else len(text)
    return clean(text[:at]).rstrip("\n"), tuple(diff.lines_of(text[at:]))


def collapse(found: Iterable[Entry]) -> list[Row]:
    """Return the rows, in the order of their first entries."""
    alike: dict[object, list[Entry]] = {}
    signatures: dict[object, object] = {}
    for entry in found:
        alike.setdefault(_likeness(entry, signatures), []).append(entry)
    return [Row(tuple(group)) for group in alike.values()]


def _likeness(entry: Entry, signatures: dict[object, object]) -> object:
    """Return what alike entries have the same; `signatures` keeps those of diffs, for many shards have one."""
    changes = tuple(_masked(entry, line) for line in diff.skeleton(entry.diff))
    if changes not in signatures:
        signatures[changes] = diff.signature(changes)
    plain = [_masked(entry, entry.summary), _masked(entry, entry.text)]
    if entry.sign != ">":
        plain = [_NUMBER.sub("#", text) for text in plain]
    return entry.sign, entry.item, bool(entry.shard), *plain, signatures[changes]


def _masked(entry: Entry, text: str) -> str:
    """Return text with the entry's own names replaced by `<shard>` and `<host>`, and `shard_1` by `shard_<id>`."""
    masks = [(entry.shard, "<shard>"), (entry.host, "<host>")]
    numbered = _NUMBERED.search(entry.shard or "")
    if numbered:
        # A shard's directory is named after the end of its name.
        masks.insert(1, (numbered[0], f"{numbered[1]}<id>"))
    for name, mask in masks:
        if name:
            text = re.sub(rf"(?<![A-Za-z0-9]){re.escape(name)}(?![A-Za-z0-9])", mask, text)
    return text


def _merged(texts: list[tuple[Entry, str]]) -> str:
    if len({text for _, text in texts}) == 1:
        return texts[0][1]
    masked = [_masked(entry, text) for entry, text in texts]
    columns = list(zip(*(_NUMBER.findall(text) for text in masked), strict=True))
    spans = iter([_span(column) for column in columns])
    return _NUMBER.sub(lambda _: next(spans), masked[0])


def _span(numbers: tuple[str, ...]) -> str:
    low, high = min(numbers, key=float), max(numbers, key=float)
    return low if low == high else f"{low}..{high}"


def _diff_at(text: str) -> int:
    """Return where a unified diff begins in a text; its length where there is none."""
    found = re.search(r"^--- .*\n\+\+\+ ", text, re.MULTILINE)
    return found.start() if found else len(text)
