"""OpenSSH's configuration as we read it, and known_hosts."""

from __future__ import annotations

from pathlib import Path

import pytest

from ffplay.model import Login
from ffplay.remote import sshconfig
from ffplay.remote.hostkeys import lookup_name, read
from ffplay.remote.sshconfig import parse_arguments, resolve, resolve_hop


@pytest.fixture
def config(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sshconfig, "SYSTEM_CONFIG", "/nonexistent")
    return home / ".ssh" / "config"


def test_first_value_wins_and_keys_add_up(config: Path) -> None:
    config.write_text(
        "user = first\nHost db? !db9\n  HostName %h.site.example\n  Port 2222\n  IdentityFile ~/.ssh/a\n"
        "Host *\n  Port 99\n  User second\n  IdentityFile %d/b\n  # comment\n  StrictHostKeyChecking accept-new\n"
    )
    settings = resolve(Login("db1"))
    assert (settings.address, settings.port, settings.user) == ("db1.site.example", 2222, "first")
    assert settings.key_files == (f"{config.parent}/a", f"{config.parent.parent}/b")
    assert settings.host_keys == "accept-new"
    assert resolve(Login("db9")).port == 99


def test_inventory_before_arguments_before_files(config: Path) -> None:
    config.write_text("Host *\n Port 1\n User file\n IdentityFile /file\n")
    login = Login("h", common_args="-p 2 -o User=args -i /args")
    assert (resolve(login).port, resolve(login).user, resolve(login).key_files) == (2, "args", ("/args",))
    login = Login("h", port=3, user="mine", common_args="-p 2 -l args")
    assert (resolve(login).port, resolve(login).user) == (3, "mine")


def test_defaults(config: Path) -> None:
    settings = resolve(Login("10.0.0.5"))
    assert (settings.address, settings.port, settings.host_keys, settings.jumps) == ("10.0.0.5", 22, "yes", ())
    assert not settings.keys_named
    assert settings.known_hosts[0] == f"{config.parent}/known_hosts"


def test_arguments() -> None:
    options = parse_arguments(
        "-o ProxyJump=b@h:22 -oUserKnownHostsFile=/x -C -o 'StrictHostKeyChecking no' -J later -F /f -i /k -p 7 -4"
    )
    assert options == {
        "proxyjump": ["b@h:22"], "userknownhostsfile": ["/x"], "stricthostkeychecking": ["no"], "config": ["/f"],
        "identityfile": ["/k"], "port": ["7"],
    }  # fmt: skip


def test_own_file_replaces_the_others(config: Path, tmp_path: Path) -> None:
    config.write_text("Port 1\n")
    (tmp_path / "f").write_text("User x\n")
    settings = resolve(Login("h", common_args=f"-F {tmp_path}/f"))
    assert (settings.port, settings.user, settings.config) == (22, "x", f"{tmp_path}/f")


def test_proxies(config: Path) -> None:
    config.write_text("Host a\n ProxyJump x,u@y:5\nHost b\n ProxyCommand nc -X '5' %h %p\nHost c\n ProxyJump none\n")
    assert resolve(Login("a")).jumps == ("x", "u@y:5")
    assert resolve(Login("b")).proxy_command == "nc -X '5' b 22"
    assert resolve(Login("c")).jumps == ()
    assert resolve(Login("a", common_args="-o ProxyCommand='nc %h'")).proxy_command == "nc a"


def test_include_inside_a_host_block_and_match(config: Path) -> None:
    config.write_text(
        "Host db*\n  Include inner\nHost *\n  Port 5\nMatch host db1,db2\n  User m\nMatch exec true\n User never\n"
    )
    (config.parent / "inner").write_text("Port 7\nHost other\n  User never\n")
    assert (resolve(Login("db1")).port, resolve(Login("db1")).user) == (7, "m")
    assert resolve(Login("x")).port == 5


def test_include_of_itself_ends(config: Path) -> None:
    config.write_text("Include config\nPort 3\n")
    assert resolve(Login("x")).port == 3


@pytest.mark.parametrize(
    ("hop", "expected"),
    [("h", ("h", 22)), ("u@h:5", ("h", 5)), ("[::1]:7", ("::1", 7)), ("ssh://u@h:5/", ("h", 5))],
)
def test_hops(config: Path, hop: str, expected: tuple[str, int]) -> None:
    settings = resolve_hop(hop, None)
    assert (settings.address, settings.port) == expected
    assert settings.user == "u" if "u@" in hop else settings.user


def test_known_hosts_lines(tmp_path: Path) -> None:
    file = tmp_path / "known_hosts"
    file.write_text(
        "# comment\n\nplain,10.0.0.1 ssh-ed25519 AAAA\n[h]:22022 ssh-rsa AAAB note\n"
        "*.example,!bad.example ssh-rsa AAAC\n"
        "@revoked * ssh-rsa AAAD\n@cert-authority *.x ssh-rsa AAAE\nbroken\n|1|zz ssh-rsa AAAF\nbad ssh-rsa !\n"
    )

    def lines(name: str) -> list[int]:
        return [entry.line for entry in read([str(file), "/nonexistent"]) if entry.fits(name) and not entry.marker]

    assert lines("plain") == lines("10.0.0.1") == [3]
    assert lines(lookup_name("h", 22022)) == [4]
    assert lines("h") == []
    assert lines("a.example") == [5]
    assert lines("bad.example") == []
