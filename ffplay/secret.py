"""Texts that nobody may read: a type that what is made of them inherits, and the list by which all ways out mask them.

`Secrets` is made once for a command and handed on. A text that is known to it is replaced by `<secret NAME>` wherever
it would be shown or written down, in each of the spellings that it may have there. `Secret` is the type of such texts
and of what has one in it: what is cut, joined or computed from it is secret too.
"""

from __future__ import annotations

import io
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TextIO

# A shorter text stands everywhere: masking it would leave nothing to read, and hide nothing.
SHORTEST = 4

_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_CUT = ("...", "…")
_UNFIT = re.compile(r"[^\w./-]+")
# Names of variables whose values are secret without being told so.
_NAMES = re.compile(r"(^|_)(password|passwd|pass|secret|token)$", re.IGNORECASE)


def names_secret(name: str) -> bool:
    """Tell whether a variable's name says that its value is secret: `db_password`, `api_token`."""
    return _NAMES.search(name) is not None


class Secrets:
    """The secrets that a command has met so far; safe to use from several threads."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        # The first characters of a spelling -> (spelling, name), the longest first.
        self._heads: dict[str, tuple[tuple[str, str], ...]] = {}
        self._here = threading.local()
        self._adding = threading.Lock()

    def __bool__(self) -> bool:
        return bool(self._names)

    @contextmanager
    def rendering(self) -> Iterator[None]:
        """Have `repr` of secrets give them as they are meanwhile: a template makes text of lists by it."""
        before, self._here.bare = self.bare, True
        try:
            yield
        finally:
            self._here.bare = before

    @property
    def bare(self) -> bool:
        """Tell whether this thread renders something."""
        return getattr(self._here, "bare", False)

    def add(self, value: str, name: str) -> Secret:
        """Return a text as a secret, and mask it from now on; a secret keeps the first name that it is given."""
        made = Secret(value, self)
        # It is known to all threads as soon as it is masked, and not before.
        with self._adding:
            if value and value not in self._names:
                from ffplay.spellings import spellings  # what it takes is not imported by who has no secret

                label = _UNFIT.sub(" ", name).strip()
                for spelling in spellings(str.__str__(value)):
                    self._index(spelling, label)
                self._names[str.__str__(value)] = label
        return made

    def _index(self, spelling: str, name: str) -> None:
        known = self._heads.get(spelling[:SHORTEST], ())
        if all(spelling != other for other, _ in known):
            both = sorted([*known, (spelling, name)], key=lambda one: -len(one[0]))
            self._heads[spelling[:SHORTEST]] = tuple(both)

    def hide(self, value: Any, name: str) -> Any:
        """Return a value with every text in it as a secret."""
        if isinstance(value, str):
            return self.add(value, name)
        if type(value) is dict:
            return {key: self.hide(inner, name) for key, inner in value.items()}
        return [self.hide(inner, name) for inner in value] if type(value) is list else value

    def mask(self, text: str) -> str:
        """Return a text with `<secret NAME>` in place of each secret; colours in it may stand within one."""
        if not self._heads:
            return text
        if "\x1b" in text:
            return self._mask_coloured(text)
        found, at = [], 0
        for start, end, name in self._spans(text, cut=True):
            found += [str.__str__(text)[at:start], f"<secret {name}>"]
            at = end
        return "".join([*found, str.__str__(text)[at:]]) if found else text

    def holds(self, text: str) -> bool:
        """Tell whether there is a secret in a text."""
        return bool(self._heads) and next(self._spans(text), None) is not None

    def masked(self, body: Any) -> Any:
        """Return what JSON holds with every text in it masked; keys are masked too."""
        if isinstance(body, str):
            return self.mask(body)
        if isinstance(body, Mapping):
            return {self.mask(str(key)): self.masked(inner) for key, inner in body.items()}
        return [self.masked(inner) for inner in body] if isinstance(body, list | tuple) else body

    def derived(self, result: Any, sources: Iterable[Any]) -> Any:
        """Return what was made of some values, every text in it as secret as what it was made of.

        A text that stands in the public part of the sources is public. Any other one that was made of a secret, and
        in which that does not stand as it was, is a secret of its own from now on.
        """
        if not self._names or not _has_text(result):
            return result
        texts = list(_texts(sources))
        tainted = [text for text in texts if isinstance(text, Secret) or self.holds(text)]
        name = next((self._name_in(text) for text in tainted), "")
        public = [text for text in texts if text not in tainted] + [self._public(text) for text in tainted]
        return _mapped(result, lambda text: self._judged(text, public, name, bool(tainted)))

    def _judged(self, text: str, public: list[str], name: str, tainted: bool) -> str:
        if not text or isinstance(text, Secret):
            return text
        if self.holds(text):
            return Secret(text, self)
        if not tainted or any(text in part for part in public):
            return text
        return self.add(text, name) if len(text) >= SHORTEST else Secret(text, self)

    def _public(self, text: str) -> str:
        """Return what is no secret of a text, its parts kept apart by a character that no text has."""
        if text in self._names:
            return ""
        parts, at = [], 0
        for start, end, _ in self._spans(text):
            parts.append(str.__str__(text)[at:start])
            at = end
        # What is too short to be known is secret as a whole.
        return "\0".join([*parts, str.__str__(text)[at:]]) if parts else ""

    def _name_in(self, text: str) -> str:
        found = self._names.get(text)
        return found if found is not None else next((name for _, _, name in self._spans(text)), "value")

    def _spans(self, text: str, *, cut: bool = False) -> Iterator[tuple[int, int, str]]:
        """Yield (start, end, name) of each secret in a text, in order; with `cut` also of one that is cut off."""
        heads, text, past = self._heads, str.__str__(text), 0
        # The one loop over every character: whatever is written passes it.
        places = [at for at in range(len(text) - SHORTEST + 1) if text[at : at + SHORTEST] in heads]
        for at in places:
            found = _match(text, at, heads[text[at : at + SHORTEST]], cut) if at >= past else None
            if found is not None:
                yield at, *found
                past = found[0]

    def _mask_coloured(self, text: str) -> str:
        """Return a coloured text masked; the colours that stand within a secret follow it."""
        bare = _ESCAPE.sub("", text)
        codes: list[tuple[int, str]] = []
        taken = 0
        for found in _ESCAPE.finditer(text):
            codes.append((found.start() - taken, found[0]))
            taken += len(found[0])
        made, at = [], 0
        for start, end, name in [*self._spans(bare, cut=True), (len(bare), len(bare), None)]:
            while codes and codes[0][0] <= start:
                place, code = codes.pop(0)
                made += [bare[at:place], code]
                at = place
            made.append(bare[at:start] + (f"<secret {name}>" if name is not None else ""))
            at = end
            while codes and codes[0][0] < end:
                made.append(codes.pop(0)[1])
        return "".join(made) + "".join(code for _, code in codes)


def _match(text: str, at: int, known: tuple[tuple[str, str], ...], cut: bool) -> tuple[int, str] | None:
    """Return (end, name) of the longest spelling that stands at a place, or begins there and is cut off."""
    for spelling, name in known:
        if text.startswith(spelling, at):
            return at + len(spelling), name
    for spelling, name in known if cut else ():
        end = at + SHORTEST
        while end < len(text) and text[end] == spelling[end - at]:
            end += 1
        if end == len(text) or text.startswith(_CUT, end):
            return end, name
    return None


class Secret(str):
    """A text that is, or has in it, a secret of `keeper`. Its `repr` is masked; what is made of it is secret too.

    Whoever sends it to a host or writes a file has the text itself: it is masked where it is shown, not where it is.
    """

    keeper: Secrets

    def __new__(cls, value: str, keeper: Secrets) -> Secret:
        """Make a secret text; `Secrets.add` is what has it masked everywhere."""
        made = super().__new__(cls, value)
        made.keeper = keeper
        return made

    @property
    def masked(self) -> str:
        """Return the text as it may be shown."""
        shown = self.keeper.mask(str.__str__(self))
        return shown if shown != self else "<secret>"

    def __str__(self) -> str:
        return self

    def __repr__(self) -> str:
        return str.__repr__(self) if self.keeper.bare else repr(self.masked)

    def __radd__(self, other: Any) -> Any:
        return self._of(str(other) + str.__str__(self), other)

    def __rmod__(self, other: Any) -> Any:
        return self._of(str.__str__(other) % (self,), other)

    def __iter__(self) -> Iterator[str]:
        return (self._of(char) for char in str.__iter__(self))

    def __reduce__(self) -> Any:
        raise TypeError("a secret is not written down")

    def _of(self, result: Any, *others: Any) -> Any:
        return self.keeper.derived(result, (self, *others))


def _inheriting(name: str) -> Callable[..., Any]:
    plain = getattr(str, name)

    def method(self: Secret, *args: Any, **options: Any) -> Any:
        return self._of(plain(self, *args, **options), *args, *options.values())

    method.__name__, method.__doc__ = name, plain.__doc__
    return method


# What Python's texts can do, where it gives text.
_METHODS = """__add__ __mul__ __rmul__ __mod__ __getitem__ __format__ capitalize casefold center expandtabs format
format_map join ljust lower lstrip partition removeprefix removesuffix replace rjust rpartition rsplit rstrip split
splitlines strip swapcase title translate upper zfill"""
for _name in _METHODS.split():
    setattr(Secret, _name, _inheriting(_name))


def _texts(values: Iterable[Any]) -> Iterator[str]:
    """Yield every text within values of Python's own types; what is computed when it is asked for is not asked."""
    for value in values:
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            yield from _texts(value)
            yield from _texts(value.values())
        elif isinstance(value, list | tuple | set | frozenset):
            yield from _texts(value)


def _has_text(value: Any) -> bool:
    return next(_texts([value]), None) is not None


def _mapped(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if type(value) is dict:
        return {key: _mapped(inner, change) for key, inner in value.items()}
    return type(value)(_mapped(inner, change) for inner in value) if type(value) in {list, tuple, set} else value


class MaskedStream(io.TextIOBase):
    """A stream of text that masks secrets in all that is written to it; everything else is the stream's own."""

    def __init__(self, stream: TextIO, secrets: Secrets) -> None:
        self._stream, self._secrets = stream, secrets

    def write(self, text: str) -> int:
        """Write a text, masked."""
        self._stream.write(self._secrets.mask(text))
        return len(text)

    def flush(self) -> None:
        """Flush the stream."""
        self._stream.flush()

    def isatty(self) -> bool:
        """Tell whether it is a terminal."""
        return self._stream.isatty()

    def fileno(self) -> int:
        """Return its file descriptor."""
        return self._stream.fileno()
