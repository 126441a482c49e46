"""The controller of a trial: ffplay's own command, with its connections wrapped so that one operation goes wrong.

    python -m tests.fault.controller --log FILE [--fault HOST:KIND:N --mode MODE --lab DIR] -- apply ...

Every operation is a line of the log before it is made. Nothing of this is known to ffplay.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import json
import sys
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ffplay.errors import Unreachable
from ffplay.lab import site as lab_site
from ffplay.remote import ssh
from ffplay.remote.base import Reply
from ffplay.remote.connection import ShellConnection
from tests.fault import disk, faults
from tests.fault.operations import LATE, Fault, Mode, Operation, is_fenced, label_of, parts_of


class Injector:
    """Counts operations, writes them down, and has one of them go wrong."""

    def __init__(self, log: Path, fault: Fault | None, lab: Path | None) -> None:
        self._log = log.open("a")
        self._fault = fault
        self._lab = lab
        self._counts: Counter[tuple[str, str]] = Counter()
        self._guard = threading.Lock()
        self.gone: set[str] = set()
        self.quiet = threading.local()

    def meets(self, host: str, kind: str, what: object) -> Fault | None:
        """Write an operation down and return the fault that meets it, if any."""
        if getattr(self.quiet, "on", False):
            return None
        with self._guard:
            self._counts[host, kind] += 1
            whole = Operation(host, kind, self._counts[host, kind])
            fault = self._fault if self._fault is not None and self._fault.operation.whole == whole else None
            texts = [what, *parts_of(what)[1:]]
            for part, text in enumerate(texts):
                operation = Operation(host, kind, whole.number, part)
                hit = fault is not None and fault.operation == operation
                line = {"operation": str(operation), "label": label_of(text), "hit": hit}
                line["changes"] = kind == "put" or part > 0 or is_fenced(what)
                self._log.write(json.dumps(line) + "\n")
            self._log.flush()
            # A run may make less than the one that the fault was drawn by.
            met = fault is not None and fault.operation.part < len(texts)
        return fault if met else None

    @contextlib.contextmanager
    def unseen(self) -> Iterator[None]:
        """Have this thread's operations not counted: they are parts of one that was."""
        self.quiet.on = True
        try:
            yield
        finally:
            self.quiet.on = False

    def power_cut(self, host: str) -> None:
        """Cut a host's power."""
        assert self._lab is not None
        lab_site.cut(self._lab, host)

    def boot(self, host: str) -> None:
        """Boot a host that has no power."""
        assert self._lab is not None
        lab_site.boot(self._lab, host)

    def fill_disk(self) -> bool:
        """Fill the disk under the lab where it is one of its own; tell whether it is."""
        assert self._lab is not None
        return disk.fill(self._lab)


def wrap(injector: Injector) -> None:
    """Put the injector between ffplay and its connections."""
    for kind, wrapper in (
        (ssh.SshConnection, connect_wrapped),
        (ShellConnection, run_wrapped),
        (ShellConnection, put_wrapped),
        (ShellConnection, get_wrapped),
        (ssh.SshConnection, forward_wrapped),
        (ssh.SshConnection, dial_wrapped),
        (ssh.SshConnection, reachable_wrapped),
    ):
        wrapper(injector, kind)


def connect_wrapped(injector: Injector, kind: Any) -> None:
    """Wrap the making of connections."""
    plain = kind.__init__

    def init(self: Any, host: Any, silence: float) -> None:
        if host.name in injector.gone:
            raise Unreachable(host.name, f"{host.name}: no answer in time while connecting")
        fault = injector.meets(host.name, "connect", "")
        if fault is not None and fault.mode is Mode.CUT_BEFORE:
            raise Unreachable(host.name, f"{host.name}: connection refused while connecting")
        if fault is not None and fault.mode is Mode.KILL_BEFORE:
            faults.die()
        plain(self, host, silence)
        if fault is not None:
            faults.around(fault, injector, self, functools.partial(self.run, ":"))

    kind.__init__ = init


def run_wrapped(injector: Injector, kind: Any) -> None:
    """Wrap the running of scripts."""
    plain = kind.run

    def run(self: Any, script: str, *, timeout: Any = None, become: Any = None, on_output: Any = None) -> Reply:
        fault = injector.meets(self.host, "run", script)

        def call(text: str, limit: Any = timeout) -> Reply:
            reply: Reply = plain(self, text, timeout=limit, become=become, on_output=on_output)
            return reply

        return call(script) if fault is None else faults.in_script(fault, injector, self, call, script)

    kind.run = run


def put_wrapped(injector: Injector, kind: Any) -> None:
    """Wrap the sending of files."""
    plain = kind.put

    def put(self: Any, path: str, chunks: Iterable[bytes], *, become: Any = None) -> str:
        fault = injector.meets(self.host, "put", path)
        if fault is not None and fault.mode in LATE:
            act = functools.partial(faults.cut, self) if fault.mode is Mode.CUT_DURING else faults.die
            chunks = faults.broken_off(chunks, act)
        elif fault is not None and fault.mode is Mode.DISK_FULL:
            injector.fill_disk()
        elif fault is not None:
            kept = list(chunks)
            done: str = faults.around(fault, injector, self, lambda: plain(self, path, kept, become=become))
            return done
        sent: str = plain(self, path, chunks, become=become)
        return sent

    kind.put = put


def get_wrapped(injector: Injector, kind: Any) -> None:
    """Wrap the fetching of files."""
    plain = kind.get

    def get(self: Any, path: str, *, become: Any = None) -> Iterator[bytes]:
        fault = injector.meets(self.host, "get", path)
        if fault is None:
            yield from plain(self, path, become=become)
            return
        if fault.mode is Mode.KILL_DURING:
            faults.die()
        if fault.mode is Mode.CUT_DURING:
            faults.cut(self)
        yield from faults.around(fault, injector, self, lambda: list(plain(self, path, become=become)))

    kind.get = get


def forward_wrapped(injector: Injector, kind: Any) -> None:
    """Wrap the opening of tunnels."""
    plain = kind.forward

    @contextlib.contextmanager
    def forward(self: Any, address: str, port: int) -> Iterator[tuple[str, int]]:
        fault = injector.meets(self.host, "forward", f"tunnel to port {port}")
        if fault is not None and fault.mode in {Mode.CUT_BEFORE, Mode.KILL_BEFORE}:
            faults.around(fault, injector, self, lambda: plain(self, address, port))
        with plain(self, address, port) as place:
            if fault is not None:
                # The tunnel stands; what would come through it does not come any more. Others may use the shell.
                faults.around(fault, injector, self, lambda: None)
            yield place

    kind.forward = forward


def dial_wrapped(injector: Injector, kind: Any) -> None:
    """Wrap what is dialled."""
    plain = kind.dial

    def dial(self: Any, address: str, port: int, seconds: float) -> Any:
        fault = injector.meets(self.host, "dial", f"dial port {port}")
        call = functools.partial(plain, self, address, port, seconds)
        return call() if fault is None else faults.around(fault, injector, self, call)

    kind.dial = dial


def reachable_wrapped(injector: Injector, kind: Any) -> None:
    """Wrap the looks at ports."""
    plain = kind.reachable

    def reachable(self: Any, address: str, port: int) -> bool:
        fault = injector.meets(self.host, "reachable", f"look at port {port}")
        call = functools.partial(plain, self, address, port)
        return bool(call() if fault is None else faults.around(fault, injector, self, call))

    kind.reachable = reachable


def main(argv: Sequence[str] | None = None) -> int:
    """Run ffplay's command with one fault, and return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--fault", type=Operation.parse)
    parser.add_argument("--mode", type=Mode)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--lab", type=Path)
    parser.add_argument("words", nargs="+")
    args = parser.parse_args(argv)
    fault = Fault(args.fault, args.mode, args.seed) if args.fault else None
    wrap(Injector(args.log, fault, args.lab))
    # A job whose host is away is followed again as soon as it is back; a host that stays away is given up sooner here.
    from ffplay.resources import job_follow

    job_follow._RECONNECT_SECONDS = 4
    from ffplay import cli

    return cli.main(args.words)


if __name__ == "__main__":
    sys.exit(main())
