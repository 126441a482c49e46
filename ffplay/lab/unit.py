"""One unit of a lab host and its life, as systemd 252 lives it.

    inactive --start--> activating(start) --ready--> active --stop--> deactivating --> inactive
                              |                         |
                              `------ it fails ---------'--> activating(auto-restart) --> ... --> failed

Type=simple is ready at once, whatever its process then does; Type=notify when its process says so on a pipe.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
import uuid
from collections import deque
from pathlib import Path

from ffplay.lab import processes
from ffplay.lab.unit_files import START_LIMIT_BURST, START_LIMIT_SECONDS, UnitFile

# Signals that systemd takes for an orderly end.
_CLEAN_SIGNALS = {signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGPIPE}


class Unit:
    """A unit. `active`, `sub` and `result` are systemd's words; times are (wall, monotonic) seconds, or None."""

    def __init__(self, file: UnitFile, logs: Path, loaded: dict[str, Unit]) -> None:
        self.file = file
        self.log = logs / f"{file.name}.log"
        self.active, self.sub, self.result = "inactive", "dead", "success"
        self.pid = self.main_pid = self.exit_status = self.restarts = 0
        self.exited_by = ""  # "exited" or "killed", of the last main process
        self.invocation = ""
        self.started: tuple[float, float] | None = None
        self.entered: tuple[float, float] | None = None
        self.stopped: tuple[float, float] | None = None
        self._loaded = loaded
        self._starts: deque[float] = deque()
        self._settled: asyncio.Future[bool] | None = None
        self._gone: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._pipe: int | None = None
        self._killed_by_timeout = False

    @property
    def name(self) -> str:
        """Return the full name."""
        return self.file.name

    async def start(self) -> bool:
        """Start the unit and wait until it is ready or has failed; tell which."""
        if self.active == "deactivating" and self._gone:
            await asyncio.shield(self._gone)
        if self.active == "active":
            return True
        if self._settled is None or self._settled.done():
            self._cancel_timer()
            self._settled = asyncio.get_running_loop().create_future()
            self.restarts = 0
            self._launch()
        return await asyncio.shield(self._settled)

    async def stop(self, patience: float | None = None) -> None:
        """End the unit's processes: SIGTERM, and SIGKILL after its TimeoutStopSec, or `patience` seconds."""
        self._cancel_timer()
        if self.active == "deactivating" and self._gone:
            await asyncio.shield(self._gone)
        elif self.pid:
            await self._terminate(self.file.stop_seconds if patience is None else patience)
        elif self.active == "activating":
            self._settle(False)
            self._enter("inactive", "dead")

    async def _terminate(self, patience: float) -> None:
        loop = asyncio.get_running_loop()
        self._gone = loop.create_future()
        self._killed_by_timeout = False
        self.active, self.sub = "deactivating", "stop-sigterm"
        self.signal(signal.SIGTERM)
        # As systemd does, so that a stopped process hears the signal at all.
        self.signal(signal.SIGCONT)
        timer = loop.call_later(patience, self._kill_late)
        await asyncio.shield(self._gone)
        timer.cancel()

    def _kill_late(self) -> None:
        self._killed_by_timeout = True
        self.sub = "stop-sigkill"
        self.signal(signal.SIGKILL)

    def reset_failed(self) -> None:
        """Forget the failure and how often the unit was started."""
        self._starts.clear()
        if self.active == "failed":
            self.result = "success"
            self._enter("inactive", "dead")

    def ended(self, code: int) -> None:
        """Take note of the end of the main process; `code` is negative for a signal, as in `subprocess`."""
        self.signal(signal.SIGKILL)  # what the main process left behind goes with it
        self.pid = 0
        self._close_pipe()
        self.exited_by, self.exit_status = ("killed", -code) if code < 0 else ("exited", code)
        clean = code == 0 or (code < 0 and -code in _CLEAN_SIGNALS)
        why = "success" if clean else ("signal" if code < 0 else "exit-code")
        self._note(f"Main process exited, code={self.exited_by}, status={self.exit_status}")
        if self._gone is not None and not self._gone.done():
            self.result = "timeout" if self._killed_by_timeout else why
            self._enter("inactive" if self.result == "success" else "failed", "dead")
            self._gone.set_result(None)
            self._settle(False)
            return
        ready = self.active == "active"
        # A service that ends before it said that it is ready has broken the protocol, even with exit code 0.
        self.result = "protocol" if clean and not ready else why
        self._fail_or_restart()

    def _fail_or_restart(self) -> None:
        failed = self.result != "success"
        if self.file.restart == "always" or (self.file.restart == "on-failure" and failed):
            self.active, self.sub = "activating", "auto-restart"
            self._timer = asyncio.get_running_loop().call_later(self.file.restart_seconds, self._restart)
        else:
            self._enter("failed" if failed else "inactive", "dead")
        self._settle(False)

    def _restart(self) -> None:
        self._timer = None
        self.restarts += 1
        self._settled = asyncio.get_running_loop().create_future()
        self._launch()

    def _launch(self) -> None:
        now = time.monotonic()
        while self._starts and now - self._starts[0] > START_LIMIT_SECONDS:
            self._starts.popleft()
        self._loaded[self.name] = self
        if len(self._starts) >= START_LIMIT_BURST:
            self._note("Start request repeated too quickly.")
            self.result = "start-limit-hit" if self.result == "success" else self.result
            self._enter("failed", "dead")
            self._settle(False)
            return
        self._starts.append(now)
        self.result, self.exit_status, self.exited_by = "success", 0, ""
        self.invocation = uuid.uuid4().hex
        self.active, self.sub = "activating", "start"
        try:
            self._spawn()
        except OSError as error:
            self._note(f"Failed to execute {self.file.command[0]}: {error.strerror}")
            self.exited_by, self.exit_status, self.result = "exited", 203, "exit-code"
            self._fail_or_restart()
            return
        if self.file.kind != "notify":
            self._ready()

    def _spawn(self) -> None:
        environment = dict(os.environ) | dict(self.file.environment)
        descriptors: tuple[int, ...] = ()
        if self.file.kind == "notify":
            self._pipe, ours = os.pipe()
            environment["FFPLAY_READY_FD"] = str(ours)
            descriptors = (ours,)
            loop = asyncio.get_running_loop()
            loop.add_reader(self._pipe, self._hear)
            self._timer = loop.call_later(self.file.start_seconds, self.signal, signal.SIGKILL)
        try:
            with self.log.open("ab") as log:
                process = subprocess.Popen(
                    self.file.command,
                    env=environment,
                    cwd="/",
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    pass_fds=descriptors,
                    start_new_session=True,
                    preexec_fn=processes.die_with_parent,  # noqa: PLW1509 - init has one thread
                )
        except OSError:
            self._close_pipe()
            raise
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        process.returncode = 0  # init reaps; Popen must not try
        self.pid = self.main_pid = process.pid
        self.started = (time.time(), time.monotonic())

    def _hear(self) -> None:
        said = os.read(self._pipe, 1) if self._pipe is not None else b""
        self._close_pipe()
        if said:
            self._ready()

    def _ready(self) -> None:
        self._cancel_timer()
        self._enter("active", "running")
        self._settle(True)

    def _enter(self, active: str, sub: str) -> None:
        self.active, self.sub = active, active if active == "failed" else sub
        stamp = (time.time(), time.monotonic())
        if active == "active":
            self.entered = stamp
        else:
            self.stopped = stamp
        if active == "inactive":
            # systemd unloads what is stopped, and forgets all about it.
            self._loaded.pop(self.name, None)
        if active == "failed":
            self._note(f"Failed with result '{self.result}'.")

    def _settle(self, good: bool) -> None:
        if self._settled is not None and not self._settled.done():
            self._settled.set_result(good)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _close_pipe(self) -> None:
        if self._pipe is not None:
            asyncio.get_running_loop().remove_reader(self._pipe)
            os.close(self._pipe)
            self._pipe = None

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to all processes of the unit."""
        if self.pid:
            try:
                os.killpg(self.pid, number)
            except ProcessLookupError:
                return

    def _note(self, text: str) -> None:
        with self.log.open("a") as log:
            log.write(f"systemd: {self.name}: {text}\n")
