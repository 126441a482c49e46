"""What an operator is told of a long transfer while it goes on."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

from ffplay.remote.base import Access
from ffplay.resources.shard_data import human

# So often, in seconds; what is over sooner is not told of.
EVERY_SECONDS = 10.0


def followed(access: Access, host: str, what: str, chunks: Iterable[bytes], total: int = 0) -> Iterator[bytes]:
    """Yield chunks as they come, and tell from time to time how much of `what` has gone through.

    `total` is how many bytes there are in all, 0 where that is not known.
    """
    began = told = time.monotonic()
    done = 0
    for chunk in chunks:
        yield chunk
        done += len(chunk)
        now = time.monotonic()
        if now - told >= EVERY_SECONDS:
            told = now
            of = f" of {human(total)} ({100 * done // total} %)" if total else ""
            access.tell(host, f"{what}: {human(done)}{of}, {human(int(done / (now - began)))}/s")
