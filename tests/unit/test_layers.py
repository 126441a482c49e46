"""Imports go one way, and what is heavy or foreign is imported in one place only."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import ffplay

ROOT = Path(ffplay.__file__).parent

# Each part may import itself and the parts of the lines above it; parts of one line do not know one another, but for
# `edit`, which knows nothing of ours, and `load`, which reads the schemas of `steps`.
LAYERS: tuple[set[str], ...] = (
    {"model", "errors", "findface", "edit", "secret", "spellings"},
    {"remote", "resources"},
    {"steps", "load"},
    {"engine", "lint"},
    {"report"},
    {"cli", "arguments", "verbs", "__main__"},
)
WITHIN = {("errors", "model"), ("resources", "remote"), ("load", "steps")}
WITHIN |= {("secret", "spellings"), ("spellings", "secret")}
WITHIN |= {("arguments", "verbs"), ("verbs", "arguments"), ("cli", "arguments"), ("cli", "verbs"), ("__main__", "cli")}
# The verbs start the lab; the lab itself stands beside the engine.
LAB_MAY_NOT = {"engine", "steps", "cli", "verbs", "arguments"}
FOREIGN = {"paramiko": {"remote"}, "pymongo": {"resources", "lab"}, "bson": {"resources", "lab"}}
FOREIGN |= {"tarantool": {"resources", "lab"}, "mongomock": {"lab"}}

MODULES = sorted(path for path in ROOT.rglob("*.py") if "assets" not in path.parts and path != ROOT / "__init__.py")
PARTS = {path.name.removesuffix(".py") for path in ROOT.iterdir()}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_one_way(path: Path) -> None:
    part = _part(path)
    ours = {name.split(".")[1] for name in _imported(path) if name.startswith("ffplay.")} & PARTS
    assert {other for other in ours if not _may(part, other)} == set()


@pytest.mark.parametrize("library", FOREIGN)
def test_a_library_is_known_where_it_belongs(library: str) -> None:
    users = {_part(path) for path in MODULES for name in _imported(path) if name.partition(".")[0] == library}
    assert users <= FOREIGN[library]


def _may(part: str, other: str) -> bool:
    if part == other:
        return True
    if part == "lab":
        return other not in LAB_MAY_NOT
    if other == "lab":
        return part in {"cli", "verbs", "report"}
    return _layer(other) < _layer(part) or (part, other) in WITHIN


def _layer(part: str) -> int:
    return next(number for number, layer in enumerate(LAYERS) if part in layer)


def _part(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def _imported(path: Path) -> Iterator[str]:
    """Yield every module that a file imports, wherever in it; `from ffplay import steps` names ffplay.steps."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"ffplay.{alias.name}" for alias in node.names) if node.module == "ffplay" else [node.module]
