"""Real OpenSSH servers on loopback, each with its own configuration and keys; the machine's own are left alone."""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ffplay.model import Host, Login
from ffplay.remote.connection import ShellConnection
from ffplay.remote.pool import connect

PASSWORD = "tr0ub4dor-and-3"


def keygen(path: Path, kind: str = "ed25519", passphrase: str = "") -> Path:
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-f", path], check=True)
    return path


class Sshd:
    """A server, and where its files are. `extra` are lines for its configuration."""

    def __init__(self, directory: Path, extra: str = "", prefix: tuple[str, ...] = ()) -> None:
        if shutil.which("sshd", path="/usr/sbin:/usr/bin") is None:
            pytest.skip("openssh-server is not installed")
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)
        self.directory = directory
        directory.mkdir(exist_ok=True)
        self.host_key = keygen(directory / "host_key")
        self.client_key = keygen(directory / "client_key")
        (directory / "authorized").write_text(self.client_key.with_suffix(".pub").read_text())
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port: int = probe.getsockname()[1]
        config = directory / "sshd_config"
        config.write_text(
            f"{extra}\nListenAddress 127.0.0.1\nPort {self.port}\nHostKey {self.host_key}\nUsePAM no\nStrictModes no\n"
            f"AuthorizedKeysFile {directory}/authorized\nPidFile {directory}/pid\nPermitRootLogin yes\n"
        )
        self.log = directory / "log"
        with self.log.open("wb") as log:
            command = [*prefix, "/usr/sbin/sshd", "-D", "-e", "-f", str(config)]
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        self._wait()

    def _wait(self) -> None:
        for _ in range(200):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        raise RuntimeError(self.log.read_text())

    @property
    def known_line(self) -> str:
        return f"[127.0.0.1]:{self.port} {self.host_key.with_suffix('.pub').read_text()}"

    def login(self, **changes: object) -> Login:
        values: dict[str, object] = {
            "address": "127.0.0.1", "port": self.port, "user": getpass.getuser(), "key_file": str(self.client_key),
        }  # fmt: skip
        return Login(**(values | changes))  # type: ignore[arg-type]

    def children(self) -> list[int]:
        """Return the processes that serve connections: a user other than root has one below the first."""
        found: list[int] = []
        parents = [self.process.pid]
        while parents:
            command = ["pgrep", "-P", ",".join(map(str, parents))]
            output = subprocess.run(command, capture_output=True, text=True, check=False).stdout
            parents = [int(word) for word in output.split()]
            found += parents
        return found

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home directory of the test's own, with no keys and nothing known."""
    directory = tmp_path / "home"
    (directory / ".ssh").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(directory))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    return directory


@pytest.fixture(scope="session")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    server = Sshd(tmp_path_factory.mktemp("sshd") / "a")
    yield server
    server.stop()


@pytest.fixture
def start_sshd(tmp_path: Path) -> Iterator[object]:
    """Start further servers, with lines of configuration."""
    servers: list[Sshd] = []

    def start(extra: str = "") -> Sshd:
        servers.append(Sshd(tmp_path / f"sshd{len(servers)}", extra))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def known(home: Path, sshd: Sshd) -> Path:
    """A known_hosts file that has the server's key."""
    path = home / ".ssh" / "known_hosts"
    path.write_text(sshd.known_line)
    return path


@pytest.fixture(params=["local", "ssh"])
def connection(request: pytest.FixtureRequest, sshd: Sshd, known: Path) -> Iterator[ShellConnection]:
    """A connection of each kind."""
    login = Login("here", local=True) if request.param == "local" else sshd.login()
    with contextlib.closing(connect(Host("db1", (), login), silence=5)) as made:
        yield made


_SUDOERS = """\
Defaults timestamp_timeout=0
{defaults}
root ALL=(ALL:ALL) ALL
deploy ALL=(ALL:ALL) ALL
free ALL=(ALL:ALL) NOPASSWD: ALL
"""


@pytest.fixture(scope="session", params=["", "Defaults use_pty"], ids=["plain", "use_pty"])
def sudo_host(request: pytest.FixtureRequest) -> Iterator[Sshd]:
    """A server that sees users and sudo rules of its own: deploy (password), free (none), guest (not allowed)."""
    if os.geteuid() != 0 or shutil.which("sudo") is None:
        pytest.skip("needs root and sudo")
    if subprocess.run(["unshare", "--mount", "true"], check=False, capture_output=True).returncode:
        pytest.skip("unshare is not permitted here")
    # pytest's own directories are closed to other users.
    with tempfile.TemporaryDirectory(prefix="ffplay-sudo-") as name:
        base = Path(name)
        base.chmod(0o755)
        digest = subprocess.run(
            ["openssl", "passwd", "-6", PASSWORD], check=True, capture_output=True, text=True
        ).stdout.strip()
        passwd, shadow = Path("/etc/passwd").read_text(), Path("/etc/shadow").read_text()
        for number, user in enumerate(["deploy", "free", "guest"], 61001):
            passwd += f"{user}:x:{number}:{number}::/:/bin/sh\n"
            shadow += f"{user}:{digest}:19000:0:99999:7:::\n"
        files = {"passwd": passwd, "shadow": shadow, "sudoers": _SUDOERS.format(defaults=request.param)}
        mounts = ""
        for file, text in files.items():
            (base / file).write_text(text)
            (base / file).chmod(0o440 if file == "sudoers" else 0o644)
            mounts += f"mount --bind {base / file} /etc/{file} && "
        prefix = ("unshare", "--mount", "sh", "-c", f'{mounts} exec "$@"', "sh")
        server = Sshd(base / "sshd", prefix=prefix)
        (base / "sshd").chmod(0o755)
        (base / "sshd" / "authorized").chmod(0o644)
        yield server
        server.stop()
