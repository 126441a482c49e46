"""A host that has sh, coreutils, setsid and a systemctl of ours, and nothing else; what else a test puts there."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from ffplay.model import Shard
from ffplay.remote.base import Reply
from tests.unit.resources.tarantool_files import shard_with_files

# All that is asked of a host beside sh and coreutils; systemctl is here a unit that is stopped and starts at once.
COREUTILS = [
    "base64",
    "cat",
    "chgrp",
    "chmod",
    "chown",
    "cp",
    "cut",
    "date",
    "df",
    "dirname",
    "du",
    "echo",
    "env",
    "expr",
    "head",
    "id",
    "ln",
    "ls",
    "mkdir",
    "mktemp",
    "mv",
    "nproc",
    "od",
    "printf",
    "readlink",
    "rm",
    "rmdir",
    "sha256sum",
    "sleep",
    "sort",
    "stat",
    "sync",
    "tail",
    "test",
    "timeout",
    "touch",
    "tr",
    "true",
    "uname",
    "wc",
]
SYSTEMCTL = """#!/bin/sh
case $1 in
  list-units) printf '%s\n' '● tarantool@x.service loaded failed failed Tarantool' \
    '  tarantool@run.service loaded active running Tarantool';;
  show) if [ -e {state} ]; then a=active p=7; else a=inactive p=0; fi
        for line in LoadState=loaded ActiveState=$a MainPID=$p ExecMainStartTimestamp=; do
          case ,$3, in *,"${{line%%=*}}",*) echo "$line";; esac
        done;;
  start|restart) touch {state};;
  stop) rm -f {state};;
esac
"""

Host = Callable[[str], Reply]


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """Give a function that runs a script on the bare host."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in (*COREUTILS, "setsid"):
        (programs / name).symlink_to(shutil.which(name) or f"/missing/{name}")
    (programs / "sh").symlink_to("/bin/sh")
    (programs / "systemctl").write_text(SYSTEMCTL.format(state=tmp_path / "active"))
    (programs / "systemctl").chmod(0o755)

    def run(script: str) -> Reply:
        done = subprocess.run(
            [str(programs / "sh"), "-s"],
            input=script.encode(),
            capture_output=True,
            env={"PATH": str(programs)},
            timeout=60,
            check=False,
        )
        assert b"not found" not in done.stderr, done.stderr.decode()
        return Reply(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def shard(tmp_path: Path) -> Shard:
    """Give a shard whose data a real Tarantool made."""
    return shard_with_files(tmp_path)


# Of two units, named `...1` and `...2`, each is in a state of its own; the first has the longer RestartSec.
_TWO_UNITS = """#!/bin/sh
[ "$1" = show ] || exit 0
what=$3; shift 3
for unit in "$@"; do
  case $unit in *1) state={first} restart=2s;; *) state={second} restart=1s;; esac
  case $what in
    ActiveState,MainPID) echo "ActiveState=$state"; echo MainPID=0; echo;;
    RestartUSec) echo "RestartUSec=$restart"; echo;;
  esac
done
"""


def two_units(tmp_path: Path, first: str, second: str) -> None:
    """Have the bare host's systemctl tell of two units in these states."""
    (tmp_path / "bin/systemctl").write_text(_TWO_UNITS.format(first=first, second=second))
