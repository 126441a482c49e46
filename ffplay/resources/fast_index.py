"""The fast index of one gallery on one shard, by the documented sequence over the binary port.

Source: the vendor's page "Fast Index": prepare_preindex, save_preindex, findface-build-index, preindex_to_index,
use_index; on a replica set the file goes to the replicas first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ffplay.errors import ChangeFailed, SiteError
from ffplay.model import Host, Shard
from ffplay.remote.base import Access
from ffplay.resources.base import DirectResource, Irreversible, quote
from ffplay.resources.differences import text_of
from ffplay.resources.job import Job
from ffplay.resources.progress import followed
from ffplay.resources.shard_http import ShardFaces, ShardState

# Building an index of some millions of faces takes hours.
_BUILD_SECONDS = 24 * 3600


@dataclass(frozen=True, slots=True)
class FastIndex(DirectResource):
    """A gallery's index. Value: `none` or `built`.

    `jobs` is the directory of the host's detached tools; `replicas` are (host, shard) that need the file first.
    """

    shard: Shard
    gallery: str
    facen_size: int
    command: str
    jobs: str
    replicas: tuple[tuple[str, Shard], ...] = ()

    @property
    def label(self) -> str:
        """Return the index file's path."""
        return f"{self.shard.index_dir}/{self.gallery}.idx"

    @property
    def lane(self) -> str:
        """Return the shard: the shards of a host build their indexes at the same time."""
        return self.shard.name

    def read(self, access: Access, host: Host) -> str:
        """Tell whether the shard has indexed faces of the gallery."""
        served = ShardFaces(self.shard, sample=0).read(access, host)
        if not isinstance(served, ShardState):
            raise SiteError(host.name, f"{self.shard.name} does not answer", "see `systemctl status` of its unit")
        return "built" if any(g.indexed for g in served.galleries if g.name == self.gallery) else "none"

    def facts(self, value: Any) -> Mapping[str, str]:
        """Return whether there is one."""
        return {f"fast index of {self.gallery}": text_of(value)}

    def reverse(self, run: str, before: Any, after: Any) -> Any:
        """Raise `Irreversible`: faces do not go back from an index; with the shard's data it goes as a whole."""
        raise Irreversible(f"the fast index of {self.gallery} on {self.shard.name} stays, unless its data go back")

    def show(self, before: Any, after: Any) -> str:
        """Return the commands."""
        steps = (
            ":prepare_preindex(), :save_preindex(...)",
            f"$ {self._build()}",
            ":preindex_to_index(), :use_index(...)",
        )
        return "\n".join(steps)

    def bring(self, access: Access, host: Host, before: Any, after: Any) -> None:
        """Build the index and take it into use. Raise `ChangeFailed`."""
        connection = access.connection(host.name)
        with self._lua(access, host) as call:
            script = f"{self._build()} && chown --reference={quote([self.shard.index_dir])} {quote([self.label])}"
            name = f"index of {self.gallery} on {self.shard.name}"
            job = Job(name, f"{self.jobs}/{self.shard.name}-{self.gallery}", (script,))
            # A run that was broken off may have left the tool at work on its input.
            if job.read(access, host).state != "running":
                call("prepare_preindex()")
                call("save_preindex(path)", self._preindex)
            job.bring(access, host, "none", "done")
            for name, replica in self.replicas:
                self._send(access, host, name, replica)
            call("preindex_to_index()")
            call("use_index(path)", self.label)
        connection.run(f"rm -f {quote([self._preindex])}")

    @property
    def _preindex(self) -> str:
        return f"{self.shard.index_dir}/{self.gallery}.preindex"

    def _build(self) -> str:
        words = ["--input", self._preindex, "--facen_size", str(self.facen_size), "--out", self.label]
        return f"{self.command} {quote(words)}"

    def _send(self, access: Access, host: Host, name: str, replica: Shard) -> None:
        """Copy the finished file to a replica, which loads it when the master takes it into use."""
        target = f"{replica.index_dir}/{self.gallery}.idx"
        to = access.connection(name)
        chunks = access.connection(host.name).get(self.label)
        to.put(f"{target}.part", followed(access, host.name, f"{self.gallery}.idx to {name}", chunks))
        script = f"chown --reference={quote([replica.index_dir])} {quote([target + '.part'])} && "
        reply = to.run(f"{script} mv -f {quote([target + '.part'])} {quote([target])} && sync")
        if reply.code:
            raise ChangeFailed(name, f"cannot put {target} in place", "", reply.error_text)

    @contextmanager
    def _lua(self, access: Access, host: Host) -> Iterator[Any]:
        """Give a function that calls a method of the gallery in the shard."""
        import tarantool

        with access.connection(host.name).forward(self.shard.address, self.shard.port) as (address, port):
            try:
                # Facens are byte strings to Lua: with a text encoding the connector fails on reading them.
                client = tarantool.Connection(address, port, encoding=None, socket_timeout=_BUILD_SECONDS)
            except tarantool.error.Error as error:
                raise ChangeFailed(host.name, f"{self.shard.name} on port {self.shard.port}: {error}") from error

            def call(method: str, path: str = "") -> None:
                line = f"local name, path = ...; return FindFace.Gallery.new(name):{method}"
                try:
                    client.eval(line, (self.gallery, path))
                except tarantool.error.Error as error:
                    said = f"{self.shard.name}: {self.gallery}:{method}: {error}"
                    raise ChangeFailed(host.name, said, "see the shard's log") from error

            try:
                yield call
            finally:
                client.close()
