"""What was measured: kept as samples, told as medians and spread."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Sample:
    """One run: seconds on the wall, CPU seconds of the controller and of the site, peak memory of the former in KiB."""

    size: str
    tool: str
    mode: str
    wall: float
    cpu: float
    site_cpu: float
    memory: int


class Results:
    """All samples, in the order in which they came, and under its name `more` that single measurements found."""

    def __init__(self, samples: Iterable[Sample] = (), more: Mapping[str, Any] | None = None) -> None:
        self.samples = list(samples)
        self.more = dict(more or {})

    def of(self, size: str, tool: str, mode: str) -> list[Sample]:
        return [one for one in self.samples if (one.size, one.tool, one.mode) == (size, tool, mode)]

    def median(self, size: str, tool: str, mode: str, field: str = "wall") -> float | None:
        """Return the median of a field, None where nothing was measured."""
        found = [getattr(one, field) for one in self.of(size, tool, mode)]
        return statistics.median(found) if found else None

    def table(self) -> str:
        """Return everything as text: a line for each size, tool and mode."""
        lines = [f"{'size':8}{'tool':14}{'mode':8}{'median':>8}{'least':>8}{'most':>8}{'CPU':>8}{'site':>8}{'MiB':>8}"]
        for size, tool, mode in dict.fromkeys((one.size, one.tool, one.mode) for one in self.samples):
            found = self.of(size, tool, mode)
            walls = [one.wall for one in found]
            cpu, site = (statistics.median([getattr(one, name) for one in found]) for name in ("cpu", "site_cpu"))
            memory = max(one.memory for one in found) / 1024
            lines.append(
                f"{size:8}{tool:14}{mode:8}{statistics.median(walls):8.2f}{min(walls):8.2f}{max(walls):8.2f}"
                f"{cpu:8.2f}{site:8.2f}{memory:8.0f}"
            )
        return "\n".join(lines)

    def save(self, path: Path) -> None:
        body = {"samples": [asdict(one) for one in self.samples], "more": self.more}
        path.write_text(json.dumps(body, indent=1) + "\n")

    @classmethod
    def load(cls, path: Path) -> Results:
        body = json.loads(path.read_text())
        return cls([Sample(**one) for one in body["samples"]], body["more"])
