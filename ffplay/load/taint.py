"""Jinja2 in which what is made of a secret is a secret.

Each way in which an expression makes one text of another is watched: filters, calls (methods and `lookup` among them),
attributes and items, `~` and `%`, the joining of a text's parts, also of blocks that are set or that macros return. The
other operators are the secret's own. A variable whose text has a secret in it enters as one.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import jinja2
from jinja2 import nodes
from jinja2.runtime import Context
from jinja2.visitor import NodeTransformer

from ffplay.secret import SHORTEST, Secret, Secrets

_JOIN, _FORMAT = "ffplay_join", "ffplay_format"


class TaintContext(Context):
    """A context whose calls hand secrecy on."""

    @jinja2.utils.internalcode
    def call(__self, __obj: Any, *args: Any, **options: Any) -> Any:  # noqa: N805  (Jinja2 names them so)
        """Call, and give a result that is as secret as what it was made of."""
        made = super().call(__obj, *args, **options)
        secrets: Secrets = __self.environment.secrets  # type: ignore[attr-defined]
        return secrets.derived(made, (getattr(__obj, "__self__", None), *args, *options.values()))


class TaintEnvironment(jinja2.Environment):
    """An environment that hands secrecy on; `watch` has to be called once all its filters are there."""

    context_class = TaintContext
    secrets: Secrets

    def watch(self, secrets: Secrets) -> None:
        """Have everything watched from now on."""
        self.secrets = secrets
        self.filters.update({name: self._watched(function) for name, function in self.filters.items()})
        self.filters |= {_JOIN: self.joined, _FORMAT: self._watched(lambda pair: pair[0] % pair[1])}
        self.concat = self.joined  # type: ignore[method-assign]

    def entering(self, value: Any) -> Any:
        """Return a value that an expression looks up: a text with a secret in it as a secret."""
        return Secret(value, self.secrets) if type(value) is str and self.secrets.holds(value) else value

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Return `obj.attribute`; a mapping's key comes before its methods."""
        if isinstance(obj, Mapping) and attribute in obj:
            return self.entering(obj[attribute])
        return self.entering(super().getattr(obj, attribute))

    def getitem(self, obj: Any, argument: Any) -> Any:
        """Return `obj[argument]`."""
        return self.entering(super().getitem(obj, argument))

    def joined(self, parts: Iterable[Any]) -> str:
        """Return parts of a text joined. A line with a secret in it that is too short to be known is secret whole."""
        every = [str(part) for part in parts]
        made = "".join(str.__str__(part) for part in every)
        if not any(isinstance(part, Secret) for part in every):
            return Secret(made, self.secrets) if self.secrets.holds(made) else made
        at = 0
        for part in every:
            if isinstance(part, Secret) and 0 < len(part) < SHORTEST:
                start, end = made.rfind("\n", 0, at) + 1, made.find("\n", at)
                self.secrets.add(made[start : end if end >= 0 else len(made)], "value")
            at += len(part)
        return Secret(made, self.secrets)

    def _watched(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def watched(*args: Any, **options: Any) -> Any:
            return self.secrets.derived(function(*args, **options), (*args, *options.values()))

        return watched

    def _generate(self, source: nodes.Template, *args: Any, **options: Any) -> str:
        return super()._generate(_Operators().visit(source), *args, **options)


class _Operators(NodeTransformer):
    """Has `a ~ b` and `a % b` made by watched filters: what Jinja2 and Python make of them is plain text."""

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802  (the visitor's name for it)
        self.generic_visit(node)
        return _filtered(node, node.nodes, _JOIN)

    def visit_Mod(self, node: nodes.Mod) -> nodes.Node:  # noqa: N802  (the visitor's name for it)
        self.generic_visit(node)
        return _filtered(node, [node.left, node.right], _FORMAT)


def _filtered(node: nodes.Expr, parts: list[nodes.Expr], name: str) -> nodes.Node:
    made = nodes.Filter(nodes.List(parts, lineno=node.lineno), name, [], [], None, None, lineno=node.lineno)
    return made.set_environment(node.environment) if node.environment else made
