"""A site and a playbook written to a directory, and read from there."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ffplay.load import Loaded, Sources, load

Load = Callable[..., Loaded]


@pytest.fixture
def loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Return a function that writes files (paths with `/`), then reads `inventory.yml` and `playbook.yml`."""
    monkeypatch.chdir(tmp_path)

    def read(files: dict[str, str], *extra: str, inventories: tuple[str, ...] = ("inventory.yml",)) -> Loaded:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        playbook = Path("playbook.yml") if "playbook.yml" in files else None
        present = tuple(Path(name) for name in inventories if Path(name).exists())
        return load(Sources(playbook, present, extra))

    return read
