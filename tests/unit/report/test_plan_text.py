from __future__ import annotations

from ffplay.model import Change, Note
from ffplay.report.plan_text import FOLD_LINES, count, render
from ffplay.report.style import Style
from ffplay.resources.command import Command
from ffplay.resources.file import ABSENT, File, FileState
from tests.unit.report.samples import (
    PROBLEM,
    StepPlan,
    every_shard,
    group,
    migration,
    plan_of,
    planned,
    step,
    stop,
    template,
    wipe,
)

PLAIN = Style()


def test_a_whole_migration_of_16_shards_fits_on_a_screen() -> None:
    lines = render(migration(), PLAIN)
    assert len(lines) <= 50
    assert lines[-1] == "5 hosts, 16 shards: 82 changes, 1 known after apply, 1 check"
    assert "    - db1..4: FindFace_shard_1..4 (16 shards): stop tarantool@<shard>" in lines


def test_verbose_shows_every_change_by_its_own_name() -> None:
    text = "\n".join(render(migration(), Style(verbose=1)))
    for host in range(1, 5):
        for number in range(1, 5):
            assert f"- db{host} FindFace_shard_{number}: stop tarantool@FindFace_shard_{number}" in text


def test_sizes_of_merged_lines_become_a_span() -> None:
    text = "\n".join(render(plan_of(every_shard(step("wipe"), wipe, hosts=1, shards=2)), PLAIN))
    assert "set aside 1 .snap, 11.5..11.9 GiB in /opt/ntech/var/lib/tarantool/shard_<id>/snapshots" in text


def test_diffs_that_change_other_lines_are_not_merged() -> None:
    one, two = template("db1", 1), template("db1", 2)
    other = FileState("file", two.after.content.replace(b"facen_size=480", b"facen_size=160"), "0644", "root", "root")
    made = step("template")
    odd = Change(two.host, two.resource, two.before, other, two.summary, two.shard)
    text = "\n".join(render(plan_of(group(made, planned(made, "db1", one, odd))), PLAIN))
    assert "+    facen_size=480," in text
    assert "+    facen_size=160," in text


def test_commands_that_differ_in_a_number_are_not_merged() -> None:
    made = step("command")
    plans = [
        planned(made, host, Change(host, Command(f"tool --limit {number}"), "needed", "ran", "run it"))
        for host, number in (("db1", 5), ("db2", 6))
    ]
    text = "\n".join(render(plan_of(group(made, *plans)), PLAIN))
    assert "$ tool --limit 5" in text
    assert "$ tool --limit 6" in text


def test_a_host_name_within_another_word_stays() -> None:
    made = step("command")
    plans = [
        planned(made, host, Change(host, Command("true"), "needed", "ran", f"true: {host} and db10 on {host}"))
        for host in ("db1", "db2")
    ]
    assert "    > db1, db2: true: <host> and db10 on <host>" in render(plan_of(group(made, *plans)), PLAIN)


def test_a_single_change_is_shown_under_its_real_names() -> None:
    made = step("stop")
    lines = render(plan_of(group(made, planned(made, "db1", stop("db1", 1)))), PLAIN)
    assert "    - db1 FindFace_shard_1: stop tarantool@FindFace_shard_1" in lines


def test_a_long_diff_is_folded_with_a_count() -> None:
    made = step("file")
    after = FileState("file", "".join(f"line {n}\n" for n in range(100)).encode())
    change = Change("db1", File("/etc/long"), ABSENT, after, "create /etc/long")
    plan = plan_of(group(made, planned(made, "db1", change)))
    folded = render(plan, PLAIN)
    assert f"        ... {103 - FOLD_LINES} more lines (-v shows them)" in folded
    assert "        +line 99" not in folded
    assert "        +line 99" in render(plan, Style(verbose=1))
    assert "        +100 lines, -0 lines" in render(plan, Style(diff=False))


def test_problems_notes_and_skips() -> None:
    made, other = step("preflight"), step("copy")
    plan = plan_of(
        group(made, planned(made, "db1", PROBLEM, Note("db1", "no NTLS to ask"))),
        group(
            other,
            StepPlan(other, "app1", "skipped", reason="when: no"),
            planned(other, "db1", stop("db1", 1)),
        ),
        hosts=("app1", "db1"),
        shards=1,
    )
    lines = render(plan, PLAIN)
    assert "    ! db1: the disk is full: 3.1 GiB free, 14.0 GiB needed" in lines
    assert "        free space, or give `to:` another place" in lines
    assert "    i db1: no NTLS to ask" in lines
    assert "      skipped on app1: when: no" in lines
    assert count(plan) == "2 hosts, 1 shard: 1 change, 1 problem"


def test_an_empty_step_is_one_line() -> None:
    made = step("start", service="tarantool")
    assert "  1 start: tarantool: ok" in render(plan_of(group(made, planned(made, "db1"))), PLAIN)


def test_colours_only_where_asked() -> None:
    assert "\x1b" not in "\n".join(render(migration(), PLAIN))
    assert "\x1b[32m+    facen_size=480,\x1b[0m" in "\n".join(render(migration(), Style(colour=True)))


def test_what_a_host_says_cannot_steer_the_terminal() -> None:
    made = step("command")
    change = Change("db1", Command("true"), "needed", "ran", "true \x1b]0;owned\x07\x1b[2J")
    assert "\x1b" not in "\n".join(render(plan_of(group(made, planned(made, "db1", change))), PLAIN))
