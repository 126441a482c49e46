"""The table of guards is true: each is in the code once, its tests are there, and some are removed here and now.

`python -m tests.guards` removes all of them, which takes minutes.
"""

from __future__ import annotations

import random
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.guards.mutant import outcomes, trial
from tests.guards.table import DOCUMENT, TOP, Guard, documented, load

GUARDS = load()

# Tests that take no time worth mentioning beside the start of Python.
CHEAP = ("tests/steps/test_steps.py::test_case[", "tests/unit/resources/test_removal.py::")
SEED, SAMPLE = 1, 5


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name)
def test_a_guard_is_in_the_code_once(guard: Guard) -> None:
    assert guard.mistake == ""


def test_every_name_is_given_once() -> None:
    assert [name for name, count in Counter(guard.name for guard in GUARDS).items() if count > 1] == []


def test_every_test_of_the_table_is_there() -> None:
    tests = sorted({test for guard in GUARDS for test in guard.tests})
    words = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *tests]
    done = subprocess.run(words, cwd=TOP, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


def test_the_document_has_the_table() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert text == documented(text, GUARDS), "run `python -m tests.guards --write`"


def test_some_guards_that_are_removed_are_missed() -> None:
    cheap = [guard for guard in GUARDS if all(test.startswith(CHEAP) for test in guard.tests)]
    chosen = random.Random(SEED).sample(cheap, SAMPLE)
    with ThreadPoolExecutor(2) as pool:
        survived = {guard.name: said for guard, said in zip(chosen, pool.map(trial, chosen), strict=True) if said}
    assert survived == {}


def test_what_the_runner_says_of_a_test(tmp_path: Path) -> None:
    """A test that passes, that is skipped, that cannot begin, that is not there: none of them has seen a guard go."""
    (tmp_path / "pyproject.toml").write_text("[tool.pytest.ini_options]\naddopts = '--import-mode=importlib'\n")
    (tmp_path / "test_it.py").write_text(
        "import pytest\n\n@pytest.fixture\ndef broken():\n    raise OSError\n\n"
        "def test_passes(): pass\n\ndef test_fails(): assert False\n\ndef test_error(broken): pass\n\n"
        "@pytest.mark.skip\ndef test_skipped(): pass\n\n"
        "@pytest.mark.parametrize('one', [1, 2])\ndef test_some(one): assert one == 1\n"
    )
    names = ("passes", "fails", "error", "skipped", "some", "some[1]")
    found = outcomes(tmp_path, [f"test_it.py::test_{name}" for name in names])
    expected = ["passed", "failed", "an error before the test", "skipped", "failed", "passed"]
    assert list(found.values()) == expected
    (said,) = outcomes(tmp_path, ["test_it.py::test_nowhere"]).values()
    assert said.startswith("not run")
