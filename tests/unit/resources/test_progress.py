"""What is told of a transfer, by a clock of ours."""

from __future__ import annotations

import itertools
from typing import Any, cast

import pytest

from ffplay.resources import progress


class Told:
    """Keeps what is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def tell(self, host: str, text: str) -> None:
        self.lines.append(f"{host}: {text}")


@pytest.mark.parametrize(
    ("seconds", "total", "lines"),
    [
        (
            4.0,
            8 << 20,
            [
                "db1: 1.snap: 3.0 MiB of 8.0 MiB (37 %), 256.0 KiB/s",
                "db1: 1.snap: 6.0 MiB of 8.0 MiB (75 %), 256.0 KiB/s",
            ],
        ),
        (6.0, 0, [f"db1: 1.snap: {done}.0 MiB, 170.7 KiB/s" for done in (2, 4, 6, 8)]),
        (1.0, 8 << 20, []),
    ],
    ids=["of so many bytes", "of nobody knows how many", "soon over"],
)
def test_a_long_transfer_is_told_of(
    monkeypatch: pytest.MonkeyPatch, seconds: float, total: int, lines: list[str]
) -> None:
    clock = itertools.count(0.0, seconds)
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    told = Told()
    chunks = [bytes([number]) * (1 << 20) for number in range(8)]
    assert list(progress.followed(cast(Any, told), "db1", "1.snap", iter(chunks), total)) == chunks
    assert told.lines == lines
