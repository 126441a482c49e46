"""SSH into a lab's hosts: keys, each host's sshd, and what a client needs to know."""

from __future__ import annotations

import os
import pwd
import shlex
import shutil
import subprocess
from pathlib import Path

from ffplay.errors import Error
from ffplay.lab import processes
from ffplay.lab.layout import MACHINE_SSH_PORT, MACHINE_USER, LabHost, LabSite

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# Compiled into sshd, which as root refuses to start without it; at boot the system's own unit makes it.
_PRIVILEGE_SEPARATION = Path("/run/sshd")

_SFTP_SERVERS = ("/usr/lib/openssh/sftp-server", "/usr/libexec/openssh/sftp-server", "/usr/lib/ssh/sftp-server")


def user(site: LabSite) -> str:
    """Return the name of the user who logs in to a lab's hosts: where they share this machine, who runs the lab."""
    return MACHINE_USER if site.machines else pwd.getpwuid(os.getuid()).pw_name


def program(name: str, package: str) -> str:
    """Return the path of a program that the lab needs. Raise `Error` with the package's name where it is missing."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:{SYSTEM_PATH}")
    if found is None:
        raise Error(f"the lab needs {name}, which is not installed", f"apt-get install {package}")
    return str(Path(found).resolve())


def host_environment(site: LabSite, host: LabHost) -> dict[str, str]:
    """Return the variables that every session and every unit of a host has."""
    return {
        "PATH": f"{host.root}/usr/bin:{SYSTEM_PATH}",
        processes.MARK: site.identity,
        processes.ROOT: str(host.root),
    }


def make_client_key(site: LabSite) -> None:
    """Make the key that logs in."""
    (site.directory / "keys").mkdir(exist_ok=True)
    _keygen(site.key, "ffplay lab")
    (site.directory / "keys/authorized_keys").write_text(site.key.with_suffix(".pub").read_text())


def make_host_keys(site: LabSite) -> None:
    """Make the key of every host, and the files from which a client knows them."""
    known = []
    for host in site.hosts:
        (host.root / "etc/ssh").mkdir(parents=True, exist_ok=True)
        path = host.root / "etc/ssh/ssh_host_ed25519_key"
        _keygen(path, host.name)
        kind, key, _comment = path.with_suffix(".pub").read_text().split(" ", 2)
        known.append(f"{known_as(host)} {kind} {key}\n")
    site.known_hosts.write_text("".join(known))
    site.ssh_config.write_text(_client_config(site))


def known_as(host: LabHost) -> str:
    """Return a host's name in known_hosts, where the usual port is left out."""
    return host.address if host.ssh_port == MACHINE_SSH_PORT else f"[{host.address}]:{host.ssh_port}"


def _keygen(path: Path, comment: str) -> None:
    keygen = program("ssh-keygen", "openssh-client")
    command = [keygen, "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


def _client_config(site: LabSite) -> str:
    hosts = "".join(f"Host {host.name}\n  HostName {host.address}\n" for host in site.hosts)
    return (
        f"{hosts}Host *\n  User {user(site)}\n  Port {site.app.ssh_port}\n  IdentityFile {_quoted(site.key)}\n"
        f"  IdentitiesOnly yes\n  UserKnownHostsFile {_quoted(site.known_hosts)}\n  StrictHostKeyChecking yes\n"
    )


def _quoted(path: object) -> str:
    """Quote for sshd_config and ssh_config, which know double quotes only."""
    return f'"{path}"'


def write_sshd(site: LabSite, host: LabHost) -> str:
    """Write the configuration of a host's sshd and return the command that runs it."""
    if os.geteuid() == 0:
        _PRIVILEGE_SEPARATION.mkdir(mode=0o755, exist_ok=True)
    etc = host.root / "etc/ssh"
    environment = host_environment(site, host)
    session = etc / "session"
    prompt = etc / "prompt"
    prompt.write_text(f"PS1='{host.name}:\\w\\$ '\n")
    session.write_text(_session(environment, prompt))
    session.chmod(0o755)
    sftp = next((path for path in _SFTP_SERVERS if Path(path).exists()), "internal-sftp")
    # SHLVL keeps bash, as the user's login shell, from reading ~/.bashrc: a lab host is not this machine's user.
    variables = " ".join(_quoted(f"{name}={value}") for name, value in {**environment, "SHLVL": "1"}.items())
    config = etc / "sshd_config"
    config.write_text(
        f"""# sshd of the lab host {host.name}
ListenAddress {host.address}
Port {host.ssh_port}
HostKey {_quoted(etc / "ssh_host_ed25519_key")}
AuthorizedKeysFile {_quoted(site.directory / "keys/authorized_keys")}
PidFile none
UsePAM no
StrictModes no
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
AllowUsers {user(site)}
AllowTcpForwarding yes
UseDNS no
PrintMotd no
MaxStartups 200:30:400
Subsystem sftp {sftp}
SetEnv {variables}
# What a login shell's profile does to PATH is undone there.
ForceCommand {shlex.quote(str(session))}
"""
    )
    return f"{program('sshd', 'openssh-server')} -D -e -f {shlex.quote(str(config))}"


def _session(environment: dict[str, str], prompt: Path) -> str:
    """Return the script that every session begins with: commands run in sh, people get a shell with a prompt."""
    exports = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in environment.items())
    return (
        f"#!/bin/sh\n{exports}"
        'if [ -n "$SSH_ORIGINAL_COMMAND" ]; then\n'
        '  command=$SSH_ORIGINAL_COMMAND; unset SSH_ORIGINAL_COMMAND; exec /bin/sh -c "$command"\nfi\n'
        f"[ ! -x /bin/bash ] || exec /bin/bash --rcfile {shlex.quote(str(prompt))} -i\nexec /bin/sh -i\n"
    )
