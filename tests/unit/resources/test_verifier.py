"""Reads real snapshots and xlogs offline, whole and spoilt; also without zstd, as an old Tarantool may have to."""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import ffplay.resources
from ffplay.model import Shard
from tests.unit.resources.tarantool_files import shard_with_files

VERIFIER = Path(ffplay.resources.__file__).with_name("verify_backup.lua")
END = bytes.fromhex("d510aded")


@pytest.fixture
def shard(tmp_path: Path) -> Shard:
    return shard_with_files(tmp_path)


def newest(shard: Shard) -> Path:
    return max(Path(shard.snap_dir).glob("*.snap"))


def xlogs(shard: Shard) -> list[Path]:
    return sorted(Path(shard.wal_dir).glob("*.xlog"))


def verify(shard: Shard, script: Path = VERIFIER) -> tuple[int, list[str], str]:
    files = [*Path(shard.snap_dir).glob("*.snap"), *xlogs(shard)]
    done = subprocess.run(
        ["tarantool", str(script), *map(str, files)], capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, done.stdout.splitlines(), done.stderr.strip()


def body(path: Path) -> int:
    """Return where the first block begins."""
    return path.read_bytes().index(b"\n\n") + 2


def flip(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def block(length: int | None, *rows: bytes) -> bytes:
    """Return a block of these rows with its checksum; one that says another length has none."""
    data = b"".join(rows)
    checksum = 0
    for byte in data:
        checksum ^= byte
        for _ in range(8):
            checksum = checksum >> 1 ^ 0x82F63B78 * (checksum & 1)
    size = len(data) if length is None else length
    head = b"\xce" + size.to_bytes(4, "big") + b"\x00\xce" + checksum.to_bytes(4, "big") + b"\xa3\0\0\0"
    return bytes.fromhex("d5ba0bab") + head + data


def inserted(lsn: int) -> bytes:
    """Return a row of space 512 with this number."""
    header = b"\x83\x00\x02\x02\x01\x03\xce" + lsn.to_bytes(4, "big")
    return header + b"\x82\x10\xcd\x02\x00\x21\x91\x07"


def append(path: Path, *rows: bytes) -> None:
    """Put one more block before the end marker."""
    content = path.read_bytes()
    assert content.endswith(END)
    path.write_bytes(content[:-4] + block(None, *rows) + END)


def overlong(path: Path) -> None:
    """Have the first block say that it goes on far behind the end of the file."""
    content, at = path.read_bytes(), body(path)
    path.write_bytes(content[:at] + block(0xFFFFFF) + content[at + 19 :])


def next_row(shard: Shard) -> int:
    """Return the number of the row that would come next."""
    return int(verify(shard)[1][1].rpartition(":")[2]) + 1


def test_a_row_that_comes_in_its_order_is_counted(shard: Shard) -> None:
    append(xlogs(shard)[-2], inserted(next_row(shard)))
    code, said, error = verify(shard)
    assert (code, error) == (0, "")
    assert "rows 512 291 311" in said


def test_whole_files(shard: Shard) -> None:
    code, said, error = verify(shard)
    assert (code, error) == (0, "")
    assert [line for line in said if line.startswith("rows")] == ["rows 512 290 310"]
    assert said[0].startswith("instance ")
    assert said[1].startswith("vclock 1:")


def test_without_zstd_the_same_comes_out(shard: Shard, tmp_path: Path) -> None:
    script = tmp_path / "old.lua"
    text = VERIFIER.read_text()
    assert "local zstd = pcall(" in text
    script.write_text(text.replace("local zstd = pcall(", "local zstd = false and pcall("))
    assert verify(shard, script) == verify(shard)


def test_a_killed_shard_leaves_no_end_marker(tmp_path: Path) -> None:
    shard = shard_with_files(tmp_path, signal.SIGKILL)
    last = xlogs(shard)[-1]
    assert not last.read_bytes().endswith(END)
    code, said, error = verify(shard)
    assert (code, error) == (0, "")
    assert f"torn {last.stat().st_size} {last.name}" in said
    whole = [line for line in said if line.startswith(("rows", "vclock"))]
    last.write_bytes(last.read_bytes() + bytes.fromhex("d5ba0bab") + b"\xce\x00\x01")
    code, said, error = verify(shard)
    assert (code, error) == (0, "")
    assert [line for line in said if line.startswith(("rows", "vclock"))] == whole


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda s: flip(newest(s), body(newest(s)) + 40), "checksum"),
        (lambda s: flip(newest(s), body(newest(s)) + 6), r"checksum|no block|damaged|cut"),
        (lambda s: flip(newest(s), body(newest(s))), "no block begins"),
        (lambda s: flip(newest(s), 0), "does not begin as"),
        (lambda s: newest(s).write_bytes(newest(s).read_bytes()[:-4]), "no end marker"),
        (lambda s: newest(s).write_bytes(newest(s).read_bytes()[:-9]), "no end marker"),
        (lambda s: newest(s).write_bytes(newest(s).read_bytes()[: body(newest(s))] + END), "holds no row"),
        (lambda s: newest(s).write_bytes(newest(s).read_bytes() + b"x"), "after its end marker"),
        (lambda s: newest(s).write_bytes(b""), "does not begin as"),
        (lambda s: newest(s).write_bytes(newest(s).read_bytes().replace(b"\n0.13\n", b"\n0.14\n", 1)), "format 0.14"),
        (lambda s: append(newest(s), inserted(1_000_000)), r"row \d+ is missing"),
        (lambda s: append(xlogs(s)[-2], inserted(next_row(s)), inserted(5)), "row 5 comes after row"),
        (lambda s: flip(xlogs(s)[-2], body(xlogs(s)[-2]) + 40), "checksum"),
        # The length of a block: what follows is no torn tail, for whole blocks and the end marker are in it.
        (lambda s: flip(xlogs(s)[-2], body(xlogs(s)[-2]) + 5), "damaged|no block|checksum"),
        (lambda s: overlong(xlogs(s)[-2]), "is damaged at byte"),
        (lambda s: xlogs(s)[-2].write_bytes(xlogs(s)[-2].read_bytes()[:-2000]), "rows are missing"),
        (lambda s: xlogs(s)[-2].unlink(), "rows are missing"),
        (lambda s: [path.unlink() for path in Path(s.snap_dir).glob("*.snap")], "no snapshot"),
        (
            lambda s: newest(s).write_bytes(newest(s).read_bytes().replace(b"Instance: ", b"Instance: 00000000-", 1)),
            "is of instance",
        ),
    ],
    ids=[
        "a row",
        "a checksum",
        "a marker",
        "the head",
        "no end marker",
        "cut",
        "no row",
        "goes on",
        "empty",
        "another format",
        "a row of the snapshot is missing",
        "a row comes twice",
        "an xlog's row",
        "an xlog's length",
        "an xlog's length beyond its end",
        "an xlog that is cut",
        "an xlog that is missing",
        "no snapshot",
        "another instance",
    ],
)
def test_what_is_spoilt_is_refused(shard: Shard, spoil: Callable[[Shard], object], said: str) -> None:
    spoil(shard)
    code, _, error = verify(shard)
    assert code == 1
    assert re.search(said, error), error
