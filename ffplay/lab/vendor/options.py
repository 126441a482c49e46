"""The options of the vendor's tools: read from their documented help, set by the ini and then by the command line."""

from __future__ import annotations

import re
import sys
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ffplay.lab import facenapi_ini

_HELP = Path(__file__).parents[1] / "assets" / "findface-regenerate.help"
_OPTION = re.compile(r"^  --([a-z0-9-]+)\s*(.*)$")
_DEFAULT = re.compile(r"\(default (\S+)\)$")
_INTEGERS = ("min-id", "max-id")


class UsageError(Exception):
    """The command line is wrong."""


@dataclass(slots=True)
class Options:
    """What a tool was told, by the documented names with `_` for `-`."""

    values: dict[str, Any] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """Return a setting as text; one that is not set is empty."""
        value = self.values[name]
        return "" if value is None else str(value)

    def number(self, name: str) -> int:
        """Return a whole number. Raise ValueError where the setting is none."""
        return int(self.values[name])

    def optional(self, name: str) -> int | None:
        """Return a whole number, or None where it is not set."""
        return None if self.values[name] is None else int(self.values[name])


def documented(group: str | None = None) -> dict[str, Any]:
    """Return every documented option with its default; without those of the tool `group`, if one is named."""
    found: dict[str, list[str]] = {}
    section = ""
    for line in _HELP.read_text().splitlines():
        option = _OPTION.match(line)
        if option and option[1] != "help" and not (group and group in section):
            found[option[1]] = [option[2]]
        elif line.startswith(" ") and found and not option:
            found[next(reversed(found))].append(line.strip())
        elif not line.startswith(" "):
            section = line
    return {name: _default(name, " ".join(text).strip()) for name, text in found.items()}


def _default(name: str, text: str) -> Any:
    match = _DEFAULT.search(text)
    return None if name in _INTEGERS or match is None else _typed(match[1])


def _typed(text: str) -> Any:
    if text in ("True", "False"):
        return text == "True"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def read(arguments: list[str], known: dict[str, Any]) -> Options:
    """Return what ini and command line say. Raise UsageError; whatever the ini raises goes through."""
    given: dict[str, Any] = {}
    for argument in arguments:
        name, equals, value = argument.lstrip("-").partition("=")
        if not argument.startswith("-") or name not in known:
            raise UsageError(f"Unrecognized command line option: {argument!r}")
        if not equals and not isinstance(known[name], bool):
            raise UsageError(f"Option {name!r} requires a value")
        given[name.replace("-", "_")] = _like(name, value, known[name]) if equals else True
    values = {name.replace("-", "_"): value for name, value in known.items()}
    config = given.get("config")
    if config:
        # The ini has further names, which are facenapi's alone.
        values |= {name: value for name, value in facenapi_ini.read(Path(str(config))).items() if name in values}
    return Options(values | given)


def _like(name: str, text: str, default: Any) -> Any:
    """Return the text as a value of the default's type. Raise UsageError where it is none."""
    if name in _INTEGERS or (isinstance(default, int) and not isinstance(default, bool)):
        try:
            return int(text)
        except ValueError:
            raise UsageError(f"Option {name!r} is required to be int ({text!r} given)") from None
    if isinstance(default, bool):
        return text.lower() not in ("false", "0", "f")
    return text


def start(arguments: list[str], known: dict[str, Any], help_text: str) -> Options | int:
    """Return the options, or the exit code to end with at once: 0 after help, 2 for usage, 1 for the ini."""
    if "--help" in arguments or "-h" in arguments:
        print(help_text)
        return 0
    try:
        return read(arguments, known)
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except Exception:  # noqa: BLE001 - the ini is a program: it can raise anything
        traceback.print_exc()
        return 1


def help_text() -> str:
    """Return the documented help of findface-regenerate."""
    return _HELP.read_text().rstrip()
