from __future__ import annotations

from ffplay.errors import ChangeFailed, Stale
from ffplay.report.failure import TAIL_LINES, explain
from ffplay.report.style import Style

LINES = [f"line {number}" for number in range(1, 41)]


def test_of_what_a_tool_printed_the_end_is_shown_and_of_what_changed_the_beginning() -> None:
    failed = explain(ChangeFailed("db1", "it failed", "", "\n".join(LINES)), Style())
    assert failed[1:] == [f"  | ... {40 - TAIL_LINES} earlier lines (-v shows them)", *_quoted(LINES[-TAIL_LINES:])]
    stale = explain(Stale("", "it is stale", "", "\n".join(LINES)), Style())
    assert stale[1:] == [*_quoted(LINES[:TAIL_LINES]), f"  | ... {40 - TAIL_LINES} more lines (-v shows them)"]


def test_all_is_shown_to_who_asks_for_more() -> None:
    for kind in (ChangeFailed, Stale):
        assert explain(kind("", "so", "", "\n".join(LINES)), Style(verbose=1))[1:] == _quoted(LINES)


def _quoted(lines: list[str]) -> list[str]:
    return [f"  | {line}" for line in lines]
