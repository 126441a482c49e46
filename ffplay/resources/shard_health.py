"""The proof that one shard is well: its process, its file and its data fit together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ffplay.edit import EditError, Opaque, lua
from ffplay.findface import DEFAULT_FACEN_SIZE
from ffplay.model import Host, Shard
from ffplay.remote.base import Access, Reply
from ffplay.resources.base import DirectResource, Scripted, ShellResource, quote
from ffplay.resources.checks import Findings, ShardAnswers
from ffplay.resources.shard_data import DataState, ShardData
from ffplay.resources.shard_http import ShardFaces, ShardState
from ffplay.resources.unit import Unit


@dataclass(frozen=True, slots=True)
class _Conf(ShellResource):
    """A shard's file. Value: (when it was written in seconds since 1970, its content, why it cannot be read)."""

    path: str

    @property
    def label(self) -> str:
        """Return the path."""
        return self.path

    def read_script(self) -> str:
        """Print the time, then the content."""
        path = quote([self.path])
        return f"stat -L -c %Y {path} && cat {path}"

    def parse(self, reply: Reply) -> tuple[int, bytes, str]:
        """Return all of it."""
        written, _, content = reply.stdout.partition(b"\n")
        trouble = (reply.error_text.strip() or f"exit code {reply.code}") if reply.code else ""
        return int(written or b"0") if not trouble else 0, content, trouble


@dataclass(frozen=True, slots=True)
class _Data(ShardData):
    """A shard's data. Value: `DataState`, or what is wrong with the record in them."""

    def parse(self, reply: Reply) -> DataState | str:  # type: ignore[override]
        """Return either."""
        try:
            return ShardData.parse(self, reply)
        except ValueError as error:
            return str(error)


@dataclass(frozen=True, slots=True)
class ShardHealthy(DirectResource):
    """A shard that runs, stays up, answers, and holds facens of the right size in file and data. Value: `Findings`.

    Its process began after its file was last written (else it runs with other settings than the file says), and a
    shard that was emptied has a Tarantool instance of its own since then (else somebody put the old data back).
    """

    shard: Shard
    facen_size: int
    timeout: float = 60.0

    @property
    def label(self) -> str:
        """Return the shard's name."""
        return self.shard.name

    @property
    def beside(self) -> tuple[Scripted, ...]:
        """Return the unit, and the files."""
        return Unit(self.shard.unit), _Conf(self.shard.conf), _Data(self.shard)

    @property
    def behind(self) -> tuple[Scripted, ...]:
        """Return the unit once more: one that flaps is active now and then."""
        return (Unit(self.shard.unit),)

    def read(self, access: Access, host: Host) -> Findings:
        """Look at the unit twice with the answer in between, at the files, and at the first faces."""
        seen = self.read_beside(access, host, lambda: tuple(one.asked(access, host) for one in self.beside))
        return self.read_behind(seen, tuple(one.asked(access, host) for one in self.behind))

    def read_beside(self, access: Access, host: Host, beside: Callable[[], tuple[Any, ...]]) -> Any:
        """Ask the shard, and note what was seen before."""
        before = beside()
        answer = ShardAnswers(self.shard, self.timeout).read(access, host)
        served = None if answer.problems else ShardFaces(self.shard).read(access, host)
        return (*before, answer, served)

    def read_behind(self, value: Any, behind: tuple[Any, ...]) -> Findings:
        """Judge all of it."""
        first, conf, data, answer, served = value
        (second,) = behind
        problems = list(answer.problems)
        if first.active != "active" or (first.active, first.pid) != (second.active, second.pid):
            said = f"{first.active}, then {second.active}" if first.active != second.active else first.active
            problems.append(f"{self.shard.unit} is not stably active ({said})")
        written, content, trouble = conf
        problems += [f"cannot read {self.shard.conf}: {trouble}"] if trouble else self._file(content)
        if isinstance(second.since, int) and second.since and written > second.since:
            problems.append(f"{self.shard.conf} was written after {self.shard.unit} started: restart the unit")
        if isinstance(data, str):
            problems.append(data)
        elif data.record is not None and set(data.record.left) & set(data.instances):
            problems.append(f"{self.shard.name} holds data that were set aside when it was emptied")
        wrong = [size for size in served.sizes if size != self.facen_size] if isinstance(served, ShardState) else []
        if wrong:
            problems.append(f"{self.shard.name} holds facens of {wrong[0]} floats, not {self.facen_size}")
        return Findings(tuple(problems), f"{self.shard.name} {answer.info}, facen_size {self.facen_size}")

    def _file(self, content: bytes) -> list[str]:
        """Return what is wrong with facen_size in the shard's file; where only Lua can tell it, the facens must."""
        try:
            size = lua.parse(content.decode("utf-8", "surrogateescape")).option("facen_size", DEFAULT_FACEN_SIZE)
        except EditError as error:
            return [f"{self.shard.conf}:{error.line}:{error.column}: {error.message}"]
        fits = isinstance(size, Opaque) or size == self.facen_size
        return [] if fits else [f"{self.shard.conf} says facen_size {size}"]
