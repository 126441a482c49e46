"""What a forecast says to a person, and what stands beside it once the plan was made."""

from __future__ import annotations

import dataclasses

from ffplay.engine.forecast import Downtime, Forecast, Part, StepForecast
from ffplay.report.forecast import reality, render
from ffplay.report.plan_text import render as render_plan
from ffplay.report.style import Style
from ffplay.resources.run_times import RunTimes, StepTime
from ffplay.steps.base import DiskUse, Estimate
from tests.unit.report import samples

GIB = 1 << 30
PLAIN = Style()

BACKUP = StepForecast(1, 2, "backup", 100.0, True, (Part("db1", "back up it", 100.0, "setting disk_mib_s: 100"),))
MAKE = StepForecast(1, 4, "regenerate", 800_000.0, True, (Part("app1", "make 9 facens", 800_000.0, "vendor's table"),))
COPY = StepForecast(1, 10, "copy", 83.0, True, (Part("db1", "copy 9 faces", 83.0, "setting copy_rate: 6000", "1"),))
SHORT = StepForecast(1, 3, "configure")
LOST = StepForecast(1, 12, "fast_index", 0.0, False, (Part("db1", "build it", None, "it was not read"),))


def made(*steps: StepForecast, **given: object) -> Forecast:
    unknown = tuple(step.title for step in steps if not step.complete)
    return dataclasses.replace(Forecast(steps, sum(step.seconds for step in steps), unknown), **given)  # type: ignore[arg-type]


def test_the_whole_and_what_takes_long_of_it() -> None:
    lines = list(render(made(BACKUP, SHORT, MAKE, COPY), PLAIN))
    assert lines == [
        "FORECAST: about 9 days 6 h in total",
        "    4 regenerate: about 9 days 6 h: make 9 facens (vendor's table)",
        "",
    ]


def test_verbose_names_every_part_and_where_it_comes_from() -> None:
    lines = list(render(made(BACKUP, SHORT, COPY), Style(verbose=1)))
    assert lines[1:-1] == [
        "    2 backup: about 1 min 40 s",
        "        db1: 1 min 40 s: back up it (setting disk_mib_s: 100)",
        "   10 copy: about 1 min 23 s",
        "        db1: 1 min 23 s: copy 9 faces (setting copy_rate: 6000)",
    ]


def test_what_is_not_known_is_said_and_makes_the_whole_a_lower_bound() -> None:
    lines = list(render(made(COPY, LOST), PLAIN))
    assert lines[0] == "FORECAST: at least 1 min 23 s in total"
    assert lines[2] == "   12 fast_index: not known: build it (it was not read)"
    assert next(iter(render(made(LOST), PLAIN))) == "FORECAST: not known in total"
    both = dataclasses.replace(LOST, seconds=83.0, parts=(*COPY.parts, *LOST.parts))
    said = "at least 1 min 23 s: copy 9 faces (setting copy_rate: 6000); not known: build it (it was not read)"
    assert list(render(made(both), PLAIN))[1] == f"   12 fast_index: {said}"


def test_a_short_plan_is_not_drawn_out() -> None:
    quick = StepForecast(1, 1, "copy", 0.2, True, (Part("db1", "copy 9 faces", 0.2, "setting copy_rate"),))
    assert list(render(made(quick), PLAIN)) == ["FORECAST: about 1 s or less in total", ""]


def test_when_search_is_down() -> None:
    def told(time: Downtime) -> str:
        return list(render(made(COPY, down=(time,)), PLAIN))[2].removeprefix("  search is down ")

    usual = Downtime(SHORT, COPY, 800_083.0)
    assert told(usual) == "for about 9 days 6 h: from the start of step 3 configure until 10 copy is over"
    assert told(dataclasses.replace(usual, complete=False)).startswith("for at least 9 days 6 h: ")
    begun = dataclasses.replace(usual, already=True)
    assert told(begun) == "for about 9 days 6 h: already, from now until 10 copy is over"
    endless = dataclasses.replace(usual, ends=False)
    assert told(endless) == "from the start of step 3 configure on, and still at the end of this plan"


def hosts() -> tuple[Estimate, ...]:
    def one(number: int) -> Estimate:
        needs = (("new snapshots", number * GIB), ("xlogs", GIB))
        disks = (DiskUse("/data", 100 * GIB, needs, aside=2 * GIB),)
        return Estimate(f"db{number}", disks, 64 * GIB, 60 * GIB, 2 * GIB, number * GIB)

    return tuple(map(one, (1, 2, 3, 4)))


def test_the_hosts_with_the_least_to_spare_are_named_first() -> None:
    lines = list(render(made(COPY, hosts=hosts()), PLAIN))
    assert lines[2:8] == [
        "  space: db4 /data: 100.0 GiB free now, 95.0 GiB at the end, 97.0 GiB after commit",
        "  space: db3 /data: 100.0 GiB free now, 96.0 GiB at the end, 98.0 GiB after commit",
        "  space: 2 more lines, with more to spare (-v shows them)",
        "  memory: db4: facens take 2.0 GiB now and 4.0 GiB then, of 64.0 GiB",
        "  memory: db3: facens take 2.0 GiB now and 3.0 GiB then, of 64.0 GiB",
        "  memory: 2 more lines, with more to spare (-v shows them)",
    ]
    every = list(render(made(COPY, hosts=hosts()), Style(verbose=1)))
    assert "  space: db1 /data: 100.0 GiB free now, 98.0 GiB at the end, 100.0 GiB after commit" in "\n".join(every)
    assert sum("(4.0 GiB for new snapshots, 1.0 GiB for xlogs)" in line for line in every) == 1


def test_a_file_system_that_is_too_small_is_told_by_how_much() -> None:
    small = Estimate("db1", (DiskUse("/", GIB, (("xlogs", 3 * GIB),)),))
    assert "  space: db1 /: 1.0 GiB free now, 2.0 GiB too little at the end" in render(
        made(COPY, hosts=(small,)), PLAIN
    )


def test_assumptions_are_printed() -> None:
    assert "  assumed: all are alike" in render(made(COPY, assumptions=("all are alike",)), PLAIN)


def test_a_plan_ends_with_its_forecast_and_its_count() -> None:
    plan = samples.migration()
    assert "FORECAST" not in "\n".join(render_plan(plan, PLAIN))
    lines = render_plan(dataclasses.replace(plan, forecast=made(COPY)), PLAIN)
    assert lines[-4].startswith("FORECAST: about 1 min 23 s")
    assert lines[-1] == "5 hosts, 16 shards: 82 changes, 1 known after apply, 1 check"


def test_forecast_and_reality() -> None:
    steps = (
        StepTime(1, 2, "backup", 100.0, 61.0),
        StepTime(1, 3, "configure", 0.0, 2.5),
        StepTime(1, 5, "stop", 0.0, 0.4),
        StepTime(1, 12, "fast_index", None, 0.1),
    )
    assert list(reality(RunTimes(100.0, 64.0, steps), PLAIN)) == [
        "",
        "FORECAST AND REALITY",
        "                        forecast            took",
        "    2 backup          1 min 40 s       1 min 1 s",
        "    3 configure            short           2.5 s",
        "   12 fast_index       not known           0.1 s",
        "      in total        1 min 40 s       1 min 4 s",
    ]
    assert list(reality(RunTimes(None, 64.0, steps), PLAIN)) == []
