from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from ffplay.remote.base import Reply
from ffplay.resources.base import Irreversible, ShellResource
from ffplay.resources.removal import BackupFolders, OldBackup, Removable, SetAside, SetAsides

ONE, TWO = "20261123T205251Z-10b8", "20261124T010203Z-aaaa"


def run(script: str) -> Reply:
    done = subprocess.run(["sh", "-c", script], capture_output=True, check=False)
    return Reply(done.returncode, done.stdout, done.stderr)


def value(resource: ShellResource) -> object:
    reply = run(resource.read_script())
    assert reply.code == 0
    return resource.parse(reply)


def directory(path: Path) -> Path:
    path.mkdir(parents=True)
    (path / "0001.snap").write_bytes(b"x" * 5000)
    return path


def test_a_set_aside_directory_goes_whole_and_nothing_beside_it(tmp_path: Path) -> None:
    serving = directory(tmp_path / "snapshots")
    aside, other = directory(tmp_path / f"snapshots.aside-{ONE}"), directory(tmp_path / f"snapshots.aside-{TWO}")
    one = SetAside(str(aside))
    size = value(one)
    assert isinstance(size, int)
    assert size >= 8
    assert run(one.bring_script(size, None)).code == 0
    assert value(one) is None
    assert sorted(path.name for path in tmp_path.iterdir()) == ["snapshots", other.name]
    assert (serving / "0001.snap").exists()
    assert (other / "0001.snap").exists()
    assert run(one.bring_script(None, None)).code == 0


def test_a_removal_that_was_broken_off_is_found_and_finished(tmp_path: Path) -> None:
    directory(tmp_path / f".snapshots.aside-{ONE}.going")
    asides = SetAsides((str(tmp_path / "snapshots"),))
    found = value(asides)
    assert isinstance(found, tuple)
    ((path, state),) = [(one.path, one.state) for one in found]
    assert (path, state) == (str(tmp_path / f"snapshots.aside-{ONE}"), "going")
    one = SetAside(path)
    assert isinstance(value(one), int)
    assert run(one.bring_script(1, None)).code == 0
    assert list(tmp_path.iterdir()) == []
    assert value(asides) == ()


def test_a_removal_that_cannot_be_finished_leaves_nothing_that_looks_whole(tmp_path: Path) -> None:
    backup = directory(tmp_path / "shard" / ONE)
    (backup / "manifest").write_text("digest 5000 snap/0001.snap")
    script = OldBackup(str(backup)).bring_script(1, None)
    assert run(f"rm() {{ return 9; }}\n{script}").code == 9
    assert not backup.exists()
    found = value(BackupFolders(str(tmp_path / "shard"), "manifest"))
    assert isinstance(found, tuple)
    assert [one.state for one in found] == ["going"]
    # An rm that was broken off may have left the manifest: only the name tells.
    assert (tmp_path / "shard" / f".{ONE}.going" / "manifest").exists()


def test_only_finished_backups_of_runs_are_listed(tmp_path: Path) -> None:
    shard = tmp_path / "shard"
    for name in (ONE, TWO, f"{TWO}.part", "by-hand", "20261123T205251Z-10b8x"):
        directory(shard / name)
    for name in (TWO, f"{TWO}.part", "by-hand", "20261123T205251Z-10b8x"):
        (shard / name / "manifest").touch()
    found = value(BackupFolders(str(shard), "manifest"))
    assert isinstance(found, tuple)
    assert [(one.path, one.run, one.state) for one in found] == [(str(shard / TWO), TWO, "there")]


def test_a_link_is_listed_as_one_and_not_followed(tmp_path: Path) -> None:
    precious = directory(tmp_path / "elsewhere")
    link = tmp_path / f"snapshots.aside-{ONE}"
    link.symlink_to(precious)
    found = value(SetAsides((str(tmp_path / "snapshots"),)))
    assert isinstance(found, tuple)
    assert [one.state for one in found] == ["link"]
    reply = run(SetAside(str(link)).bring_script(1, None))
    assert reply.code == 1
    assert "is a link" in reply.error_text
    assert (precious / "0001.snap").exists()


def test_a_link_inside_is_removed_and_not_followed(tmp_path: Path) -> None:
    precious = directory(tmp_path / "elsewhere")
    aside = directory(tmp_path / f"snapshots.aside-{ONE}")
    (aside / "link").symlink_to(precious)
    assert run(SetAside(str(aside)).bring_script(1, None)).code == 0
    assert not aside.exists()
    assert (precious / "0001.snap").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount")
def test_another_file_system_is_not_touched(tmp_path: Path) -> None:
    aside = tmp_path / f"snapshots.aside-{ONE}"
    aside.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(aside)], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("nothing can be mounted here")
    try:
        (aside / "precious").touch()
        reply = run(SetAside(str(aside)).bring_script(1, None))
        assert reply.code == 1
        assert "file system" in reply.error_text
        assert (aside / "precious").exists()
    finally:
        subprocess.run(["umount", str(aside)], check=True)


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        (SetAside, "/"),
        (SetAside, "/data/snapshots"),
        (SetAside, "/data/snapshots.aside-mine"),
        (SetAside, f"/data/snapshots.aside-{ONE}/../../etc"),
        (SetAside, f"data/snapshots.aside-{ONE}"),
        (SetAside, f"/data/.aside-{ONE}\n"),
        (SetAside, f"/data/snapshots.aside-{ONE}\n/etc"),
        (OldBackup, "/var/backups/ffplay"),
        (OldBackup, f"/{ONE}"),
        (OldBackup, f"/var/backups/ffplay/mongo/{ONE}.part"),
        (OldBackup, "/var/backups/ffplay/mongo/"),
    ],
)
def test_what_no_run_made_is_never_removed(kind: type[Removable], path: str) -> None:
    with pytest.raises(ValueError, match="none of ours"):
        kind(path)


def test_nothing_brings_back_what_is_removed() -> None:
    with pytest.raises(Irreversible, match=f"what run {ONE} set aside is removed for good"):
        SetAside(f"/data/snapshots.aside-{ONE}").reverse(TWO, 12, None)
    with pytest.raises(Irreversible, match=f"the backup that run {ONE} made is removed for good"):
        OldBackup(f"/backups/mongo/{ONE}").reverse(TWO, 12, None)
