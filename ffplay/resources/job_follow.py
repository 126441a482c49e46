"""Waits for the processes of a detached job, whatever becomes of the connection to their host."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from ffplay.errors import ChangeFailed, Interrupted, Unreachable
from ffplay.model import Host
from ffplay.remote.base import Access, Reply
from ffplay.resources.job_script import KEPT_BYTES, poll_script

# How long one poll waits on the host for the job's end, in seconds; each poll is one round trip.
_POLL_SECONDS = 5

# So long a host that cannot be reached is tried again while its job runs.
_RECONNECT_SECONDS = 300

_POLL_TIMEOUT = 65  # what a poll may take at most beside its waiting

# So many bytes are shown of a failed job's log.
_TAIL_BYTES = 4000

# The exit codes that stand for a job that met its deadline, and for one that vanished.
_LATE = 124
_VANISHED = 137


class Follower:
    """Follows the job `name` on a host."""

    def __init__(self, access: Access, host: Host, name: str) -> None:
        self._access = access
        self._host = host
        self._name = name

    def follow(self, lines: Mapping[str, str]) -> bytes:
        """Stream the logs until all processes have ended well, and return the end of the first one's.

        `lines` has what each runs by its folder. Raise `ChangeFailed` as soon as one has not ended well, `Interrupted`
        where the operator stops the run; all run on by themselves then.
        """
        every = {folder: _Progress(line) for folder, line in lines.items()}
        left = dict(every)
        while left:
            for folder, progress in list(left.items()):
                status = self._poll(folder, progress, _POLL_SECONDS / len(left))
                if status == "0":
                    del left[folder]
                elif status != "running":
                    raise self._failed(folder, progress, status)
            if left and self._access.stopping:
                raise Interrupted(f"stopped by the operator; {self._name} runs on by itself on {self._host.name}")
        return next(iter(every.values())).tail

    def surely(self, script: str, timeout: float = _POLL_TIMEOUT) -> Reply:
        """Run a script that does no harm when it runs again.

        A connection that is lost is made again, for some time: the processes run on without it.
        """
        until = time.monotonic() + _RECONNECT_SECONDS
        while True:
            try:
                return self._access.connection(self._host.name).run(script, timeout=timeout)
            except Unreachable as error:
                if time.monotonic() > until:
                    raise
                said = f"{error.message}; {self._name} needs no connection: connecting again"
                self._access.tell(self._host.name, said)
                self._access.pause(_POLL_SECONDS)

    def _poll(self, folder: str, progress: _Progress, seconds: float) -> str:
        """Wait a while for a process's end, and pass on what it printed; return what became of it."""
        reply = self.surely(poll_script(folder, progress.offset, seconds))
        status, _, log = reply.stdout.partition(b"\n")
        if reply.code or not status:
            raise ChangeFailed(self._host.name, f"cannot follow {folder}", "", reply.error_text)
        progress.offset += len(log)
        progress.tail = (progress.tail + log)[-KEPT_BYTES:]
        if log:
            self._access.tell(self._host.name, log.decode("utf-8", "replace"))
        return status.decode("ascii", "replace")

    def _failed(self, folder: str, progress: _Progress, status: str) -> ChangeFailed:
        """Return the error of a process that is at a state which is neither `running` nor 0."""
        host = self._host.name
        word, _, seconds = status.partition(" ")
        advice = f"its whole log is {folder}/log on {host}; mend the cause and apply again"
        if word == "late":
            code, said = _LATE, f"ended at its deadline of {seconds} s"
        elif word == "vanished":
            code, said = _VANISHED, "is gone without an exit code"
            advice = (
                f"it was killed, for want of memory perhaps, or {host} went down (`uptime` and `journalctl -k` "
                f"tell); its log is {folder}/log; apply again: it is started again"
            )
        else:
            code, said = int(word), f"ended with exit code {word}"
        output = progress.tail[-_TAIL_BYTES:].decode("utf-8", "replace")
        return ChangeFailed(host, f"{self._name} {said}: {progress.line.splitlines()[-1]}", advice, output, code)


@dataclass(slots=True)
class _Progress:
    """How far a process's log was read, and the end of it."""

    line: str
    offset: int = 0
    tail: bytes = b""
