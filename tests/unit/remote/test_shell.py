"""Whatever a script does, its answer is exact and the next one is unharmed; over SSH and locally alike."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ffplay.errors import ChangeFailed, Unreachable
from ffplay.model import Host, Login
from ffplay.remote import connection as remote
from ffplay.remote.base import Become
from ffplay.remote.connection import ShellConnection
from ffplay.remote.local import LocalConnection
from tests.waiting import lives, wait_for

SCRIPTS = {
    "exit code": ("exit 3", 3, b"", b""),
    "no newline": ("printf x", 0, b"x", b""),
    "both outputs": ("echo out; echo err >&2; (exit 7)", 7, b"out\n", b"err\n"),
    "NULs": ("printf 'a\\0b\\0'", 0, b"a\0b\0", b""),
    "quotes": ("printf '%s' \"it's \\$HOME \\\\ \" '\"`'", 0, b"it's $HOME \\ \"`", b""),
    "here-doc": ("cat <<'E'\n$x `y` \\\nE", 0, b"$x `y` \\\n", b""),
    "comment first": ("# why\necho x # y", 0, b"x\n", b""),
    "empty": ("", 0, b"", b""),
    "empty standard input": ("cat; read -r x || echo none", 0, b"none\n", b""),
    "background process": ("sleep 60 & echo $? >&2; echo x", 0, b"x\n", b"0\n"),
    "killed": ("kill -9 $$", 137, b"", b""),
    "terminated": ("kill $$", 143, b"", b""),
    "variables of ours": ('echo "${_s-none} $# $0"', 0, b"none 0 sh\n", b""),
    "trap": ("trap 'echo bye' EXIT; exit 4", 4, b"bye\n", b""),
    "bytes": ("printf %s 'h\u00e9\udcff'", 0, b"h\xc3\xa9\xff", b""),
    "set -e": ("set -e; false; echo x", 1, b"", b""),
    "closed outputs": ("exec >&- 2>&-; exit 5", 5, b"", b""),
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_answer_is_exact(connection: ShellConnection, name: str) -> None:
    script, code, out, err = SCRIPTS[name]
    reply = connection.run(script, timeout=20)
    assert (reply.code, reply.stdout, reply.stderr) == (code, out, err)
    assert connection.run("echo next").text == "next\n"


def test_syntax_error(connection: ShellConnection) -> None:
    reply = connection.run("echo a\nif then")
    assert reply.code == 2
    assert "yntax error" in reply.error_text
    assert connection.run("echo next").text == "next\n"


def test_megabytes_on_both_outputs(connection: ShellConnection) -> None:
    reply = connection.run("head -c 9000000 /dev/urandom | tee /dev/stderr | sha256sum; head -c 5000000 /dev/zero >&2")
    assert len(reply.stderr) == 14000000
    assert reply.text.split()[0] == hashlib.sha256(reply.stderr[:9000000]).hexdigest()


def test_script_of_two_megabytes(connection: ShellConnection) -> None:
    reply = connection.run("x='" + "y$\n" * 700_000 + "'\nexit 9")
    assert reply.code == 9, reply.error_text


def test_early_exit_from_long_script(connection: ShellConnection) -> None:
    assert connection.run("exit 6\n" + "echo no\n" * 200_000).code == 6
    assert connection.run("echo next").text == "next\n"


def test_deadline_kills_on_the_host(connection: ShellConnection, tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    reply = connection.run(f"echo a; sh -c 'echo $$ > {pid}; exec sleep 600'; echo b", timeout=2)
    assert (reply.code, reply.stdout) == (124, b"a\n")
    wait_for(lambda: not lives(pid.read_text()))
    assert connection.run("echo next").text == "next\n"


def test_deadline_that_is_ignored(connection: ShellConnection) -> None:
    assert connection.run("trap '' TERM; sleep 60; sleep 60", timeout=0.2).code == 124


def test_output_as_it_comes(connection: ShellConnection, tmp_path: Path) -> None:
    heard = tmp_path / "heard"
    pieces: list[bytes] = []

    def hear(data: bytes) -> None:
        pieces.append(data)
        heard.touch()

    # The script goes on when its first line was heard: one who hears all at the end waits for the deadline.
    reply = connection.run(f"echo a; until [ -e {heard} ]; do sleep 0.05; done; echo '<'", timeout=60, on_output=hear)
    assert pieces == [b"a\n", b"<\n"]
    assert (reply.code, reply.stdout) == (0, b"a\n<\n")


def test_silent_command_outlives_the_limit_of_silence(sshd: object, known: Path) -> None:
    connection = LocalConnection(Host("db1", (), Login("x", local=True)), silence=2)
    reply = connection.run("sleep 4; echo x; echo y >&2")
    assert (reply.stdout, reply.stderr) == (b"x\n", b"y\n")
    connection.close()


def test_session_that_is_killed_is_noticed(connection: ShellConnection) -> None:
    started = time.monotonic()
    with pytest.raises(Unreachable, match="was lost while running `kill"):
        connection.run("kill -9 $(ps -o ppid= -p $PPID); sleep 1", timeout=90)
    assert time.monotonic() - started < 80


def test_failure_in_the_callback_ends_the_session(connection: ShellConnection) -> None:
    def fail(data: bytes) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        connection.run("echo a; sleep 30", on_output=fail)
    assert connection.dead
    with pytest.raises(Unreachable, match="given up while running `echo a"):
        connection.run("echo next")


def test_script_is_in_no_process_list(connection: ShellConnection) -> None:
    reply = connection.run("secret=hunter2-and-more; grep -alr '[h]unter2-and' /proc/[0-9]*/cmdline; exit 0")
    assert reply.stdout == b""


def test_put_and_get(connection: ShellConnection, tmp_path: Path) -> None:
    data = os.urandom(9_000_001)
    path = tmp_path / "it's a $file"
    path.write_text("old")
    digest = connection.put(str(path), [data[:5], b"", data[5:]])
    assert digest == hashlib.sha256(data).hexdigest()
    assert path.read_bytes() == data
    assert path.stat().st_mode & 0o777 == 0o600
    assert b"".join(connection.get(str(path))) == data


def test_put_sends_each_piece_as_it_comes(connection: ShellConnection, tmp_path: Path) -> None:
    path = tmp_path / "x"

    def pieces() -> Iterator[bytes]:
        yield b"a" * 5_000_000
        deadline = time.monotonic() + 30
        while not path.exists():
            assert time.monotonic() < deadline, "nothing is sent before everything is there"
            time.sleep(0.01)
        yield b"b"

    connection.put(str(path), pieces())
    assert path.stat().st_size == 5_000_001


@pytest.mark.parametrize(
    ("what", "instead"),
    [("stat -c", "printf x >> {path}; stat -c"), ("{{ tee", "tr b x | {{ tee")],
    ids=["something else writes the file too", "another byte on the way"],
)
def test_put_that_arrives_damaged(
    connection: ShellConnection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, instead: str
) -> None:
    monkeypatch.setattr(remote, "_PUT", remote._PUT.replace(what, instead))
    told = r"/x arrived damaged: SHA-256 [0-9a-f]{64}, \d bytes instead of [0-9a-f]{64}, 3 bytes"
    with pytest.raises(ChangeFailed, match=told):
        connection.put(str(tmp_path / "x"), [b"abc"])


@pytest.mark.parametrize("program", ["head", "tee"])
def test_put_of_which_a_part_fails(
    connection: ShellConnection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    """As on a full disk, or where a program is killed: whatever the digest says, the file counts for nothing."""
    failing = f'{program}() {{{{ command {program} "$@"; echo "it is gone" >&2; return 1; }}}}\n'
    monkeypatch.setattr(remote, "_PUT", failing + remote._PUT)
    with pytest.raises(ChangeFailed, match=r"cannot write .*/x: it is gone"):
        connection.put(str(tmp_path / "x"), [b"abc"])


def test_put_nothing(connection: ShellConnection, tmp_path: Path) -> None:
    assert connection.put(f"{tmp_path}/x", []) == hashlib.sha256(b"").hexdigest()


def test_put_where_it_cannot_be(connection: ShellConnection) -> None:
    with pytest.raises(ChangeFailed, match="cannot write /proc/no/x"):
        connection.put("/proc/no/x", (b"x" * 1_000_000 for _ in range(30)))
    assert connection.run("echo next").text == "next\n"


def test_put_on_a_full_disk(connection: ShellConnection) -> None:
    with pytest.raises(ChangeFailed):
        connection.put("/dev/full/x", [b"x" * 9_000_000])


def test_get_what_is_not_there(connection: ShellConnection) -> None:
    with pytest.raises(ChangeFailed, match="cannot read /no/x"):
        list(connection.get("/no/x"))


def test_get_left_half_way(connection: ShellConnection, tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(bytes(50_000_000))
    chunks = connection.get(f"{tmp_path}/big")
    assert next(chunks)
    chunks.close()  # type: ignore[attr-defined]
    assert connection.run("echo next").text == "next\n"


def test_become_nobody_is_who_we_are(connection: ShellConnection) -> None:
    assert connection.run("id -u", become=Become(None)).text == f"{os.geteuid()}\n"


def test_reachable(connection: ShellConnection, sshd: object) -> None:
    assert connection.reachable("127.0.0.1", sshd.port)  # type: ignore[attr-defined]
    assert not connection.reachable("127.0.0.1", 1)


@pytest.mark.parametrize("shell", ["dash", "bash", "busybox"])
def test_other_shells(shell: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = Path("/bin") / shell
    if not target.exists():
        pytest.skip(f"{shell} is not installed")
    (tmp_path / "sh").symlink_to(target)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    connection = LocalConnection(Host("db1", (), Login("x", local=True)), silence=5)
    for script, code, out, err in SCRIPTS.values():
        reply = connection.run(script, timeout=20)
        assert (reply.code, reply.stdout, reply.stderr) == (code, out, err), script
    assert connection.run("exit 6\n" + "echo no\n" * 20_000).code == 6
    connection.put(f"{tmp_path}/x", [b"abc"])
    assert (tmp_path / "x").read_bytes() == b"abc"
    connection.close()


def test_nothing_stays_behind(tmp_path: Path) -> None:
    connection = LocalConnection(Host("db1", (), Login("x", local=True)), silence=5)
    connection.run("true")
    before = threading.active_count()
    connection.close()
    connection.close()
    assert threading.active_count() <= before
    with pytest.raises(Unreachable):
        connection.run("true")
