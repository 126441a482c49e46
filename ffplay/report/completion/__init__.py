"""Scripts by which shells complete the command line: one module a shell, each from the same data.

A script holds all that it offers, so that a press of the key starts no Python.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from ffplay.report.commands import Command
from ffplay.report.completion import bash, fish, zsh

SHELLS: Mapping[str, Callable[[Command], str]] = MappingProxyType(
    {"bash": bash.script, "zsh": zsh.script, "fish": fish.script}
)
