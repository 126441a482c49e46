"""The spellings in which a secret may turn up in a text: as it is, quoted for a shell or a file, in JSON, in base64."""

from __future__ import annotations

import base64
import html
import json
import shlex
from collections.abc import Callable, Iterator
from urllib.parse import quote, quote_plus

from ffplay.secret import SHORTEST

# So long a line of a text of several lines has to be, to be taken for a secret by itself.
SHORTEST_LINE = 8

# So long the characters that a text adds to base64 of something around it have to be, to be looked for.
_SHORTEST_BASE64 = 6

_ONCE: tuple[Callable[[str], str], ...] = (
    lambda text: json.dumps(text)[1:-1],
    lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    lambda text: str.__repr__(text)[1:-1],
    lambda text: shlex.quote(text).removeprefix("'").removesuffix("'"),
    lambda text: text.replace("'", "''"),
    lambda text: text.replace("'", "\\'"),
    html.escape,
    quote,
    lambda text: quote(text, safe=""),
    quote_plus,
)
# What is quoted for a shell is quoted again for `sh -c`, and all of it stands in JSON.
_TWICE = _ONCE[:4]


def spellings(value: str) -> frozenset[str]:
    """Return every spelling of a secret, and of each longer line of one that has several; none for a short one."""
    pieces = {value, value.strip()}
    if "\n" in value:
        pieces |= {line.strip() for line in value.splitlines() if len(line.strip()) >= SHORTEST_LINE}
    found: set[str] = set()
    for piece in (piece for piece in pieces if len(piece) >= SHORTEST):
        once = {piece, *(spell(piece) for spell in _ONCE)}
        found |= once | {spell(text) for text in once for spell in _TWICE}
        found |= set(_base64(piece))
    return frozenset(text for text in found if len(text) >= SHORTEST)


def _base64(text: str) -> Iterator[str]:
    """Yield what a text looks like in base64 of something that it is a part of, wherever it begins there."""
    body = text.encode("utf-8", "surrogateescape")
    for before in range(3):
        coded = base64.b64encode(bytes(before) + body).decode("ascii")
        # The first and the last characters hold bits of what stands around the text.
        inner = coded[(before * 8 + 5) // 6 : (before + len(body)) * 8 // 6]
        if len(inner) >= _SHORTEST_BASE64:
            yield inner
            yield inner.replace("+", "-").replace("/", "_")
