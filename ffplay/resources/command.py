"""Commands that an operator writes, and the guards that say whether they still have to run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ffplay.model import Host
from ffplay.remote.base import Access, Reply
from ffplay.resources.base import DirectResource, Irreversible, ShellResource, quote
from ffplay.resources.job import Job

# Told apart from the guards' own output by the word that only we print.
_VERDICT = "ffplay-guard"


@dataclass(frozen=True, slots=True)
class Command(ShellResource):
    """A command with its guards. Value: why it need not run, or `needed`; after it ran: `ran`.

    `line` is sh. `creates`/`removes` name a path whose presence/absence makes it needless, `unless`/`onlyif` are sh
    that must only read: exit code 0 of `unless`, or non-zero of `onlyif`, makes it needless.
    """

    line: str
    chdir: str = ""
    creates: str = ""
    removes: str = ""
    unless: str = ""
    onlyif: str = ""

    @property
    def label(self) -> str:
        """Return the command itself."""
        return self.line

    @property
    def guarded(self) -> bool:
        """Tell whether anything says when the command is needless."""
        return bool(self.creates or self.removes or self.unless or self.onlyif)

    def _cd(self) -> str:
        return f"cd {quote([self.chdir])} || exit\n" if self.chdir else ""

    def read_script(self) -> str:
        """Evaluate the guards in order and print the first that makes the command needless."""
        lines = []
        if self.creates:
            lines.append(f'for p in {_glob(self.creates)}; do [ -e "$p" ] && echo "{_VERDICT} creates" && exit; done')
        if self.removes:
            lines.append(f'there=; for p in {_glob(self.removes)}; do [ -e "$p" ] && there=1; done')
            lines.append(f'[ -n "$there" ] || {{ echo "{_VERDICT} removes"; exit; }}')
        if self.unless:
            lines.append(f'{quote(["sh", "-c", self.unless])} >/dev/null 2>&1 && {{ echo "{_VERDICT} unless"; exit; }}')
        if self.onlyif:
            lines.append(f'{quote(["sh", "-c", self.onlyif])} >/dev/null 2>&1 || {{ echo "{_VERDICT} onlyif"; exit; }}')
        return self._cd() + "\n".join([*lines, f'echo "{_VERDICT} needed"'])

    def parse(self, reply: Reply) -> str:
        """Return the verdict."""
        for line in reply.text.splitlines():
            if line.startswith(_VERDICT):
                word = line.split()[1]
                return word if word == "needed" else f"{word}: {getattr(self, word)}"
        raise ValueError(f"the guards of `{self.line}` gave no verdict: {reply.error_text.strip()}")

    def bring_script(self, before: Any, after: Any) -> str:
        """Return the command."""
        return self._cd() + quote(["sh", "-c", self.line])

    @property
    def readable(self) -> bool:
        """Only a path that it should create or remove can be looked at afterwards."""
        return bool(self.creates or self.removes)

    def reverse(self, run: str, before: Any, after: Any) -> Any:
        """Raise `Irreversible`: only its author knows what undoes a command."""
        raise Irreversible(f"nothing is known that undoes the command `{self.line}`")

    def reached(self, before: Any, after: Any, observed: Any) -> bool:
        """Tell whether the path that it should create or remove makes it needless now."""
        return bool(observed != "needed")


@dataclass(frozen=True, slots=True)
class DetachedCommand(DirectResource):
    """A command that runs by itself on its host, as a `Job`. Value: as of the command."""

    command: Command
    job: Job

    @property
    def label(self) -> str:
        """Return the command itself."""
        return self.command.label

    def show(self, before: Any, after: Any) -> str:
        """Return where its log is, and its deadline."""
        limit = "" if self.job.timeout is None else f", ended after {self.job.timeout:g} s"
        return f"by itself, its log in {self.job.directory}/1/log{limit}"

    def read(self, access: Access, host: Host) -> str:
        """Evaluate the guards."""
        return str(self.command.asked(access, host))

    def bring(self, access: Access, host: Host, before: Any, after: Any) -> Reply:
        """Start it unless it runs or has run, wait for its end, and return what it left. Raise `ChangeFailed`."""
        return self.job.bring(access, host, before, after)

    @property
    def readable(self) -> bool:
        """Only a path that it should create or remove can be looked at afterwards."""
        return self.command.readable

    def same(self, one: Any, other: Any) -> bool:
        """Whether it still runs or has ended by now makes no difference to what is to be done."""
        return True

    def reverse(self, run: str, before: Any, after: Any) -> Any:
        """Return that nothing tells how to undo it."""
        return self.command.reverse(run, before, after)

    def reached(self, before: Any, after: Any, observed: Any) -> bool:
        """Tell whether the path that it should create or remove makes it needless now."""
        return self.command.reached(before, after, observed)


def _glob(pattern: str) -> str:
    """Return a path for sh in which `*`, `?` and `[...]` still match."""
    return "".join(char if char in "*?[]" else quote([char]) for char in pattern)
