"""A few programs of random operators, the same ones every time: `python -m tests.stateful` runs others."""

from __future__ import annotations

import hypothesis
import pytest
from hypothesis.stateful import run_state_machine_as_test

from tests.stateful.__main__ import profile
from tests.stateful.machine import Operators

PROGRAMS, STEPS = 2, 4


@pytest.mark.lab
def test_no_program_of_operators_breaks_anything() -> None:
    settings = hypothesis.settings(profile(PROGRAMS, STEPS, [hypothesis.Phase.generate]), derandomize=True)
    run_state_machine_as_test(Operators, settings=settings)
