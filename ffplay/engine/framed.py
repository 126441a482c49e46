"""Many scripts of a host as one: what each of them left, told as soon as it has ended."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence

from ffplay.remote.base import Become, Connection, Reply


def run_framed(
    connection: Connection,
    scripts: Sequence[str],
    *,
    stop: bool | Sequence[bool],
    timeout: float | None = None,
    become: Become | None = None,
    on_end: Callable[[int, Reply], None] | None = None,
) -> list[Reply]:
    """Run several scripts as one and return what each left; `stop` says whose failure keeps those behind from running.

    Both streams carry a marker of random digits after each script, so nothing that a script prints can be mistaken for
    one. `on_end` is told of each script that ended well while the others still run, without its standard error.
    """
    if not scripts:
        return []
    nonce = secrets.token_hex(16)
    stops = [stop] * len(scripts) if isinstance(stop, bool) else list(stop)
    lines = []
    for number, script in enumerate(scripts):
        end = f"printf '\\036{nonce} {number} %d\\n' $ffplay_rc"
        lines.append(f"(\n{script}\n) </dev/null; ffplay_rc=$?; {end}; {end} >&2")
        if stops[number]:
            lines.append("[ $ffplay_rc -eq 0 ] || exit 0")
    out, err = _Frames(nonce), _Frames(nonce)

    def listen(data: bytes) -> None:
        for number in out.feed(data):
            code, text = out.found[number]
            if on_end is not None and code == 0:
                on_end(number, Reply(code, text, b""))

    reply = connection.run("\n".join(lines) + "\n", timeout=timeout, become=become, on_output=listen)
    err.feed(reply.stderr)
    replies = [
        Reply(code, text, err.found.get(number, (code, b""))[1]) for number, (code, text) in sorted(out.found.items())
    ]
    if len(replies) < len(scripts) and not (replies and replies[-1].code and stops[len(replies) - 1]):
        replies.append(Reply(reply.code or 1, b"", err.rest))
    return replies


class _Frames:
    """Splits one stream at the markers, as it comes. `found` has (exit code, bytes) of each script that ended."""

    def __init__(self, nonce: str) -> None:
        self._marker = b"\x1e" + nonce.encode() + b" "
        self._held = bytearray()
        self._looked = 0
        self.found: dict[int, tuple[int, bytes]] = {}

    @property
    def rest(self) -> bytes:
        """Return what came behind the last marker."""
        return bytes(self._held)

    def feed(self, data: bytes) -> list[int]:
        """Take bytes as they came; return the numbers of the scripts that ended by them."""
        self._held += data
        ended: list[int] = []
        while True:
            at = self._held.find(self._marker, self._looked)
            line = self._held.find(b"\n", at) if at >= 0 else -1
            if line < 0:
                # A marker may have come in part: it is looked for again from where it may begin.
                self._looked = at if at >= 0 else max(0, len(self._held) - len(self._marker) + 1)
                return ended
            number, _, code = bytes(self._held[at + len(self._marker) : line]).partition(b" ")
            self.found[int(number)] = (int(code), bytes(self._held[:at]))
            ended.append(int(number))
            del self._held[: line + 1]
            self._looked = 0
