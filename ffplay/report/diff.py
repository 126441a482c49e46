"""A unified diff as a person reads it: a header that names the place, folded where it is long, changed words marked.

Pure: a plain diff goes in, as `resources/file.py` makes it, and lines for a terminal come out.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ffplay.report.style import Style, plural

# A longer diff or text is folded unless the operator asks for all of it.
FOLD_LINES = 20

# A longer line is cut to so many characters about its first difference, unless the operator asks for all of it.
LINE_CHARACTERS = 300
_BEFORE_THE_DIFFERENCE = 60

# Words of longer lines are not compared: that takes time with the square of their number.
_COMPARED_CHARACTERS = 2000

# Two lines that have less than this part of the shorter one's words and signs in common, or no word, are two lines, not
# one that was changed.
_ALIKE = 1 / 3

# Marks that belong to the character before them, so that no colour begins between the two.
_COMBINING = "\u0300-\u036f\u1ab0-\u1aff\u20d0-\u20ff\ufe00-\ufe0f"
_WORD = re.compile(r"\w")
_TOKEN = re.compile(rf"[\w{_COMBINING}]+|\s|[^\w\s][{_COMBINING}]*")

# Categories of characters that steer a terminal or do not show, and halves of characters (undecodable bytes).
_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a line; `changed` tells whether the line that it is compared with has something else there."""

    text: str
    changed: bool = False


Line = tuple[Piece, ...]


def visible(text: str) -> str:
    r"""Return a line in which all that would steer a terminal or not show is written out: \x1b, \r, \u202e.

    An undecodable byte is written as \x and its two digits. Tabs stay.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_written(char) for char in text)


def _written(char: str) -> str:
    if char == "\t" or unicodedata.category(char) not in _HIDDEN:
        return char
    if "\udc80" <= char <= "\udcff":
        return f"\\x{ord(char) - 0xDC00:02x}"
    return repr(char)[1:-1] if ord(char) < 0x10000 else f"\\U{ord(char):08x}"


def lines_of(diff: str) -> list[str]:
    """Return a diff's lines, each safe to show."""
    return [visible(line) for line in diff.removesuffix("\n").split("\n")] if diff else []


def tally(lines: Sequence[str]) -> str:
    """Return how much a diff adds and removes: `+3 -1`."""
    added, removed = (sum(line[:1] == char for line in lines[2:]) for char in "+-")
    return f"+{added} -{removed}"


def render(lines: Sequence[str], place: str, style: Style, whole: bool) -> Iterator[str]:
    """Yield a diff's lines; `place` completes its header. With `whole` nothing is folded, cut or left out."""
    if not lines:
        return
    body = lines[2:] if whole else tightened(lines[2:])
    old, new = (f"{line} ({place})" for line in lines[:2])
    if whole:
        yield from (style.paint("bold", old), style.paint("bold", new))
    else:
        # What is new has no line that it takes away.
        made = not any(line[:1] in "- " for line in body)
        yield style.paint("bold", new if made else old)
    shown = body if whole else body[:FOLD_LINES]
    for line in marked(shown):
        yield _painted(line if whole else cut(line), style)
    if len(body) > len(shown):
        yield style.paint("dim", f"... {plural(len(body) - len(shown), 'more line')}; --diff=full shows them")


def tightened(body: Sequence[str]) -> list[str]:
    """Return hunks with one line of context before and after what changes; more of it tells little on a full screen."""
    found: list[str] = []
    starts = [at for at, line in enumerate(body) if line.startswith("@@ ")]
    for start, end in zip(starts, [*starts[1:], len(body)], strict=True):
        inner = body[start + 1 : end]
        changed = [at for at, line in enumerate(inner) if not line.startswith(" ")]
        first, last = max(0, changed[0] - 1), min(len(inner), changed[-1] + 2)
        found += [_hunk(body[start], first, len(inner) - last), *inner[first:last]]
    return found


def _hunk(header: str, before: int, after: int) -> str:
    """Return a hunk's header without so many lines at its beginning and its end."""
    sides = re.findall(r"[-+](\d+)(?:,(\d+))?", header)
    if not before + after:
        return header
    old, new = (f"{int(line) + before},{int(count or 1) - before - after}".removesuffix(",1") for line, count in sides)
    return f"@@ -{old} +{new} @@"


def _painted(line: Line, style: Style) -> str:
    colour = {"+": "green", "-": "red", "@": "cyan"}.get(line[0].text[:1], "dim")
    return style.paint(colour, "".join(style.mark(piece.text) if piece.changed else piece.text for piece in line))


def marked(lines: Sequence[str]) -> Iterator[Line]:
    """Yield a diff's lines in pieces: of each line that was changed into another one, the words that differ."""
    at = 0
    while at < len(lines):
        removed = _count(lines, at, "-")
        # What is said of the end of a file may stand between the two.
        between = at + removed
        added = between + (_count(lines, between, "\\") if removed else 0)
        end = added + (_count(lines, added, "+") if removed else 1)
        pairs = [compared(old[1:], new[1:]) for old, new in zip(lines[at:between], lines[added:end], strict=False)]
        yield from _side(lines[at:between], [old for old, _ in pairs])
        yield from ((Piece(line),) for line in lines[between:added])
        yield from _side(lines[added:end], [new for _, new in pairs])
        at = end


def _count(lines: Sequence[str], at: int, char: str) -> int:
    """Return how many lines from a place on begin with a character."""
    end = at
    while end < len(lines) and lines[end][:1] == char:
        end += 1
    return end - at


def _side(lines: Sequence[str], known: Sequence[Line]) -> Iterator[Line]:
    """Yield removed or added lines in pieces; those of the first ones are known."""
    for number, line in enumerate(lines):
        yield (Piece(line[:1]), *known[number]) if number < len(known) else (Piece(line),)


def compared(old: str, new: str) -> tuple[Line, Line]:
    """Return both lines in pieces, the words that differ as changed ones; none where the lines have little in common.

    Where a line is new as a whole, marks would say nothing.
    """
    if max(len(old), len(new)) > _COMPARED_CHARACTERS:
        return _between_ends(old, new)
    one, other = _TOKEN.findall(old), _TOKEN.findall(new)
    codes = difflib.SequenceMatcher(None, one, other, autojunk=False).get_opcodes()
    kept = [word for code, start, end, *_ in codes if code == "equal" for word in one[start:end] if not word.isspace()]
    words = min(sum(not word.isspace() for word in line) for line in (one, other))
    if len(kept) < _ALIKE * words or not any(_WORD.match(word) for word in kept):
        return (Piece(old),), (Piece(new),)
    found: tuple[list[Piece], list[Piece]] = ([], [])
    for code, *places in codes:
        for side, words_of in enumerate((one[places[0] : places[1]], other[places[2] : places[3]])):
            found[side].extend([Piece("".join(words_of), code != "equal")] if words_of else [])
    return tuple(found[0]), tuple(found[1])


def _between_ends(old: str, new: str) -> tuple[Line, Line]:
    """Return two very long lines in pieces: what both begin with, what differs, what both end with."""
    head = _common(old, new)
    tail = _common(old[head:][::-1], new[head:][::-1])
    return _three(old, head, len(old) - tail), _three(new, head, len(new) - tail)


def _common(one: str, other: str) -> int:
    """Return how many characters both texts begin with."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (here, there) in pairs if here != there), min(len(one), len(other)))


def _three(line: str, start: int, end: int) -> Line:
    pieces = Piece(line[:start]), Piece(line[start:end], changed=True), Piece(line[end:])
    return tuple(piece for piece in pieces if piece.text)


def cut(line: Line) -> Line:
    """Return a line, of a very long one what is about its first difference, and how much it has in all."""
    whole = "".join(piece.text for piece in line)
    if len(whole) <= LINE_CHARACTERS:
        return line
    first, start = 0, 0
    for piece in line:
        if piece.changed:
            start = max(0, first - _BEFORE_THE_DIFFERENCE)
            break
        first += len(piece.text)
    end = start + LINE_CHARACTERS
    left = f" ... ({len(whole) - 1} characters; --diff=full shows them)"
    head = (Piece(whole[:1] + "... "),) if start else ()
    return (*head, *_between(line, start, end), Piece(left))


def _between(line: Line, start: int, end: int) -> Iterator[Piece]:
    at = 0
    for piece in line:
        text = piece.text[max(0, start - at) : max(0, end - at)]
        if text:
            yield Piece(text, piece.changed)
        at += len(piece.text)


def skeleton(lines: Sequence[str]) -> tuple[str, ...]:
    """Return the lines that a diff adds and removes, and a blank one where others lie between them."""
    found: list[str] = []
    for line in lines[2:]:
        if line[:1] in {"-", "+"}:
            found.append(line)
        elif found and found[-1]:
            found.append("")
    return tuple(found)


def signature(changes: Sequence[str]) -> tuple[str, ...]:
    """Return what the lines of a `skeleton` change, without what stays: of one signature, they make the same change.

    Of a changed line these are the words that differ, each with the word before it, which says of what it is the
    value; of any other added or removed line it is the whole line.
    """
    return tuple(line[0].text[:1] + (_named(line) or "".join(piece.text for piece in line)) for line in marked(changes))


def _named(line: Line) -> str:
    """Return the changed words of a line with the word before each; empty where any of them has none before it."""
    found, before = [], ""
    for piece in line[1:]:
        words = re.findall(r"\w+", piece.text)
        if piece.changed and not before:
            return ""
        if piece.changed:
            found.append(f"{before}: {piece.text}")
        before = words[-1] if words else before
    return "; ".join(found)
