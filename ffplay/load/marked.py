"""YAML whose every key and value knows where it was written, so that a mistake can be shown at its place.

Values are ordinary strings, dicts and lists (subclasses of them), so everything downstream may ignore the places.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ffplay.load.findings import Findings
from ffplay.load.seen import read_text
from ffplay.load.vault import is_vault
from ffplay.load.vaulted import opened, secret_text, vaulted
from ffplay.model import Mark
from ffplay.secret import Secrets

_SCALARS = {f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "timestamp")}
_STR, _MERGE = "tag:yaml.org,2002:str", "tag:yaml.org,2002:merge"
_QUOTE_HINT = 'a value that starts with {{ must be quoted: key: "{{ name }}"'


@dataclass(frozen=True, slots=True)
class Source:
    """A text that a person wrote: its name as findings show it, and its lines."""

    file: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a key or a value stands: from line and column (counted from 1) to `end_line`."""

    source: Source
    line: int
    column: int
    end_line: int

    @property
    def mark(self) -> Mark:
        """Return the place as findings carry it."""
        return Mark(self.source.file, self.line, self.column)

    @property
    def text(self) -> str:
        """Return the line as it stands in the file."""
        lines = self.source.lines
        return lines[self.line - 1] if 0 < self.line <= len(lines) else ""

    def find(self, needle: str) -> Place:
        """Return the place of the first `needle`, as a whole word, in this value; this place where there is none."""
        pattern = re.compile(rf"(?<!\w){re.escape(needle)}(?!\w)")
        for line in range(self.line, max(self.line, self.end_line) + 1):
            text = self.source.lines[line - 1] if line <= len(self.source.lines) else ""
            found = pattern.search(text, self.column - 1 if line == self.line else 0)
            if found:
                return Place(self.source, line, found.start() + 1, self.end_line)
        return self


class Text(str):
    """A string that a person wrote. Only such strings are templates; what was computed is data."""

    place: Place | None

    def __new__(cls, value: str, place: Place | None = None) -> Text:
        """Make a string that stands at `place`."""
        made = super().__new__(cls, value)
        made.place = place
        return made


class Dict(dict[Any, Any]):
    """A mapping with its own place and those of its keys and values."""

    place: Place | None = None

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.key_places: dict[Any, Place] = {}
        self.value_places: dict[Any, Place] = {}


class List(list[Any]):
    """A list with its own place and those of its items."""

    place: Place | None = None

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.item_places: list[Place] = []


def place_of(value: Any) -> Place | None:
    """Return where a value was written, None where nobody knows."""
    found: Place | None = getattr(value, "place", None)
    return found


def key_place(mapping: Any, key: Any) -> Place | None:
    """Return where a key of a mapping was written."""
    return getattr(mapping, "key_places", {}).get(key) or place_of(mapping)


def value_place(mapping: Any, key: Any) -> Place | None:
    """Return where the value of a mapping's key, or a list's item, was written."""
    if isinstance(mapping, List):
        return mapping.item_places[key] if key < len(mapping.item_places) else mapping.place
    return getattr(mapping, "value_places", {}).get(key) or place_of(mapping)


def whole_file(file: str, text: str) -> Place:
    """Return the place of a file's whole text."""
    source = Source(file, tuple(text.splitlines()))
    return Place(source, 1, 1, len(source.lines))


def read(path: Path, findings: Findings) -> Any:
    """Return a YAML (or JSON) file's value, None for an empty file; mistakes go to `findings`."""
    try:
        text = read_text(path)
    except FileNotFoundError:
        findings.add(None, f"{path}: there is no such file")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        findings.add(None, f"{path}: cannot be read: {reason}")
    else:
        return _read_vault(text, str(path), findings) if is_vault(text) else parse(text, str(path), findings)
    return None


def _read_vault(text: str, file: str, findings: Findings) -> Any:
    """Return the value of an encrypted file: every text in it is secret, and no finding shows its lines."""
    found = opened(text, Place(Source(file, ()), 1, 1, 1), findings)
    return parse(found, file, findings, findings.vault.secrets) if found is not None and findings.vault else None


def parse(text: str, file: str, findings: Findings, secrets: Secrets | None = None) -> Any:
    """Return the value of a YAML text called `file`; mistakes go to `findings`. With `secrets` its texts are secret."""
    source = Source(file, () if secrets is not None else tuple(text.splitlines()))
    try:
        node = yaml.compose(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError:
        if secrets is not None:
            secrets.add(text, file)
        _explain(text, source, findings)
        return None
    return None if node is None else _Builder(source, findings, secrets).build(node)


def _explain(text: str, source: Source, findings: Findings) -> None:
    """Report why a text is not YAML: the Python parser's words are better than those of the C one."""
    try:
        yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        place = Place(source, min(line, len(source.lines) or line), column, line)
        findings.add(place, *_words(error, place))
    except yaml.YAMLError as error:
        findings.add(Place(source, 1, 1, 1), f"this is not YAML: {str(error).splitlines()[0]}")
    else:
        findings.add(Place(source, 1, 1, 1), "this is not YAML")


def _words(error: yaml.MarkedYAMLError, place: Place) -> tuple[str, str]:
    """Return message and hint for a syntax error."""
    problem, context = error.problem or "", error.context or ""
    around = "\n".join(place.source.lines[max(0, place.line - 2) : place.line])
    if re.search(r"(:|-)\s+\{\{", around):
        return "a value that starts with {{ is not quoted", _QUOTE_HINT
    for in_problem, in_context, message, hint in _WORDS:
        if in_problem in problem and in_context in context:
            return message, hint
    return f"broken YAML: {problem}{f' ({context})' if context else ''}", ""


# What the parser says (problem, context), and what it means.
_WORDS = (
    ("'\\t'", "", "a tab stands where YAML wants spaces", "indent with spaces"),
    (
        "mapping values are not allowed",
        "",
        "a `: ` stands where no key can be",
        "quote the value if the colon belongs to it; check the indentation if not",
    ),
    ("another document", "", "a second document begins here, and a file has one", "join them, or make them two files"),
    ("end of stream", "quoted", "a quote is opened here or before and never closed", ""),
    ("expected <block end>", "", "this does not belong here: it is indented differently from what it follows", ""),
)


class _Builder:
    """Makes marked values of a node graph; a node that several aliases share is made once."""

    def __init__(self, source: Source, findings: Findings, secrets: Secrets | None = None) -> None:
        self._source, self._findings, self._secrets = source, findings, secrets
        self._key = ""
        self._scalars = yaml.constructor.SafeConstructor()
        self._made: dict[int, Any] = {}
        self._open: set[int] = set()

    def build(self, node: yaml.Node) -> Any:
        """Return the node's value."""
        if isinstance(node, yaml.ScalarNode):
            return self._build(node)
        if id(node) in self._open:
            self._findings.add(self._place(node), "an alias stands inside of what it names")
            return None
        if id(node) not in self._made:
            self._open.add(id(node))
            self._made[id(node)] = self._build(node)
            self._open.discard(id(node))
        return self._made[id(node)]

    def _build(self, node: yaml.Node) -> Any:
        if isinstance(node, yaml.MappingNode) and node.tag.endswith(":map"):
            return self._mapping(node)
        if isinstance(node, yaml.SequenceNode) and node.tag.endswith(":seq"):
            made = List(self.build(item) for item in node.value)
            made.place, made.item_places = self._place(node), [self._place(item) for item in node.value]
            return made
        if node.tag in {"!vault", "!vault-encrypted"} and isinstance(node, yaml.ScalarNode):
            place = self._place(node)
            return vaulted(node.value, place, self._name(place), self._findings)
        if node.tag not in _SCALARS:
            tag = node.tag.replace("tag:yaml.org,2002:", "!!")
            self._findings.add(self._place(node), f"the tag {tag} is not known")
            return None
        try:
            return self._text(node) if node.tag == _STR else self._scalars.construct_object(node)
        except (ValueError, yaml.YAMLError):
            return Text(node.value, self._place(node))

    def _text(self, node: yaml.Node) -> str:
        place = self._place(node)
        if self._secrets is None:
            return Text(node.value, place)
        return secret_text(node.value, place, self._name(place), self._secrets, template=True)

    def _name(self, place: Place) -> str:
        """Return what a secret is called: its key, or where it stands."""
        return self._key or f"{place.source.file} {place.line}"

    def _mapping(self, node: yaml.MappingNode) -> Dict:
        made = Dict()
        made.place = self._place(node)
        own = [(key, value) for key, value in node.value if key.tag != _MERGE]
        for inherited in (value for key, value in node.value if key.tag == _MERGE):
            for base in self._bases(inherited):
                for key in (key for key in base if key not in made):
                    made[key] = base[key]
                    made.key_places[key], made.value_places[key] = base.key_places[key], base.value_places[key]
        seen: dict[Any, Place] = {}
        for key_node, value_node in own:
            self._entry(made, seen, key_node, value_node)
        return made

    def _bases(self, node: yaml.Node) -> Iterator[Dict]:
        value = self.build(node)
        for base in value if isinstance(value, list) else [value]:
            if isinstance(base, Dict):
                yield base
            else:
                self._findings.add(self._place(node), "`<<` merges mappings, and this is none")

    def _entry(self, made: Dict, seen: dict[Any, Place], key_node: yaml.Node, value_node: yaml.Node) -> None:
        place = self._place(key_node)
        if not isinstance(key_node, yaml.ScalarNode):
            braces = made.place is not None and made.place.text[made.place.column - 1 :].startswith("{{")
            message = "a value that starts with {{ is not quoted" if braces else "a key must be a plain value"
            self._findings.add(made.place if braces else place, message, _QUOTE_HINT if braces else "")
            return
        key = key_node.value if key_node.tag == _STR else self.build(key_node)
        if not isinstance(key, Hashable):
            return
        if key in seen:
            self._findings.add(place, f"the key `{key}` stands twice; it is also on line {seen[key].line}")
        seen[key] = place
        outer, self._key = self._key, str(key)
        made[str(key) if isinstance(key, str) else key] = self.build(value_node)
        self._key = outer
        made.key_places[key], made.value_places[key] = place, self._place(value_node)

    def _place(self, node: yaml.Node) -> Place:
        start, end = node.start_mark, node.end_mark
        return Place(self._source, start.line + 1, start.column + 1, end.line + 1)
