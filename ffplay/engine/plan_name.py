"""How a plan file is told from a playbook and from a run's name; apart from the rest, for every plan and apply asks."""

from __future__ import annotations

import contextlib
from pathlib import Path

FORMAT = "ffplay plan"

# A plan file is told from a playbook by how it begins.
BEGINS = f'{{\n "format": "{FORMAT}",\n'
SUFFIX = ".ffplan"


def is_plan_file(name: str) -> bool:
    """Tell whether a word of the command line names a plan file: by its ending, or by how the file begins."""
    path = Path(name)
    if not path.is_file():
        return path.suffix == SUFFIX
    if path.suffix == SUFFIX:
        return True
    with contextlib.suppress(OSError), path.open("rb") as file:
        return file.read(len(BEGINS)) == BEGINS.encode()
    return False
