"""A lab host's init: starts its units, restarts what fails as systemd does, and answers its systemctl.

One process a host, on a Unix socket in `<root>/run`. It is the child subreaper of everything on its host (sshd and the
sessions in it are its units too), so that nothing is left when it ends.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import subprocess
from pathlib import Path

from ffplay.lab import processes, systemctl, unit_files
from ffplay.lab.unit import Unit

# What a unit gets to end when the whole host goes down; a real one would wait for TimeoutStopSec.
_SHUTDOWN_SECONDS = 5.0


class Init:
    """The units of one host. `units` holds those that systemd would call loaded, by full name."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.units: dict[str, Unit] = {}
        self.down = asyncio.Event()

    def unit(self, name: str) -> Unit | None:
        """Return the loaded unit, or a new one (not loaded until it is started), or None where there is none."""
        if name in self.units:
            return self.units[name]
        file = unit_files.load(self.root, name)
        return Unit(file, self.root / "var/log", self.units) if file else None

    async def boot(self) -> None:
        """Start every enabled unit."""
        wanted = [name for name in unit_files.names(self.root) if unit_files.enabled(self.root, name)]
        # sshd first: a host that is slow to start can be looked into.
        wanted.sort(key=lambda name: name != "ssh.service")
        units = [unit for name in wanted if (unit := self.unit(name))]
        await asyncio.gather(*(unit.start() for unit in units))

    def reap(self) -> None:
        """Take note of every child that has ended, ours or adopted."""
        while True:
            try:
                process, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if process == 0:
                return
            for unit in tuple(self.units.values()):
                if unit.pid == process:
                    unit.ended(os.waitstatus_to_exitcode(status))

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one systemctl."""
        try:
            request = (await reader.read()).decode("utf-8", "surrogateescape")
            reply = await systemctl.run(self, request.split("\0") if request else [])
            out, err = (text.encode("utf-8", "surrogateescape") for text in (reply.out, reply.err))
            writer.write(b"%d\n%d\n" % (reply.code, len(out)) + out + err)
            await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    async def shutdown(self) -> None:
        """Stop all units."""
        await asyncio.gather(*(unit.stop(_SHUTDOWN_SECONDS) for unit in tuple(self.units.values())))


async def _serve(root: Path) -> None:
    init = Init(root)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGCHLD, init.reap)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, init.down.set)
    run = root / "run"
    os.chdir(run)  # a socket's path may have 107 bytes, the lab's directory may be longer
    Path("init.sock").unlink(missing_ok=True)
    server = await asyncio.start_unix_server(init.answer, "init.sock")
    Path("init.sock").chmod(0o600)
    Path("init.pid").write_text(f"{os.getpid()}\n")
    booting = asyncio.create_task(init.boot())
    await init.down.wait()
    server.close()
    booting.cancel()
    await init.shutdown()
    Path("init.sock").unlink(missing_ok=True)


def main() -> None:
    """Run a host until SIGTERM, and leave no process of it behind."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--root", type=Path, required=True)
    root = parser.parse_args().root
    processes.adopt_orphans()
    try:
        asyncio.run(_serve(root))
    finally:
        processes.end(lambda: {one for one in processes.descendants(os.getpid()) if processes.alive(one)}, 1.0)


def start(root: Path, environment: dict[str, str], keep: tuple[int, ...], python: str) -> subprocess.Popen[bytes]:
    """Start the init of a host in the background. It inherits the descriptors `keep`."""
    with (root / "var/log/init.log").open("ab") as log:
        return subprocess.Popen(
            [python, "-m", "ffplay.lab.init", "--root", str(root)],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=keep,
            start_new_session=True,
        )


if __name__ == "__main__":
    main()
