"""Backs up, verifies and sets aside a real shard's files on a bare host; what is spoilt refuses the wipe by name."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ffplay.errors import ChangeFailed
from ffplay.model import Generation, Host, Login, Shard, Unknown
from ffplay.remote.base import Reply
from ffplay.resources.backup_manifest import ShardBackup
from ffplay.resources.backup_token import check_script
from ffplay.resources.base import blamed
from ffplay.resources.record import Record
from ffplay.resources.shard_backup import BackupIntact, ShardBackups
from ffplay.resources.shard_data import DataState, ShardData
from ffplay.resources.shard_live import Count
from tests.unit.resources.conftest import two_units
from tests.unit.resources.tarantool_files import shard_with_files

RunOn = Callable[[str], Reply]
DB = Host("db1", ("tntapi",), Login("db1"))
END, MAGIC = bytes.fromhex("d510aded"), bytes.fromhex("d5ba0bab")
EMPTIED = Record(Generation("cherry_480", 480), "emptied", run="run1")


class Access:
    """Every host is the one bare host; `noted` is what was told."""

    def __init__(self, host: RunOn) -> None:
        self._host = host
        self.noted: list[str] = []

    def connection(self, _: str) -> Any:
        return self

    def tell(self, _: str, text: str) -> None:
        self.noted.append(text)

    def run(self, script: str, **_: Any) -> Reply:
        return self._host(script)

    def put(self, path: str, chunks: Iterable[bytes]) -> str:
        Path(path).write_bytes(b"".join(chunks))
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()

    def get(self, path: str) -> Iterator[bytes]:
        yield Path(path).read_bytes()


@pytest.fixture
def access(host: RunOn, tmp_path: Path) -> Any:
    (tmp_path / "bin/tarantool").symlink_to(shutil.which("tarantool") or "/missing/tarantool")
    return Access(host)


def made(access: Any, backups: ShardBackups, run: str = "run1") -> ShardBackup:
    """Make a backup and return it as it is read afterwards."""
    before = backups.read(access, DB)
    after = (*before, ShardBackup(run, Unknown("read back")))
    backups.bring(access, DB, before, after)
    observed = backups.read(access, DB)
    assert backups.reached(before, after, observed)
    return observed[-1]


def state(host: RunOn, shard: Shard) -> DataState:
    data = ShardData(shard)
    return data.parse(host(data.read_script()))


def wipe(host: RunOn, shard: Shard, token: tuple[str, str]) -> Reply:
    data = ShardData(shard)
    return host(data.bring_script(state(host, shard), DataState((), EMPTIED, token=token)))


def place_of(shard: Shard, **fields: str) -> ShardBackups:
    return ShardBackups(shard, f"{shard.data_dir}/../backups of all", **fields)


def test_a_stopped_shard_is_backed_up_and_set_aside(host: RunOn, shard: Shard, access: Any) -> None:
    before = state(host, shard)
    backups = place_of(shard)
    backup = made(access, backups)
    assert backup.covers(before)
    assert (backup.hot, backup.live, backup.rows) == (False, (), ((512, 290, 310),))
    assert isinstance(backup.files, tuple)
    assert {name for name, _, _ in backup.files} == {*(name for name, _ in before.files), "FindFace_shard_1.lua"}
    for name, _ in before.names("snap"):
        assert Path(backups.label, "run1", name).stat().st_nlink == 2
    for name, size in before.names("wal"):
        copy = Path(backups.label, "run1", name)
        assert (copy.stat().st_nlink, copy.stat().st_size) == (1, size)
    reply = wipe(host, shard, backups.token(backup))
    assert reply.code == 0, reply.error_text
    after = state(host, shard)
    assert (after.files, after.record) == ((), EMPTIED)
    assert {Path(path).name for path, _ in after.aside} == {
        "snapshots.aside-run1",
        "xlogs.aside-run1",
        "index.aside-run1",
    }
    assert Path(backups.label, "run1/manifest").read_text().splitlines()[0] == "ffplay-backup 2"


def newest(folder: str | Path, pattern: str) -> Path:
    return max(path for path in Path(folder).rglob(pattern) if path.stat().st_size > 200)


def flip(path: Path) -> None:
    """Flip a bit near the end of a file without touching what is linked to it elsewhere."""
    content = bytearray(path.read_bytes())
    content[-20] ^= 1
    path.unlink()
    path.write_bytes(content)


def cut(path: Path, count: int) -> None:
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content[:-count])


def longer(path: Path) -> None:
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content + b"x")


def header(shard: Shard, size: int = 0) -> bytes:
    """Return the head of the shard's xlogs, with so many bytes."""
    head, _, _ = newest(shard.wal_dir, "*.xlog").read_bytes().partition(b"\n\n")
    return head + (b"\nNote: ".ljust(size - len(head) - 2, b"x") if size else b"") + b"\n\n"


def another_xlog(shard: Shard, content: bytes) -> None:
    Path(shard.wal_dir, f"{9:020}.xlog").write_bytes(content)


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda b, _: flip(newest(b, "*.snap")), r"\.snap is not what was verified"),
        (lambda b, _: flip(newest(b, "*.xlog")), r"\.xlog is not what was verified"),
        (lambda b, _: cut(newest(b, "*.snap"), 100), "bytes any more"),
        (lambda b, _: cut(newest(b, "*.snap"), 4), "bytes any more"),
        (lambda b, _: newest(b, "*.snap").unlink(), r"\.snap is missing"),
        (lambda b, _: (b / "manifest").unlink(), "manifest of its backup, .* is gone"),
        (lambda b, _: cut(b / "manifest", 3), "is cut"),
        (lambda b, _: edit(b / "manifest", "ffplay-backup 2", "ffplay-backup 1"), "no manifest"),
        (lambda b, _: edit(b / "manifest", "\ninstance ", "\nno-instance "), "names no instance"),
        (lambda _, s: newest(s.wal_dir, "*.xlog").open("ab").write(b"rows written since"), "rows were written since"),
        (lambda _, s: newest(s.wal_dir, "*.xlog").open("ab").write(b"rows"), "rows were written since"),
        (lambda _, s: flip(newest(s.wal_dir, "*.xlog")), "is not what the backup has"),
        (lambda _, s: shutil.copy(newest(s.wal_dir, "*.xlog"), f"{s.wal_dir}/{9:020}.xlog"), "rows that no backup has"),
        (lambda _, s: another_xlog(s, header(s) + MAGIC), "rows that no backup has"),
        (lambda _, s: another_xlog(s, header(s, 2048) + MAGIC), "rows that no backup has"),
        (lambda _, s: another_xlog(s, header(s)[:-10]), "in no verified backup"),
        (lambda _, s: shutil.copy(newest(s.snap_dir, "*.snap"), f"{s.snap_dir}/{9:020}.snap"), "in no verified backup"),
        (lambda _, s: longer(newest(s.snap_dir, "*.snap")), "has another size than in the backup"),
    ],
    ids=[
        "flipped byte",
        "flipped byte of an xlog",
        "truncation",
        "missing end marker",
        "missing file",
        "deleted manifest",
        "cut manifest",
        "manifest of another format",
        "manifest without an instance",
        "rows written since",
        "four bytes written since",
        "other rows of the same size",
        "another xlog",
        "another small xlog",
        "another xlog with a long head",
        "another xlog with a cut head",
        "another snapshot",
        "snapshot of another size",
    ],
)
def test_what_is_not_as_it_was_verified_refuses_the_wipe(
    host: RunOn, shard: Shard, access: Any, spoil: Callable[[Path, Shard], object], said: str
) -> None:
    backups = place_of(shard)
    backup = made(access, backups)
    spoil(Path(backups.label, "run1"), shard)
    before = state(host, shard)
    reply = wipe(host, shard, backups.token(backup))
    assert reply.code != 0
    assert re.search(said, reply.error_text), reply.error_text
    assert shard.name in reply.error_text
    assert state(host, shard) == before
    assert before.record is None


def test_nothing_is_wiped_without_a_backup(host: RunOn, shard: Shard) -> None:
    reply = wipe(host, shard, ("", ""))
    assert reply.code != 0
    assert "no verified backup of FindFace_shard_1 is known" in reply.error_text
    assert len(state(host, shard).files) > 3


def test_a_half_filled_shard_needs_no_backup(host: RunOn, shard: Shard) -> None:
    data = ShardData(shard)
    host(data.bring_script(DataState(state(host, shard).files), DataState(state(host, shard).files, EMPTIED)))
    assert wipe(host, shard, ("", "")).code == 0
    assert state(host, shard).files == ()


@pytest.mark.parametrize("what", ["snapshot", "new xlog"])
def test_data_of_another_instance_are_not_covered(host: RunOn, shard: Shard, access: Any, what: str) -> None:
    backups = place_of(shard)
    backup = made(access, backups)
    if what == "new xlog":
        another_xlog(shard, header(shard))
        assert host(check_script([(0, shard, *backups.token(backup))])).code == 0
    path = newest(shard.snap_dir, "*.snap") if what == "snapshot" else Path(shard.wal_dir, f"{9:020}.xlog")
    content = path.read_bytes()
    at = content.index(b"Instance: ") + 10
    path.unlink()
    path.write_bytes(content[:at] + b"0000" + content[at + 4 :])
    reply = wipe(host, shard, backups.token(backup))
    assert reply.code != 0
    assert "is of another instance" in reply.error_text


def test_a_hot_backup_covers_what_a_stop_leaves(host: RunOn, tmp_path: Path, access: Any) -> None:
    """A stop appends the end marker to the last xlog, and begins one that holds no row."""
    shard = shard_with_files(tmp_path)
    *_, last, empty = sorted(Path(shard.wal_dir).glob("*.xlog"))
    left = last.read_bytes(), empty.read_bytes()
    assert left[0].endswith(END)
    assert left[1].endswith(b"\n\n" + END)
    last.write_bytes(left[0][:-4])
    empty.unlink()
    backups = place_of(shard)
    backup = made(access, backups)
    last.write_bytes(left[0])
    empty.write_bytes(left[1])
    assert wipe(host, shard, backups.token(backup)).code == 0


DAMAGED = pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda s: cut(newest(s.snap_dir, "*.snap"), 4), "no end marker"),
        (lambda s: flip(newest(s.snap_dir, "*.snap")), "checksum"),
        (lambda s: flip(newest(s.wal_dir, "*.xlog")), "checksum"),
        (lambda s: shutil.rmtree(s.snap_dir), "no snapshot"),
    ],
    ids=["cut", "flipped", "flipped in an xlog", "no snapshot"],
)


@DAMAGED
def test_damaged_files_are_no_backup(
    host: RunOn, shard: Shard, access: Any, spoil: Callable[[Shard], object], said: str
) -> None:
    spoil(shard)
    backups = place_of(shard)
    with pytest.raises(ChangeFailed, match=said):
        made(access, backups)
    assert backups.read(access, DB) == ()


def by_script(host: RunOn, backups: ShardBackups, run: str = "run1") -> Reply:
    """Make a backup of a stopped shard as a step does that makes several, each in a shell of its own."""
    planned = ShardBackup(run, Unknown("read back"))
    assert backups.scripted((), (planned,))
    return host(f"(\n{backups.bring_script((), (planned,))}\n)")


def test_a_backup_by_script_is_one_that_a_wipe_may_rest_on(host: RunOn, shard: Shard, access: Any) -> None:
    backups = place_of(shard)
    reply = by_script(host, backups)
    assert reply.code == 0, reply.error_text
    (backup,) = backups.read(access, DB)
    assert (backup.covers(state(host, shard)), backup.hot, backup.rows) == (True, False, ((512, 290, 310),))
    assert wipe(host, shard, backups.token(backup)).code == 0


@pytest.mark.parametrize("shell", ["dash", "bash"])
@DAMAGED
def test_damaged_files_are_no_backup_by_script_whatever_the_shell(
    host: RunOn,
    shard: Shard,
    access: Any,
    tmp_path: Path,
    spoil: Callable[[Shard], object],
    said: str,
    shell: str,
) -> None:
    if not shutil.which(shell):
        pytest.skip(f"there is no {shell}")
    (tmp_path / "bin/sh").unlink()
    (tmp_path / "bin/sh").symlink_to(shutil.which(shell) or "")
    spoil(shard)
    backups = place_of(shard)
    reply = by_script(host, backups)
    assert reply.code != 0
    assert re.search(said, reply.error_text), reply.error_text
    assert backups.read(access, DB) == ()


def test_a_shard_that_runs_is_not_backed_up_as_a_stopped_one(
    host: RunOn, shard: Shard, access: Any, tmp_path: Path
) -> None:
    backups = place_of(shard)
    (tmp_path / "active").touch()
    reply = by_script(host, backups)
    assert reply.code != 0
    assert f"{shard.unit} runs, and is to be backed up stopped" in reply.error_text
    assert (backups.read(access, DB), Path(backups.label).exists()) == ((), False)


def test_what_a_killed_run_left_counts_for_nothing_and_goes(shard: Shard, access: Any) -> None:
    backups = place_of(shard)
    made(access, backups, "run0")
    # Killed between the two: all was written, and nothing had its name yet.
    Path(backups.label, "run0").rename(Path(backups.label, "run0.part"))
    assert backups.read(access, DB) == ()
    made(access, backups)
    assert [path.name for path in Path(backups.label).iterdir()] == ["run1"]


def test_a_copy_takes_over_what_an_earlier_backup_has(shard: Shard, access: Any, tmp_path: Path) -> None:
    """On another file system, which a `ln` stands for that links nothing of the shard's own."""
    link = tmp_path / "bin/ln"
    link.unlink()
    link.write_text(f'#!/bin/sh\ncase $1 in "{shard.snap_dir}"/*) exit 1;; esac\nexec {shutil.which("ln")} "$@"\n')
    link.chmod(0o755)
    backups = place_of(shard)
    made(access, backups)
    made(access, backups, "run2")
    snapshot = newest(shard.snap_dir, "*.snap")
    first, second = (Path(backups.label, run, "snap", snapshot.name) for run in ("run1", "run2"))
    assert snapshot.stat().st_nlink == 1
    assert first.read_bytes() == snapshot.read_bytes()
    assert first.samefile(second)


def stand_in(tmp_path: Path, name: str, text: str) -> None:
    """Put a program of ours in the place of one; `REAL` is that one."""
    path = tmp_path / "bin" / name
    path.unlink()
    path.write_text(f"#!/bin/sh\n{text.replace('REAL', str(shutil.which(name)))}\n")
    path.chmod(0o755)


def test_a_copy_that_differs_is_no_backup(shard: Shard, access: Any, tmp_path: Path) -> None:
    stand_in(tmp_path, "cp", 'REAL "$@" || exit; case $3 in *.lua) echo more >> "$3";; esac')
    backups = place_of(shard)
    with pytest.raises(ChangeFailed, match=r"the copy of .*\.lua differs"):
        made(access, backups)
    assert backups.read(access, DB) == ()


@pytest.mark.parametrize("away", ["", "nas"], ids=["here", "on another host"])
def test_a_backup_that_does_not_fit_is_not_begun(shard: Shard, access: Any, tmp_path: Path, away: str) -> None:
    full = "echo head; echo disk 9999 9998 1 99% /"
    stand_in(tmp_path, "df", f'case $* in *"backups of all"*) {full};; *) exec REAL "$@";; esac')
    backups = place_of(shard, host=away, tokens=f"{tmp_path}/state/backups")
    with pytest.raises(ChangeFailed, match=r"needs [0-9]+ KiB, and 1 KiB are free in"):
        made(access, backups)
    assert backups.read(access, DB) == ()


class Spoiling(Access):
    """What is put there becomes something else; with `unseen` the digest that comes back is that of what was sent."""

    unseen = False

    def put(self, path: str, chunks: Iterable[bytes]) -> str:
        sent = b"".join(chunks)
        Path(path).write_bytes(sent + b"x")
        return hashlib.sha256(sent if self.unseen else sent + b"x").hexdigest()


def test_what_arrives_as_something_else_is_no_backup(host: RunOn, shard: Shard, access: Any, tmp_path: Path) -> None:
    backups = place_of(shard, host="nas", tokens=f"{tmp_path}/state/backups")
    with pytest.raises(ChangeFailed, match="arrived on nas as something else than was verified"):
        made(Spoiling(host), backups)
    assert backups.read(access, DB) == ()


def test_what_is_read_back_otherwise_on_another_host_is_no_backup(
    host: RunOn, shard: Shard, access: Any, tmp_path: Path
) -> None:
    backups = place_of(shard, host="nas", tokens=f"{tmp_path}/state/backups")
    spoiling = Spoiling(host)
    spoiling.unseen = True
    with pytest.raises(ChangeFailed, match="is not what was verified"):
        made(spoiling, backups)
    assert backups.read(access, DB) == ()


@pytest.mark.parametrize(
    ("said", "text"),
    [
        (Count("another", ((512, 295),)), "runs as instance another, and its files are of"),
        (Count("", ((512, 400),)), "holds 290 to 310 rows of space 512, and the shard 400"),
        (Count("", ((512, 300), (513, 5))), "holds 0 rows of space 513, and the shard 5"),
        (Count(faces=400), "holds 310 rows at most, and it serves 400 faces"),
    ],
    ids=["instance", "rows", "no rows", "faces"],
)
def test_what_a_running_shard_says_must_be_in_the_files(
    shard: Shard, access: Any, monkeypatch: pytest.MonkeyPatch, said: Count, text: str
) -> None:
    @contextlib.contextmanager
    def kept(*_: object) -> Iterator[Callable[[], Count]]:
        yield lambda: said

    monkeypatch.setattr("ffplay.resources.shard_backup.kept", kept)
    backups = place_of(shard)
    with pytest.raises(ChangeFailed, match=text):
        made(access, backups)
    assert backups.read(access, DB) == ()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text.replace("ffplay-backup 2", "ffplay-backup 3"),
        lambda text: text[: text.rindex("\nend ") + 1],
        lambda text: re.sub(r"\nfile [^\n]*", "", text, count=1),
    ],
    ids=["another format", "no last line", "a line less"],
)
def test_a_manifest_that_is_cut_or_of_another_format_is_none(
    shard: Shard, access: Any, spoil: Callable[[str], str]
) -> None:
    backups = place_of(shard)
    made(access, backups)
    manifest = Path(backups.label, "run1/manifest")
    manifest.write_text(spoil(manifest.read_text()))
    assert backups.read(access, DB) == ()


def test_to_another_host(host: RunOn, shard: Shard, access: Any, tmp_path: Path) -> None:
    backups = place_of(shard, host="nas", tokens=f"{tmp_path}/state of it/backups")
    before = state(host, shard)
    backup = made(access, backups)
    assert backup.covers(before)
    away = Path(f"{shard.data_dir}/../backups of all/{shard.name}/run1")
    assert {str(path.relative_to(away)) for path in away.rglob("*.*")} == {
        *(name for name, _ in before.files),
        "FindFace_shard_1.lua",
    }
    assert not list(Path(shard.data_dir, "ffplay-backup").iterdir())
    intact = BackupIntact(backups, "run1")
    assert intact.read(access, DB).problems == ()
    flip(newest(away, "*.snap"))
    assert "is not what was verified" in intact.read(access, DB).problems[0]
    shutil.rmtree(away)
    assert wipe(host, shard, backups.token(backup)).code == 0


def test_data_of_a_running_shard_stay(host: RunOn, shard: Shard, tmp_path: Path, access: Any) -> None:
    backups = place_of(shard)
    backup = made(access, backups)
    (tmp_path / "active").touch()
    reply = wipe(host, shard, backups.token(backup))
    assert reply.code != 0
    assert "still runs" in reply.error_text
    assert newest(shard.snap_dir, "*.snap").exists()


@pytest.mark.parametrize(
    ("restart", "seconds"),
    [
        ("100ms", "0.150"),
        ("5s 500ms", "5.550"),
        ("1.5s", "2.050"),
        ("1min", "60.000"),
        ("1min 30s", "60.000"),
        ("1h", "60.000"),
        ("infinity", "60.000"),
    ],
)
def test_a_unit_that_systemd_starts_anew_keeps_its_data(
    host: RunOn, shard: Shard, tmp_path: Path, access: Any, restart: str, seconds: str
) -> None:
    """It is down at the first look, and comes back while its RestartSec is waited for."""
    backups = place_of(shard)
    backup = made(access, backups)
    before = state(host, shard)
    stand_in(tmp_path, "sleep", f'echo "$1" > {tmp_path}/slept; touch {tmp_path}/active')
    systemctl = tmp_path / "bin/systemctl"
    systemctl.write_text(
        systemctl.read_text().replace("#!/bin/sh\n", f'#!/bin/sh\ncase $3 in RestartUSec) echo "$3={restart}";; esac\n')
    )
    reply = wipe(host, shard, backups.token(backup))
    assert (reply.code != 0, "still runs" in reply.error_text) == (True, True)
    assert (tmp_path / "slept").read_text().strip() == seconds
    assert state(host, shard) == before


def test_what_a_run_set_aside_is_not_set_aside_over(host: RunOn, shard: Shard, access: Any) -> None:
    backups = place_of(shard)
    backup = made(access, backups)
    assert wipe(host, shard, backups.token(backup)).code == 0
    aside = Path(f"{shard.snap_dir}.aside-run1")
    kept = {path.name: path.read_bytes() for path in aside.iterdir()}
    Path(shard.snap_dir, f"{7:020}.snap").write_bytes(b"written since")
    assert wipe(host, shard, backups.token(backup)).code != 0
    assert {path.name: path.read_bytes() for path in aside.iterdir()} == kept
    assert Path(shard.snap_dir, f"{7:020}.snap").read_bytes() == b"written since"


@contextlib.contextmanager
def holding(tmp_path: Path, held: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Have a Tarantool keep a file open that it does not know of."""
    held.touch()
    script, ready = tmp_path / "hold.lua", tmp_path / "ready"
    script.write_text(f"f = io.open('{held}') io.open('{ready}', 'w'):close() require('fiber').sleep(600)")
    process = subprocess.Popen(["tarantool", str(script)], stdin=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while not ready.exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        yield process
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()


def test_a_process_beside_systemd_keeps_the_data(host: RunOn, shard: Shard, tmp_path: Path, access: Any) -> None:
    backups = place_of(shard)
    backup = made(access, backups)
    with holding(tmp_path, newest(shard.wal_dir, "*.xlog")) as process:
        reply = wipe(host, shard, backups.token(backup))
    assert reply.code != 0
    assert f"process {process.pid} has its files open" in reply.error_text
    assert wipe(host, shard, backups.token(backup)).code == 0


@pytest.fixture
def both(tmp_path: Path, access: Any) -> list[Shard]:
    """Give two stopped shards of two instances."""
    two_units(tmp_path, "inactive", "inactive")
    stand_in(tmp_path, "sleep", ":")
    found = []
    for number, ended in ((1, signal.SIGTERM), (2, signal.SIGKILL)):
        name = f"FindFace_shard_{number}"
        (tmp_path / str(number)).mkdir()
        shard = shard_with_files(tmp_path / str(number), ended)
        found.append(dataclasses.replace(shard, name=name, unit=f"tarantool@{name}"))
    return found


def places_of(tmp_path: Path, shards: list[Shard]) -> list[ShardBackups]:
    return [ShardBackups(shard, str(tmp_path / "backups of all")) for shard in shards]


def together(host: RunOn, places: list[ShardBackups]) -> Reply:
    """Back up several shards by one script."""
    script = ShardBackups.joint([(place, (), (ShardBackup("run1", Unknown("read back")),)) for place in places])
    return host(f"(\n{script}\n)")


def wiped_together(host: RunOn, places: list[ShardBackups]) -> Reply:
    """Set the data of several shards aside by one script."""
    changes = []
    for place in places:
        (backup,) = place.parse(host(place.read_script()))
        after = DataState((), EMPTIED, token=place.token(backup))
        changes.append((ShardData(place.shard), state(host, place.shard), after))
    return host(ShardData.joint(changes))


@pytest.mark.parametrize("odd", [False, True], ids=["directories alike", "one directory unlike the others"])
def test_shards_are_backed_up_and_set_aside_together(host: RunOn, both: list[Shard], tmp_path: Path, odd: bool) -> None:
    places = places_of(tmp_path, both)
    before = [state(host, shard) for shard in both]
    reply = together(host, places)
    assert reply.code == 0, reply.error_text
    instances = set()
    for place, was in zip(places, before, strict=True):
        (backup,) = place.parse(host(place.read_script()))
        assert (backup.covers(was), backup.hot, backup.rows) == (True, False, ((512, 290, 310),))
        assert was.instances == (backup.instance,)
        instances.add(backup.instance)
        names = {name for name, _, _ in backup.files if isinstance(backup.files, tuple)}
        assert names == {*(name for name, _ in was.files), "FindFace_shard_1.lua"}
        assert sorted(path.name for path in Path(place.label).iterdir()) == ["run1"]
    assert len(instances) == 2
    for shard in both:
        for directory in (shard.snap_dir, shard.wal_dir, shard.index_dir):
            Path(directory).chmod(0o755 if odd and directory != both[1].wal_dir else 0o2710)
    reply = wiped_together(host, places)
    assert reply.code == 0, reply.error_text
    for shard, was in zip(both, before, strict=True):
        now = state(host, shard)
        assert (now.files, now.record, now.missing) == ((), EMPTIED, ())
        for kind, directory in ShardData(shard).directories().items():
            aside = Path(f"{directory}.aside-run1")
            assert {f"{kind}/{path.name}" for path in aside.iterdir()} >= {name for name, _ in was.names(kind)}
            assert Path(directory).stat().st_mode == aside.stat().st_mode
            assert not Path(f"{directory}.new-run1").exists()


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda s: flip(newest(s.snap_dir, "*.snap")), "checksum"),
        (lambda s: shutil.rmtree(s.snap_dir), "no snapshot"),
        (lambda s: [shutil.rmtree(s.snap_dir), shutil.rmtree(s.wal_dir)], "has no snapshot in"),
    ],
    ids=["flipped", "no snapshot", "no file"],
)
def test_of_shards_that_are_backed_up_together_none_counts_where_one_is_spoilt(
    host: RunOn, both: list[Shard], tmp_path: Path, which: int, spoil: Callable[[Shard], object], said: str
) -> None:
    spoil(both[which])
    places = places_of(tmp_path, both)
    number, reply = blamed(together(host, places))
    assert (reply.code != 0, number) == (True, which)
    assert said in reply.error_text
    assert [place.parse(host(place.read_script())) for place in places] == [(), ()]


def test_a_copy_that_differs_is_no_backup_among_others(host: RunOn, both: list[Shard], tmp_path: Path) -> None:
    stand_in(tmp_path, "cp", 'REAL "$@" || exit; case $3 in */FindFace_shard_2/*.lua) echo more >> "$3";; esac')
    number, reply = blamed(together(host, places_of(tmp_path, both)))
    assert (reply.code, number) == (1, 1)
    assert "FindFace_shard_1.lua differs" in reply.error_text


@pytest.mark.parametrize("which", [0, 1])
def test_of_shards_that_are_backed_up_together_none_may_run(
    host: RunOn, both: list[Shard], tmp_path: Path, which: int
) -> None:
    two_units(tmp_path, *("active" if number == which else "inactive" for number in (0, 1)))
    places = places_of(tmp_path, both)
    number, reply = blamed(together(host, places))
    assert (reply.code, number) == (1, which)
    assert f"{both[which].unit} runs, and is to be backed up stopped" in reply.error_text
    assert not (tmp_path / "backups of all").exists()


def test_backups_of_stopped_shards_need_to_know_that_they_are(host: RunOn, both: list[Shard], tmp_path: Path) -> None:
    stand_in_for_none = (tmp_path / "bin/systemctl").read_text().replace("for unit in", "shift; for unit in", 1)
    (tmp_path / "bin/systemctl").write_text(stand_in_for_none)
    reply = together(host, places_of(tmp_path, both))
    assert reply.code == 1
    assert "systemd does not tell of all of" in reply.error_text


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda b, _: flip(newest(b, "*.snap")), "is not what was verified"),
        (lambda b, _: cut(newest(b, "*.xlog"), 4), "bytes any more"),
        (lambda b, _: (b / "manifest").unlink(), "is gone"),
        (lambda b, _: cut(b / "manifest", 3), "is cut"),
        (lambda b, _: edit(b / "manifest", "\nend ", "\nEND "), "is cut"),
        (lambda b, _: edit(b / "manifest", "\ninstance ", "\nno-instance "), "names no instance"),
        (lambda b, _: edit(b / "manifest", "ffplay-backup 2", "ffplay-backup 1"), "no manifest"),
        (lambda _, s: flip(newest(s.wal_dir, "*.xlog")), "is not what the backup has"),
        (lambda _, s: longer(newest(s.snap_dir, "*.snap")), "has another size than in the backup"),
        (lambda _, s: another_xlog(s, header(s) + MAGIC), "rows that no backup has"),
    ],
    ids=[
        "flipped byte",
        "truncation",
        "deleted manifest",
        "cut manifest",
        "manifest without an end",
        "manifest without an instance",
        "manifest of another format",
        "other rows",
        "another size",
        "another xlog",
    ],
)
def test_of_shards_that_are_wiped_together_none_is_where_one_is_not_as_it_was_verified(
    host: RunOn, both: list[Shard], tmp_path: Path, which: int, spoil: Callable[[Path, Shard], object], said: str
) -> None:
    places = places_of(tmp_path, both)
    assert together(host, places).code == 0
    tokens = [place.token(*place.parse(host(place.read_script()))) for place in places]
    spoil(Path(places[which].label, "run1"), both[which])
    before = [state(host, shard) for shard in both]
    changes = [
        (ShardData(shard), was, DataState((), EMPTIED, token=token))
        for shard, was, token in zip(both, before, tokens, strict=True)
    ]
    number, reply = blamed(host(ShardData.joint(changes)))
    assert (reply.code != 0, number) == (True, which)
    assert said in reply.error_text
    assert f"{both[which].name} is not wiped" in reply.error_text
    assert [state(host, shard) for shard in both] == before


def two(tmp_path: Path) -> list[Shard]:
    """Return two shards with directories and without files."""
    found = []
    for number in (1, 2):
        top = tmp_path / f"shard {number}"
        places = [str(top / name) for name in ("shard.lua", "data", "snap", "wal", "index")]
        for place in places[1:]:
            Path(place).mkdir(parents=True)
        found.append(Shard(f"shard_{number}", number, f"tarantool@{number}", *places, "127.0.0.1", 33001, 8001))
    return found


def joint_wipe(shards: list[Shard]) -> str:
    """Return what several shards are wiped by that hold nothing but what a copy took."""
    full, gone = DataState((("snap/1.snap", 1),), EMPTIED), DataState((), EMPTIED)
    return ShardData.joint([(ShardData(one), full, gone) for one in shards])


@pytest.mark.parametrize("state", ["active", "activating", "deactivating"])
def test_every_shard_that_is_wiped_with_others_must_be_dead(host: RunOn, tmp_path: Path, state: str) -> None:
    shards = two(tmp_path)
    two_units(tmp_path, "inactive", state)
    reply = host(joint_wipe(shards))
    assert (reply.code, blamed(reply)[0]) == (1, 1)
    assert "tarantool@2 still runs: its data must not be touched" in reply.error_text
    two_units(tmp_path, "inactive", "failed")
    stand_in(tmp_path, "sleep", f'echo "$1" >> {tmp_path}/slept')
    assert host(joint_wipe(shards)).code == 0
    assert (tmp_path / "slept").read_text() == "2.050\n"


def test_a_process_beside_systemd_keeps_the_data_of_any_shard_that_is_wiped_with_others(
    host: RunOn, tmp_path: Path
) -> None:
    shards = two(tmp_path)
    two_units(tmp_path, "inactive", "inactive")
    stand_in(tmp_path, "sleep", ":")
    with holding(tmp_path, Path(shards[1].wal_dir, "1.xlog")) as process:
        reply = host(joint_wipe(shards))
    assert (reply.code, blamed(reply)[0]) == (1, 1)
    assert f"tarantool@2 is stopped, and process {process.pid} has its files open" in reply.error_text
    assert host(joint_wipe(shards)).code == 0


def test_what_systemd_does_not_tell_of_is_not_taken_for_dead(host: RunOn, tmp_path: Path) -> None:
    shards = two(tmp_path)
    two_units(tmp_path, "inactive", "inactive")
    systemctl = tmp_path / "bin/systemctl"
    systemctl.write_text(systemctl.read_text().replace("do\n", "do\n  case $unit in *@2) exit 1;; esac\n", 1))
    reply = host(joint_wipe(shards))
    assert reply.code == 1
    assert "systemd does not tell of all of: tarantool@1 tarantool@2; no data are touched" in reply.error_text
