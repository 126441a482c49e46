"""One `sh` on a host that stays open and runs script after script, over any stream of bytes.

The protocol, whichever way the bytes travel: a small loop (`_BOOT`) is sent to a fresh `sh`. Each request is a line
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
# never in arguments, where every user of the host could read it. The braces make a shell that reads its input byte by
# byte take the whole loop before it runs any of it. A line that does not begin as ours do ends the session: it is the
# rest of a script whose reader was killed.
_BOOT = """\
{{
command -v timeout head >/dev/null || {{ echo 'timeout and head (coreutils) are needed' >&2; exit 127; }}
exec 3<&0 4</dev/null 5>&2 2>/dev/null
(while sleep {beat} 5>&- && kill -0 $$; do printf '%s' '{tag}' >&5 || exit; done) <&4 >&4 3<&- &
_h=$!
printf '%s' '{ready}'; printf '%s' '{ready}' >&5
while read -r _n _t _z _i; do
case $_n in '{key}'*) ;; *) break ;; esac
timeout -k {grace:g} "$_t" sh -c \
'_s=$(head -c "$1"); exec <&"$2" 2>&5 3<&- 4<&- 5>&-; shift 2; eval "unset _s; $_s"' sh "$_z" "$_i" <&3
_c=$?
printf '%s %s\\n' "$_n" "$_c"; printf '%s' "$_n" >&5
done
kill "$_h"
exit
}}
"""


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

    def __init__(self, host: str, stream: Stream, silence: float) -> None:
        self._host = host
        self._stream = stream
        self._silence = silence
        self._tag = f"<{secrets.token_hex(16)}>".encode()
        self._key = f"<{secrets.token_hex(8)}:"
        self._heard = time.monotonic()
        self._doing = "starting a shell"
        self._broken: Unreachable | None = None
        self.spent = False
        try:
            self._boot()
        except BaseException as error:
            self._give_up(error)
            raise

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
        self._doing = _headline(script)
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

    def _boot(self) -> None:
        ready = f"<{secrets.token_hex(16)}>"
        beat = f"{max(0.1, min(5.0, self._silence / 4)):g}"
        boot = _BOOT.format(beat=beat, tag=self._tag.decode(), ready=ready, key=self._key, grace=_GRACE)
        answers = _Answer(ready.encode()), _Answer(ready.encode())
        words: list[bytes] = []
        self._send(boot.encode(), answers)
        while not (answers[0].found and answers[1].found):
            try:
                out, err = self._receive(_READ_SECONDS)
            except Unreachable as error:
                error.output = b"".join(words).decode("utf-8", "replace").strip()
                raise
            words += [answers[0].feed(out), answers[1].feed(err)]

    def _request(self, script: str, timeout: float, feed: Iterable[bytes] | None) -> Generator[bytes, None, Reply]:
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
        out, err = self._receive(seconds)
        errors.append(answers[1].feed(err))
        output = answers[0].feed(out)
        if output:
            yield output

    def _send(self, data: bytes, answers: tuple[_Answer, _Answer]) -> None:
        for _ in self._exchange(data, answers, []):
            pass

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
