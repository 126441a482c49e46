"""From an exception of Jinja2 to a mistake: which text and line it came from, what it means, what to write instead."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import jinja2

from ffplay.load.findings import Mistake, did_you_mean, listed
from ffplay.load.marked import Place, Source


class MissingName(jinja2.UndefinedError):
    """An undefined variable, or an attribute that a value lacks (then `owner` is that value)."""

    def __init__(self, message: str, name: str | None = None, owner: Any = None, lacks: bool = False) -> None:
        super().__init__(message)
        self.name, self.owner, self.lacks = name, owner, lacks


def mistake_of(
    error: Exception, place: Place | None, names: Mapping[str, Any], env: jinja2.Environment, *, in_file: bool = False
) -> Mistake:
    """Return what an exception says of the text at `place`; of a template file, the exact line (`in_file`)."""
    where = _template_line(error, place) if in_file else place
    if isinstance(error, Mistake):
        return error.at(where)
    if isinstance(error, MissingName):
        return missing(error, where, names)
    if isinstance(error, jinja2.TemplateSyntaxError):
        if in_file and place and error.filename in {None, place.source.file}:
            where = Place(place.source, error.lineno, 1, error.lineno)
        return _broken(error, where, env)
    if isinstance(error, jinja2.TemplateNotFound):
        return Mistake(where, f"there is no template `{error.name}`")
    if isinstance(error, jinja2.TemplateRuntimeError):  # an unknown filter within a condition is met only here
        return _broken(error, place, env)
    return Mistake(where, f"the template fails: {str(error) or type(error).__name__}", sure=False)


def missing(error: MissingName, where: Place | None, names: Mapping[str, Any]) -> Mistake:
    """Return an undefined name as a mistake, with the closest of the names that there are."""
    if error.name is None:
        return Mistake(where, str(error))
    name = str(error.name)
    if not error.lacks:
        return Mistake(where, f"the variable `{name}` is not defined", did_you_mean(name, names), name)
    keys = [str(key) for key in error.owner] if isinstance(error.owner, Mapping) else []
    has = f"it has {listed(sorted(keys))}" if keys else f"it is {str(error.owner)[:60]!r}"
    return Mistake(where, f"{_owner(name, where)} has no `{name}`", did_you_mean(name, keys) or has, name)


def _owner(name: str, where: Place | None) -> str:
    """Return how the text calls the value that lacks an attribute, as far as it can be told from the text."""
    exact = where.find(name) if where else None
    found = re.search(r"([\w.]+)(?:\.|\[['\"])$", exact.text[: exact.column - 1]) if exact else None
    return f"`{found[1]}`" if found else "the value"


def _broken(error: jinja2.TemplateError, where: Place | None, env: jinja2.Environment) -> Mistake:
    message = (error.message or "").rstrip(".").replace("'", "`").removesuffix(" found")
    if message.endswith("expected `end of print statement`"):
        message = "`{{` is opened and never closed"
    elif message == "unexpected `end of template`":
        message = "the expression ends too early"
    block = re.search(r"block that needs to be closed is `(\w+)`", message)
    if block and message.startswith("Unexpected end"):
        message = f"`{{% {block[1]} %}}` is opened and never closed"
    unknown = re.match(r"No (filter|test) named `(\w+)`", message)
    if unknown is None:
        return Mistake(where, f"broken template: {message}")
    kind, name = unknown.groups()
    hint = did_you_mean(name, env.filters if kind == "filter" else env.tests)
    return Mistake(where, f"there is no {kind} `{name}`", hint, name)


def _template_line(error: Exception, place: Place | None) -> Place | None:
    """Return the line of the template file that an error came from: the innermost frame that is a template's."""
    traceback: TracebackType | None = error.__traceback__
    found = place
    while traceback is not None:
        template = traceback.tb_frame.f_globals.get("__jinja_template__")
        if template is not None and template.filename and template.filename != "<template>":
            line = template.get_corresponding_lineno(traceback.tb_lineno)
            found = _line_of(template.filename, line, place)
        traceback = traceback.tb_next
    return found


def _line_of(file: str, line: int, place: Place | None) -> Place:
    if place is not None and place.source.file == file:
        source = place.source
    else:
        source = Source(file, tuple(Path(file).read_text(encoding="utf-8").splitlines()))
    text = source.lines[line - 1] if line <= len(source.lines) else ""
    return Place(source, line, len(text) - len(text.lstrip()) + 1, line)
