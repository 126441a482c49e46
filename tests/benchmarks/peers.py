"""The peers, installed from PyPI: each in an environment of its own, once, at the versions that were compared."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata
from pathlib import Path

# Environment -> what is installed into it. Mitogen 0.3.54 goes with ansible-core up to 2.19.
_WANTED = {
    "ansible": ("ansible-core==2.19.*", "mitogen==0.3.*"),
    "pyinfra": ("pyinfra==3.*",),
}


def environment(top: Path, name: str) -> Path:
    """Return the directory of an environment."""
    return top / ".venv-benchmarks" / name


def install(top: Path, name: str) -> None:
    """Make an environment unless it is there with what is wanted. Raise `CalledProcessError`."""
    where, wanted = environment(top, name), "\n".join(_WANTED[name])
    stamp = where / ".installed"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(where)], check=True)
    pip = [str(where / "bin/python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, *_WANTED[name]], check=True)
    stamp.write_text(wanted)


def versions(top: Path) -> dict[str, str]:
    """Return the versions of the peers that are installed, by the names of their packages."""
    found = {}
    for name in _WANTED:
        for packages in environment(top, name).glob("lib/python*/site-packages"):
            for one in metadata.distributions(path=[str(packages)]):
                if one.name in ("ansible-core", "mitogen", "pyinfra", "paramiko"):
                    found[one.name] = one.version
    return found


def version_here(package: str) -> str:
    """Return the version of a package that ffplay itself runs with."""
    return metadata.version(package)
