"""A plan as text: the whole truth on one screen."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from ffplay import steps
from ffplay.engine.plan import Plan, PlayPlan, StepGroup
from ffplay.model import Problem, Step, Target
from ffplay.report import diff, forecast
from ffplay.report.names import heading, item_name, joined, who
from ffplay.report.rows import Row, collapse, commands, entries
from ffplay.report.style import Style, clean, plural
from ffplay.resources.record import RECORD
from ffplay.resources.shard_data import human


def render(plan: Plan, style: Style) -> list[str]:
    """Return the plan's lines, the count last."""
    lines = list(chain.from_iterable(_play(play, plan, style) for play in plan.plays))
    if not style.verbose and any(plan.run in line for line in lines):
        *told, blank = [line.replace(plan.run, "<run>") for line in lines]
        lines = [*told, style.paint("dim", f"  <run> is {plan.run}"), blank]
    foreseen = () if plan.forecast is None else forecast.render(plan.forecast, style)
    return [*_open(plan, style), *lines, *_back(plan, style), *foreseen, style.paint("bold", count(plan))]


def _open(plan: Plan, style: Style) -> Iterator[str]:
    """Yield which runs did not come to their end, and whether this plan goes on with them."""
    for state in plan.open:
        head = state.head
        goes_on = "this goes on with it" if head.run in plan.continues else f"ff-play show {head.run} tells more"
        yield style.paint(
            "yellow",
            f"run {head.run} ({head.verb} of {clean(Path(head.playbook).name)}, {clean(head.user)} on "
            f"{clean(head.machine)}, {head.since}) is {state.status} after {state.done} of {state.intents} changes "
            f"that it began: {goes_on}",
        )


def _back(plan: Plan, style: Style) -> Iterator[str]:
    """Yield what no rollback undoes, and what waits for `commit`."""
    if plan.irreversible:
        yield "ff-play rollback would not undo:"
        hosts: dict[str, list[str]] = {}
        for host, what in plan.irreversible:
            hosts.setdefault(clean(what), []).append(host)
        yield from (f"  {joined(names)}: {what}" for what, names in hosts.items())
        yield ""
    waiting = sum(kib for _, _, kib in plan.aside)
    if waiting:
        where = joined(dict.fromkeys(host for host, _, _ in plan.aside))
        yield style.paint("dim", f"set aside by earlier runs: {human(waiting << 10)} on {where} (ff-play commit)")


def count(plan: Plan) -> str:
    """Return the one line that sums a plan up."""
    where = plural(len(plan.hosts), "host") + (f", {plural(plan.shards, 'shard')}" if plan.shards else "")
    parts = [plural(len(plan.changes), "change")]
    parts += [f"{len(plan.deferred)} known after apply"] if plan.deferred else []
    parts += [plural(len(plan.checks), "check")] if plan.checks else []
    parts += [plural(len(plan.problems), "problem")] if plan.problems else []
    return f"{where}: {', '.join(parts)}"


def describe_target(target: Target) -> str:
    """Return a target in a few words."""
    detector = f", detector {target.detector}" if target.detector else ""
    settings = "".join(f", {key}={value}" for key, value in target.detector_settings)
    was = f", from {target.was}" if target.was else ""
    return f"{target.model} (facens of {target.facen_size}){detector}{settings}{was}"


def _play(play: PlayPlan, plan: Plan, style: Style) -> Iterator[str]:
    yield style.paint("bold", f"PLAY {play.play.name}") + f" on {joined(play.hosts) or 'no host'}"
    if play.target:
        yield f"  target: {describe_target(play.target)}"
    if play.left_out:
        left = ", ".join(heading(step) for step in play.left_out)
        yield style.paint("yellow", f"  left out, by tags or --start-at-step: {left}")
    batch: tuple[str, ...] | None = None
    told: set[Problem] = set()
    for number, group in enumerate(play.groups, 1):
        now = batch_of(play, group)
        if now != batch and len(play.batches) > 1:
            place = f"{play.batches.index(now) + 1} of {len(play.batches)}" if now in play.batches else ""
            yield f"  batch {place}: {joined(now)}"
        batch = now
        yield from _step(number, _untold(group, told), plan.shards, style)
    yield ""


def _untold(group: StepGroup, told: set[Problem]) -> StepGroup:
    """Return a step without the problems that earlier ones have told; what several steps find is one problem."""
    plans = []
    for plan in group.plans:
        kept = tuple(outcome for outcome in plan.outcomes if not isinstance(outcome, Problem) or outcome not in told)
        told.update(plan.problems)
        plans.append(dataclasses.replace(plan, outcomes=kept))
    return dataclasses.replace(group, plans=tuple(plans))


def batch_of(play: PlayPlan, group: StepGroup) -> tuple[str, ...]:
    """Return the batch of hosts that a step group is for."""
    hosts = {plan.host for plan in group.plans}
    return next((batch for batch in play.batches if hosts <= set(batch)), play.hosts)


def _step(number: int, group: StepGroup, shards: int, style: Style) -> Iterator[str]:
    title = f"{number:>3} {heading(group.step)}" + (" [handler]" if group.handler else "")
    found = list(chain.from_iterable(entries(plan) for plan in group.plans))
    skipped = list(_skipped(group, style))
    if not found and not skipped:
        yield style.paint("dim", f"{title}: ok")
        return
    if not found and len(skipped) == 1:
        yield style.paint("dim", f"{title}: {skipped[0]}")
        return
    yield style.paint("bold", title)
    yield from (style.paint("dim", f"      {line}") for line in skipped)
    rows = [Row((entry,)) for entry in found] if style.verbose else collapse(found)
    for row in rows:
        yield from _row(row, shards, style)


def _skipped(group: StepGroup, style: Style) -> Iterator[str]:
    """Yield which hosts skip the step and why; hosts with one reason together."""
    if not group.plans and nobody(group.step):
        yield f"skipped: {nobody(group.step)}"
    reasons: dict[str, list[str]] = {}
    for plan in group.plans:
        if plan.state == "skipped":
            item = f" (item {item_name(plan.item)})" if plan.item is not None and style.verbose else ""
            reasons.setdefault(plan.reason + item, []).append(plan.host)
    everybody = {plan.host for plan in group.plans}
    for reason, hosts in reasons.items():
        where = "" if set(hosts) == everybody else f" on {joined(dict.fromkeys(hosts))}"
        yield f"skipped{where}: {reason}" if reason else f"skipped{where}"


def nobody(step: Step) -> str:
    """Return why a step has no host; empty for a step of a rollback or a commit, which then has nothing to do."""
    if step.kind not in steps.kinds():
        return ""
    groups = " or ".join(steps.kind(step.kind).groups)
    wanted = [f"matches `hosts: {step.hosts}`"] if step.hosts else []
    wanted += [f"is in {groups}"] if groups else []
    return f"no host of the play {' and '.join(wanted)}" if wanted else "the play has no host"


def _row(row: Row, shards: int, style: Style) -> Iterator[str]:
    item = f" (item {row.first.item})" if row.first.item else ""
    first, *more = row.summary.splitlines() or [""]
    size = f" ({diff.tally(row.first.diff)})" if row.first.diff and style.diffs() == "summary" else ""
    yield f"    {style.sign(row.first.sign)} {who(row.places, shards)}{item}: {first}{size}"
    yield from (f"        {line}" for line in [*more, *details(row, style)])


def details(row: Row, style: Style, usual: str = "short") -> Iterator[str]:
    """Yield what stands under a row's line; `usual` is how much of a diff where the operator did not say."""
    lines = row.text.splitlines()
    if not style.verbose:
        # What ffplay notes of a change for itself is told by the change's own line.
        lines = commands([line for line in lines if not line.startswith(RECORD)])
    yield from folded(lines, style)
    amount = style.diffs(usual)
    if amount in {"short", "full"}:
        alike = len({entry.diff for entry in row.entries}) == 1
        place = row.first.place + ("" if alike else "; the others alike")
        yield from diff.render(row.first.diff, place, style, whole=amount == "full")


def folded(lines: list[str], style: Style) -> list[str]:
    """Return the lines, of very many the first ones and how many were left out."""
    if style.verbose or len(lines) <= diff.FOLD_LINES:
        return lines
    left = len(lines) - diff.FOLD_LINES
    return [*lines[: diff.FOLD_LINES], f"... {plural(left, 'more line')}; -v shows them"]
