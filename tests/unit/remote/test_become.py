"""Real sudo: with a password, without one, refused; and where the password goes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ffplay.errors import AuthError, BecomeError
from ffplay.model import Host
from ffplay.remote.base import Become
from ffplay.remote.connection import ShellConnection
from ffplay.remote.pool import connect

PASSWORD = "tr0ub4dor-and-3"


@pytest.fixture
def known_sudo(home: Path, sudo_host: Any) -> None:
    (home / ".ssh" / "known_hosts").write_text(sudo_host.known_line)


@contextlib.contextmanager
def connected(server: Any, **login: object) -> Iterator[ShellConnection]:
    with contextlib.closing(connect(Host("db1", (), server.login(**login)), silence=5)) as connection:
        yield connection


@pytest.mark.usefixtures("known_sudo")
class TestSudo:
    def test_with_a_password(self, sudo_host: Any) -> None:
        with connected(sudo_host, user="deploy", become=True, become_password=PASSWORD) as connection:
            assert connection.run("id -un").text == "root\n"
            assert connection.run("id -un", become=Become(None)).text == "deploy\n"
            assert connection.run("id -un", become=Become("guest")).text == "guest\n"
            reply = connection.run("printf 'a\\0b'; echo err >&2; exit 3")
            assert (reply.code, reply.stdout, reply.stderr) == (3, b"a\0b", b"err\n")
            assert len(connection.run("head -c 5000000 /dev/urandom").stdout) == 5000000
            assert connection.run("sleep 9", timeout=0.2).code == 124
            assert connection.run("kill -9 $$").code == 137

    def test_password_is_in_no_process_list(self, sudo_host: Any) -> None:
        with connected(sudo_host, user="deploy", become=True, become_password=PASSWORD) as connection:
            reply = connection.run("cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null; exit 0")
        assert b"sudo" in reply.stdout
        assert PASSWORD.encode() not in reply.stdout

    def test_without_a_password(self, sudo_host: Any) -> None:
        with connected(sudo_host, user="free", become=True) as connection:
            assert connection.run("id -un").text == "root\n"

    def test_password_that_nobody_asks_for_is_not_sent(self, sudo_host: Any) -> None:
        with connected(sudo_host, user="free", become=True, become_password=PASSWORD) as connection:
            assert connection.run("id -un; cat").text == "root\n"

    def test_wrong_password(self, sudo_host: Any) -> None:
        with connected(sudo_host, user="deploy", become=True, become_password="wrong") as connection:
            with pytest.raises(BecomeError, match=r"does not accept the password.*Sorry, try again") as caught:
                connection.run("true")
            assert "ansible_become_password" in caught.value.advice
            assert connection.run("echo ok", become=Become(None)).text == "ok\n"

    def test_no_password_given(self, sudo_host: Any) -> None:
        with (
            connected(sudo_host, user="deploy", become=True) as connection,
            pytest.raises(BecomeError, match="a password is required"),
        ):
            connection.run("true")

    def test_not_in_sudoers(self, sudo_host: Any) -> None:
        with (
            connected(sudo_host, user="guest", become=True, become_password=PASSWORD) as connection,
            pytest.raises(BecomeError, match="not in the sudoers file"),
        ):
            connection.run("true")

    def test_root_needs_no_sudo(self, sudo_host: Any) -> None:
        with connected(sudo_host, user="root", become=True, become_password=PASSWORD) as connection:
            assert connection.run("id -un; ps -o comm= -p $(ps -o ppid= -p $PPID)").text.split()[0] == "root"

    def test_files(self, sudo_host: Any, tmp_path: Path) -> None:
        with connected(sudo_host, user="deploy", become=True, become_password=PASSWORD) as connection:
            connection.put(f"{tmp_path}/x", [b"abc"])
            assert (tmp_path / "x").stat().st_uid == 0
            assert b"".join(connection.get(f"{tmp_path}/x")) == b"abc"

    def test_login_by_password(self, sudo_host: Any) -> None:
        with connected(sudo_host, user="deploy", key_file=None, password=PASSWORD) as connection:
            assert connection.run("id -un").text == "deploy\n"
        with (
            pytest.raises(AuthError, match="tried: password") as caught,
            connected(sudo_host, user="deploy", key_file=None, password="wrong"),
        ):
            pass
        assert "wrong" not in str(caught.value)
