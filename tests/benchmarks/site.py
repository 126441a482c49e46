"""The benchmark site: built once a size, started once, and put back to its beginning before every run."""

from __future__ import annotations

import contextlib
import grp
import json
import os
import pwd
import random
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import yaml

from ffplay.lab import access, network
from tests.benchmarks import processes
from tests.benchmarks.layout import (
    FROM_SIZE,
    HTTP_BASE,
    INSTANCES,
    MONGO_PORT,
    SSH_PORT,
    Host,
    Layout,
    Shard,
    Size,
)

_PROGRAMS = Path(__file__).parent / "host"
_TOP = Path(__file__).parents[2]
_START_SECONDS = 120

# Each host gets its processes for itself where this machine lets us: a look at /proc shows a host's own, as on a site.
_OWN_PROCESSES = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]

_INIT = """#!/bin/sh
for conf in "$BENCH_ROOT"/{instances}/*.lua; do
  name=${{conf##*/}}
  systemctl start "tarantool@${{name%.lua}}" || exit
done
exec {sshd} -D -e -f {config}
"""

_SSHD = """\
ListenAddress {address}
Port {port}
HostKey "{directory}/keys/host"
AuthorizedKeysFile "{directory}/keys/client.pub"
PidFile none
UsePAM no
StrictModes no
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UseDNS no
PrintMotd no
MaxStartups 200:30:400
Subsystem sftp {sftp}
SetEnv {variables}
"""

# What Ansible's own documentation has for speed, and what keeps a run's files out of the caller's home.
_ANSIBLE = """\
[defaults]
forks = 64
timeout = 120
gathering = explicit
home = {directory}/state/ansible
local_tmp = {directory}/state/ansible/tmp
[ssh_connection]
pipelining = true
ssh_args = -o ControlMaster=auto -o ControlPersist=60s
control_path_dir = {directory}/control
"""


class BenchSite:
    """A running site. `layout` says where everything is, `isolated` whether each host sees its own processes alone."""

    def __init__(self, layout: Layout, supervisor: subprocess.Popen[bytes], isolated: bool) -> None:
        self.layout = layout
        self.isolated = isolated
        self.supervisor = supervisor

    def cpu_seconds(self) -> float:
        """Return the CPU time that all of the site has used since it started."""
        return processes.cpu_seconds(self.supervisor.pid)

    def reset(self) -> None:
        """Put every file back to what it was before the job; what was started stays up."""
        for host in self.layout.hosts:
            for name in ("var/lib/ffplay", "var/lib/findface", "var/backups"):
                shutil.rmtree(host.root / name, ignore_errors=True)
            for shard in host.each_shard():
                _write_shard(self.layout, shard)
                if not unit_pid(shard):
                    raise RuntimeError(f"{host.name}: {shard.unit} was left stopped")
        shutil.rmtree(self.layout.directory / "state", ignore_errors=True)


def unit_pid(shard: Shard) -> str:
    """Return the main process of a shard's unit as its state file has it, empty where it is stopped."""
    with contextlib.suppress(OSError):
        return (shard.root / "run/units" / shard.unit).read_text().partition("|")[0]
    return ""


@contextlib.contextmanager
def running(directory: Path, size: Size) -> Iterator[BenchSite]:
    """Build a site of that size in a directory that is not there yet, start it, and take it down in the end."""
    with _subnet() as subnet:
        layout = Layout(directory, subnet, size)
        isolated = subprocess.run([*_OWN_PROCESSES, "true"], capture_output=True, check=False).returncode == 0
        _build(layout, isolated)
        command = [sys.executable, "-m", "tests.benchmarks.supervisor", str(directory)]
        supervisor = subprocess.Popen(
            command,
            cwd=_TOP,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        try:
            _await(layout, supervisor)
            yield BenchSite(layout, supervisor, isolated)
        finally:
            supervisor.terminate()
            try:
                supervisor.wait(30)
            except subprocess.TimeoutExpired:
                supervisor.kill()
                supervisor.wait()
            shutil.rmtree(directory, ignore_errors=True)


@contextlib.contextmanager
def _subnet() -> Iterator[str]:
    """Claim addresses that no other site has, and that no lab takes."""
    chance = random.Random()
    for _ in range(100):
        subnet = f"127.{chance.randint(2, 63)}"
        held = network.hold(subnet)
        if held is not None:
            with held:
                yield subnet
            return
    raise RuntimeError("no free loopback addresses")


def _build(layout: Layout, isolated: bool) -> None:
    (layout.directory / "keys").mkdir(parents=True)
    for name in ("client", "host"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", f"{layout.directory}/keys/{name}"]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    first = layout.hosts[0]
    database = first.root / "var/lib/mongodb"
    database.mkdir(parents=True)
    commands: list[tuple[list[str], dict[str, str]]] = []
    for host in layout.hosts:
        _build_host(layout, host)
        prefix = _OWN_PROCESSES if isolated else []
        commands.append(([*prefix, "sh", str(host.root / "etc/ssh/init")], _environment(host)))
    mongod = [sys.executable, "-m", "ffplay.lab.mongod", "--bind", first.address, "--port", str(MONGO_PORT)]
    commands.append(([*mongod, "--dbpath", str(database), "--wire-version", "5"], {"PYTHONPATH": str(_TOP)}))
    shards = [
        (shard.address, HTTP_BASE + shard.number, str(shard.root / "run/units" / shard.unit))
        for host in layout.hosts
        for shard in host.each_shard()
    ]
    (layout.directory / "site.json").write_text(json.dumps({"commands": commands, "shards": shards}))
    for one in (layout, replace(layout, far=True)):
        _write_client(one)


def _write_client(layout: Layout) -> None:
    """Write what a client reads."""
    layout.client.mkdir()
    kind, key, _ = (layout.directory / "keys/host.pub").read_text().split(" ", 2)
    layout.known_hosts.write_text("".join(f"[{host.reach}]:{SSH_PORT} {kind} {key}\n" for host in layout.hosts))
    layout.ssh_config.write_text(_ssh_config(layout))
    content = inventory(layout)
    (layout.client / "inventory.yml").write_text(yaml.safe_dump(content, sort_keys=False))
    (layout.client / "inventory.json").write_text(json.dumps(content))
    (layout.client / "ansible.cfg").write_text(_ANSIBLE.format(directory=layout.directory))


def _build_host(layout: Layout, host: Host) -> None:
    for name in ("etc/ssh", INSTANCES, "run/units", "tmp", "var/lib", "usr/bin"):
        (host.root / name).mkdir(parents=True, exist_ok=True)
    for program in _PROGRAMS.iterdir():
        shutil.copy2(program, host.root / "usr/bin")
    (host.root / "etc/findface-facenapi.ini").write_text("detector = 'nnd'\n")
    (host.root / "etc/findface-extraction-api.ini").write_text("models:\n  facen: apricot_320\n")
    for shard in host.each_shard():
        _write_shard(layout, shard)
    config = host.root / "etc/ssh/sshd_config"
    # SHLVL keeps bash, as the user's login shell, from reading ~/.bashrc: no host is this machine's user.
    variables = " ".join(f'"{name}={value}"' for name, value in {**_environment(host), "SHLVL": "1"}.items())
    config.write_text(
        _SSHD.format(
            address=host.address,
            port=SSH_PORT,
            directory=layout.directory,
            sftp="internal-sftp",
            variables=variables,
        )
    )
    sshd = access.program("sshd", "openssh-server")
    (host.root / "etc/ssh/init").write_text(_INIT.format(instances=INSTANCES, sshd=sshd, config=config))


def _environment(host: Host) -> dict[str, str]:
    return {"PATH": f"{host.root}/usr/bin:{access.SYSTEM_PATH}", "BENCH_ROOT": str(host.root)}


def _write_shard(layout: Layout, shard: Shard) -> None:
    """Have a shard's files as they are before the job, and no others."""
    shutil.rmtree(shard.data, ignore_errors=True)
    for name, content in shard.files().items():
        path = shard.data / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    shard.conf.write_text(shard.conf_text(FROM_SIZE, layout.hosts[0].address))


def _ssh_config(layout: Layout) -> str:
    hosts = "".join(f"Host {host.name}\n  HostName {host.reach}\n" for host in layout.hosts)
    return (
        f'{hosts}Host *\n  User {pwd.getpwuid(os.getuid()).pw_name}\n  Port {SSH_PORT}\n  IdentityFile "{layout.key}"\n'
        f'  IdentitiesOnly yes\n  UserKnownHostsFile "{layout.known_hosts}"\n  StrictHostKeyChecking yes\n'
    )


def inventory(layout: Layout) -> dict[str, object]:
    """Return the inventory that ffplay and Ansible read, as data."""
    user = pwd.getpwuid(os.getuid()).pw_name
    group = grp.getgrgid(os.getgid()).gr_name
    first = layout.hosts[0]
    common = {
        "ansible_user": user,
        "ansible_port": SSH_PORT,
        "ansible_ssh_private_key_file": str(layout.key),
        "ansible_ssh_common_args": f"-o UserKnownHostsFile={layout.known_hosts}",
        "ansible_become": False,
        # Many handshakes at once on few cores: no tool shall fail for that, only take its time.
        "ansible_ssh_timeout": 120,
        "ansible_python_interpreter": str(Path(sys.executable).resolve()),
        "ansible_remote_tmp": "{{ root }}/tmp/ansible",
        "tarantool_owner": f"{user}:{group}",
        "mongo_address": first.address,
        "ntls_address": first.address,
        "copy_command": "mongo2searchapi",
    }
    hosts = {
        host.name: {
            "ansible_host": host.reach,
            "root": str(host.root),
            "shard_address": host.address,
            "shards": host.shards,
        }
        for host in layout.hosts
    }
    groups: dict[str, object] = {name: {"hosts": {first.name: {}}} for name in ("facenapi", "extraction", "mongo")}
    groups["tntapi"] = {"hosts": hosts}
    return {"all": {"vars": common, "children": groups}}


def _await(layout: Layout, supervisor: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    assert supervisor.stdout is not None
    if supervisor.stdout.readline() != b"ready\n":
        raise RuntimeError(f"the site did not start: {(layout.directory / 'site.log').read_text()}")
    ports = [(layout.hosts[0].address, MONGO_PORT), *((host.address, SSH_PORT) for host in layout.hosts)]
    for address, port in ports:
        while True:
            with contextlib.suppress(OSError), socket.create_connection((address, port), timeout=1):
                break
            if time.monotonic() > deadline:
                raise RuntimeError(
                    f"nothing listens on {address}:{port}: {(layout.directory / 'site.log').read_text()}"
                )
            time.sleep(0.02)
