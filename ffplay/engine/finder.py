"""What one step does on one host: its function asked, with all that it may know, and once for as long as that stays."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from ffplay import steps
from ffplay.engine.alike import alike
from ffplay.engine.plan import StepPlan
from ffplay.engine.view import Asked, PlanView
from ffplay.errors import InputError
from ffplay.load import Loaded, Scope, check_args, convert_args, find_file, plain
from ffplay.model import Change, Host, Mark, Play, Step, Target
from ffplay.steps.base import Context, Estimate, Outcome, StepKind


class Given(NamedTuple):
    """What a step is planned by, beside the site as it is seen.

    `told` are the results that the host has registered, `item` is the `number`-th one of the step's loop. For `began`
    and `renewed` see `Context`.
    """

    play: Play
    step: Step
    host: Host
    hosts: tuple[Host, ...]
    target: Target | None
    told: Mapping[str, Any] = MappingProxyType({})
    item: Any = None
    number: int = 0
    handler: bool = False
    began: str = ""
    renewed: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """What a step was found to do on a host, and all that it went by."""

    given: Given
    asked: Asked
    plan: StepPlan


class Finder:
    """Asks the steps' functions; one for a planner.

    A plan is made several times: until all is read, under the lock, and step by step while it is carried out. A step's
    function knows nothing but its context, so what it said before it would say again where nothing of that has changed.
    """

    def __init__(self, loaded: Loaded, playbook: Path, run: str) -> None:
        self._loaded, self._playbook, self._run = loaded, playbook, run
        self._known: dict[tuple[Mark, Mark, str, int], Found] = {}
        # Templates by the name that a step gives, as (path, text): hundreds of shards have the same one.
        self._texts: dict[str, tuple[str, str]] = {}

    def find(self, given: Given, view: PlanView, scope: Scope) -> StepPlan:
        """Return what a step does; the view sees it as done. Raise `NeedsReading`, `NotKnown` or InputError."""
        place = (given.play.mark, given.step.mark, given.host.name, given.number)
        known = self._known.get(place)
        if known is None or not alike(known.given, given) or not view.holds(known.asked):
            with view.asking() as asked:
                plan = self._ask(given, view, scope)
            known = self._known[place] = Found(given, asked, plan)
        else:
            for change in known.plan.changes:
                view.plan(change)
        return known.plan

    def _ask(self, given: Given, view: PlanView, scope: Scope) -> StepPlan:
        step = given.step
        blank = StepPlan(step, given.host.name, "planned", item=given.item, handler=given.handler)
        for condition in step.when:
            if not scope.test(condition):
                return replace(blank, state="skipped", reason=f"when: {condition}")
        kind = steps.kind(step.kind)
        context = self._context(given, view, scope, kind)
        if kind.foresee is not None:
            view.expect(kind.foresee(context))
        outcomes: list[Outcome] = []
        estimates: list[Estimate] = []
        for one in kind.plan(context):
            if isinstance(one, Estimate):
                estimates.append(one)
                continue
            outcomes.append(one)
            if isinstance(one, Change):
                view.plan(one)
        return replace(blank, outcomes=tuple(outcomes), estimates=tuple(estimates))

    def _context(self, given: Given, view: PlanView, scope: Scope, kind: StepKind) -> Context:
        step = given.step
        args = convert_args(step, self._loaded.variables.arguments(step, scope))
        mistakes = check_args(step, args)
        if mistakes:
            raise InputError(mistakes)
        return Context(
            host=given.host,
            hosts=given.hosts,
            site=self._loaded.site,
            args={**defaults_of(kind), **args},
            view=view,
            target=given.target,
            variables=scope.mapping(),
            template=self._template(scope),
            read_file=self._read_file,
            test=scope.test,
            run=self._run,
            timeout=step.timeout,
            began=given.began,
            renewed=given.renewed,
            user=step.user,
        )

    def _template(self, scope: Scope) -> Callable[[str, Mapping[str, Any]], str]:
        def render(name: str, variables: Mapping[str, Any]) -> str:
            if name not in self._texts:
                path = find_file(self._playbook, "templates", name)
                self._texts[name] = str(path), self._loaded.variables.content(path).decode("utf-8")
            place, text = self._texts[name]
            return str(plain(scope.template(text, place, variables)))

        return render

    def _read_file(self, name: str) -> bytes:
        return self._loaded.variables.content(find_file(self._playbook, "files", name))


def defaults_of(kind: StepKind) -> dict[str, Any]:
    """Return a kind's parameters with their defaults, from its schema."""
    properties: Mapping[str, Mapping[str, Any]] = kind.schema["properties"]
    return {name: schema.get("default") for name, schema in properties.items()}
