"""YAML files, findface-extraction-api.ini among them: one value, however deep, read and changed in place."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from ffplay.edit.base import (
    Bracketed,
    Splice,
    error_at,
    insert_entries,
    line_end,
    newline_of,
    same,
    splice,
)
from ffplay.edit.tree import Path, lookup, replaced
from ffplay.edit.yamltext import block_entry, inline

_COMMENT = re.compile(r"(?:\s|(?<=\s)#[^\n]*)*")


@dataclass(frozen=True, slots=True)
class _Document:
    """A parsed text: its root node, its value, and which nodes several places share."""

    text: str
    root: yaml.Node | None
    value: Any
    shared: frozenset[int]

    def refuse_shared(self, node: yaml.Node) -> None:
        """Raise `EditError` where a node's place is not its own, or bears a mark that would be lost."""
        start = node.start_mark.index
        if id(node) in self.shared or self.text[start : start + 1] in {"&", "*", "!"}:
            raise error_at(self.text, start, "an anchor or a tag makes this value unsafe to edit")


def get(text: str, path: Path) -> Any:
    """Return what is at the path. Raise KeyError where there is nothing, `EditError` where this is no YAML document."""
    return lookup(_parse(text).value, path)


def set_value(text: str, path: Path, value: Any) -> str:
    """Return the text with the value at the path; mappings on the way are made, and a list may grow by one.

    Raise `EditError` where the text is not one YAML document, where the path leads through a plain value, or where the
    value is shared by an anchor, so that other places would change with it.
    """
    document = _parse(text)
    try:
        wanted = replaced(document.value, path, value)
    except KeyError as error:
        raise error_at(text, 0, f"{error.args[0]!r}: the path leads through a plain value") from error
    result = splice(text, _root_edits(document, wanted))
    if not same(_parse(result).value, wanted):
        raise error_at(text, 0, f"{'.'.join(map(str, path))} cannot be edited here")
    return result


def _parse(text: str) -> _Document:
    try:
        # Two readings, since making values of nodes merges the nodes behind `<<` into their neighbours.
        root = yaml.compose(text, yaml.SafeLoader)
        value = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        reason = ", ".join(filter(None, (error.context, error.problem)))
        message = f"this is not YAML that can be edited: {reason}"
        raise error_at(text, mark.index if mark else 0, message) from error
    except yaml.reader.ReaderError as error:
        raise error_at(text, 0, f"this is not YAML: {error.reason} at character {error.position}") from error
    except (ValueError, RecursionError) as error:
        raise error_at(text, 0, f"this is not YAML that can be edited: {error}") from error
    return _Document(text, root, value, _shared(root))


def _shared(root: yaml.Node | None) -> frozenset[int]:
    """Return the ids of the nodes that an alias refers to."""
    seen: set[int] = set()
    shared: set[int] = set()
    todo = [root] if root is not None else []
    while todo:
        node = todo.pop()
        if id(node) in seen:
            shared.add(id(node))
            continue
        seen.add(id(node))
        children = node.value if isinstance(node, yaml.CollectionNode) else []
        todo += [part for child in children for part in (child if isinstance(child, tuple) else (child,))]
    return frozenset(shared)


def _root_edits(document: _Document, wanted: Any) -> Iterator[Splice]:
    text, root = document.text, document.root
    if root is not None and root.start_mark.index < root.end_mark.index:
        yield from _edits(document, root, document.value, wanted)
    elif not same(document.value, wanted):
        newline = newline_of(text)
        body = newline.join(block_entry(key, value, "", "  ", newline) for key, value in wanted.items())
        yield Splice(len(text), len(text), ("" if not text or text.endswith("\n") else newline) + body + newline)


def _edits(document: _Document, node: yaml.Node, value: Any, wanted: Any) -> Iterator[Splice]:
    """Yield the edits that make the node's value the wanted one, in as small pieces as they go."""
    if same(value, wanted):
        return
    document.refuse_shared(node)
    if not _grows(value, wanted):
        yield _replace(document.text, node, wanted)
    elif isinstance(node, yaml.MappingNode):
        yield from _mapping_edits(document, node, value, wanted)
    elif isinstance(node, yaml.SequenceNode):
        for child, old, new in zip(node.value, value, wanted, strict=False):
            yield from _edits(document, child, old, new)
        if wanted[len(value) :]:
            yield from _insert(document.text, node, [(None, new) for new in wanted[len(value) :]])


def _grows(value: Any, wanted: Any) -> bool:
    """Tell whether the wanted collection keeps all keys (or places) of the present one: then its entries are edited."""
    if isinstance(value, dict) and isinstance(wanted, dict):
        return value.keys() <= wanted.keys()
    return isinstance(value, list) and isinstance(wanted, list) and len(value) <= len(wanted)


def _mapping_edits(document: _Document, node: yaml.MappingNode, value: Any, wanted: dict[Any, Any]) -> Iterator[Splice]:
    loader = yaml.SafeLoader("")
    own = {loader.construct_object(key): (key, child) for key, child in node.value if not key.tag.endswith(":merge")}
    for name, (key, child) in own.items():
        new = wanted[name]
        if same(value[name], new):
            continue
        if _is_empty(child) and isinstance(new, dict) and new and not node.flow_style:
            yield _nest(document.text, key, child, new)
        elif isinstance(child, yaml.CollectionNode) and not child.flow_style and not _grows(value[name], new):
            document.refuse_shared(child)
            yield from _replace_block(document.text, key, child, new)
        else:
            yield from _edits(document, child, value[name], new)
    missing = [pair for pair in wanted.items() if pair[0] not in own and not _has(value, *pair)]
    if missing:
        yield from _insert(document.text, node, missing)


def _has(value: Any, name: Any, wanted: Any) -> bool:
    """Tell whether a merged key (`<<`) already gives the wanted value."""
    return name in value and same(value[name], wanted)


def _is_empty(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and bool(node.start_mark.index == node.end_mark.index)


def _nest(text: str, key: yaml.Node, child: yaml.Node, new: dict[Any, Any]) -> Splice:
    """Return the edit that puts a mapping below a key that has nothing behind it."""
    place, newline, step = line_end(text, child.start_mark.index), newline_of(text), _step(text)
    indent = " " * key.start_mark.column + step
    return Splice(place, place, "".join(newline + block_entry(*pair, indent, step, newline) for pair in new.items()))


def _step(text: str) -> str:
    found = re.search(r"(?m)^( +)[^\s#-]", text)
    return found.group(1) if found else "  "


def _replace(text: str, node: yaml.Node, wanted: Any) -> Splice:
    """Return the edit that writes a value over a node, a string in the quotes that are there."""
    start, end = node.start_mark.index, _end(text, node)
    style = node.style if isinstance(node, yaml.ScalarNode) else None
    source = _inline(text, start, wanted, style if style in {"'", '"'} and isinstance(wanted, str) else "")
    space = " " if start == end and start and not text[start - 1].isspace() else ""
    return Splice(start, end, space + source)


def _replace_block(text: str, key: yaml.Node, child: yaml.Node, new: Any) -> Iterator[Splice]:
    """Yield the edits that write a value behind a key, in place of the block below it."""
    colon = re.compile(r"[ \t]*:").match(text, key.end_mark.index)
    if colon is None:
        raise error_at(text, key.start_mark.index, "a key without its colon beside it cannot be edited")
    yield Splice(colon.end(), colon.end(), " " + _inline(text, colon.end(), new))
    yield Splice(line_end(text, colon.end()), _end(text, child), "")


def _insert(text: str, node: yaml.CollectionNode, new: list[tuple[Any, Any]]) -> Iterator[Splice]:
    """Yield the edits that add entries (None for the key of a list's) at a collection's end."""
    start = node.start_mark.index
    if not node.flow_style:
        place, newline = line_end(text, _end(text, node)), newline_of(text)
        indent = " " * node.start_mark.column
        lines = (block_entry(key, value, indent, _step(text), newline) for key, value in new)
        yield Splice(place, place, "".join(newline + line for line in lines))
        return
    spans = _spans(text, node)
    separator = None
    if spans:
        behind = _COMMENT.match(text, spans[-1][1])
        separator = behind.end() if behind and text.startswith(",", behind.end()) else None
    entries = [
        ("" if key is None else f"{_inline(text, start, key)}: ") + _inline(text, start, value) for key, value in new
    ]
    yield from insert_entries(text, Bracketed(start, node.end_mark.index - 1, spans, separator), entries)


def _inline(text: str, place: int, value: Any, quote: str = "") -> str:
    try:
        return inline(value, quote)
    except ValueError as error:
        raise error_at(text, place, str(error)) from error


def _end(text: str, node: yaml.Node) -> int:
    """Return where a node really ends: PyYAML counts the comments and blank lines below a block as its own."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        return _spans(text, node)[-1][1]
    start, end = node.start_mark.index, node.end_mark.index
    return start + len(text[start:end].rstrip())


def _spans(text: str, node: yaml.CollectionNode) -> list[tuple[int, int]]:
    """Return where each entry of a collection begins and ends."""
    spans: list[tuple[int, int]] = []
    position = node.start_mark.index
    for entry in node.value:
        key, child = entry if isinstance(entry, tuple) else (entry, entry)
        position = max(position, key.end_mark.index if key is not child else position)
        if child.start_mark.index < position:
            # An alias stands here: its node has the place of the anchor, which is always earlier.
            alias = re.compile(r"[^*]*\*[^\s,\]}]+").match(text, position)
            position = alias.end() if alias else position
        else:
            position = _end(text, child)
        spans.append((key.start_mark.index, position))
    return spans
