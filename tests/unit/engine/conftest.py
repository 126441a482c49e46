"""A bench for each test, its connections closed behind it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ffplay.engine.options import Options
from tests.unit.engine.bench import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Any]:
    """Return a maker of benches: steps as YAML text, put into one play unless they are whole plays."""
    made: list[Bench] = []

    def make(text: str, options: Options | None = None, **hosts: Any) -> Bench:
        if not text.lstrip().startswith("- hosts"):
            lines = "\n".join(f"    {line}" for line in text.strip("\n").splitlines())
            text = f"- hosts: all\n  steps:\n{lines}\n"
        made.append(Bench(tmp_path, text, options, **hosts))
        return made[-1]

    yield make
    for one in made:
        one.pool.close()


@pytest.fixture(autouse=True)
def _own_journals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the controller's journals of each test apart: many call their run the same."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "controller"))
