"""Jinja2 with lazily rendered names, native values, and errors that say where and what instead.

This module imports Jinja2, so it is itself imported only where something is rendered.
"""

from __future__ import annotations

import functools
from collections import ChainMap
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import jinja2
from jinja2 import meta, nodes
from jinja2.parser import Parser
from jinja2.runtime import Undefined

from ffplay.load.blame import MissingName, missing, mistake_of
from ffplay.load.filters import FILTERS, TESTS
from ffplay.load.findings import Mistake
from ffplay.load.lookups import Lookups
from ffplay.load.marked import place_of, whole_file
from ffplay.load.seen import note
from ffplay.load.taint import TaintContext, TaintEnvironment
from ffplay.load.values import NotKnown
from ffplay.load.vaulted import plain_bytes
from ffplay.load.vaultkeys import Vault
from ffplay.model import Unknown


class _Strict(jinja2.StrictUndefined):
    """Undefined: only `default`, `is defined` and a further attribute may touch it."""

    def __init__(
        self, hint: str | None = None, obj: Any = jinja2.utils.missing, name: Any = None, exc: Any = None
    ) -> None:
        super().__init__(hint, obj, name, exc or MissingName)
        lacks = obj is not jinja2.utils.missing
        if hint is None:
            exception: Any = functools.partial(MissingName, name=name, owner=obj, lacks=lacks)
            self._undefined_exception = exception

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __getitem__(self, key: Any) -> Any:
        return self


class _Context(TaintContext):
    """A context over a mapping that renders its values when they are asked for, and not before."""

    def get_all(self) -> Any:
        """Return every name, still lazily."""
        return ChainMap(self.vars, self.parent) if self.vars else self.parent


class _Environment(TaintEnvironment):
    """An environment in which touching an unknown value is NotKnown, not text."""

    context_class = _Context

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Return `obj.attribute`; a mapping's key comes before its methods."""
        return checked(super().getattr(obj, attribute))

    def getitem(self, obj: Any, argument: Any) -> Any:
        """Return `obj[argument]`."""
        return checked(super().getitem(obj, argument))


def checked(value: Any) -> Any:
    """Return a value. Raise NotKnown where it is Unknown."""
    if isinstance(value, Unknown):
        raise NotKnown(value.why)
    return value


def _mandatory(value: Any, message: str = "") -> Any:
    if isinstance(value, Undefined):
        raise Mistake(None, message or f"the mandatory variable `{value._undefined_name}` is not defined")
    return value


class _Globals(Mapping[str, Any]):
    """Jinja2's own names (`range`, `dict`, ...) under those of a scope."""

    def __init__(self, names: Mapping[str, Any], env: TaintEnvironment) -> None:
        self.names, self.own, self._env = names, env.globals, env

    def __getitem__(self, name: str) -> Any:
        return self._env.entering(self.names[name]) if name in self.names else self.own[name]

    def __contains__(self, name: object) -> bool:
        return name in self.names or name in self.own

    def __iter__(self) -> Iterator[str]:
        return iter({**dict.fromkeys(self.own), **dict.fromkeys(self.names)})

    def __len__(self) -> int:
        return len({*self.own, *self.names})


class _Loader(jinja2.FileSystemLoader):
    """Finds the templates that others include or extend; opens those that are encrypted."""

    def __init__(self, folders: list[str], vault: Vault) -> None:
        super().__init__(folders)
        self._vault = vault

    def get_source(self, environment: jinja2.Environment, template: str) -> Any:
        """Return a template's text, its path, and whether it is still the same."""
        text, path, unchanged = super().get_source(environment, template)
        note(path, Path(path).read_bytes())
        return plain_bytes(text.encode(), template, self._vault).decode(), path, unchanged


class Renderer:
    """Renders texts, each parsed once. `template_dirs` is where templates find what they include.

    `vault` opens included templates and looked up files; `file_dirs` is where those are looked for.
    """

    def __init__(self, vault: Vault, template_dirs: tuple[Path, ...] = (), file_dirs: tuple[Path, ...] = ()) -> None:
        loader = _Loader([str(path) for path in template_dirs], vault)
        self._env = _Environment(
            undefined=_Strict, trim_blocks=True, keep_trailing_newline=True, loader=loader, extensions=["jinja2.ext.do"]
        )
        self._env.filters.update({**FILTERS, "mandatory": _mandatory})
        self._env.tests.update(TESTS)
        self._env.globals["lookup"] = Lookups(vault, file_dirs)
        self._env.watch(vault.secrets)
        self._files: dict[tuple[str, str], jinja2.Template] = {}
        self._parsed: dict[tuple[str, bool], Callable[[Mapping[str, Any]], Any]] = {}

    def text(self, text: str, names: Mapping[str, Any]) -> Any:
        """Return a text rendered; one that is a single `{{ expression }}` gives the expression's own value."""
        if "{" not in text or not any(mark in text for mark in ("{{", "{%", "{#")):
            return str(text)
        return self._guarded(text, False, names)

    def expression(self, text: str, names: Mapping[str, Any]) -> Any:
        """Return the value of an expression without braces; a whole `{{ expression }}` is taken for what it means."""
        return self._guarded(text, True, names)

    def template(self, text: str, file: str, names: Mapping[str, Any]) -> str:
        """Return a template file's text rendered; mistakes point into the file."""
        place = whole_file(file, text)
        try:
            template = self._compiled(text, file)
            with self._env.secrets.rendering():
                return self._env.joined(
                    template.root_render_func(template.new_context(self._names(names), shared=True))
                )
        except NotKnown:
            raise
        except Exception as error:
            raise mistake_of(error, place, names, self._env, in_file=True) from error

    def _compiled(self, text: str, file: str) -> jinja2.Template:
        key = (file, str(text))
        if key not in self._files:
            code = self._env.compile(text, name=file, filename=file)
            self._files[key] = self._env.template_class.from_code(self._env, code, {})
        return self._files[key]

    def missing(self, text: str, names: Mapping[str, Any], is_expression: bool = False) -> list[Mistake]:
        """Return the undefined variables of a text that cannot be rendered (yet), by its syntax alone."""
        try:
            tree = self._env.parse(f"{{{{ {text} }}}}" if is_expression else text)
            free = meta.find_undeclared_variables(tree) - set(self._env.globals)
        except jinja2.TemplateError:  # its syntax is wrong: that is told where it is rendered
            return []
        guards = [*tree.find_all(nodes.Filter), *tree.find_all(nodes.Test)]
        guarded = {
            name.name
            for guard in guards
            if guard.name in {"default", "d", "defined", "undefined", "mandatory"}
            for name in guard.find_all(nodes.Name)
        }
        return [
            missing(MissingName("", name), place_of(text), names)
            for name in sorted(free - guarded)
            if name not in names
        ]

    def uses(self, text: str) -> set[str]:
        """Return the names that a text refers to, by its syntax alone; none where that is wrong."""
        try:
            return meta.find_undeclared_variables(self._env.parse(text)) - set(self._env.globals)
        except jinja2.TemplateError:
            return set()

    def _names(self, names: Mapping[str, Any]) -> Any:
        return _Globals(names, self._env)

    def _guarded(self, text: str, is_expression: bool, names: Mapping[str, Any]) -> Any:
        key = (str(text), is_expression)
        try:
            if key not in self._parsed:
                self._parsed[key] = self._parse(*key)
            with self._env.secrets.rendering():
                return checked(self._parsed[key](self._names(names)))
        except NotKnown:
            raise
        except Exception as error:
            raise mistake_of(error, place_of(text), names, self._env) from error

    def _parse(self, text: str, is_expression: bool) -> Callable[[Mapping[str, Any]], Any]:
        inner = self._single(text)
        if inner is not None or is_expression:
            return self._native(text if inner is None else inner)
        template = self._env.from_string(text)

        def render(names: Any) -> str:
            return self._env.joined(template.root_render_func(template.new_context(names, shared=True)))

        return render

    def _single(self, text: str) -> str | None:
        """Return the expression of a text that is one `{{ expression }}` and nothing else."""
        stripped = text.strip()
        if not (stripped.startswith("{{") and stripped.endswith("}}")):
            return None
        kinds = [kind for _, kind, _ in self._env.lex(stripped)]
        if kinds.count("variable_begin") != 1 or kinds[0] != "variable_begin" or kinds[-1] != "variable_end":
            return None
        return stripped[2:-2].strip("-+ \n\t")

    def _native(self, expression: str) -> Callable[[Mapping[str, Any]], Any]:
        parser = Parser(self._env, expression, state="variable")
        parsed = parser.parse_expression()
        if not parser.stream.eos:
            raise jinja2.TemplateSyntaxError(f"unexpected `{parser.stream.current.value}`", 1)
        body: list[nodes.Node] = [nodes.Assign(nodes.Name("result", "store"), parsed, lineno=1)]
        template = self._env.from_string(nodes.Template(body, lineno=1))

        def evaluate(names: Any) -> Any:
            context = template.new_context(names, shared=True)
            for _ in template.root_render_func(context):
                pass
            _touch(context.vars["result"])
            return context.vars["result"]

        return evaluate


def _touch(value: Any, depth: int = 4) -> None:
    """Raise for an undefined or unknown value, also one within a list or mapping that an expression built."""
    if isinstance(value, Undefined):
        str(value)
    elif isinstance(value, Unknown):
        raise NotKnown(value.why)
    elif depth and type(value) in {list, tuple}:
        for inner in value:
            _touch(inner, depth - 1)
    elif depth and type(value) is dict:
        for inner in value.values():
            _touch(inner, depth - 1)
