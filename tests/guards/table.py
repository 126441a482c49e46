"""The guards: what each of them is in the code, and which tests fail without it.

They are the YAML files of this folder, each a part of the table in docs/safety.md:

    title: Before the data of a shard go aside
    guards:
    - name: an xlog that grew by rows refuses the wipe   # in words
      file: ffplay/resources/backup_token.py
      text: '[ "$now" = "$((size + 4))" ] &&'            # as it stands in that file, once
      instead: ''                                        # the guard removed
      tests: ['tests/unit/resources/test_shard_backup.py::test_of_something[four bytes]']
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

TOP = Path(__file__).resolve().parents[2]
DOCUMENT = TOP / "docs" / "safety.md"
COMMAND = "python -m tests.guards"
BEGIN, END = "<!-- guards: begin -->", "<!-- guards: end -->"


@dataclass(frozen=True, slots=True)
class Guard:
    """One guard.

    `part` is the title of its part of the table, `file` is below the top of the repository, `text` is replaced by
    `instead`, and each of `tests` (ids as pytest takes them) must fail then.
    """

    part: str
    name: str
    file: str
    text: str
    instead: str
    tests: tuple[str, ...]

    def removed_from(self, source: str) -> str:
        """Return a source without the guard. Raise ValueError unless its text is there exactly once."""
        found = source.count(self.text)
        if found != 1:
            raise ValueError(f"the text of `{self.name}` is {found} times in {self.file}, and must be there once")
        return source.replace(self.text, self.instead)

    @property
    def mistake(self) -> str:
        """Return what is wrong with the guard's entry, empty where nothing is."""
        try:
            removed = self.removed_from((TOP / self.file).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            return str(error)
        if self.text == self.instead or not self.tests:
            return f"`{self.name}` removes nothing, or names no test"
        if self.file.endswith(".py"):
            try:
                compile(removed, self.file, "exec")
            except SyntaxError as error:
                return f"without `{self.name}` {self.file} is no Python: {error}"
        return ""


def load() -> tuple[Guard, ...]:
    """Return all guards in the order of their files."""
    found = []
    for path in sorted(Path(__file__).parent.glob("*.yml")):
        body = yaml.safe_load(path.read_text(encoding="utf-8"))
        for one in body["guards"]:
            fields = {name: one[name] for name in ("name", "file", "text", "instead")}
            found.append(Guard(body["title"], **fields, tests=tuple(one["tests"])))
    return tuple(found)


def rendered(guards: Sequence[Guard]) -> str:
    """Return the guards as Markdown: a table a part."""
    lines = [f"{len(guards)} guards."]
    for part in dict.fromkeys(guard.part for guard in guards):
        lines += ["", f"### {part}", "", "| guard | where | fails without it |", "| --- | --- | --- |"]
        for guard in guards:
            if guard.part == part:
                tests = "<br>".join(_link(test) for test in guard.tests)
                lines.append(f"| {_cell(guard.name)} | `{guard.file.removeprefix('ffplay/')}` | {tests} |")
    return "\n".join(lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _link(test: str) -> str:
    """Return a test by its name, as a link to its file."""
    path, _, name = test.partition("::")
    return f"[{_cell(name).replace('[', ' (').replace(']', ')')}](../{path})"


def documented(text: str, guards: Sequence[Guard]) -> str:
    """Return docs/safety.md with the table between its markers. Raise ValueError where it has none."""
    filled, count = re.subn(f"{BEGIN}.*{END}", lambda _: f"{BEGIN}\n{rendered(guards)}\n{END}", text, flags=re.DOTALL)
    if count != 1:
        raise ValueError(f"{DOCUMENT} must have {BEGIN} and {END} once")
    return filled
