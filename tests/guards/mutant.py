"""Copies of the repository in which one guard is removed, and what the tests say there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.guards.table import TOP, Guard

# What a copy has; all else (a virtual environment, results, a lab) may be large.
_PARTS = ("ffplay", "tests", "docs", "playbooks", "inventories", "templates", "README.md", "pyproject.toml")

# A removed guard may be what ends an endless wait, in seconds.
_TIMEOUT = 300


@contextmanager
def copied(source: Path = TOP) -> Iterator[Path]:
    """Give a copy of the repository; what Python compiled there serves in further copies."""
    with tempfile.TemporaryDirectory(prefix="ffplay-guard-") as folder:
        top = Path(folder) / "copy"
        top.mkdir()
        for name in _PARTS:
            if (source / name).is_dir():
                shutil.copytree(
                    source / name, top / name, symlinks=True, ignore=shutil.ignore_patterns(".pytest_cache")
                )
            else:
                shutil.copy2(source / name, top / name)
        yield top


def remove(guard: Guard, top: Path) -> None:
    """Remove a guard from a copy. Raise ValueError where its text is not there exactly once."""
    path = top / guard.file
    path.write_text(guard.removed_from(path.read_text(encoding="utf-8")), encoding="utf-8")
    for compiled in path.parent.glob(f"__pycache__/{path.stem}.*"):
        compiled.unlink()


def outcomes(top: Path, tests: Sequence[str], *options: str) -> dict[str, str]:
    """Run tests in a copy; return of each `failed`, `passed`, or what else became of it."""
    with tempfile.TemporaryDirectory(prefix="ffplay-guard-tests-") as folder:
        report = Path(folder) / "report.xml"
        environment = {**os.environ, "PYTHONPATH": str(top), "TMPDIR": folder}
        # The outer run's own workers and options are none of the inner one's.
        for name in [name for name in environment if name.startswith("PYTEST_")]:
            del environment[name]
        words = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", f"--junitxml={report}", *options, *tests]
        try:
            done = subprocess.run(
                words, cwd=top, env=environment, capture_output=True, text=True, timeout=_TIMEOUT, check=False
            )
        except subprocess.TimeoutExpired:
            return dict.fromkeys(tests, f"not over within {_TIMEOUT} s")
        if not report.exists():
            return dict.fromkeys(tests, f"not run: {(done.stdout + done.stderr).strip()[-800:]}")
        cases = list(ET.parse(report).iter("testcase"))
    return {test: _outcome(test, cases) for test in tests}


def _outcome(test: str, cases: Sequence[ET.Element]) -> str:
    """Return what became of one test; of one with several cases, `failed` where any of them did."""
    path, _, name = test.partition("::")
    module = path.removesuffix(".py").replace("/", ".")
    mine = [case for case in cases if case.get("classname") == module and _names(name, case.get("name", ""))]
    if not mine:
        return "not run"
    for kind in ("failure", "error", "skipped"):
        if any(case.find(kind) is not None for case in mine):
            return {"failure": "failed", "error": "an error before the test", "skipped": "skipped"}[kind]
    return "passed"


def _names(name: str, seen: str) -> bool:
    return seen == name or seen.startswith(f"{name}[")


def trial(guard: Guard, source: Path = TOP) -> list[str]:
    """Remove a guard from a copy of its own and run its tests; return which did not fail, and what they did."""
    with copied(source) as top:
        remove(guard, top)
        found = outcomes(top, guard.tests)
    return [f"{test}: {said}" for test, said in found.items() if said != "failed"]
