"""Reads several files at once on a bare host: each is what it is when it is read alone."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from ffplay.engine.access import readings_of, values_of
from ffplay.errors import SiteError
from ffplay.remote.base import Reply
from ffplay.resources.file import File, FileState
from ffplay.resources.files import Files

RunOn = Callable[[str], Reply]


@pytest.fixture
def files(tmp_path: Path) -> list[File]:
    """Give files of all kinds, and what is none."""
    top = tmp_path / "it's here"
    top.mkdir()
    (top / "text").write_text("one\n\ntwo")
    (top / "empty").touch()
    (top / "bytes").write_bytes(b"\0\xff\n" * 50000)
    (top / "directory").mkdir(mode=0o750)
    (top / "link").symlink_to("text")
    (top / "broken link").symlink_to("/nowhere at all")
    (top / "text").chmod(0o640)
    return [File(str(top / name)) for name in ("absent", "text", "link", "bytes", "empty", "directory", "broken link")]


def test_each_is_what_it_is_alone(host: RunOn, files: list[File]) -> None:
    ((reading, members),) = readings_of(files)
    together = values_of("app1", reading, members, host(reading.read_script()))
    assert together == {one: one.parse(host(one.read_script())) for one in files}
    assert [together[one].mtime for one in files] == [one.parse(host(one.read_script())).mtime for one in files]


def test_what_is_no_file_is_told_by_its_name(host: RunOn, files: list[File], tmp_path: Path) -> None:
    odd = File(str(tmp_path / "socket"))
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(odd.path)
        reading = Files((files[1], odd, files[2]))
        first, second, third = reading.parse(host(reading.read_script()))
        assert isinstance(second, ValueError)
        assert str(second) == f"{odd.path} is neither a file nor a directory"
        assert isinstance(first, FileState)
        assert isinstance(third, FileState)
        members = (files[1], odd, files[2])
        reply = host(reading.read_script())
        with pytest.raises(SiteError, match="is neither a file nor a directory"):
            values_of("app1", reading, members, reply)
        # What may be asked for later need not be there now.
        assert set(values_of("app1", reading, members, reply, optional=[odd])) == {files[1], files[2]}


def test_one_that_may_not_be_read_leaves_the_others() -> None:
    reading = Files((File("/a"), File("/b"), File("/c")))
    one, other, third = reading.parse(
        Reply(0, b"fuf\n644 root root 7 3\n600 root root 8 9\n644 root root 9 2\nonetw", b"")
    )
    assert (one, third) == (
        FileState("file", b"one", "0644", "root", "root"),
        FileState("file", b"tw", "0644", "root", "root"),
    )
    assert isinstance(other, ValueError)


@pytest.mark.parametrize("contents", [b"on", b"onetwo", b""])
def test_a_file_that_changes_meanwhile_is_not_taken_for_another_one(contents: bytes) -> None:
    reading = Files((File("/a"), File("/b")))
    with pytest.raises(ValueError, match="changed while it was read"):
        reading.parse(Reply(0, b"fa\n644 root root 7 3\n" + contents, b""))


def test_what_is_the_kernels_is_read_alone() -> None:
    files = [File("/proc/meminfo"), File("/etc/hosts"), File("/etc/passwd")]
    assert [members for _, members in readings_of(files)] == [(files[0],), (files[1], files[2])]


def test_a_reading_that_met_its_deadline_says_nothing() -> None:
    with pytest.raises(ValueError, match="exit code 124"):
        Files((File("/a"), File("/b"))).parse(Reply(124, b"aa\n", b""))
