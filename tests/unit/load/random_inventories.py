"""Inventories that nobody would write: every rule of Ansible's meets every other one."""

from __future__ import annotations

import json
import random
from pathlib import Path

GROUPS = ("a", "b", "c", "d", "e", "f-g", "h.i")
HOSTS = ("h1", "h2", "h3", "h[1:3]", "x[01:03]", "x02", "y-[a:c].z", "h1:22", "q:2222")
NAMES = ("u", "v", "w")
VALUES = (
    "1", "'1'", '"1"', "True", "yes", "[1,2]", "a=b", "http://x:1/y", '"a b"', "1.5", "0x10", "007", "'[1]'", "None",
    "x#y", "'x # y'", "é", "-3", "(1,'b')", "\"{'k': [1, 2]}\"", "''", "1e3", "a\\b", "..", "!x", "&y", "*z", "1,2",
    "2024-01-01", "~", "null", "@x", "%y",
)  # fmt: skip
# With blanks that are not quoted: right in a section of variables, and a mistake on a host's line.
LONG_VALUES = ("{'a': 1}", "{{ v }}", "several words", "x # y")
KINDS = ("hosts", "children", "vars")


class Writer:
    """Writes inventories by one seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        # A group's children come behind it in this order, in all files, so that no group contains itself.
        self._order = self._random.sample(GROUPS, len(GROUPS))

    def site(self, folder: Path) -> Path:
        """Write an inventory, or a directory of two, with files of variables beside it; return what `-i` takes."""
        folder.mkdir()
        suffixes = self._random.choice(["", ".yml", ("", ".yml"), (".yml", "")])
        if isinstance(suffixes, str):
            source = self._file(folder / f"inventory{suffixes}")
        else:
            source = folder
            for number, suffix in enumerate(suffixes):
                self._file(folder / f"{number}{suffix}")
        for group in self._random.sample(("all", *GROUPS), 2):
            name = group + self._random.choice(["", ".yml", ".json"])
            self._variables(folder / "group_vars" / name, f"file of {group}")
        if self._random.random() < 0.5:
            self._variables(folder / "host_vars" / "h1.yml", "file of h1")
        return source

    def _variables(self, path: Path, value: str) -> None:
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({self._random.choice(NAMES): value}))

    def _file(self, path: Path) -> Path:
        path.write_text(self._yaml() if path.suffix else self._ini())
        return path

    def _ini(self) -> str:
        some = [name for name in self._order if self._random.random() < 0.6]
        lines = ["lone", *self._host_lines()]
        sections = [(name, kind) for name in some for kind in self._random.sample(KINDS, self._random.randint(1, 3))]
        self._random.shuffle(sections)
        for name, kind in sections:
            comment = self._random.choice(["", " # c", "#c"])
            lines.append(f"[{name}]{comment}" if kind == "hosts" else f"[{name}:{kind}]{comment}")
            if kind == "hosts":
                lines += self._host_lines()
            elif kind == "vars":
                lines += [self._assignment() for _ in range(self._random.randint(0, 3))]
            else:
                lines += [child for child in some[some.index(name) + 1 :] if self._random.random() < 0.5]
            lines.append(self._random.choice(["", "; c", "  # c"]))
        return "\n".join([*lines, *(f"[{name}]" for name in some), ""])

    def _host_lines(self) -> list[str]:
        return [self._host_line() for _ in range(self._random.randint(0, 3))]

    def _host_line(self) -> str:
        given = [f"{self._random.choice(NAMES)}={self._random.choice(VALUES)}" for _ in range(3)]
        words = [self._random.choice(HOSTS), *given[: self._random.randint(0, 3)]]
        return self._random.choice(["", "  "]) + "  ".join(words) + self._random.choice(["", "", " # c", "\t# c"])

    def _assignment(self) -> str:
        value = self._random.choice(VALUES + LONG_VALUES)
        return f"{self._random.choice(NAMES)}{self._random.choice(['=', ' = '])}{value}"

    def _yaml(self) -> str:
        tree = {"all": self._group(self._order), self._order[-1]: {"hosts": {"lone": None}}}
        return json.dumps(tree)

    def _group(self, below: list[str]) -> dict[str, object]:
        found: dict[str, object] = {}
        for kind in self._random.sample(KINDS, 3):
            if self._random.random() < 0.4:
                continue
            if kind == "hosts":
                chosen = self._random.sample(HOSTS, self._random.randint(1, 3))
                found[kind] = {host: self._random.choice([None, {"u": 1}, {"v": [2], "w": None}]) for host in chosen}
            elif kind == "vars":
                found[kind] = {name: self._random.randint(0, 99) for name in self._random.sample(NAMES, 2)}
                if self._random.random() < 0.3:
                    found[kind] = {"u": self._random.random(), "ansible_group_priority": self._random.randint(2, 5)}
            else:
                found[kind] = {child: self._group(below[2:]) for child in below[:2]}
        return found
