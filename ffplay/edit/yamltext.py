"""Values as YAML text."""

from __future__ import annotations

import re
from typing import Any

import yaml

# Strings that YAML 1.2 or another reader takes for a number or a truth value although PyYAML does not.
_AMBIGUOUS = re.compile(r"[-+]?(?:\.?\d[\d_.]*(?:[eE][-+]?\d+)?|0o[0-7]+)|[yYnN]")
# Strings such as addresses and URLs, which PyYAML would quote inside brackets although it reads them well.
_PLAIN = re.compile(r"\w(?:[\w./:@+-]*[\w/])?", re.ASCII)
_FOREVER = 2**31


def inline(value: Any, quote: str = "") -> str:
    """Return a value on one line, as it may stand inside flow brackets; a string in the given quotes if it is one.

    Raise ValueError for what plain YAML cannot write.
    """
    if isinstance(value, dict):
        return "{" + ", ".join(f"{inline(key)}: {inline(entry)}" for key, entry in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(inline, value)) + "]"
    if not isinstance(value, str):
        return _dump([value])[1:-1]
    # PyYAML represents exact types only, and a playbook's texts may be of a subclass that knows its place.
    text = str(value)
    plain = _PLAIN.fullmatch(text) and not _AMBIGUOUS.fullmatch(text)
    if plain and not quote and yaml.safe_load(f"[{text}]") == [text]:
        return text
    style = quote or ("'" if _AMBIGUOUS.fullmatch(text) else None)
    if "\n" in text or not text.isprintable():
        style = '"'
    return _dump([text], style)[1:-1] if style is None else _dump(text, style)


def block_entry(key: Any, value: Any, indent: str, step: str, newline: str) -> str:
    """Return `key: value`, or `- value` for the key None, as lines; a mapping goes below its key by `step`."""
    head = indent + ("-" if key is None else f"{inline(key)}:")
    if key is None or not (isinstance(value, dict) and value):
        return f"{head} {inline(value)}"
    children = (block_entry(name, child, indent + step, step, newline) for name, child in value.items())
    return newline.join([head, *children])


def _dump(value: Any, style: str | None = None) -> str:
    try:
        text: str = yaml.safe_dump(
            value, default_flow_style=True, default_style=style, width=_FOREVER, allow_unicode=True
        )
    except yaml.YAMLError as error:
        raise ValueError(f"{value!r} cannot be written in YAML") from error
    return text.removesuffix("\n").removesuffix("...").rstrip("\n")
