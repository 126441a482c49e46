"""The checker catches each way to write, wherever in a script it hides, and lets through what only reads."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.looking.shell_rules import violations

SAMPLES = yaml.safe_load(Path(__file__).with_name("samples.yml").read_text())


@pytest.mark.parametrize("script", SAMPLES["writes"])
def test_what_writes_is_caught(script: str) -> None:
    assert violations(script)


@pytest.mark.parametrize("script", SAMPLES["reads"])
def test_what_reads_is_let_through(script: str) -> None:
    assert violations(script) == []
