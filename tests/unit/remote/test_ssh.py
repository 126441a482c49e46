"""Connections to real OpenSSH servers: what is accepted, what is refused and in which words, what is noticed."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import paramiko
import pytest

from ffplay.errors import AuthError, HostKeyError, Unreachable
from ffplay.model import Host, Login
from ffplay.remote.pool import Pool, connect
from ffplay.remote.sshdial import is_reachable

Start = Callable[..., Any]


def answer(login: Login) -> str:
    with contextlib.closing(connect(Host("db1", (), login))) as connection:
        return connection.run("echo ok").text.strip()


def keygen(path: Path, *more: str) -> Path:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", *more, "-f", path], check=True)
    return path


def test_imports_cost_nothing() -> None:
    code = "import sys, ffplay.remote.pool; assert 'paramiko' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
    code = "import sys, ffplay.remote.ssh; assert 'invoke' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_unknown_host_key(home: Path, sshd: Any) -> None:
    listed = subprocess.run(["ssh-keygen", "-lf", sshd.host_key], capture_output=True, text=True, check=True).stdout
    with pytest.raises(HostKeyError) as caught:
        answer(sshd.login())
    assert listed.split()[1] in caught.value.message
    assert "ssh-ed25519" in caught.value.message
    command = caught.value.advice.split("`")[-2]
    assert command.startswith(f"ssh-keyscan -p {sshd.port} 127.0.0.1 >> ")
    subprocess.run(command, shell=True, check=True, capture_output=True)
    assert answer(sshd.login()) == "ok"


def test_changed_host_key(known: Path, sshd: Any, tmp_path: Path) -> None:
    other = keygen(tmp_path / "other").with_suffix(".pub").read_text()
    known.write_text(f"# c\n[127.0.0.1]:{sshd.port} {other}")
    with pytest.raises(HostKeyError) as caught:
        answer(sshd.login())
    assert caught.value.message.count("SHA256:") == 2
    assert f"{known}:2" in caught.value.message
    assert "ssh-keygen -f" in caught.value.advice


def test_revoked_host_key(known: Path, sshd: Any) -> None:
    known.write_text(f"@revoked * {sshd.host_key.with_suffix('.pub').read_text()}\n{sshd.known_line}")
    with pytest.raises(HostKeyError, match="revoked"):
        answer(sshd.login())


def test_hashed_known_hosts_beside_an_authority(known: Path, sshd: Any) -> None:
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", known], check=True, capture_output=True)
    known.write_text(f"@cert-authority *.example {sshd.host_key.with_suffix('.pub').read_text()}" + known.read_text())
    assert "|1|" in known.read_text()
    assert answer(sshd.login()) == "ok"


def test_the_known_type_of_key_is_asked_for(home: Path, start_sshd: Start, tmp_path: Path) -> None:
    rsa = tmp_path / "rsa"
    subprocess.run(["ssh-keygen", "-q", "-t", "rsa", "-N", "", "-f", rsa], check=True)
    server = start_sshd(f"HostKey {rsa}")
    file = home / ".ssh" / "known_hosts"
    file.write_text(f"[127.0.0.1]:{server.port} {rsa.with_suffix('.pub').read_text()}")
    assert answer(server.login()) == "ok"
    file.write_text(server.known_line)
    assert answer(server.login()) == "ok"


def test_policy_of_common_args(home: Path, sshd: Any) -> None:
    assert answer(sshd.login(common_args="-o StrictHostKeyChecking=no")) == "ok"
    file = home / "kh"
    args = f"-o StrictHostKeyChecking=accept-new -o UserKnownHostsFile={file}"
    assert answer(sshd.login(common_args=args)) == "ok"
    assert file.read_text().split()[:2] == [f"[127.0.0.1]:{sshd.port}", "ssh-ed25519"]
    assert answer(sshd.login(common_args=f"-o UserKnownHostsFile={file}")) == "ok"


def test_key_that_is_missing(known: Path, sshd: Any) -> None:
    with pytest.raises(AuthError, match="/no/key cannot be read: No such file"):
        answer(sshd.login(key_file="/no/key"))


def test_key_that_is_rubbish(known: Path, sshd: Any) -> None:
    with pytest.raises(AuthError, match="is no private key"):
        answer(sshd.login(key_file="/etc/passwd"))


def test_key_with_a_passphrase(known: Path, sshd: Any, tmp_path: Path) -> None:
    key = tmp_path / "locked"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "secret", "-f", key], check=True)
    with pytest.raises(AuthError, match=f"{key} has a passphrase: `ssh-add"):
        answer(sshd.login(key_file=str(key)))


@pytest.mark.skipif(shutil.which("ssh-agent") is None, reason="ssh-agent is not installed")
def test_key_with_a_passphrase_in_the_agent(known: Path, sshd: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    key = known.parent / "copy"
    shutil.copy(sshd.client_key, key)
    shutil.copy(f"{sshd.client_key}.pub", f"{key}.pub")
    path = str(known.parent / "agent")
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", path], stdout=subprocess.DEVNULL)
    monkeypatch.setenv("SSH_AUTH_SOCK", path)
    try:
        while subprocess.run(["ssh-add", "-q", key], capture_output=True, check=False).returncode:
            time.sleep(0.05)
        subprocess.run(["ssh-keygen", "-q", "-p", "-P", "", "-N", "secret", "-f", key], check=True)
        assert answer(sshd.login(key_file=str(key))) == "ok"
        assert answer(sshd.login(key_file=None)) == "ok"
    finally:
        agent.terminate()
        agent.wait()


def test_key_that_is_not_authorized(known: Path, sshd: Any, tmp_path: Path) -> None:
    key = keygen(tmp_path / "stranger")
    with pytest.raises(AuthError, match=f"accepts nothing that we have .tried: {key}"):
        answer(sshd.login(key_file=str(key)))


def test_stale_certificate_beside_the_key(known: Path, sshd: Any, tmp_path: Path) -> None:
    key = tmp_path / "key"
    shutil.copy(sshd.client_key, key)
    shutil.copy(f"{sshd.client_key}.pub", f"{key}.pub")
    authority = keygen(tmp_path / "authority")
    subprocess.run(
        ["ssh-keygen", "-q", "-s", authority, "-I", "x", "-n", "x", "-V", "20200101:20200102", f"{key}.pub"], check=True
    )
    assert Path(f"{key}-cert.pub").exists()
    assert answer(sshd.login(key_file=str(key))) == "ok"


def test_default_keys_and_config(known: Path, sshd: Any, home: Path) -> None:
    shutil.copy(sshd.client_key, home / ".ssh" / "id_ed25519")
    (home / ".ssh" / "config").write_text("Include more/*.conf\nHost *\n  User nobody-there\n")
    (home / ".ssh" / "more").mkdir()
    (home / ".ssh" / "more" / "a.conf").write_text(f"Host site\n  HostName 127.0.0.1\n  Port {sshd.port}\n")
    login = sshd.login()
    assert answer(Login("site", user=login.user)) == "ok"


def test_jump_hosts(known: Path, sshd: Any, start_sshd: Start, home: Path) -> None:
    near, far = start_sshd(), start_sshd()
    known.write_text(sshd.known_line + near.known_line + far.known_line)
    user = sshd.login().user
    (home / ".ssh" / "config").write_text(
        f"Host near\n HostName 127.0.0.1\n Port {near.port}\n IdentityFile {near.client_key}\n User {user}\n"
        f"Host far\n HostName 127.0.0.1\n Port {far.port}\n IdentityFile {far.client_key}\n User {user}\n"
        " ProxyJump near\n"
    )
    assert answer(sshd.login(common_args="-o ProxyJump=near")) == "ok"
    assert answer(sshd.login(common_args="-J far")) == "ok"
    assert answer(sshd.login(common_args=f"-J near,{user}@far")) == "ok"
    assert "Accepted publickey" in near.log.read_text()
    known.write_text(sshd.known_line + far.known_line)
    with pytest.raises(HostKeyError, match=str(near.port)):
        answer(sshd.login(common_args="-J far"))


def test_proxy_command(known: Path, sshd: Any) -> None:
    code = (
        "import socket,sys,threading,os;s=socket.create_connection((sys.argv[1],int(sys.argv[2])));"
        "threading.Thread(target=lambda:[os.write(1,d) for d in iter(lambda:s.recv(9999),b'')],daemon=True).start();"
        "[s.sendall(d) for d in iter(lambda:os.read(0,9999),b'')]"
    )
    command = f'{sys.executable} -c \\"{code}\\" %h %p'
    assert answer(sshd.login(common_args=f'-o "ProxyCommand={command}"')) == "ok"


def test_refused_unknown_and_silent(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(Unreachable, match=rf"db1 .127.0.0.1:{port}.: no answer in time"):
            answer(Login("127.0.0.1", port=port, connect_timeout=0.5))
    with pytest.raises(Unreachable, match="connection refused") as caught:
        answer(Login("127.0.0.1", port=port))
    assert isinstance(caught.value.__cause__, ConnectionRefusedError)
    with pytest.raises(Unreachable, match="cannot be resolved"):
        answer(Login("no-such-host.invalid"))


def test_dropped_connections_are_tried_again(known: Path, sshd: Any) -> None:
    drops = 2
    with socket.create_server(("127.0.0.1", 0)) as front:

        def serve() -> None:
            for _ in range(drops):
                front.accept()[0].close()
            client, _ = front.accept()
            server = socket.create_connection(("127.0.0.1", sshd.port))
            threading.Thread(target=pump, args=(client, server), daemon=True).start()
            pump(server, client)

        def pump(one: socket.socket, other: socket.socket) -> None:
            with contextlib.suppress(OSError):
                while data := one.recv(65536):
                    other.sendall(data)

        threading.Thread(target=serve, daemon=True).start()
        port = front.getsockname()[1]
        known.write_text(sshd.known_line.replace(str(sshd.port), str(port)))
        assert answer(sshd.login(port=port)) == "ok"


def send(number: signal.Signals, pids: set[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def test_silent_peer_is_noticed(known: Path, sshd: Any) -> None:
    before = set(sshd.children())
    connection = connect(Host("db1", (), sshd.login()), silence=1)
    stopped = set(sshd.children()) - before
    try:
        timer = threading.Timer(0.3, send, (signal.SIGSTOP, stopped))
        timer.start()
        with pytest.raises(Unreachable, match=r"db1: no sign of life for \d s while running `sleep 60`"):
            connection.run("sleep 60", timeout=90)
        assert connection.dead
        with pytest.raises(Unreachable, match="no sign of life"):
            connection.run("true")
        connection.close()
    finally:
        send(signal.SIGCONT, stopped)


def test_silent_peer_is_noticed_while_sending(known: Path, sshd: Any, tmp_path: Path) -> None:
    before = set(sshd.children())
    connection = connect(Host("db1", (), sshd.login()), silence=1)
    stopped = set(sshd.children()) - before
    send(signal.SIGSTOP, stopped)
    try:
        started = time.monotonic()
        with pytest.raises(Unreachable):
            connection.run(": " + "x" * 50_000_000)
        assert time.monotonic() - started < 60
    finally:
        send(signal.SIGCONT, stopped)


def test_what_is_sent_over_a_lost_connection_is_an_error_of_sockets(known: Path, sshd: Any) -> None:
    connection = connect(Host("db1", (), sshd.login()))
    with socket.create_server(("127.0.0.1", 0)) as server:
        dialled = connection.dial("127.0.0.1", server.getsockname()[1], 5)
        transport = connection._transport  # type: ignore[attr-defined]
        transport.sock.close()
        transport.packetizer.close()
        with pytest.raises(OSError, match=r"lost|closed"):
            dialled.sendall(b"x")
        dialled.close()
    connection.close()


def test_pool_reconnects(known: Path, sshd: Any) -> None:
    with Pool([Host("db1", (), sshd.login())]) as pool:
        first = pool.connection("db1")
        assert pool.connection("db1") is first
        with pytest.raises(Unreachable, match="was lost while running `kill -9 "):
            first.run("kill -9 $(ps -o ppid= -p $(ps -o ppid= -p $PPID))")
        assert pool.connection("db1").run("echo ok").text == "ok\n"
        assert pool.connections == 2


def test_many_connect_at_once_and_every_failure_is_its_hosts(known: Path, sshd: Any) -> None:
    hosts = [Host(f"h{n}", (), sshd.login()) for n in range(20)]
    hosts.insert(3, Host("bad", (), Login("127.0.0.1", port=1)))
    hosts.insert(7, Host("worse", (), sshd.login(key_file="/no")))
    with Pool(hosts, forks=5) as pool, ThreadPoolExecutor(5) as executor:
        pool.prepare(host.name for host in hosts)
        connecting = {host.name: executor.submit(pool.connection, host.name) for host in hosts}
        failures = {name: one.exception() for name, one in connecting.items() if one.exception()}
        assert list(failures) == ["bad", "worse"]
        assert isinstance(failures["worse"], AuthError)
        assert pool.connections == 20
        assert pool.connection("h19").run("echo ok").text == "ok\n"
        assert pool.round_trips == 1
        with pytest.raises(Unreachable):
            pool.connection("bad")


def echo_server() -> socket.socket:
    server = socket.create_server(("127.0.0.1", 0), backlog=64)

    def serve(client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                client.sendall(data)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return server


def test_many_tunnels_while_scripts_run(known: Path, sshd: Any) -> None:
    server = echo_server()
    connection = connect(Host("db1", (), sshd.login()))
    failures: list[BaseException] = []

    def use(address: tuple[str, int]) -> None:
        try:
            for _ in range(15):
                with socket.create_connection(address, 10) as client:
                    data = os.urandom(100_000)
                    threading.Thread(target=client.sendall, args=(data,)).start()
                    got = b""
                    while len(got) < len(data):
                        got += client.recv(65536)
                    assert got == data
        except (OSError, AssertionError) as error:
            failures.append(error)

    with connection.forward("127.0.0.1", server.getsockname()[1]) as address:
        threads = [threading.Thread(target=use, args=(address,)) for _ in range(12)]
        for thread in threads:
            thread.start()
        for number in range(100):
            assert connection.run(f"echo {number}").text == f"{number}\n"
        for thread in threads:
            thread.join()
    assert not failures
    assert connection.run("echo ok").text == "ok\n"
    with pytest.raises(OSError):  # noqa: PT011 (refused or reset)
        socket.create_connection(address, 1)
    connection.close()


def test_reachable_is_what_the_host_reaches(known: Path, sshd: Any) -> None:
    with contextlib.closing(connect(Host("db1", (), sshd.login()))) as connection:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            assert connection.reachable("127.0.0.1", port)
        assert not connection.reachable("127.0.0.1", port)


@pytest.mark.parametrize("alive", [True, False])
def test_an_address_that_says_nothing_is_not_reachable_unless_the_connection_died(alive: bool) -> None:
    """A firewall that drops what is sent: the server opens the channel neither, nor refuses it."""

    class Dropping:
        def open_channel(self, *_: object, **__: object) -> None:
            raise paramiko.SSHException("Timeout opening channel.")

        def is_active(self) -> bool:
            return alive

    if alive:
        assert not is_reachable(Dropping(), "10.0.0.5", 3133, 0.1)  # type: ignore[arg-type]
    else:
        with pytest.raises(paramiko.SSHException):
            is_reachable(Dropping(), "10.0.0.5", 3133, 0.1)  # type: ignore[arg-type]


def test_tunnel_to_a_closed_port(known: Path, sshd: Any) -> None:
    with (
        contextlib.closing(connect(Host("db1", (), sshd.login()))) as connection,
        connection.forward("127.0.0.1", 1) as address,
        socket.create_connection(address, 5) as client,
    ):
        assert client.recv(10) == b""


def test_tunnels_end_with_their_context(known: Path, sshd: Any) -> None:
    server = echo_server()
    with contextlib.closing(connect(Host("db1", (), sshd.login()))) as connection:
        with connection.forward("127.0.0.1", server.getsockname()[1]) as address:
            client = socket.create_connection(address, 5)
            client.sendall(b"x")
            assert client.recv(1) == b"x"
        assert client.recv(1) == b""
        assert connection.run("echo ok").text == "ok\n"
