from __future__ import annotations

import difflib
from pathlib import Path

import pytest

from tests.e2e.labs import directories, lab
from tests.golden.plans import HERE, PLAYBOOKS, SHAPE, TOP, made


def test_every_shipped_playbook_has_its_plans() -> None:
    assert set(PLAYBOOKS) == {path.stem for path in (TOP / "playbooks").glob("*.yml")}
    kept = {path.name for path in HERE.iterdir() if path.suffix in (".txt", ".json")}
    assert kept == {f"{name}{suffix}" for name in PLAYBOOKS for suffix in (".txt", ".json")}


@pytest.mark.lab
@directories
def test_the_plans_of_the_shipped_playbooks_are_those_that_are_kept(tmp_path: Path) -> None:
    with lab(tmp_path / "lab", **SHAPE) as site:
        found = dict(made(site))
    differing = []
    for name, text in found.items():
        kept = (HERE / name).read_text(encoding="utf-8")
        differing += difflib.unified_diff(kept.splitlines(), text.splitlines(), name, name, "kept", "now", 1, "")
    assert differing == [], "\n".join(["run `python -m tests.golden` and look at what it changes:", *differing[:60]])
