"""`python -m tests.golden`: bring a lab up and write the plans of the shipped playbooks anew."""

from __future__ import annotations

import tempfile
from pathlib import Path

from ffplay.lab import site
from ffplay.lab.layout import LabOptions
from tests.golden.plans import HERE, SHAPE, made


def main() -> None:
    """Write them."""
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder) / "lab"
        lab = site.up(LabOptions(directory=directory, **SHAPE))
        try:
            for name, text in made(lab):
                (HERE / name).write_text(text, encoding="utf-8")
        finally:
            site.down(directory)


if __name__ == "__main__":
    main()
