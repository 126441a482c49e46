"""Stand-ins for the programs that the vendor installs with facenapi: findface-regenerate and mongo2searchapi."""

from __future__ import annotations

import shlex
from pathlib import Path

from ffplay import findface
from ffplay.lab import facens

_PACKAGE = "usr/lib/python3/dist-packages"
_TOOLS = f"{_PACKAGE}/facenapi/server/tools"
_MODELS = "usr/share/findface-data/models"

_COPY = '''"""Copy the facens from MongoDB to the shards."""

import sys

from ffplay.lab.vendor.mongo2searchapi import main

if __name__ == "__main__":
    sys.exit(main())
'''


def install(root: Path, seen: Path, python: str, package: str) -> None:
    """Install the tools and the documented models under a host's root, which its programs see as `seen`.

    The tools run on the interpreter `python`, which finds ffplay in `package`.
    """
    for directory in ("usr/bin", _TOOLS):
        (root / directory).mkdir(parents=True, exist_ok=True)
    paths = shlex.quote(f"{seen / _PACKAGE}:{package}")
    start = f"#!/bin/sh\nPYTHONPATH={paths} exec {shlex.quote(python)}"
    # In the place of the host's own interpreter, where it has one: whatever runs there finds the tools.
    (root / "usr/bin/python3").unlink(missing_ok=True)
    _executable(root / "usr/bin/python3", f'{start} "$@"\n')
    _executable(root / "usr/bin/findface-regenerate", f'{start} -m ffplay.lab.vendor.regenerate "$@"\n')
    tools = root / _TOOLS
    for level in (tools, tools.parent, tools.parent.parent):
        (level / "__init__.py").touch()
    (tools / "mongo2searchapi.py").write_text(_COPY)
    for name, size in findface.MODELS.items():
        facens.install_model(root / _MODELS, name, size)


def _executable(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)
