"""The labs that scenarios run on: hosts on loopback addresses, or whole machines with FFPLAY_LAB_DRIVER=nspawn."""

from __future__ import annotations

import contextlib
import os
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ffplay.errors import Error
from ffplay.lab import driver, site
from ffplay.lab.layout import LabHost, LabOptions, LabSite

DRIVER = os.environ.get("FFPLAY_LAB_DRIVER", "loopback")

# For tests that look at what only booted machines have.
machines = pytest.mark.skipif(DRIVER != "nspawn", reason="runs with FFPLAY_LAB_DRIVER=nspawn")

# For tests that lean on the hosts being directories of this machine.
directories = pytest.mark.skipif(DRIVER != "loopback", reason="leans on hosts that are directories of this machine")


@contextlib.contextmanager
def lab(directory: Path, **options: Any) -> Iterator[LabSite]:
    """Give a lab, of which nothing runs afterwards; skip the test, and say why, where this machine can have none."""
    wanted = LabOptions(directory=directory, driver=DRIVER, **options)
    try:
        driver.named(DRIVER).check(wanted)
    except Error as error:
        pytest.skip(f"no lab with {DRIVER} hosts: {error}; {error.advice}")
    found = site.up(wanted)
    try:
        yield found
    finally:
        site.down(directory)


def host_of(lab: LabSite, name: str) -> LabHost:
    """Return a host of the lab."""
    return next(host for host in lab.hosts if host.name == name)


def at(lab: LabSite, name: str, script: str) -> subprocess.CompletedProcess[str]:
    """Run a script on a host as its root; $ROOT is its tree."""
    host = host_of(lab, name)
    text = f"ROOT={shlex.quote(str(host.prefix))}; {script}"
    if host.machine:
        text = f"sudo sh -c {shlex.quote(text)}"
    command = ["ssh", "-F", str(lab.directory / "ssh_config"), name, text]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
