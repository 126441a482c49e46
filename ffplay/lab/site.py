"""Bring a lab up and down, and say how it is."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from ffplay.errors import Error, Finding, InputError
from ffplay.lab import access, driver, inventory, network, services
from ffplay.lab.driver import Driver
from ffplay.lab.layout import NTLS_WEB_PORT, UPLOAD_PORT, LabHost, LabOptions, LabSite, load

_START_SECONDS = 60.0

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
    directory = _directory(options)
    site = load(directory)
    if site is not None and site.complete:
        options = site.options
    hosts = driver.named(options.driver, progress)
    hosts.check(options)
    if site is not None and driver.named(site.options.driver).processes(site):
        raise InputError([Finding(None, f"the lab in {directory} is running", f"ff-play lab down --dir {directory}")])
    if site is None and directory.exists() and any(directory.iterdir()):
        raise InputError([Finding(None, f"{directory} is not empty and not a lab", "give an empty or a new directory")])
    if site is not None and site.complete:
        return _again(hosts, site, progress)
    return _new(hosts, directory, options, progress)


def _directory(options: LabOptions) -> Path:
    if options.directory is None:
        return Path(tempfile.mkdtemp(prefix="ffplay-lab-"))
    return options.directory.expanduser().absolute()


def _again(hosts: Driver, site: LabSite, progress: Progress) -> LabSite:
    progress(f"starting the lab in {site.directory} again, with its data")
    with hosts.claimed(site.subnet), _stopped_on_failure(hosts, site):
        _start(hosts, site, progress)
    return site


def _new(hosts: Driver, directory: Path, options: LabOptions, progress: Progress) -> LabSite:
    unfinished = load(directory)
    if unfinished is not None:
        # What a killed `up` has left: its parts may be half-written.
        driver.named(unfinished.options.driver).stop(unfinished)
        shutil.rmtree(directory)
    directory.mkdir(parents=True, exist_ok=True)
    with hosts.claimed(None) as subnet:
        site = LabSite(directory, uuid.uuid4().hex, subnet, options)
        site.save()
        with _stopped_on_failure(hosts, site):
            progress(f"writing {len(site.hosts)} hosts on {subnet}.* to {directory}")
            access.make_client_key(site)
            hosts.install(site)
            access.make_host_keys(site)
            inventory.write(site)
            _start(hosts, site, progress)
            _seed(site, progress)
            site = replace(site, complete=True)
            site.save()
    return site


@contextlib.contextmanager
def _stopped_on_failure(hosts: Driver, site: LabSite) -> Iterator[None]:
    try:
        yield
    except BaseException:
        hosts.stop(site)
        raise


def _start(hosts: Driver, site: LabSite, progress: Progress) -> None:
    progress("starting sshd, Tarantool, MongoDB and the rest")
    for host in site.hosts:
        hosts.boot(site, host)
    deadline = time.monotonic() + _START_SECONDS
    for host in site.hosts:
        _await_units(host, services.units(site, host), deadline)
    for host in site.hosts:
        for port in _ports(host):
            _await_port(host, port, deadline)


def _await_port(host: LabHost, port: int, deadline: float) -> None:
    if not network.await_port(host.address, port, deadline):
        raise Error(f"nothing listens on {host.address}:{port} of the lab host {host.name}", _look(host))


def _ports(host: LabHost) -> list[int]:
    if host.shards:
        return [host.ssh_port]
    names = ("mongo_port", "extraction_port", "facenapi_port", "ntls_port")
    return [host.ssh_port, *(services.port(name) for name in names), NTLS_WEB_PORT, UPLOAD_PORT]


def _await_units(host: LabHost, names: list[str], deadline: float) -> None:
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
    return f"look into {host.console if host.machine else host.root / 'var/log'}"


def _seed(site: LabSite, progress: Progress) -> None:
    from ffplay.lab import seed

    options = site.options
    progress(f"enrolling {options.faces} faces with {options.model}")
    seed.seed(
        site.app.address,
        int(services.port("mongo_port")),
        site.shards(),
        services.cells(site),
        options.faces,
        options.model,
        site.app.root / services.UPLOADS,
        options.seed,
        detector=options.detector,
        facen_size=options.size,
        photos=site.app.prefix / services.UPLOADS,
    )


def down(directory: Path, progress: Progress = _silent) -> int:
    """Stop a lab, whatever state it is in, and return how many processes it had. Its directory stays."""
    site = _site(directory)
    progress(f"stopping the lab in {site.directory}")
    return driver.named(site.options.driver).stop(site)


def cut(directory: Path, host: str) -> None:
    """Cut the power of one host: all its processes are gone at once, its /run and /tmp are lost, its disk stays.

    What its programs had written and not yet synced is not lost: the disk is this machine's.
    Raise KeyError where the lab has no such host.
    """
    site = _site(directory)
    driver.named(site.options.driver).cut(site, site.host(host))


def boot(directory: Path, host: str) -> None:
    """Switch a host on whose power was cut, and return once its sshd answers; its enabled units may start still.

    Raise KeyError where the lab has no such host, `Error` where its sshd does not answer.
    """
    site = _site(directory)
    found = site.host(host)
    driver.named(site.options.driver).boot(site, found)
    _await_port(found, found.ssh_port, time.monotonic() + _START_SECONDS)


def reboot(directory: Path, host: str) -> None:
    """Reboot one host as a short power cut does: `cut`, then `boot`."""
    cut(directory, host)
    boot(directory, host)


def _site(directory: Path) -> LabSite:
    directory = directory.expanduser().absolute()
    site = load(directory)
    if site is None:
        raise InputError([Finding(None, f"{directory} is not a lab", "ff-play lab up makes one")])
    return site


def status(directory: Path) -> LabStatus:
    """Return how a lab is."""
    site = _site(directory)
    hosts = tuple(_host_status(host, services.units(site, host)) for host in site.hosts)
    return LabStatus(site, hosts, driver.named(site.options.driver).processes(site))


def _host_status(host: LabHost, names: list[str]) -> HostStatus:
    with contextlib.suppress(OSError):
        reply: subprocess.CompletedProcess[str] = host.systemctl("is-active", *names)
        states = reply.stdout.split()
        if len(states) == len(names):
            return HostStatus(host.name, host.address, True, tuple(zip(names, states, strict=True)))
    return HostStatus(host.name, host.address, False, tuple((name, "inactive") for name in names))
