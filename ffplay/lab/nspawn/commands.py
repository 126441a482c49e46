"""Running this machine's programs for the driver."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence

from ffplay.errors import Error
from ffplay.lab import processes
from ffplay.lab.access import SYSTEM_PATH

_LAST_LINES = 15


def run(*argv: object, environment: Mapping[str, str] | None = None, hint: str = "") -> str:
    """Run a program, which ends when this process does, and return its output. Raise `Error` where it fails."""
    done = _run(argv, environment)
    if done.returncode:
        said = "\n".join((done.stderr.strip() or done.stdout.strip()).splitlines()[-_LAST_LINES:])
        raise Error(f"{' '.join(map(str, argv))}: exit code {done.returncode}\n{said}", hint)
    return done.stdout


def succeeds(*argv: object) -> bool:
    """Run a program and tell whether it succeeds; what it says does not matter."""
    return _run(argv, None).returncode == 0


def _run(argv: Sequence[object], environment: Mapping[str, str] | None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(word) for word in argv],
        env={**os.environ, "PATH": f"{os.environ.get('PATH', '')}:{SYSTEM_PATH}", "LC_ALL": "C", **(environment or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=processes.die_with_parent,
    )
