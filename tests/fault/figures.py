"""What came of the trials, as a line, as a table, and as the figures in docs/safety.md."""

from __future__ import annotations

import datetime
import platform
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

import ffplay
from tests.fault.operations import Mode
from tests.fault.trial import Outcome

BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"

COMMAND = "tests/fault/run.sh"


def brief(outcome: Outcome) -> str:
    """Return one trial as a line, and a line for each thing that is broken."""
    went = "-> ".join(str(code) for code in [outcome.code, *outcome.again])
    hit = "" if outcome.hit else " (not met)"
    hit += f" (after a run killed at {outcome.killed_at})" if outcome.killed_at else ""
    text = f"{outcome.mode:14} {outcome.fault:16} {went:10} {outcome.seconds:5.1f} s  {outcome.label}{hit}"
    return "\n".join([text, *(f"      BROKEN {problem}" for problem in outcome.broken)])


def table(outcomes: Sequence[Outcome]) -> str:
    """Return the figures by mode as a Markdown table."""
    rows = ["| fault | injected | then apply | then rollback | invariants broken |", "| --- | --- | --- | --- | --- |"]
    for name, found in [*((mode.value, _of(outcomes, mode)) for mode in Mode), ("all", list(outcomes))]:
        met = [outcome for outcome in found if outcome.hit]
        if met:
            back = sum(outcome.rolled_back for outcome in met)
            broken = sum(bool(outcome.broken) for outcome in met)
            rows.append(f"| {name} | {len(met)} | {len(met) - back} | {back} | {broken} |")
    return "\n".join(rows)


def _of(outcomes: Sequence[Outcome], mode: Mode) -> list[Outcome]:
    return [outcome for outcome in outcomes if outcome.mode == mode.value]


def write(document: Path, outcomes: Sequence[Outcome], seconds: float, options: str) -> None:
    """Put the figures between the document's markers, and with which options. Raise ValueError where it has none."""
    met = [outcome for outcome in outcomes if outcome.hit]
    places = {outcome.fault for outcome in met}
    today = datetime.datetime.now(datetime.UTC).date()
    head = (
        f"{today}, `{COMMAND}{options}`: {len(met)} faults at {len(places)} operations in {seconds / 60:.0f} minutes, "
        f"invariants broken: {sum(bool(outcome.broken) for outcome in met)}. {versions()}."
    )
    text = document.read_text()
    filled, count = re.subn(
        f"{BEGIN}.*{END}", lambda _: f"{BEGIN}\n{head}\n\n{table(outcomes)}\n{END}", text, flags=re.DOTALL
    )
    if not count:
        raise ValueError(f"{document} has no line {BEGIN} and {END}")
    document.write_text(filled)


def versions() -> str:
    """Return the versions of what took part."""
    said = subprocess.run(["tarantool", "--version"], capture_output=True, text=True, check=True).stdout
    server = subprocess.run(["ssh", "-V"], capture_output=True, text=True, check=True).stderr
    return (
        f"ffplay {ffplay.__version__}, Python {platform.python_version()}, {said.splitlines()[0]}, "
        f"{server.split(',')[0].strip()}, Linux {platform.release().split('-')[0]}"
    )
