"""Commands that an operator writes, and the guards that say whether they still have to run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from textwrap import shorten
from typing import Any

from ffplay.model import Host
from ffplay.remote.base import Access, Reply
from ffplay.resources.base import DirectResource, Irreversible, ShellResource, quote
from ffplay.resources.job import Job

# Told apart from the guards' own output by the word that only we print.
_VERDICT = "ffplay-guard"

# The guards in the order in which they are asked, and those of which 0 means that the command has to run.
_GUARDS = ("probe", "creates", "removes", "unless", "onlyif")
_ZERO_RUNS = ("removes", "onlyif")

# So much of what a probe prints is kept.
_KEPT_BYTES = 4096

# Guards are told in so many characters.
_TOLD_CHARACTERS = 80


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a command was judged: `needed` tells whether it has to run.

    `said` is what each guard that was asked said, the one that makes it needless last. `probe` is the exit code of the
    probe, None where there is none, and `output` what it printed.
    """

    needed: bool
    said: tuple[str, ...] = ()
    probe: int | None = None
    output: str = ""

    @property
    def broken(self) -> bool:
        """Tell whether the probe answered with neither of its two words."""
        return self.probe not in (None, 0, 1)

    def __str__(self) -> str:
        return "; ".join(self.said)


ALWAYS = Verdict(True, ("always runs: nothing guards it",))
RAN = Verdict(False, ("an earlier step of this plan runs it",))


@dataclass(frozen=True, slots=True)
class Command(ShellResource):
    """A command with its guards. Value: a `Verdict`; after it ran: `RAN`.

    `line` is sh. `creates`/`removes` name a path whose presence/absence makes it needless, `unless`/`onlyif` are sh
    that must only read: exit code 0 of `unless`, or non-zero of `onlyif`, makes it needless. `probe` is such sh too:
    0 is done already, 1 has to run, and any other exit code is no answer.
    """

    line: str
    chdir: str = ""
    creates: str = ""
    removes: str = ""
    unless: str = ""
    onlyif: str = ""
    probe: str = ""

    @property
    def label(self) -> str:
        """Return the command itself."""
        return self.line

    @property
    def guarded(self) -> bool:
        """Tell whether anything says when the command is needless."""
        return bool(self._guards())

    def _guards(self) -> tuple[str, ...]:
        return tuple(name for name in _GUARDS if getattr(self, name))

    def _cd(self) -> str:
        return f"cd {quote([self.chdir])} || exit\n" if self.chdir else ""

    def read_script(self) -> str:
        """Ask the guards in order, and print of each its exit code, up to the first that makes the command needless."""
        asked = {
            "probe": f"said=$( {_evaluated(self.probe)} 2>&1 </dev/null)",
            "creates": f'(for p in {_glob(self.creates)}; do [ -e "$p" ] && exit; done; exit 1)',
            "removes": f'(for p in {_glob(self.removes)}; do [ -e "$p" ] && exit; done; exit 1)',
            "unless": f"{_evaluated(self.unless)} >/dev/null 2>&1",
            "onlyif": f"{_evaluated(self.onlyif)} >/dev/null 2>&1",
        }
        lines = []
        for name in self._guards():
            tell = f'printf "%s" "$said" | head -c {_KEPT_BYTES}; echo; ' if name == "probe" else ""
            needless = f"[ $code {'-ne' if name in _ZERO_RUNS else '-eq'} 0 ] && exit"
            lines.append(f'{asked[name]}; code=$?; echo "{_VERDICT} {name} $code"; {tell}{needless}')
        return self._cd() + "\n".join([*lines, ":"])

    def parse(self, reply: Reply) -> Verdict:
        """Return the verdict. Raise ValueError where the guards were not all asked that had to be."""
        codes: dict[str, int] = {}
        output = []
        for line in reply.text.splitlines():
            found = re.fullmatch(rf"{_VERDICT} (\w+) (\d+)", line)
            if found:
                codes[found[1]] = int(found[2])
            else:
                output.append(line)
        return self.judged(codes, "\n".join(output).strip(), reply.error_text.strip())

    def judged(self, codes: Mapping[str, int], output: str = "", error: str = "") -> Verdict:
        """Return what the guards' exit codes come to (of a path: 0 for there, 1 for not there).

        `output` is what the probe printed. Raise ValueError, with `error`, where one is missing.
        """
        said = []
        for name in self._guards():
            if name not in codes:
                raise ValueError(f"the guards of `{self.line}` gave no verdict: {error}")
            said.append(self._told(name, codes[name], output))
            if (codes[name] == 0) != (name in _ZERO_RUNS):
                return Verdict(False, tuple(said), codes.get("probe"), output)
        return Verdict(True, tuple(said), codes.get("probe"), output)

    def _told(self, name: str, code: int, output: str) -> str:
        text = shorten(getattr(self, name), _TOLD_CHARACTERS, placeholder="...")
        if name in {"creates", "removes"}:
            return f"{name} {text}: {'is not there' if code else 'is there'}"
        first = shorten(output.partition("\n")[0], _TOLD_CHARACTERS, placeholder="...") if name == "probe" else ""
        return f"{name} `{text}` exited {code}" + (f", said: {first}" if first else "")

    def facts(self, value: Any) -> Mapping[str, str]:
        """Return whether it has to run; what the probe printed may be another text each time."""
        return {"run": "needed" if value.needed else "needless"}

    def missed(self, before: Any, after: Any, observed: Any) -> list[str]:
        """Return what the guards say now."""
        return [f"predicted that it need not run any more, found: {observed}"]

    def bring_script(self, before: Any, after: Any) -> str:
        """Return the command."""
        return self._cd() + _evaluated(self.line)

    @property
    def readable(self) -> bool:
        """Only a probe, or a path that it should create or remove, can be looked at afterwards."""
        return bool(self.creates or self.removes or self.probe)

    def reverse(self, run: str, before: Any, after: Any) -> Any:
        """Raise `Irreversible`: only its author knows what undoes a command."""
        raise Irreversible(f"nothing is known that undoes the command `{self.line}`")

    def reached(self, before: Any, after: Any, observed: Any) -> bool:
        """Tell whether its probe, or the path that it should create or remove, makes it needless now."""
        return not observed.needed and observed.probe in (None, 0)


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

    def read(self, access: Access, host: Host) -> Verdict:
        """Ask the guards."""
        found: Verdict = self.command.asked(access, host)
        return found

    def bring(self, access: Access, host: Host, before: Any, after: Any) -> Reply:
        """Start it unless it runs or has run, wait for its end, and return what it left. Raise `ChangeFailed`."""
        return self.job.bring(access, host, before, after)

    @property
    def readable(self) -> bool:
        """Only what its guards look at can be looked at afterwards."""
        return self.command.readable

    def facts(self, value: Any) -> Mapping[str, str]:
        """Return nothing: whether it still runs or has ended by now makes no difference to what is to be done."""
        return {}

    def missed(self, before: Any, after: Any, observed: Any) -> list[str]:
        """Return what the guards say now."""
        return self.command.missed(before, after, observed)

    def reverse(self, run: str, before: Any, after: Any) -> Any:
        """Return that nothing tells how to undo it."""
        return self.command.reverse(run, before, after)

    def reached(self, before: Any, after: Any, observed: Any) -> bool:
        """Tell whether its guards make it needless now."""
        return self.command.reached(before, after, observed)


def _evaluated(line: str) -> str:
    """Return sh that runs what an operator wrote, in a shell of its own; it may hold secrets, and is no argument."""
    return f"(eval {quote([line])})"


def _glob(pattern: str) -> str:
    """Return a path for sh in which `*`, `?` and `[...]` still match."""
    return "".join(char if char in "*?[]" else quote([char]) for char in pattern)
