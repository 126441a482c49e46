"""A shard's Lua file: `box.cfg{...}` and `FindFace.start(ADDRESS, HTTP_PORT, {OPTIONS})`, read and changed in place.

Sites edit these files by hand, so nothing but the wanted values may change.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ffplay.edit.base import Opaque, Splice, begins_line, error_at, insert_entries, same, splice
from ffplay.edit.lua_expr import Parser, Table, Value
from ffplay.edit.lua_tokens import KEYWORDS, LuaError, Token, tokenize

__all__ = ["LuaError", "Opaque", "ShardFile", "Value", "parse", "set_values", "to_lua"]

BOX = "box.cfg"
START = "FindFace.start"
POSITIONAL = ("address", "http_port")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class ShardFile:
    """What a shard file says.

    `opaque` names the calls whose table is not written out in place (a variable, say), so that keys may hide there.
    `box` and `options` are empty where the file gives no table.
    """

    box: dict[str, Value]
    address: Value
    http_port: Value
    options: dict[str, Value]
    opaque: frozenset[str] = frozenset()
    tables: dict[str, Table] = field(default_factory=dict, repr=False)

    def section(self, name: str) -> dict[str, Value]:
        """Return the values of `box.cfg` or `FindFace.start`, the positional ones under their special keys."""
        if name == BOX:
            return self.box
        return {**self.options, "address": self.address, "http_port": self.http_port}

    def option(self, name: str, default: Any) -> Any:
        """Return an option of FindFace.start, the default where the file has none; `Opaque` where only Lua can tell."""
        if name in self.options:
            return self.options[name].literal
        return Opaque(name) if START in self.opaque else default


@functools.lru_cache(maxsize=16384)
def parse(text: str) -> ShardFile:
    """Read a shard file, a text once. Raise `LuaError` where it is none, or two calls of FindFace.start compete."""
    tokens, comments = tokenize(text)
    tables: dict[str, Table] = {}
    opaque: set[str] = set()
    for at in _calls(tokens, "box", "cfg"):
        parser = Parser(text, tokens, comments, at)
        bracket = parser.take("(")
        if parser.token.text == "{":
            tables[BOX] = _only_one(text, parser.table(), tables.get(BOX))
        elif bracket and parser.token.text != ")":
            opaque.add(BOX)
    starts = [at for at in _calls(tokens, "FindFace", "start") if tokens[at].text == "("]
    if not starts:
        raise error_at(text, len(text.rstrip()), "there is no FindFace.start(ADDRESS, HTTP_PORT, {OPTIONS})", LuaError)
    if len(starts) > 1:
        raise error_at(text, tokens[starts[1] - 3].start, "a second FindFace.start; which one counts?", LuaError)
    parser = Parser(text, tokens, comments, starts[0])
    arguments = parser.arguments()
    if len(arguments) < len(POSITIONAL):
        raise error_at(text, tokens[starts[0]].start, "FindFace.start needs an address and an HTTP port", LuaError)
    for value in arguments[2:3]:
        if value.source.startswith("{"):
            tables[START] = parser.tables[value.start]
        else:
            opaque.add(START)
    return ShardFile(_named(tables, BOX), arguments[0], arguments[1], _named(tables, START), frozenset(opaque), tables)


def set_values(text: str, wanted: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the text with the wanted values; None leaves a value as it is, and so does one that is equal already.

    `wanted` maps `box.cfg` and `FindFace.start` to keys and values; `address` and `http_port` of the latter are its
    first two arguments. Raise `LuaError` where a value has no place that could be edited.
    """
    unknown = set(wanted) - {BOX, START}
    if unknown:
        raise ValueError(f"a shard file has no section {', '.join(sorted(unknown))}")
    before = parse(text)
    changes = {name: dict(_different(before.section(name), keys)) for name, keys in wanted.items()}
    result = splice(text, [edit for name, keys in changes.items() for edit in _edits(text, before, name, keys)])
    _confirm(text, before, result, changes)
    return result


def to_lua(value: Any, quote: str = '"') -> str:
    """Return a value as Lua source, a string in the given quotes. Raise ValueError for what Lua cannot write."""
    if value is None or isinstance(value, bool):
        return {None: "nil", True: "true", False: "false"}[value]
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float) and math.isfinite(value):
        return repr(value)
    if isinstance(value, str):
        return quote + re.sub(rf"[\\{quote}\x00-\x1f\x7f]", _escape, value) + quote
    if isinstance(value, list | tuple):
        return "{" + ", ".join(map(to_lua, value)) + "}"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(key)} = {to_lua(entry)}" for key, entry in value.items()) + "}"
    raise ValueError(f"{value!r} cannot be written in Lua")


def _calls(tokens: list[Token], module: str, function: str) -> Iterator[int]:
    """Yield the index behind each `module.function` that is not itself a field of something or being defined."""
    for index, token in enumerate(tokens[:-3]):
        if token.text != module or (tokens[index + 1].text, tokens[index + 2].text) != (".", function):
            continue
        if not index or tokens[index - 1].text not in {".", ":", "function"}:
            yield index + 3


def _only_one(text: str, table: Table, earlier: Table | None) -> Table:
    if earlier is not None:
        raise error_at(text, table.box.start, "a second box.cfg; which one counts?", LuaError)
    return table


def _named(tables: Mapping[str, Table], name: str) -> dict[str, Value]:
    table = tables.get(name)
    return {entry.key: entry.value for entry in table.entries if isinstance(entry.key, str)} if table else {}


def _different(present: Mapping[str, Value], wanted: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in wanted.items():
        if value is not None and not (key in present and same(present[key].literal, value)):
            yield key, value


def _edits(text: str, shard: ShardFile, name: str, wanted: Mapping[str, Any]) -> Iterator[Splice]:
    present = shard.section(name)
    for key in wanted.keys() & present.keys():
        old = present[key]
        yield Splice(old.start, old.end, to_lua(wanted[key], "'" if old.source.startswith("'") else '"'))
    missing = [key for key in wanted if key not in present]
    if not missing:
        return
    table = shard.tables.get(name)
    if table is not None:
        yield from insert_entries(text, table.box, [_assignment(text, table, key, wanted[key]) for key in missing])
    elif name in shard.opaque or name == BOX:
        place = shard.http_port.end if name == START else 0
        raise error_at(text, place, f"{name} is not given a table here, so {missing[0]} has no place", LuaError)
    else:
        options = to_lua({key: wanted[key] for key in missing})
        yield Splice(shard.http_port.end, shard.http_port.end, f", {options}")


def _assignment(text: str, table: Table, key: str, value: Any) -> str:
    """Return `key = value`, spaced and aligned as the table's last entry is."""
    named = [entry for entry in table.entries if entry.key is not None]
    if not named:
        return f"{_key(key)} = {to_lua(value)}"
    heads = [text[entry.start : entry.value.start].rpartition("=") for entry in named]
    left, _, right = heads[-1]
    space = left[len(left.rstrip()) :]
    columns = {len(left) for left, _, _ in heads}
    aligned = begins_line(text, named[-1].start) and len(columns) == 1 and any("  " in left for left, _, _ in heads)
    return (_key(key).ljust(len(left) - 1) + " " if aligned else _key(key) + space) + "=" + right + to_lua(value)


def _key(key: Any) -> str:
    if isinstance(key, str) and _NAME.fullmatch(key) and key not in KEYWORDS:
        return key
    return f"[{to_lua(key)}]"


def _escape(found: re.Match[str]) -> str:
    mark = found.group()
    if mark.isprintable():
        return f"\\{mark}"
    return {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(mark, f"\\{ord(mark):03d}")


def _confirm(text: str, before: ShardFile, result: str, changes: Mapping[str, Mapping[str, Any]]) -> None:
    """Read the result back. Raise `LuaError` where it does not say what was wanted, or says anything else anew."""
    after = parse(result)
    for name in (BOX, START):
        wanted = changes.get(name, {})
        was, now = before.section(name), after.section(name)
        for key, value in now.items():
            old = was.get(key)
            right = (
                same(value.literal, wanted[key]) if key in wanted else old is not None and old.source == value.source
            )
            if not right:
                raise error_at(text, old.start if old else 0, f"{name}: {key} cannot be edited here", LuaError)
        if not wanted.keys() <= now.keys():
            raise error_at(text, 0, f"{name}: a key cannot be added here", LuaError)
