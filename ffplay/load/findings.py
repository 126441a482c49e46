"""Collecting mistakes: everything that is wrong is told at once, each at its place, in the order of the files."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ffplay.errors import Finding, InputError

if TYPE_CHECKING:
    from ffplay.load.marked import Place
    from ffplay.load.vaultkeys import Vault


class Mistake(InputError):
    """One mistake, raised where the work that met it cannot go on; `place` is None until somebody knows it.

    `sure` is False where another value might have been fine: a filter that fails on what it is given.
    """

    def __init__(
        self, place: Place | None, message: str, hint: str = "", needle: str = "", *, sure: bool = True
    ) -> None:
        self.place, self.needle, self.hint, self.text, self.sure = place, needle, hint, message, sure
        super().__init__([finding(place, message, hint, needle)])

    def at(self, place: Place | None) -> Mistake:
        """Return the mistake at `place`, unless it has a place already."""
        if self.place is not None or place is None:
            return self
        return Mistake(place, self.text, self.hint, self.needle, sure=self.sure)


class Findings:
    """A list of findings that grows while the input is read; `vault` opens what is encrypted in it."""

    def __init__(self, vault: Vault | None = None) -> None:
        self.all: list[Finding] = []
        self.vault = vault

    def add(self, place: Place | None, message: str, hint: str = "", needle: str = "") -> None:
        """Note a mistake; `needle` is the word at `place` that is wrong, where it is known."""
        self.extend([finding(place, message, hint, needle)])

    def extend(self, findings: Iterable[Finding]) -> None:
        """Note further mistakes, each once."""
        self.all.extend(found for found in findings if found not in self.all)

    def __bool__(self) -> bool:
        return bool(self.all)

    def stop(self) -> None:
        """Raise InputError with every finding, file by file and line by line, if there is any."""
        if not self.all:
            return
        files = list(dict.fromkeys(found.mark.file for found in self.all if found.mark))
        raise InputError(
            sorted(
                self.all, key=lambda f: (files.index(f.mark.file), f.mark.line, f.mark.column) if f.mark else (-1, 0, 0)
            )
        )


def finding(place: Place | None, message: str, hint: str = "", needle: str = "") -> Finding:
    """Return a finding at `place`, or at the `needle` that stands there."""
    if place is None:
        return Finding(None, message, hint)
    exact = place.find(needle) if needle else place
    return Finding(exact.mark, message, hint, exact.text)


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """Return "did you mean `x`?" for the closest choice, "" where none is close."""
    import difflib

    by_lower = {choice.lower(): choice for choice in map(str, choices)}
    close = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=0.66)
    return f"did you mean `{by_lower[close[0]]}`?" if close else ""


def listed(names: Iterable[str], most: int = 12) -> str:
    """Return names as a person lists them, the tail of a long list counted."""
    every = list(names)
    if len(every) > most:
        return f"{', '.join(every[:most])} and {len(every) - most} more"
    return ", ".join(every)


def hints(*parts: str) -> str:
    """Return hints joined, empty ones left out."""
    joined = ""
    for part in filter(None, parts):
        question = joined.endswith("?")
        joined = f"{joined} {part[0].upper()}{part[1:]}" if question else f"{joined}; {part}" if joined else part
    return joined
