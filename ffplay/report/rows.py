"""Which lines of a plan say the same of many hosts and shards, so that one line can say it of all of them.

Two lines are alike when they differ in names of hosts and shards, and in free-standing numbers (sizes, ports) only. A
merged line shows such numbers as `lowest..highest`. What a file's diff changes and the commands that are run must be
the very same but for names; what stays in a file may differ.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from ffplay.engine.plan import StepPlan
from ffplay.model import Change, Shard, Unknown
from ffplay.report import diff
from ffplay.report.names import item_name
from ffplay.report.signs import sign
from ffplay.report.style import clean
from ffplay.resources.file import File

# A number that is no part of a name, an address or a version.
_NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?!\w|\.\d)")

# What stands for the names of hosts and shards, and for shards' addresses, where these differ.
_MASKS = ("<shard>", "<address>", "<host>")

# The last word of a shard's name with its number.
_NUMBERED = re.compile(r"([A-Za-z]+_)\d+$")


@dataclass(frozen=True, slots=True)
class Entry:
    """One outcome on one host: its sign, its line, and the text under it, of which a file's diff is kept apart.

    `address` is where the shard that it is about listens.
    """

    sign: str
    host: str
    summary: str
    shard: str | None = None
    text: str = ""
    diff: tuple[str, ...] = ()
    item: str = ""
    address: str = ""

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
        about = getattr(check.resource, "shard", None)
        name, address = (about.name, about.address) if isinstance(about, Shard) else (None, "")
        yield Entry("check", check.host, clean(check.summary), name, item=item, address=address)
    if plan.state == "deferred":
        yield Entry("?", plan.host, f"known after apply, once {clean(plan.reason)}", item=item)


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
        return f"known after apply, once {clean(change.after.why)}", ()
    text: str = change.resource.show(change.before, change.after) if change.shown is None else change.shown
    label: str = change.resource.label
    if not text and not change.hidden and sign(change) == ">" and label not in change.summary:
        text = "\n".join(f"$ {line}" for line in label.splitlines())
    at = _diff_at(text) if isinstance(change.resource, File) else len(text)
    return clean(text[:at]).rstrip("\n"), tuple(diff.lines_of(text[at:]))


def collapse(found: Iterable[Entry]) -> list[Row]:
    """Return the rows, in the order of their first entries."""
    alike: dict[object, list[Entry]] = {}
    signatures: dict[tuple[str, ...], tuple[str, ...]] = {}
    for entry in _together(found):
        alike.setdefault(_likeness(entry, signatures), []).append(entry)
    return [Row(tuple(group)) for group in alike.values()]


def _together(found: Iterable[Entry]) -> Iterator[Entry]:
    """Yield the entries, those of one host after each other of which one word differs as one.

    So `copy /a to /x` and `copy /b to /x` become `copy /a, /b to /x`.
    """
    group: list[Entry] = []
    for entry in found:
        if group and _apart([*group, entry]) is None:
            yield _one_of(group)
            group = []
        group.append(entry)
    if group:
        yield _one_of(group)


def _one_of(group: list[Entry]) -> Entry:
    place = _apart(group) if len(group) > 1 else None
    if place is None:
        return group[0]
    every = [entry.summary.split(" ") for entry in group]
    words = [*every[0][:place], ", ".join(words[place] for words in every), *every[0][place + 1 :]]
    return replace(group[0], summary=" ".join(words))


def _apart(group: list[Entry]) -> int | None:
    """Return which one word of the entries' lines differs; None where that is none, or they differ otherwise too.

    The first word says what is done: two that differ in it are two things.
    """
    if len({(entry.sign, entry.host, entry.item) for entry in group}) > 1 or group[0].sign not in "+~-":
        return None
    if any(entry.shard or entry.text or entry.diff for entry in group):
        return None
    every = [entry.summary.split(" ") for entry in group]
    if len({len(words) for words in every}) > 1:
        return None
    places = [place for place, words in enumerate(zip(*every, strict=True)) if len(set(words)) > 1]
    return places[0] if len(places) == 1 and places[0] else None


def _likeness(entry: Entry, signatures: dict[tuple[str, ...], tuple[str, ...]]) -> object:
    """Return what alike entries have the same; `signatures` keeps those of diffs, for many shards have one."""
    parts = (entry.summary, entry.text, *diff.skeleton(entry.diff))
    # All at once: a plan of a thousand hosts has very many of them.
    summary, text, *changed = _masked(entry, "\0".join(parts)).split("\0")
    changes = tuple(changed)
    if changes not in signatures:
        signatures[changes] = diff.signature(changes)
    plain = (summary, text) if entry.sign == ">" else (_NUMBER.sub("#", summary), _NUMBER.sub("#", text))
    return entry.sign, entry.item, bool(entry.shard), *plain, signatures[changes]


def _masked(entry: Entry, text: str, masks: Collection[str] = _MASKS) -> str:
    """Return text with the entry's own names replaced by such of the masks as are asked for.

    A shard's directory is named after the end of its name: `shard_1` becomes `shard_<id>`.
    """
    numbered = _NUMBERED.search(entry.shard or "")
    names = {"<shard>": entry.shard, "<address>": entry.address, "<host>": entry.host}
    found = [(name, mask) for mask, name in names.items() if name and mask in masks]
    if numbered and "<shard>" in masks:
        found.insert(1, (numbered[0], f"{numbered[1]}<id>"))
    for name, mask in found:
        text = _replaced(text, name, mask)
    return text


def _replaced(text: str, name: str, mask: str) -> str:
    """Return text with a mask for a name, but where that is a part of a longer word."""
    parts, start = [], 0
    at = text.find(name)
    while at >= 0:
        end = at + len(name)
        within = _in_word(text[at - 1 : at]) or _in_word(text[end : end + 1])
        if not within:
            parts += [text[start:at], mask]
            start = end
        at = text.find(name, at + 1 if within else end)
    return "".join([*parts, text[start:]])


def _in_word(char: str) -> bool:
    return char.isascii() and char.isalnum()


def _merged(texts: list[tuple[Entry, str]]) -> str:
    if len({text for _, text in texts}) == 1:
        return texts[0][1]
    varying: dict[str, set[str | None]] = {
        "<shard>": {entry.shard for entry, _ in texts},
        "<address>": {entry.address for entry, _ in texts},
        "<host>": {entry.host for entry, _ in texts},
    }
    masks = [mask for mask, names in varying.items() if len(names) > 1]
    return spanned([_masked(entry, text, masks) for entry, text in texts])


def spanned(texts: Sequence[str]) -> str:
    """Return one text for several that differ in free-standing numbers only, which it has as `lowest..highest`."""
    columns = list(zip(*(_NUMBER.findall(text) for text in texts), strict=True))
    spans = iter([_span(column) for column in columns])
    return _NUMBER.sub(lambda _: next(spans), texts[0])


def commands(lines: Sequence[str]) -> list[str]:
    """Return lines of which commands after each other that differ in a number only are one, with their count."""
    found: list[str] = []
    for _, group in itertools.groupby(lines, lambda line: _NUMBER.sub("#", line) if line.startswith("$ ") else line):
        same = list(group)
        alike = len(same) > 1 and same[0].startswith("$ ")
        found += [f"{spanned(same)} ({len(same)} of them; -v shows each)"] if alike else same
    return found


def _span(numbers: tuple[str, ...]) -> str:
    low, high = min(numbers, key=float), max(numbers, key=float)
    return low if low == high else f"{low}..{high}"


def _diff_at(text: str) -> int:
    """Return where a unified diff begins in a text; its length where there is none."""
    found = re.search(r"^--- .*\n\+\+\+ ", text, re.MULTILINE)
    return found.start() if found else len(text)
