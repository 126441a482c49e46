"""What a plan comes to, as text and as JSON; and beside it what it took."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ffplay.engine.forecast import Downtime, Forecast, Part, StepForecast
from ffplay.report.plain import plain
from ffplay.report.style import Style, clean, duration, plural
from ffplay.resources.run_times import RunTimes
from ffplay.resources.shard_data import human
from ffplay.steps.base import DiskUse, Estimate

# So many steps, and so many file systems and hosts, are named unless the operator asks for more.
_STEPS = 4
_HOSTS = 2

# What takes less than this share of the whole is not named, nor what takes less than a second.
_SHARE = 0.01


def render(forecast: Forecast, style: Style) -> Iterator[str]:
    """Yield a forecast's lines, an empty one last."""
    yield style.paint("bold", "FORECAST") + f": {_about(forecast.seconds, not forecast.unknown)} in total"
    for step in _chosen(forecast, style):
        yield from _step(step, style)
    for time in forecast.down:
        yield f"  {style.paint('yellow', 'search is down')} {_down(time)}"
    yield from _hosts(forecast.hosts, style)
    yield from (style.paint("dim", f"  assumed: {clean(line)}") for line in forecast.assumptions)
    yield ""


def _span(seconds: float) -> str:
    return "1 s or less" if seconds <= 1 else duration(seconds)


def _about(seconds: float, complete: bool) -> str:
    """Return how long something takes of which perhaps not all is known."""
    if complete:
        return f"about {_span(seconds)}"
    return f"at least {_span(seconds)}" if seconds > 1 else "not known"


def _chosen(forecast: Forecast, style: Style) -> list[StepForecast]:
    """Return the steps that are worth a line: all that have any work, or those that take long or nobody knows."""
    if style.verbose:
        return [step for step in forecast.steps if step.parts]
    longest = sorted((step.seconds for step in forecast.steps), reverse=True)
    least = max(1.0, forecast.seconds * _SHARE, *longest[_STEPS - 1 : _STEPS])
    return [step for step in forecast.steps if step.seconds >= least or not step.complete]


def _step(step: StepForecast, style: Style) -> Iterator[str]:
    """Yield one step's line; for who asked for more all of its parts, else that which takes longest."""
    line = f"  {step.number:>3} {clean(step.title)}: {_about(step.seconds, step.complete)}"
    if not style.verbose:
        unknown = [part for part in step.parts if part.seconds is None]
        longest = max(step.parts, key=lambda part: part.seconds or 0.0)
        said = [_part(longest)] if longest.seconds else []
        said += [f"{'not known: ' if said else ''}{_part(unknown[0])}"] if unknown else []
        yield f"{line}: {'; '.join(said)}"
        return
    yield line
    for part in step.parts:
        time = "not known" if part.seconds is None else _span(part.seconds)
        yield style.paint("dim", f"        {part.host}: {time}: {_part(part)}")


def _part(part: Part) -> str:
    return clean(f"{part.what} ({part.source})")


def _down(time: Downtime) -> str:
    """Return from when until when search is down, and for how long."""
    begin = f"step {time.first.number} {clean(time.first.title)}"
    begin = "already, from now" if time.already else f"from the start of {begin}"
    until = f"until {time.last.number} {clean(time.last.title)} is over"
    if not time.ends:
        return f"{begin} on, and still at the end of this plan"
    known = time.complete or time.seconds > 1
    return f"{f'for {_about(time.seconds, time.complete)}: ' if known else ''}{begin} {until}"


def _hosts(hosts: Sequence[Estimate], style: Style) -> Iterator[str]:
    """Yield the file systems and memories, those with the least to spare first."""
    disks = sorted(
        ((one.host, disk) for one in hosts for disk in one.disks if disk.needed),
        key=lambda pair: pair[1].needed / max(1, pair[1].free),
        reverse=True,
    )
    yield from _some("space", [_disk(*pair, style) for pair in disks], style)
    memories = sorted((one for one in hosts if one.facens_then), key=lambda one: -one.facens_then / max(1, one.memory))
    yield from _some("memory", [_memory(one) for one in memories], style)


def _some(word: str, lines: Sequence[str], style: Style) -> Iterator[str]:
    """Yield the lines under a word, of very many the first ones and how many were left out."""
    shown = lines if style.verbose else lines[:_HOSTS]
    yield from (f"  {word}: {line}" for line in shown)
    left = len(lines) - len(shown)
    if left:
        yield style.paint("dim", f"  {word}: {plural(left, 'more line')}, with more to spare (-v shows them)")


def _disk(host: str, disk: DiskUse, style: Style) -> str:
    """Return one file system's room; for who asked for more, what takes it."""
    needs = f" ({', '.join(f'{human(size)} for {kind}' for kind, size in disk.needs)})" if style.verbose else ""
    end = disk.free - disk.needed
    left = human(end) if end >= 0 else f"{human(-end)} too little"
    commit = f", {human(end + disk.aside)} after commit" if disk.aside and end >= 0 else ""
    return f"{host} {disk.mount}: {human(disk.free)} free now, {left} at the end{commit}{needs}"


def _memory(one: Estimate) -> str:
    now, then = human(one.facens_now), human(one.facens_then)
    return f"{one.host}: facens take {now} now and {then} then, of {human(one.memory)}"


def document(forecast: Forecast | None) -> dict[str, Any] | None:
    """Return a forecast as dicts and lists, None for a plan that has none."""
    if forecast is None:
        return None
    return {
        "seconds": round(forecast.seconds, 1),
        "complete": not forecast.unknown,
        "steps": [_step_plain(step) for step in forecast.steps],
        "search_down": [_down_plain(time) for time in forecast.down],
        "hosts": [_host_plain(one) for one in forecast.hosts],
        "assumptions": plain(forecast.assumptions),
    }


def _step_plain(step: StepForecast) -> dict[str, Any]:
    parts = [
        {"host": part.host, "what": plain(part.what), "seconds": _seconds(part.seconds), "source": plain(part.source)}
        for part in step.parts
    ]
    title = plain(step.title)
    return {
        "play": step.play,
        "number": step.number,
        "title": title,
        "seconds": round(step.seconds, 1),
        "complete": step.complete,
        "parts": parts,
    }


def _down_plain(time: Downtime) -> dict[str, Any]:
    return {
        "from": {"play": time.first.play, "number": time.first.number},
        "until": {"play": time.last.play, "number": time.last.number},
        "seconds": round(time.seconds, 1),
        "complete": time.complete,
        "already": time.already,
        "ends": time.ends,
    }


def _host_plain(one: Estimate) -> dict[str, Any]:
    disks = [
        {
            "mount": plain(disk.mount),
            "free": disk.free,
            "needs": {plain(kind): size for kind, size in disk.needs},
            "free_at_end": disk.free - disk.needed,
            "free_after_commit": disk.free - disk.needed + disk.aside,
        }
        for disk in one.disks
    ]
    memory = {
        "total": one.memory,
        "available": one.available,
        "facens_now": one.facens_now,
        "facens_then": one.facens_then,
    }
    return {"host": one.host, "memory": memory, "disks": disks}


def _seconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)


def reality(times: RunTimes, style: Style) -> Iterator[str]:
    """Yield what was forecast and what it took, step by step and in total; nothing for a run without a forecast."""
    if times.forecast is None:
        return
    rows = [(f"{step.number:>3} {clean(step.title)}", step.forecast, step.seconds) for step in _worth(times)]
    width = max(len(name) for name, _, _ in [*rows, ("    in total", 0.0, 0.0)])
    yield ""
    yield style.paint("bold", "FORECAST AND REALITY")
    yield style.paint("dim", f"  {'':<{width}}  {'forecast':>14}  {'took':>14}")
    for name, wanted, took in [*rows, ("    in total", times.forecast, times.seconds)]:
        yield f"  {name:<{width}}  {_expected(wanted):>14}  {duration(took):>14}"


def _expected(seconds: float | None) -> str:
    """Return what was forecast; a step without any long work was taken to be short."""
    return "not known" if seconds is None else _span(seconds) if seconds else "short"


def _worth(times: RunTimes) -> Iterable[Any]:
    """Yield the steps that were to take time, or took it."""
    return (step for step in times.steps if step.forecast is None or max(step.forecast, step.seconds) >= 1)


def times_document(times: RunTimes | None) -> Any:
    """Return a run's times as dicts and lists, None where it left none."""
    return plain(times)
