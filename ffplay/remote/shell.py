"""One `sh` on a host that stays open and runs script after script, over any stream of bytes.

The protocol, whichever way the bytes travel: `sh` runs a small loop (`_LOOP`). Each request is a line
`NONCE SECONDS SIZE INPUT` and then SIZE bytes of script; the loop runs the script in a child `sh` under `timeout` and
prints the nonce on both outputs, on standard output with the exit code. The nonce is random, fresh for each request
and known to no child, so whatever a script prints is split exactly. The child holds the whole script before it runs
any of it: a script that ends early leaves nothing behind for the next request to stumble over.

All the while a background job of the same `sh` prints a tag on standard error. It is cut out of the answers, and it
is what tells a long silent command from a dead peer.
"""

from __future__ import annotations

import itertools
import secrets
import shlex
import time
from collections.abc import Callable, Generator, Iterable
from typing import Protocol

from ffplay.errors import Unreachable
from ffplay.remote.base import Reply

TIMED_OUT = 124
_KILLED = 137
_GRACE = 5.0  # seconds between SIGTERM and SIGKILL for a script past its deadline
_PIECE = 65536
_READ_SECONDS = 0.5  # longest wait for bytes before deadlines and silence are looked at again

# Descriptors: 3 the session's input, 4 an empty one, 5 the session's error output. The loop's own error output is
# nowhere, because shells comment there on children that die by signals. The script travels by standard input and
# never in arguments, where every user of the host could read it; the loop itself is an argument, for a shell that read
# it from its input might take the first request along. It is one line: some login shells know no others. A line that
# does not begin as ours do ends the session: it is the rest of a script whose reader was killed.
_LOOP = (
    "command -v timeout head >/dev/null || {{ echo 'timeout and head (coreutils) are needed' >&2; exit 127; }}; "
    "exec 3<&0 4</dev/null 5>&2 2>/dev/null; "
    "(while sleep {beat} 5>&- && kill -0 $$; do printf '%s' '{tag}' >&5 || exit; done) <&4 >&4 3<&- & "
    "_h=$!; "
    "printf '%s' '{ready}'; printf '%s' '{ready}' >&5; "
    "while read -r _n _t _z _i; do "
    "case $_n in '{key}'*) ;; *) break ;; esac; "
    'timeout -k {grace:g} "$_t" sh -c '
    '\'_s=$(head -c "$1"); exec <&"$2" 2>&5 3<&- 4<&- 5>&-; shift 2; eval "unset _s; $_s"\' '
    'sh "$_z" "$_i" <&3; '
    "_c=$?; "
    'printf \'%s %s\\n\' "$_n" "$_c"; printf \'%s\' "$_n" >&5; '
    "done; "
    'kill "$_h"; exit'
)


class Loop:
    """The loop of one session: `command` starts it, `ready` is what it says first on both outputs."""

    def __init__(self, silence: float) -> None:
        self.tag = f"<{secrets.token_hex(16)}>"
        self.ready = f"<{secrets.token_hex(16)}>"
        self.key = f"<{secrets.token_hex(8)}:"
        beat = f"{max(0.1, min(5.0, silence / 4)):g}"
        text = _LOOP.format(beat=beat, tag=self.tag, ready=self.ready, key=self.key, grace=_GRACE)
        self.command = f"exec sh -c {shlex.quote(text)}"


class Stream(Protocol):
    """A running program's three streams. EOFError means that the program, or the way to it, is gone."""

    def write(self, data: bytes, seconds: float) -> int:
        """Send what can be sent within the time and return how many bytes that was."""

    def read(self, seconds: float) -> tuple[bytes, bytes]:
        """Return what came on standard output and error; both are empty when nothing came within the time."""

    def close(self) -> None:
        """End it; harmless when it has ended."""


class _Answer:
    """One output of a request, split at its end marker; holds back only what may be the marker's beginning."""

    def __init__(self, marker: bytes) -> None:
        self._marker = marker
        self._held = b""
        self.found = False

    @property
    def rest(self) -> bytes:
        """Return what came after the marker, once it was found."""
        return self._held

    def feed(self, data: bytes) -> bytes:
        """Take bytes as they came and return those that are certainly output."""
        self._held += data
        if self.found:
            return b""
        at = self._held.find(self._marker)
        if at >= 0:
            self.found = True
            output, self._held = self._held[:at], self._held[at + len(self._marker) :]
            return output
        cut = len(self._held) - self._overlap()
        output, self._held = self._held[:cut], self._held[cut:]
        return output

    def _overlap(self) -> int:
        """Return how many of the last bytes could begin the marker."""
        for size in range(min(len(self._marker) - 1, len(self._held)), 0, -1):
            if self._marker.startswith(self._held[-size:]):
                return size
        return 0


class Shell:
    """A persistent `sh`; one thread owns it.

    `host` and `silence` (seconds without a sign of life after which the peer is given up) are for its errors. Whatever
    interrupts a request leaves the session unusable, because nobody knows then whose bytes come next. `spent` says that
    the last script met its deadline: the host is well, and the next script wants a fresh session.
    """

    def __init__(self, host: str, stream: Stream, loop: Loop, silence: float) -> None:
        self._host = host
        self._stream = stream
        self._silence = silence
        self._tag = loop.tag.encode()
        self._key = loop.key
        self._heard = time.monotonic()
        self._script = ""
        self._broken: Unreachable | None = None
        # What says that the loop runs, on each output, until it has come; and what came before it. The first request is
        # sent without waiting for it.
        self._ready: list[_Answer | None] = [_Answer(loop.ready.encode()), _Answer(loop.ready.encode())]
        self._words: list[bytes] = []
        self.spent = False

    @property
    def _doing(self) -> str:
        return "starting a shell" if any(self._ready) else _headline(self._script)

    @property
    def broken(self) -> Unreachable | None:
        """Return why the session can no longer be used, or None."""
        return self._broken

    def run(
        self,
        script: str,
        timeout: float,
        on_output: Callable[[bytes], None] | None = None,
    ) -> Reply:
        """Run a script with an empty standard input; see `Connection.run`. A `timeout` of 0 is none."""
        output: list[bytes] = []
        request = self.stream(script, timeout)
        try:
            while True:
                data = next(request)
                output.append(data)
                if on_output:
                    on_output(data)
        except StopIteration as end:
            reply: Reply = end.value
        finally:
            request.close()
        return Reply(reply.code, b"".join(output), reply.stderr)

    def stream(self, script: str, timeout: float, feed: Iterable[bytes] | None = None) -> Generator[bytes, None, Reply]:
        """Run a script and yield its standard output as it comes; the reply returned has standard error alone.

        With `feed` the script's standard input is the session's own, and these bytes are sent there. The script must
        read no more and no less of them for the session to be of use afterwards.
        """
        if self._broken:
            raise Unreachable(self._host, self._broken.message, self._broken.advice)
        self._script = script
        try:
            return (yield from self._request(script, timeout, feed))
        except BaseException as error:
            self._give_up(error)
            raise

    def close(self) -> None:
        """End the session; harmless when it has ended."""
        self._broken = self._broken or Unreachable(self._host, "the connection was closed")
        self._stream.close()

    def _give_up(self, error: BaseException) -> None:
        known = isinstance(error, Unreachable)
        reason = str(error) if known else f"the connection was given up while {self._doing}"
        self._broken = Unreachable(self._host, reason, error.advice if isinstance(error, Unreachable) else "")
        self._stream.close()

    def _booted(self, number: int, data: bytes) -> bytes:
        """Return what of an output's bytes came behind the beginning of the loop."""
        ready = self._ready[number]
        if ready is None:
            return data
        self._words.append(ready.feed(data))
        if not ready.found:
            return b""
        self._ready[number] = None
        return ready.rest

    def _request(self, script: str, timeout: float, feed: Iterable[bytes] | None) -> Generator[bytes, None, Reply]:
        if not any(self._ready):
            self._drain()
        nonce = f"{self._key}{secrets.token_hex(16)}>"
        answers = _Answer(f"{nonce} ".encode()), _Answer(nonce.encode())
        errors: list[bytes] = []
        body = script.encode("utf-8", "surrogateescape")
        header = f"{nonce} {timeout:.3f} {len(body)} {4 if feed is None else 3}\n".encode()
        started = time.monotonic()
        # One piece after the other: all of them together may be as large as a database.
        for data in itertools.chain((header + body,), feed or ()):
            # A script that ended before it read everything wants no more.
            if answers[0].found:
                break
            yield from self._exchange(data, answers, errors)
        while not (answers[1].found and answers[0].rest.endswith(b"\n")):
            yield from self._take(answers, errors, _READ_SECONDS)
            self._check_overdue(started, timeout)
        code = int(answers[0].rest)
        # A script that ignores SIGTERM is killed a little later, and `timeout` reports that as a death by signal.
        if code == _KILLED and timeout and time.monotonic() - started >= timeout + _GRACE:
            code = TIMED_OUT
        # The deadline may have struck while the script was still being read.
        self.spent = code == TIMED_OUT
        return Reply(code, b"", b"".join(errors).replace(self._tag, b""))

    def _exchange(
        self, data: bytes, answers: tuple[_Answer, _Answer], errors: list[bytes]
    ) -> Generator[bytes, None, None]:
        """Send all bytes, and take meanwhile what comes: the peer may wait until somebody reads."""
        for start in range(0, len(data), _PIECE):
            piece = data[start : start + _PIECE]
            while piece and not answers[0].found:
                piece = piece[self._write(piece) :]
                yield from self._take(answers, errors, 0)

    def _take(
        self, answers: tuple[_Answer, _Answer], errors: list[bytes], seconds: float
    ) -> Generator[bytes, None, None]:
        try:
            out, err = self._receive(seconds)
        except Unreachable as error:
            if any(self._ready):
                error.output = b"".join(self._words).decode("utf-8", "replace").strip()
            raise
        errors.append(answers[1].feed(self._booted(1, err)))
        output = answers[0].feed(self._booted(0, out))
        if output:
            yield output

    def _write(self, piece: bytes) -> int:
        try:
            return self._stream.write(piece, _READ_SECONDS)
        except EOFError:
            # A script that ended early may have left its answer: the reading that follows takes what is there, and
            # raises when nothing is.
            return len(piece)

    def _receive(self, seconds: float) -> tuple[bytes, bytes]:
        try:
            out, err = self._stream.read(seconds)
        except EOFError as error:
            raise self._lost(error) from error
        now = time.monotonic()
        if out or err:
            self._heard = now
        elif now - self._heard > self._silence:
            raise Unreachable(
                self._host,
                f"{self._host}: no sign of life for {now - self._heard:.0f} s while {self._doing}",
                "Check the host and the network. The command may still be running there.",
            )
        return out, err

    def _drain(self) -> None:
        """Throw away what came between requests: signs of life, and late output of processes left running."""
        self._heard = time.monotonic()
        while any(self._receive(0)):
            pass

    def _check_overdue(self, started: float, timeout: float) -> None:
        """Raise where the host itself ought to have ended the script long ago and has not."""
        allowed = timeout + _GRACE + self._silence
        if timeout and time.monotonic() - started > allowed:
            raise Unreachable(
                self._host,
                f"{self._host}: cannot be made to end after {allowed:.0f} s: {self._doing}",
                "Look on the host for processes in uninterruptible sleep (`ps -eo pid,stat,args`, state D).",
            )

    def _lost(self, error: EOFError) -> Unreachable:
        reason = f" ({error})" if str(error) else ""
        return Unreachable(
            self._host,
            f"{self._host}: the connection was lost while {self._doing}{reason}",
            "Run it again once the host answers; what was under way may have been done there.",
        )


def _headline(script: str) -> str:
    """Return the words by which an error names a script."""
    first = next((line.strip() for line in script.splitlines() if line.strip()), "")
    return f"running `{first[:60]}{'...' if len(first) > 60 else ''}`"
