"""A run killed while it copies a backup, and backups that are spoilt before the wipe: no byte of a shard is lost."""

from __future__ import annotations

import hashlib
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ffplay.lab import site as lab_site
from ffplay.lab.layout import LabOptions, LabSite
from tests.e2e.judge import judge
from tests.waiting import wait_for

TOP = Path(__file__).parent.parent.parent

pytestmark = pytest.mark.lab


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[LabSite]:
    directory = tmp_path / "lab"
    yield lab_site.up(LabOptions(directory=directory, hosts=1, faces=60))
    lab_site.down(directory)


def start(lab: LabSite, verb: str, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "ffplay", verb, *options, "-i", str(lab.inventory)]
    return subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=TOP
    )


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    output = process.communicate(timeout=180)[0]
    return process.returncode, output


def apply(lab: LabSite) -> tuple[int, str]:
    return ended(start(lab, "apply", "playbooks/switch-model.yml", "--yes"))


def data(lab: LabSite) -> dict[str, bytes]:
    """Return every snapshot and xlog of the shards by SHARD/NAME."""
    top = lab.databases[0].root / "opt/ntech/var/lib/tarantool"
    files = [path for ending in ("snapshots/*.snap", "xlogs/*.xlog") for path in top.glob(f"*/{ending}")]
    return {f"{path.parent.parent.name}/{path.name}": path.read_bytes() for path in files}


def backups(lab: LabSite) -> list[Path]:
    return sorted((lab.databases[0].root / "var/backups/ffplay").glob("FindFace_shard_*/*"))


def check_manifest(backup: Path) -> None:
    """Compare every file of a backup with its manifest, without ffplay's help."""
    lines = (backup / "manifest").read_text().splitlines()
    assert lines[-1] == f"end {len(lines) - 1}"
    files = [line.split(" ", 3)[1:] for line in lines if line.startswith("file ")]
    assert {name for _, _, name in files} == {
        str(path.relative_to(backup)) for path in backup.rglob("*") if path.is_file() and path.name != "manifest"
    }
    for digest, size, name in files:
        content = (backup / name).read_bytes()
        assert (hashlib.sha256(content).hexdigest(), len(content)) == (digest, int(size))


def aside(lab: LabSite) -> list[Path]:
    return list((lab.databases[0].root / "opt/ntech/var/lib/tarantool").glob("*/*.aside-*"))


def test_killed_while_a_backup_is_copied(lab: LabSite) -> None:
    (host,) = lab.databases
    slow, go = lab.directory / "slow", lab.directory / "go"
    copy = host.root / "usr/bin/cp"
    copy.write_text(
        f'#!/bin/sh\nif mkdir "{slow}" 2>/dev/null; then\n'
        f'  while [ ! -e "{go}" ]; do sleep 0.1; done\nfi\nexec /bin/cp "$@"\n'
    )
    copy.chmod(0o755)
    before = data(lab)
    first = start(lab, "apply", "playbooks/switch-model.yml", "--yes")
    wait_for(slow.exists)
    first.send_signal(signal.SIGKILL)
    ended(first)
    assert not [path for path in backups(lab) if path.suffix != ".part"]
    assert aside(lab) == []
    # The script outlives who sent it: nothing is done beside it.
    code, output = apply(lab)
    busy = re.search(r"a script of an earlier run is still at work there \(pid (\d+)\)", output)
    assert busy, output
    assert (code, aside(lab)) == (9, [])
    go.touch()
    wait_for(lambda: not Path("/proc", busy[1]).exists())
    code, output = apply(lab)
    assert code == 0, output
    assert judge(lab, "cherry_480") == []
    found = [path for path in backups(lab) if not path.name.endswith((".part", ".dead"))]
    assert len(found) == 4  # two shards, each while it ran and when it was stopped
    for backup in found:
        check_manifest(backup)
    for backup in found:
        shard = backup.parent.name.removeprefix("FindFace_")
        kept = {path.name: path.read_bytes() for path in [*backup.glob("snap/*"), *backup.glob("wal/*")]}
        for name, content in before.items():
            if name.startswith(f"{shard}/"):
                end = bytes.fromhex("d510aded")
                assert kept[name.partition("/")[2]].removesuffix(end) == content.removesuffix(end)


def spoil(lab: LabSite, what: str) -> None:
    """Put a `systemctl` before the host's own that spoils the newest backup of shard 1 when the wipe proves it dead."""
    (host,) = lab.databases
    real = host.root / "usr/bin/systemctl"
    moved = real.with_name("systemctl.real")
    real.rename(moved)
    real.write_text(
        f"""#!/bin/sh
case "$*" in *RestartUSec*shard_1*)
  set -- "$@"
  b=$(ls -d "{host.root}"/var/backups/ffplay/FindFace_shard_1/*-stopped)
  snap=$(ls "$b"/snap/*.snap | tail -n 1)
  {what}
;; esac
exec "{moved}" "$@"
"""
    )
    real.chmod(0o755)


@pytest.mark.parametrize(
    ("what", "said"),
    [
        (
            'cp "$snap" "$b/x"; printf X | dd of="$b/x" bs=1 seek=400 conv=notrunc; mv "$b/x" "$snap"',
            "not what was ver",
        ),
        ('head -c -4 "$snap" > "$b/x"; mv "$b/x" "$snap"', "bytes any more"),
        ('rm "$snap"', "is missing"),
        ('rm "$b/manifest"', "is gone"),
    ],
    ids=["flipped byte", "no end marker", "missing file", "deleted manifest"],
)
def test_a_spoilt_backup_refuses_the_wipe(lab: LabSite, what: str, said: str) -> None:
    before = data(lab)
    spoil(lab, what)
    code, output = apply(lab)
    assert code != 0, output
    assert re.search(f"{said}.*FindFace_shard_1 is not wiped", output), output
    assert not [path for path in aside(lab) if path.parent.name == "shard_1"]
    now = data(lab)
    for name, content in before.items():
        if name.startswith("shard_1/"):
            assert now[name].startswith(content)
