"""The proof that one shard is well: its process, its file and its data fit together."""

from __future__ import annotations

from dataclasses import dataclass

from ffplay.edit import EditError, Opaque, lua
from ffplay.findface import DEFAULT_FACEN_SIZE
from ffplay.model import Host, Shard
from ffplay.remote.base import Access, Reply
from ffplay.resources.base import DirectResource, quote
from ffplay.resources.checks import Findings, ShardAnswers
from ffplay.resources.shard_data import ShardData
from ffplay.resources.shard_http import ShardFaces, ShardState
from ffplay.resources.unit import Unit, UnitState


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

    def read(self, access: Access, host: Host) -> Findings:
        """Look at the unit twice with the answer in between, then at the files and at the first faces."""
        connection = access.connection(host.name)
        unit = Unit(self.shard.unit)
        first: UnitState = unit.asked(access, host)
        answer = ShardAnswers(self.shard, self.timeout).read(access, host)
        second: UnitState = unit.asked(access, host)
        problems = list(answer.problems)
        if first.active != "active" or (first.active, first.pid) != (second.active, second.pid):
            said = f"{first.active}, then {second.active}" if first.active != second.active else first.active
            problems.append(f"{self.shard.unit} is not stably active ({said})")
        path = quote([self.shard.conf])
        reply = connection.run(f"stat -L -c %Y {path} && cat {path}")
        written, _, content = reply.stdout.partition(b"\n")
        problems += (
            [f"cannot read {self.shard.conf}: {reply.error_text.strip()}"] if reply.code else self._file(content)
        )
        if isinstance(second.since, int) and second.since and int(written or b"0") > second.since:
            problems.append(f"{self.shard.conf} was written after {self.shard.unit} started: restart the unit")
        problems += self._instance(connection.run(ShardData(self.shard).read_script()))
        served = None if answer.problems else ShardFaces(self.shard).read(access, host)
        wrong = [size for size in served.sizes if size != self.facen_size] if isinstance(served, ShardState) else []
        if wrong:
            problems.append(f"{self.shard.name} holds facens of {wrong[0]} floats, not {self.facen_size}")
        return Findings(tuple(problems), f"{self.shard.name} {answer.info}, facen_size {self.facen_size}")

    def _instance(self, reply: Reply) -> list[str]:
        """Return what is wrong with the Tarantool instance whose data are there."""
        try:
            data = ShardData(self.shard).parse(reply)
        except ValueError as error:
            return [str(error)]
        if data.record is None or not set(data.record.left) & set(data.instances):
            return []
        return [f"{self.shard.name} holds data that were set aside when it was emptied"]

    def _file(self, content: bytes) -> list[str]:
        """Return what is wrong with facen_size in the shard's file; where only Lua can tell it, the facens must."""
        try:
            size = lua.parse(content.decode("utf-8", "surrogateescape")).option("facen_size", DEFAULT_FACEN_SIZE)
        except EditError as error:
            return [f"{self.shard.conf}:{error.line}:{error.column}: {error.message}"]
        fits = isinstance(size, Opaque) or size == self.facen_size
        return [] if fits else [f"{self.shard.conf} says facen_size {size}"]
