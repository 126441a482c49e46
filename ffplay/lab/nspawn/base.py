"""The Debian that all hosts of all labs are booted over: built once, then shared read-only."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from ffplay.lab.layout import MACHINE_USER
from ffplay.lab.nspawn import apt
from ffplay.lab.nspawn.commands import run

SUITE = "bookworm"

# Where the lab's own programs are on a host: out of every PATH, as nothing of them is on a real one.
OURS = "/usr/lib/ffplay-lab"
PYTHON = f"{OURS}/python"

_PACKAGES = ("dbus", "iproute2", "libpam-systemd", "openssh-server", "python3", "sudo", "systemd-sysv", "tarantool")

# Made in the new Debian by its own sh. Timers would fetch packages; the host keys are each host's own.
_FINISH = f"""set -eu
useradd --create-home --shell /bin/bash {MACHINE_USER}
install -d -m 0700 -o {MACHINE_USER} -g {MACHINE_USER} /home/{MACHINE_USER}/.ssh
echo '{MACHINE_USER} ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/{MACHINE_USER}
chmod 0440 /etc/sudoers.d/{MACHINE_USER}
rm -f /etc/ssh/ssh_host_* /var/cache/apt/archives/*.deb
for timer in apt-daily apt-daily-upgrade dpkg-db-backup e2scrub_all fstrim; do
  ln -sf /dev/null /etc/systemd/system/$timer.timer
done
mkdir -p {OURS}/ffplay {OURS}/packages
cp -L /usr/bin/python3 {OURS}/python3
cat > {PYTHON} <<'END'
#!/bin/sh
PYTHONPATH={OURS}:$(echo {OURS}/packages/* | tr ' ' :)${{PYTHONPATH:+:$PYTHONPATH}} exec {OURS}/python3 "$@"
END
chmod 0755 {PYTHON}
: > /etc/machine-id
"""


def directory() -> Path:
    """Return where the base is, or will be: its name has a digest of what goes into it."""
    digest = hashlib.sha256(json.dumps([SUITE, _PACKAGES, _FINISH]).encode()).hexdigest()[:16]
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "ffplay" / f"nspawn-base-{digest}"


def ready(progress: Callable[[str], None]) -> Path:
    """Return the base, built if it is not there yet. Raise `Error` where that fails."""
    base = directory()
    if not base.exists():
        base.parent.mkdir(parents=True, exist_ok=True)
        with _alone(base.parent / "nspawn-base.lock"):
            if not base.exists():
                _build(base, progress)
    return base


@contextlib.contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Be the only one who builds; others wait."""
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _build(base: Path, progress: Callable[[str], None]) -> None:
    source = apt.mirror(SUITE)
    progress(f"building the hosts' Debian from {source.uri} in {base}: once, about a minute")
    new = base.with_name(f"{base.name}.new")
    if new.exists():
        shutil.rmtree(new)
    new.mkdir(mode=0o755)
    # What it mounts and starts in there goes with it, however it ends.
    alone = ("unshare", "--mount", "--pid", "--fork", "--kill-child")
    include = ("--variant=minbase", f"--include={','.join(_PACKAGES)}", f"--keyring={source.keyring}")
    hint = "look at apt's mirror and proxy on this machine: apt-get update must work"
    command = ("debootstrap", *include, SUITE, new, source.uri)
    run(*alone, *command, environment={"DEBIAN_FRONTEND": "noninteractive", **source.proxy}, hint=hint)
    run(*alone, "chroot", new, "/bin/sh", "-c", _FINISH)
    os.sync()
    new.rename(base)
