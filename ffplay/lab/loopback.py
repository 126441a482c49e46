"""Lab hosts without privileges: each is an init of ours with its units, on a loopback address, in a directory."""

from __future__ import annotations

import contextlib
import os
import random
import shlex
import shutil
import signal
import socket
import sys
import time
from collections.abc import Iterator

from ffplay.errors import Error
from ffplay.lab import access, init, network, processes, services, unit_files
from ffplay.lab.layout import LabHost, LabOptions, LabSite

_STOP_SECONDS = 15.0
_GRACE_SECONDS = 3.0

# What a host keeps in memory, as a real one keeps its /run and /tmp.
_VOLATILE = ("run", "tmp")


class Loopback:
    """The driver that needs nothing but the programs."""

    def __init__(self) -> None:
        self._claim: socket.socket | None = None

    def check(self, options: LabOptions) -> None:
        """See `Driver.check`."""
        for name, package in (("sshd", "openssh-server"), ("ssh-keygen", "openssh-client"), ("tarantool", "tarantool")):
            access.program(name, package)

    @contextlib.contextmanager
    def claimed(self, subnet: str | None) -> Iterator[str]:
        """See `Driver.claimed`: the host app1 holds the claim."""
        if subnet is None:
            subnet, held = network.claim_any(random.Random())
        else:
            held = _claim(subnet)
        with held:
            self._claim = held
            yield subnet
        self._claim = None

    def install(self, site: LabSite) -> None:
        """See `Driver.install`."""
        runtime = services.Runtime(sys.executable, services.package_path())
        for host in site.hosts:
            for directory in ("run", "tmp", "var/log", "var/lib", "etc/ssh", "etc/systemd/system", "usr/bin"):
                (host.root / directory).mkdir(parents=True, exist_ok=True)
            _systemctl(host)
            sshd = access.write_sshd(site, host)
            services.unit(host, "ssh", "OpenBSD Secure Shell server", sshd, "Restart=on-failure")
            if host.shards:
                _tarantool(host)
            services.install(site, host, runtime)
            for name in unit_files.names(host.root):
                unit = unit_files.load(host.root, name)
                if unit is not None:
                    unit_files.enable(host.root, unit)

    def boot(self, site: LabSite, host: LabHost) -> None:
        """See `Driver.boot`."""
        environment = access.host_environment(site, host)
        inherited = ("HOME", "LANG", "TZ", "USER", "LOGNAME", "SHELL")
        environment |= {name: os.environ[name] for name in inherited if name in os.environ}
        environment["PYTHONPATH"] = services.package_path()
        with contextlib.ExitStack() as stack:
            keep: tuple[int, ...] = ()
            if host == site.app:
                # The claim on the addresses lives as long as the first host, and after a power cut begins anew.
                held = self._claim or stack.enter_context(_claim(site.subnet))
                keep = (held.fileno(),)
            process = init.start(host.root, environment, keep, sys.executable)
        process.returncode = 0  # it outlives us: Popen must neither wait for it nor complain

    def cut(self, site: LabSite, host: LabHost) -> None:
        """See `Driver.cut`."""
        inits = _inits(host) & _marked(site)

        def found() -> set[int]:
            below = {one for parent in inits for one in processes.descendants(parent)}
            return inits | below | processes.marked(site.identity, host.address, host.root)

        processes.kill(found)
        for name in _VOLATILE:
            shutil.rmtree(host.root / name, ignore_errors=True)
            (host.root / name).mkdir()

    def stop(self, site: LabSite) -> int:
        """See `Driver.stop`."""
        found = _marked(site)
        inits = _inits(*site.hosts) & found
        processes.send(inits, signal.SIGTERM)
        deadline = time.monotonic() + _STOP_SECONDS
        # The hosts' inits stop their units in an orderly way; what has lost its init comes after them.
        while any(map(processes.alive, inits)) and time.monotonic() < deadline:
            time.sleep(0.03)
        processes.end(lambda: _marked(site), _GRACE_SECONDS)
        return len(found)

    def processes(self, site: LabSite) -> int:
        """See `Driver.processes`."""
        return len(_marked(site))


def _systemctl(host: LabHost) -> None:
    text = (services.ASSETS / "systemctl").read_text()
    quoted = str(host.root / "run").replace("\\", "\\\\").replace("'", "\\'")
    text = text.replace("@PERL@", access.program("perl", "perl-base")).replace("@RUN@", f"'{quoted}'")
    services.executable(host.root / "usr/bin/systemctl", text)


def _tarantool(host: LabHost) -> None:
    tarantool = access.program("tarantool", "tarantool")
    services.unit(
        host,
        "tarantool@",
        "Tarantool Database Server",
        f"{tarantool} {shlex.quote(f'{host.root}/etc/tarantool/instances.enabled/%i.lua')}",
        "Type=notify",
        f"Environment={shlex.quote(f'LUA_PATH={host.root}/usr/share/tarantool/?.lua;;')}",
        "TimeoutStopSec=10s",
        "Restart=on-failure",
        "RestartSec=100ms",
    )


def _claim(subnet: str) -> socket.socket:
    held = network.claim(subnet)
    if held is None:
        raise Error(f"the addresses {subnet}.* of the lab are in use", "stop what uses them, or make a new lab")
    return held


def _marked(site: LabSite) -> set[int]:
    return {one for one in processes.marked(site.identity, site.subnet) if processes.alive(one)}


def _inits(*hosts: LabHost) -> set[int]:
    found = set()
    for host in hosts:
        with contextlib.suppress(OSError, ValueError):
            found.add(int((host.root / "run/init.pid").read_text()))
    return found
