"""Bring a lab up and down, and say how it is."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from ffplay.errors import Error, Finding, InputError
from ffplay.lab import access, init, inventory, network, processes, services, unit_files
from ffplay.lab.layout import NTLS_WEB_PORT, SSH_PORT, UPLOAD_PORT, LabHost, LabOptions, LabSite, load

_START_SECONDS = 60.0
_STOP_SECONDS = 15.0
_GRACE_SECONDS = 3.0

# How much of a failed unit's log a person is shown, in lines.
_LOG_LINES = 15

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class HostStatus:
    """How one host is: whether its init answers, and the ActiveState of every unit that it has."""

    name: str
    address: str
    running: bool
    units: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class LabStatus:
    """How a lab is; `processes` counts those that are alive."""

    site: LabSite
    hosts: tuple[HostStatus, ...]
    processes: int

    @property
    def running(self) -> bool:
        """Tell whether every unit of every host is active."""
        return all(host.running and all(state == "active" for _, state in host.units) for host in self.hosts)


def _silent(_text: str) -> None:
    """Tell nobody."""


def up(options: LabOptions, progress: Progress = _silent) -> LabSite:
    """Bring a lab up and return it: a new one, or the stopped one of that directory with its data and its options.

    `progress` is told each stage. Raise `InputError` where the options or the directory are wrong or the lab runs
    already, `Error` where it cannot be started; nothing is left running then.
    """
    findings = options.findings()
    if findings:
        raise InputError(findings)
    for name, package in (("sshd", "openssh-server"), ("ssh-keygen", "openssh-client"), ("tarantool", "tarantool")):
        access.program(name, package)
    directory = _directory(options)
    site = load(directory)
    if site is not None and processes.marked(site.identity, site.subnet):
        raise InputError([Finding(None, f"the lab in {directory} is running", f"ff-play lab down --dir {directory}")])
    if site is None and directory.exists() and any(directory.iterdir()):
        raise InputError([Finding(None, f"{directory} is not empty and not a lab", "give an empty or a new directory")])
    if site is not None and site.complete:
        return _again(site, progress)
    return _new(directory, options, progress)


def _directory(options: LabOptions) -> Path:
    if options.directory is None:
        return Path(tempfile.mkdtemp(prefix="ffplay-lab-"))
    return options.directory.expanduser().absolute()


def _again(site: LabSite, progress: Progress) -> LabSite:
    progress(f"starting the lab in {site.directory} again, with its data")
    held = network.claim(site.subnet)
    if held is None:
        raise Error(f"the addresses {site.subnet}.* of the lab are in use", "stop what uses them, or make a new lab")
    with held, _stopped_on_failure(site):
        _start(site, held.fileno(), progress)
    return site


def _new(directory: Path, options: LabOptions, progress: Progress) -> LabSite:
    if directory.exists():
        # What an unfinished `up` has left: its parts may be half-written.
        shutil.rmtree(directory)
    directory.mkdir(parents=True)
    subnet, held = network.claim_any(random.Random())
    site = LabSite(directory, uuid.uuid4().hex, subnet, options)
    site.save()
    with held, _stopped_on_failure(site):
        progress(f"writing {len(site.hosts)} hosts on {subnet}.* to {directory}")
        access.make_keys(site)
        for host in site.hosts:
            services.install(site, host)
        inventory.write(site)
        _start(site, held.fileno(), progress)
        _seed(site, progress)
        site = replace(site, complete=True)
        site.save()
    return site


@contextlib.contextmanager
def _stopped_on_failure(site: LabSite) -> Iterator[None]:
    try:
        yield
    except BaseException:
        _stop(site)
        raise


def _start(site: LabSite, claim: int, progress: Progress) -> None:
    progress("starting sshd, Tarantool, MongoDB and the rest")
    for host in site.hosts:
        # The claim on the addresses lives as long as the first host.
        _start_init(site, host, (claim,) if host == site.app else ())
    deadline = time.monotonic() + _START_SECONDS
    for host in site.hosts:
        _await_units(host, deadline)
    for host in site.hosts:
        for port in _ports(host):
            if not network.await_port(host.address, port, deadline):
                raise Error(f"nothing listens on {host.address}:{port} of the lab host {host.name}", _look(host))


def _start_init(site: LabSite, host: LabHost, keep: tuple[int, ...]) -> None:
    environment = access.host_environment(site, host)
    inherited = ("HOME", "LANG", "TZ", "USER", "LOGNAME", "SHELL")
    environment |= {name: os.environ[name] for name in inherited if name in os.environ}
    environment["PYTHONPATH"] = services.package_path()
    process = init.start(host.root, environment, keep, sys.executable)
    process.returncode = 0  # it outlives us: Popen must neither wait for it nor complain


def _ports(host: LabHost) -> list[int]:
    if host.shards:
        return [SSH_PORT]
    names = ("mongo_port", "extraction_port", "facenapi_port", "ntls_port")
    return [SSH_PORT, *(services.port(name) for name in names), NTLS_WEB_PORT, UPLOAD_PORT]


def _await_units(host: LabHost, deadline: float) -> None:
    names = unit_files.names(host.root)
    while True:
        reply = host.systemctl("is-active", *names)
        states = dict(zip(names, reply.stdout.split(), strict=False))
        failed = [name for name, state in states.items() if state == "failed"]
        if failed:
            log = host.systemctl("status", "-n", str(_LOG_LINES), failed[0]).stdout
            raise Error(f"{failed[0]} of the lab host {host.name} does not start:\n{log.rstrip()}", _look(host))
        if len(states) == len(names) and all(state == "active" for state in states.values()):
            return
        if time.monotonic() > deadline:
            raise Error(f"the lab host {host.name} did not start in {_START_SECONDS:.0f} s: {states}", _look(host))
        time.sleep(0.05)


def _look(host: LabHost) -> str:
    return f"look into {host.root}/var/log"


def _seed(site: LabSite, progress: Progress) -> None:
    from ffplay.lab import seed

    options = site.options
    progress(f"enrolling {options.faces} faces with {options.model}")
    uploads = site.app.root / "var/lib/ffupload/uploads"
    seed.seed(
        site.app.address,
        int(services.port("mongo_port")),
        site.shards(),
        services.cells(site),
        options.faces,
        options.model,
        uploads,
        options.seed,
        detector=options.detector,
        facen_size=options.size,
    )


def down(directory: Path, progress: Progress = _silent) -> int:
    """Stop a lab, whatever state it is in, and return how many processes it had. Its directory stays."""
    site = _site(directory)
    progress(f"stopping the lab in {site.directory}")
    return _stop(site)


def _stop(site: LabSite) -> int:
    def left() -> set[int]:
        return {process for process in processes.marked(site.identity, site.subnet) if processes.alive(process)}

    found = left()
    processes.send(_inits(site) & found, signal.SIGTERM)
    deadline = time.monotonic() + _STOP_SECONDS
    # The hosts' inits stop their units in an orderly way; what has lost its init comes after them.
    while _inits(site) & left() and time.monotonic() < deadline:
        time.sleep(0.03)
    processes.end(left, _GRACE_SECONDS)
    return len(found)


def _inits(site: LabSite) -> set[int]:
    found = set()
    for host in site.hosts:
        with contextlib.suppress(OSError, ValueError):
            found.add(int((host.root / "run/init.pid").read_text()))
    return found


def _site(directory: Path) -> LabSite:
    directory = directory.expanduser().absolute()
    site = load(directory)
    if site is None:
        raise InputError([Finding(None, f"{directory} is not a lab", "ff-play lab up makes one")])
    return site


def status(directory: Path) -> LabStatus:
    """Return how a lab is."""
    site = _site(directory)
    hosts = tuple(_host_status(host) for host in site.hosts)
    return LabStatus(site, hosts, len(processes.marked(site.identity, site.subnet)))


def _host_status(host: LabHost) -> HostStatus:
    names = unit_files.names(host.root)
    with contextlib.suppress(OSError):
        reply: subprocess.CompletedProcess[str] = host.systemctl("is-active", *names)
        states = reply.stdout.split()
        if len(states) == len(names):
            return HostStatus(host.name, host.address, True, tuple(zip(names, states, strict=True)))
    return HostStatus(host.name, host.address, False, tuple((name, "inactive") for name in names))
