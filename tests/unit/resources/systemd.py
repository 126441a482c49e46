"""A stand-in for `systemd-run` and `systemctl` of a machine with systemd, as unforgiving as their documentation.

It is called by either name. A unit's process has a session of its own, systemd's environment and `/` as its directory.
A name that exists is refused; a unit that ended well is forgotten by itself, one that failed only by `reset-failed`.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from pathlib import Path

UNITS = Path(os.environ["STAND_IN_UNITS"])
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin"


def run(words: list[str]) -> int:
    options = {}
    while words[0].startswith("--"):
        name, _, value = words.pop(0).partition("=")
        options[name] = value
    assert set(options) == {"--unit", "--description"}, options
    assert words[0].startswith("/")
    assert not [word for word in words if "$" in word or "%" in word], words  # systemd would expand them
    unit = UNITS / options["--unit"]
    try:
        unit.mkdir()
    except FileExistsError:
        sys.stderr.write(f"Failed to start transient service unit: Unit {unit.name} already exists." + "\n")
        return 1
    # PID 1 starts it, whether whoever asked for it lives or not.
    if os.fork() == 0:
        os.setsid()
        supervise(unit, words)
    return 0


def supervise(unit: Path, words: list[str]) -> None:
    null = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        os.dup2(null, number)
    child = os.fork()
    if child == 0:
        os.setsid()
        os.chdir("/")
        os.execve(words[0], words, {"PATH": PATH, "LANG": "C.UTF-8"})
    (unit / "pid").write_text(str(child))
    _, status = os.waitpid(child, 0)
    kill(child, signal.SIGTERM)  # whatever else is in the unit's control group ends with it
    if status:
        (unit / "failed").touch()
    else:
        forget(unit)
    os._exit(0)


def kill(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, number)


def forget(unit: Path) -> None:
    for file in unit.iterdir():
        file.unlink()
    unit.rmdir()


def control(words: list[str]) -> int:
    verb, name = words
    unit = UNITS / name
    if not unit.exists():
        sys.stderr.write(f"Failed to {verb} {name}: Unit {name} not loaded." + "\n")
        return 5
    if verb == "reset-failed":
        if (unit / "failed").exists():
            forget(unit)
        return 0
    assert verb == "stop", words
    while unit.exists() and not (unit / "failed").exists():
        if (unit / "pid").exists() and (unit / "pid").read_text():
            kill(int((unit / "pid").read_text()), signal.SIGTERM)
        time.sleep(0.05)
    return 0


if __name__ == "__main__":
    sys.exit(run(sys.argv[2:]) if sys.argv[1] == "systemd-run" else control(sys.argv[2:]))
