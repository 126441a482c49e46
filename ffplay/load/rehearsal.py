"""Every string of every step rendered for every host before any host is contacted: a late mistake is found early."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ffplay.errors import Finding, InputError
from ffplay.load.arguments import check_args, convert_args, shown
from ffplay.load.files import find_file
from ffplay.load.findings import Findings, Mistake, listed
from ffplay.load.marked import Text, place_of, value_place, whole_file
from ffplay.load.placeholder import Placeholder
from ffplay.load.targets import target_of
from ffplay.load.values import NotKnown
from ffplay.load.variables import Scope, Variables, shard_variables
from ffplay.model import Host, Play, Step, Target, Unknown

# Step kind -> what its `src` is, as `find_file` calls it.
_SOURCES = {"template": "templates", "template_file": "templates", "copy_file": "files"}


class Rehearsal:
    """Rehearses the plays of one playbook, in order; what a step registers is known to the steps after it."""

    def __init__(
        self, playbook: Path, variables: Variables, findings: Findings, lost: frozenset[str] = frozenset()
    ) -> None:
        self._playbook, self._variables, self._findings = playbook, variables, findings
        self._texts: dict[Path, str] = {}
        self._lost: dict[str, Any] = dict.fromkeys(lost, Unknown("its step is mended"))
        self._registered: dict[str, dict[str, Any]] = {}
        self._met: dict[Finding, dict[str, None]] = {}

    def play(self, play: Play, hosts: tuple[Host, ...], of_step: Callable[[Step], tuple[Host, ...]]) -> None:
        """Rehearse a play on its hosts; `of_step` tells which of them a step is for."""
        names = [host.name for host in hosts]
        scopes: dict[str, tuple[Scope, Target | None]] = {}
        for host in hosts:
            with_target = self._target(play, host, names)
            scopes[host.name] = (self._variables.scope(host, play, with_target, names), with_target)
        self._report(names)
        for step in (*play.steps, *play.handlers):
            its = of_step(step)
            for host in its:
                scope = scopes[host.name][0].child({**self._lost, **self._registered.setdefault(host.name, {})})
                self._guard(host, self._step, step, host, scope)
            self._report([host.name for host in its])
            if step.register:
                for host in hosts if step.run_once else its:
                    result = Unknown(f"what the step `{step.title}` gives")
                    self._registered.setdefault(host.name, {})[step.register] = result

    def _target(self, play: Play, host: Host, names: list[str]) -> Target | None:
        try:
            return target_of(play, self._variables.scope(host, play, None, names))
        except NotKnown:
            return None
        except InputError as mistake:
            self._meet(host, mistake.findings)
        # Steps that use the target are judged as if it were one: its mistake is told already.
        return Target("", 0) if play.target is not None else None

    def _guard(self, host: Host, work: Callable[..., Any], *args: Any) -> None:
        """Do work; what it finds is noted for the host, and what nobody can know yet is let be."""
        try:
            work(*args)
        except NotKnown:
            pass
        except Mistake as mistake:
            self._meet(host, mistake.findings)

    def _step(self, step: Step, host: Host, scope: Scope) -> None:
        scope = scope.child(step.vars)
        if step.loop is None:
            self._once(step, host, scope)
            return
        try:
            items = scope.render(step.loop)
        except NotKnown as error:
            self._once(step, host, scope.child({step.loop_var: Unknown(error.why)}))
            return
        if not isinstance(items, list | tuple):
            raise Mistake(place_of(step.loop), f"`loop` needs a list, not {_kind(items)}")
        for item in items:
            self._once(step, host, scope.child({step.loop_var: item}))

    def _once(self, step: Step, host: Host, scope: Scope) -> None:
        if not self._applies(step, host, scope):
            return
        result = scope.child({step.register: Unknown("the step's own result")}) if step.register else scope
        for condition in step.until:
            self._try(host, result, condition, True)
        for value in (step.name, step.become_user):
            self._try(host, scope, value or "")
        failed = len(self._met)
        for leaf in _strings(step.args):
            self._try(host, scope, leaf)
        if len(self._met) == failed:
            self._guard(host, self._arguments, step, host, scope)

    def _applies(self, step: Step, host: Host, scope: Scope) -> bool:
        """Return whether a step's conditions hold; one that is wrong, or not known yet, may hold."""
        return all(self._try(host, scope, condition, expression=True) is not False for condition in step.when)

    def _try(self, host: Host, scope: Scope, text: str, expression: bool = False) -> Any:
        """Return a text's value; None, and its mistakes noted, where it has none."""
        try:
            return scope.test(text) if expression else scope.render(text)
        except NotKnown:
            for mistake in scope.missing(text, expression):
                self._meet(host, mistake.findings)
        except Mistake as mistake:
            self._meet(host, mistake.at(place_of(text)).findings)
        return None

    def _arguments(self, step: Step, host: Host, scope: Scope) -> None:
        args = convert_args(step, self._variables.arguments(step, scope))
        known = set(self._findings.all)
        self._meet(host, [found for found in check_args(step, args) if found not in known])
        if step.kind == "assert":
            self._conditions(step, host, scope)
        if step.kind == "debug" and args.get("var"):
            scope.render(_expression(step.args["var"]))
        if step.kind in _SOURCES and isinstance(args.get("src"), str) and args["src"]:
            self._source(step, host, scope, args["src"])

    def _conditions(self, step: Step, host: Host, scope: Scope) -> None:
        given = step.args.get("that")
        for index, condition in enumerate(given if isinstance(given, list) else [given]):
            holder: Any = (given, index) if isinstance(given, list) else (step.args, "that")
            if isinstance(condition, str):
                self._try(host, scope, condition, True)
            elif not isinstance(condition, bool):
                place = value_place(*holder)
                self._meet(host, Mistake(place, f"a condition is an expression, not {shown(condition)}").findings)

    def _source(self, step: Step, host: Host, scope: Scope, name: str) -> None:
        kind = _SOURCES[step.kind]
        try:
            path = find_file(self._playbook, kind, name)
        except Mistake as mistake:
            raise mistake.at(value_place(step.args, "src")) from None
        if kind != "templates":
            self._opened(path, step)
            return
        text = self._read(path, step)
        for given in self._given(step, host, scope):
            try:
                scope.template(text, str(path), given)
            except Mistake as mistake:
                # What fails on a placeholder may be fine on the site; there it is rendered once more, for the plan.
                if mistake.sure or step.kind != "template":
                    self._meet(host, mistake.findings)
                    whole = Text(text, whole_file(str(path), text))
                    self._meet(host, [found for other in scope.child(given).missing(whole) for found in other.findings])

    def _opened(self, path: Path, step: Step) -> bytes:
        """Return the content of a file, opened where it is encrypted."""
        try:
            return self._variables.content(path)
        except OSError as error:
            raise Mistake(value_place(step.args, "src"), f"{path} cannot be read: {error.strerror}") from None
        except Mistake as mistake:
            raise mistake.at(value_place(step.args, "src")) from None

    def _read(self, path: Path, step: Step) -> str:
        if path not in self._texts:
            try:
                self._texts[path] = self._opened(path, step).decode("utf-8")
            except UnicodeDecodeError as error:
                raise Mistake(value_place(step.args, "src"), f"{path} cannot be read: {error}") from None
        return self._texts[path]

    def _given(self, step: Step, host: Host, scope: Scope) -> Iterator[Mapping[str, Any]]:
        """Yield what a template will be given beside the host's variables, once for each way it may turn out."""
        if step.kind != "template":
            own = step.args.get("vars")
            yield scope.render(own) if isinstance(own, dict) else {}
            return
        target = scope.mapping().get("target") or {}
        # Shards with the same variables of their own differ in numbers alone: one of them stands for all.
        for shard in {tuple(shard.vars): shard for shard in host.shards}.values():
            for truth in (True, False):
                current = Placeholder(truth)
                size = target.get("facen_size", current)
                yield {**shard.vars, "shard": shard_variables(shard), "current": current, "facen_size": size}

    def _meet(self, host: Host, findings: tuple[Finding, ...] | list[Finding]) -> None:
        for found in findings:
            self._met.setdefault(found, {})[host.name] = None

    def _report(self, names: list[str]) -> None:
        """Put what was met into the findings: each mistake once, with its hosts where it is not all of them."""
        for found, hosts in self._met.items():
            everywhere = set(hosts) >= set(names)
            where = "" if everywhere else f" (on {listed(hosts, 5)})"
            self._findings.extend([replace(found, message=found.message + where)])
        self._met = {}


def _kind(value: Any) -> str:
    return "text" if isinstance(value, str) else shown(value)


def _expression(name: str) -> Text:
    """Return a template of an expression that stands without braces, at the same place."""
    place = place_of(name)
    return Text(f"{{{{ {name} }}}}", place)


def _strings(value: Any) -> Iterator[str]:
    """Yield every string within a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _strings(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _strings(inner)
