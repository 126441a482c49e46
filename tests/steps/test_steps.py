"""Every step kind, by its cases: the files beside this one say the state and what shall come of it."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from ffplay import steps
from ffplay.model import Change, Problem
from tests.steps.case import Case, Unanswered, differs, load_cases, plain, told

CASES = load_cases(Path(__file__).parent)
MODULES = sorted(Path(steps.__file__).parent.glob("*.py"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.kind}/{case.path.stem}")
def test_case(case: Case) -> None:
    seen = [told(outcome) for outcome in case.outcomes()]
    if differs(case.body["expect"], seen):
        pytest.fail(f"{case.path}: planned was\n{yaml.safe_dump(seen, sort_keys=False, width=120)}", pytrace=False)


@pytest.mark.parametrize("case", [case for case in CASES if "estimate" in case.body], ids=lambda case: case.path.stem)
def test_estimate(case: Case) -> None:
    (seen,) = map(plain, case.estimates())
    if differs(case.body["estimate"], seen):
        pytest.fail(f"{case.path}: estimated was\n{yaml.safe_dump(seen, sort_keys=False, width=120)}", pytrace=False)


@pytest.mark.parametrize("kind", steps.kinds())
def test_every_kind_has_a_case_that_plans_something_and_one_that_changes_nothing(kind: str) -> None:
    planned = [case.outcomes() for case in CASES if case.kind == kind and kind in case.body["step"]]
    assert any(found and not any(isinstance(one, Problem) for one in found) for found in planned)
    assert any(not any(isinstance(one, Change | Problem) for one in found) for found in planned)


@pytest.mark.parametrize("kind", steps.kinds())
def test_every_kind_says_what_it_reads_and_changes(kind: str) -> None:
    """A kind says that it changes nothing where, and only where, no case of its own plans a change."""
    found = steps.kind(kind)
    for text in (found.reads, found.changes):
        assert text[0].isupper()
        assert text.endswith(".")
    changes = any(isinstance(one, Change) for case in CASES if case.kind == kind for one in case.outcomes())
    assert (found.changes != "Nothing.") == changes


def test_every_problem_has_a_case(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call of `Problem` in a step is a promise to an operator; each must have been seen by a case."""
    seen: set[tuple[str, int]] = set()
    for name in steps.kinds():
        steps.kind(name)  # imports its module
    for module in [module for name, module in sys.modules.items() if name.startswith("ffplay.steps.")]:
        if hasattr(module, "Problem"):
            monkeypatch.setattr(module, "Problem", _watched(seen))
    for case in CASES:
        case.outcomes()
    written = {(path.name, line) for path in MODULES for line in _calls_of_problem(path)}
    assert written - seen == set()


def _watched(seen: set[tuple[str, int]]) -> Callable[..., Problem]:
    def make(*args: str) -> Problem:
        frame = sys._getframe(1)
        first = next(line for _, _, line in frame.f_code.co_lines() if line)
        calls = _calls_of_problem(Path(frame.f_code.co_filename))
        seen.add((Path(frame.f_code.co_filename).name, max(line for line in calls if first <= line <= frame.f_lineno)))
        return Problem(*args)

    return make


def _calls_of_problem(path: Path) -> list[int]:
    tree = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return [
        node.lineno
        for node in tree
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Problem"
    ]


def test_every_folder_is_a_kind() -> None:
    assert {case.kind for case in CASES} == set(steps.kinds())


def test_a_question_that_a_case_does_not_answer_fails_by_name() -> None:
    body = {"hosts": {"a": {"groups": ["mongo"]}}, "step": {"start": "mongo"}, "state": {"a": {}}, "expect": []}
    with pytest.raises(Unanswered, match=r"short.yaml: the step asks a for `unit mongod`, and .* has none"):
        Case(Path("start/short.yaml"), "start", body).outcomes()
