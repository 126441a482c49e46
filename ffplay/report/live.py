"""A run as it happens, for people."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ffplay.engine.events import Event, Kind
from ffplay.engine.plan import Plan, StepGroup
from ffplay.errors import Error
from ffplay.model import Change, Status, Step
from ffplay.report import recap
from ffplay.report.failure import explain
from ffplay.report.names import heading, item_name, joined
from ffplay.report.output import Output
from ffplay.report.plan_text import details, nobody
from ffplay.report.rows import Row, entry_of
from ffplay.report.style import Style, clean, duration

_COLOURS = {
    Status.OK: "dim",
    Status.CHANGED: "yellow",
    Status.SKIPPED: "dim",
    Status.FAILED: "red",
    Status.UNREACHABLE: "red",
}


class Terminal:
    """Turns events into lines as they come.

    A step's number is looked up in the plan, given by `expect`, so that it is the number that the plan showed.
    """

    def __init__(self, output: Output, style: Style) -> None:
        self._output = output
        self._style = style
        self._plays: list[tuple[StepGroup, ...]] = []
        self._groups: tuple[StepGroup, ...] = ()
        self._number = 0
        self._deferred: set[tuple[Step | None, str]] = set()
        self._current: Step | None = None
        self._told: set[str] = set()
        self._said: set[tuple[str, str]] = set()
        self._errors: list[Error] = []
        self._handlers: Mapping[Kind, Callable[[Event], None]] = {
            Kind.PLAY: self._play,
            Kind.STEP: self._step,
            Kind.CHANGE: self._change,
            Kind.CHANGED: self._changed,
            Kind.CHECKED: self._checked,
            Kind.OUTPUT: self._tool,
            Kind.WAITING: self._waiting,
            Kind.RETRY: self._retry,
            Kind.RESULT: self._result,
            Kind.RECAP: self._recap,
        }

    def expect(self, plan: Plan) -> None:
        """Take the plan that is about to be applied."""
        self._plays = [play.groups for play in plan.plays]
        self._deferred = {(deferred.step, deferred.host) for deferred in plan.deferred}

    def event(self, event: Event) -> None:
        """Show one event."""
        self._handlers[event.kind](event)

    def told(self, error: Error) -> bool:
        """Tell whether the error was shown with the step that it ended."""
        return any(each is error for each in self._errors)

    def _play(self, event: Event) -> None:
        self._groups = self._plays.pop(0) if self._plays else ()
        self._number = 0
        name = event.play.name if event.play else ""
        self._output.line(
            f"\n{self._style.paint('bold', f'PLAY {name}')} on {joined(event.data.get('hosts', ())) or 'no host'}"
        )

    def _step(self, event: Event) -> None:
        if event.step is None:
            return
        self._told, self._said = set(), set()
        self._current = event.step
        self._number = self._number_of(event.step)
        of = f"/{len(self._groups)}" if self._number <= len(self._groups) else ""
        handler = " [handler]" if event.data.get("handler") else ""
        self._output.line(self._style.paint("bold", f"STEP {self._number}{of} {heading(event.step)}{handler}"))
        if event.data.get("hosts") == [] and nobody(event.step):
            self._output.line(self._style.paint("dim", f"  skipped: {nobody(event.step)}"))

    def _number_of(self, step: Step) -> int:
        """Return the number of the step's next group in the plan."""
        later = range(self._number, len(self._groups))
        return next((index + 1 for index in later if self._groups[index].step == step), self._number + 1)

    def _change(self, event: Event) -> None:
        if event.change is None:
            return
        if (self._current, event.host) in self._deferred:
            # The plan could not show it: it is shown before it is made.
            row = Row((entry_of(event.change),))
            self._output.line(f"  {event.host}  {self._style.sign(row.first.sign)} {_title(event.change)}")
            self._output.lines(f"      {line}" for line in details(row, self._style))
        self._output.passing(f"  {event.host}  {_title(event.change)} ...")

    def _changed(self, event: Event) -> None:
        if event.change:
            self._told.add(event.host)
            took = duration(event.data.get("seconds", 0.0))
            verdict = self._style.paint("yellow", "changed") + f" ({took})"
            self._output.line(f"  {event.host}  {_title(event.change)} ... {verdict}")

    def _checked(self, event: Event) -> None:
        if event.check is None:
            return
        self._told.add(event.host)
        problems = [clean(str(problem)) for problem in event.data.get("problems", ())]
        verdict = self._style.paint("red", f"{len(problems)} wrong") if problems else self._style.paint("green", "ok")
        info = clean(str(event.data.get("info") or ""))
        self._said.add((event.host, info))
        self._output.line(f"  {event.host}  {clean(event.check.summary)} ... {verdict}")
        self._output.lines(f"      {self._style.paint('red', problem)}" for problem in problems)
        self._output.lines(f"      {line}" for line in info.splitlines())

    def _tool(self, event: Event) -> None:
        if event.data.get("note"):
            self._told.add(event.host)
            self._said.add((event.host, clean(event.text)))
            self._output.line(f"  {event.host}  {self._style.sign('i')} {clean(event.text)}")
            return
        lines = [line for line in clean(event.text).splitlines() if line.strip()]
        if self._style.verbose:
            self._output.lines(self._style.paint("dim", f"  {event.host}  | {line}") for line in lines)
        elif lines:
            self._output.passing(f"  {event.host}  | {lines[-1]}")

    def _waiting(self, event: Event) -> None:
        if self._style.verbose:
            self._output.line(self._style.paint("dim", f"  {event.host}  waiting: {clean(event.text)}"))
        else:
            self._output.passing(f"  {event.host}  waiting: {clean(event.text)}")

    def _retry(self, event: Event) -> None:
        count = f"{event.data.get('attempt', '?')} of {event.data.get('retries', '?')}"
        self._output.line(f"  {event.host}  {self._style.paint('yellow', f'retry {count}')}: {clean(event.text)}")

    def _result(self, event: Event) -> None:
        status = event.status or Status.OK
        ignored = bool(event.data.get("ignored"))
        message = clean(str(event.data.get("msg") or ""))
        if event.error is not None or (event.host, message) in self._said:
            message = ""
        quiet = status in (Status.OK, Status.CHANGED) and event.host in self._told and not message
        if quiet and not ignored:
            return
        item = f" (item {item_name(event.item)})" if event.item is not None else ""
        word = self._style.paint(_COLOURS[status], status.value) + (" (ignored)" if ignored else "")
        text = clean(event.text) if event.error is None else ""
        first, *more = (message or text).splitlines() or [""]
        self._output.line(f"  {event.host}  {word}{item}" + (f": {first}" if first else ""))
        self._output.lines(f"      {line}" for line in more)
        if event.error is not None:
            self._errors.append(event.error)
            self._output.lines(f"      {line}" for line in explain(event.error, self._style))

    def _recap(self, event: Event) -> None:
        self._output.clear()
        self._output.lines(recap.render(event.data, event.error, self._style))


def _title(change: Change) -> str:
    """Return what a change's line says after its host."""
    summary = clean(change.summary).partition("\n")[0]
    return f"{change.shard}: {summary}" if change.shard else summary
