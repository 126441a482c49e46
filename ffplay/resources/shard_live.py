"""What a running shard says of itself over the binary port, and how its snapshots are kept while they are copied."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from ffplay.errors import ChangeFailed, SiteError, Unreachable
from ffplay.model import Host, Shard
from ffplay.remote.base import Access
from ffplay.resources.base import quote, whole
from ffplay.resources.shard_http import ShardFaces, ShardState

_TIMEOUT_SECONDS = 120

# What a run that was killed left pinned is released; what somebody else has pinned serves as well, and stays.
_PIN = """local run = ...
if not (box.backup and box.backup.start) then return end
if rawget(_G, 'ffplay_backup') then
    rawset(_G, 'ffplay_backup', nil)
    pcall(box.backup.stop)
end
local good, why = pcall(box.backup.start)
if good then rawset(_G, 'ffplay_backup', run) return end
if not tostring(why):find('already') then error(why) end"""
_RELEASE = """local run = ...
if rawget(_G, 'ffplay_backup') == run then
    rawset(_G, 'ffplay_backup', nil)
    box.backup.stop()
end"""
# Temporary spaces and those of another engine are in no snapshot of this kind. 1.6 says `box.info.server`.
_COUNT = """local found = {}
for _, one in box.space._space:pairs() do
    local space = box.space[one[1]]
    if one[1] >= 512 and one[4] == 'memtx' and space and not space.temporary and space.index[0] then
        found[#found + 1] = {one[1], space:len()}
    end
end
return box.info.uuid or box.info.server.uuid, found"""


@dataclass(frozen=True, slots=True)
class Count:
    """What a shard says: its instance (empty where it is not asked over the binary port), and rows by space.

    Where only its HTTP port answers, `faces` is how many it serves, else None.
    """

    instance: str = ""
    rows: tuple[tuple[int, int], ...] = ()
    faces: int | None = None


@contextlib.contextmanager
def kept(access: Access, host: Host, shard: Shard, run: str) -> Iterator[Callable[[], Count | None]]:
    """Keep a running shard's snapshots from being collected; give a function that counts, None of a stopped shard."""
    reply = access.connection(host.name).run(f"systemctl show -p ActiveState {quote([shard.unit])}")
    state = whole(host.name, shard.unit, reply).text.strip()
    if state.partition("=")[2] != "active":
        yield lambda: None
        return
    import tarantool

    with contextlib.ExitStack() as stack:
        try:
            address, port = stack.enter_context(access.connection(host.name).forward(shard.address, shard.port))
            client = tarantool.Connection(address, port, encoding=None, socket_timeout=_TIMEOUT_SECONDS)
            stack.callback(client.close)
            client.eval(_PIN, (run,))
        except (tarantool.error.Error, OSError, Unreachable) as error:
            access.tell(host.name, f"{shard.name} does not answer on port {shard.port} ({error}): only counting faces")
            yield lambda: _faces(access, host, shard)
            return
        try:
            yield lambda: _count(client, host, shard)
        finally:
            with contextlib.suppress(tarantool.error.Error, OSError):
                client.eval(_RELEASE, (run,))


def _count(client: Any, host: Host, shard: Shard) -> Count:
    """Ask for the rows of every space. Raise `ChangeFailed`."""
    import tarantool

    try:
        instance, rows = client.eval(_COUNT).data
    except (tarantool.error.Error, OSError) as error:
        raise ChangeFailed(
            host.name, f"{shard.name} does not count its rows: {error}", "see the shard's log"
        ) from error
    text = instance.decode() if isinstance(instance, bytes) else str(instance)
    return Count(text, tuple(sorted((int(space), int(count)) for space, count in rows)))


def _faces(access: Access, host: Host, shard: Shard) -> Count | None:
    """Count what the shard serves over HTTP, None where it does not answer."""
    try:
        served = ShardFaces(shard, sample=0).read(access, host)
    except SiteError:
        return None
    return Count(faces=served.faces) if isinstance(served, ShardState) else None
