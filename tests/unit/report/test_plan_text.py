from __future__ import annotations

import dataclasses

from ffplay.model import Change, Check, Note
from ffplay.report.diff import FOLD_LINES
from ffplay.report.plan_text import count, render
from ffplay.report.style import Style
from ffplay.resources.checks import ShardAnswers
from ffplay.resources.command import ALWAYS, RAN, Command
from ffplay.resources.file import ABSENT, File, FileCopy, FileState
from ffplay.resources.job import Job
from tests.unit.report.samples import (
    PROBLEM,
    StepPlan,
    every_shard,
    group,
    migration,
    plan_of,
    planned,
    shard,
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
    assert "    - db1..4 (all 16 shards): stop tarantool@<shard>" in lines


def test_verbose_shows_every_change_by_its_own_name() -> None:
    text = "\n".join(render(migration(), Style(verbose=1)))
    for host in range(1, 5):
        for number in range(1, 5):
            assert f"- db{host} FindFace_shard_{number}: stop tarantool@FindFace_shard_{number}" in text


def test_shards_are_named_where_they_are_not_all() -> None:
    made = step("stop")
    two = planned(made, "db1", stop("db1", 1), stop("db1", 2))
    odd = [*render(plan_of(group(made, two), shards=3), PLAIN), *render(plan_of(group(made, two), shards=2), PLAIN)]
    assert "    - db1: FindFace_shard_1, FindFace_shard_2 (2 shards): stop tarantool@<shard>" in odd
    assert "    - db1 (all 2 shards): stop tarantool@<shard>" in odd


def test_checks_of_shards_become_one_line_and_only_what_differs_is_masked() -> None:
    made = step("start")

    def check(host: str, number: int, address: str) -> Check:
        about = dataclasses.replace(shard(host, number), address=address)
        return Check(host, ShardAnswers(about, 1.0), f"{about.name} answers on {address}:{about.http_port}")

    near = [planned(made, "db1", check("db1", 1, "127.0.0.1"), check("db1", 2, "127.0.0.1"))]
    far = [planned(made, f"db{n}", check(f"db{n}", 1, f"10.0.0.{n}")) for n in (1, 2)]
    assert "    check db1 (all 2 shards): <shard> answers on 127.0.0.1:8001..8002" in render(
        plan_of(group(made, *near), shards=2), PLAIN
    )
    assert "    check db1, db2 (all 2 shards): FindFace_shard_1 answers on <address>:8001" in render(
        plan_of(group(made, *far), shards=2), PLAIN
    )


def test_changes_of_one_host_that_differ_in_one_word_become_one_line() -> None:
    made = step("backup")

    def at(host: str, summary: str) -> Change:
        return Change(host, FileCopy(f"/{summary}"), ABSENT, FileState("file", b"x"), summary)

    said = ("make directory /b", "copy /etc/a to /b", "copy /etc/c to /b", "copy /etc/d to /b", "move /etc/d to /b")
    plans = [planned(made, host, *(at(host, one) for one in said)) for host in ("app1", "app2")]
    lines = render(plan_of(group(made, *plans)), PLAIN)
    assert lines[3:6] == [
        "    + app1, app2: make directory /b",
        "    + app1, app2: copy /etc/a, /etc/c, /etc/d to /b",
        "    + app1, app2: move /etc/d to /b",
    ]
    verbose = render(plan_of(group(made, *plans)), Style(verbose=1))
    assert next(line for line in verbose if "copy" in line) == "    + app1: copy /etc/a to /b"


def test_commands_of_one_tool_that_differ_in_a_number_are_one_line() -> None:
    made = step("regenerate")
    lines = tuple(f"regenerate --every-other=4 --offset={n}" for n in range(4))
    job = Change("app1", Job("regenerate", "/jobs/r", lines), "none", "done", "make new facens")
    plan = plan_of(group(made, planned(made, "app1", job)))
    assert "        $ regenerate --every-other=4 --offset=0..3 (4 of them; -v shows each)" in render(plan, PLAIN)
    assert [f"        $ {line}" for line in lines] == render(plan, Style(verbose=1))[4:8]


def test_the_run_has_a_short_name() -> None:
    made = step("backup")
    name = "20261123T205542Z-e57f"
    copied = Change("app1", FileCopy("/b"), ABSENT, FileState("file", b"x"), f"copy /etc/a to /b/{name}-stopped")
    plan = dataclasses.replace(plan_of(group(made, planned(made, "app1", copied))), run=name)
    lines = render(plan, PLAIN)
    assert "    + app1: copy /etc/a to /b/<run>-stopped" in lines
    assert lines[-3:-1] == [f"  <run> is {name}", ""]
    assert f"    + app1: copy /etc/a to /b/{name}-stopped" in render(plan, Style(verbose=1))


def test_what_is_noted_in_records_is_for_who_wants_everything() -> None:
    plan = plan_of(every_shard(step("wipe"), wipe, hosts=1, shards=1), shards=1)
    words = "        record: no record -> emptied, for cherry_480 (480)"
    assert words not in render(plan, PLAIN)
    assert words in render(plan, Style(verbose=1))


def test_a_step_without_hosts_and_one_that_is_left_out_say_so() -> None:
    made, nowhere = step("configure"), dataclasses.replace(step("debug"), hosts="db9")
    neither = dataclasses.replace(made, hosts="db1")
    plan = plan_of(group(made), group(nowhere), group(neither), group(step("debug")), group(step("commit")))
    (play,) = plan.plays
    left = dataclasses.replace(play, left_out=(step("stop", part="tarantool"), step("copy", "Fill the shards")))
    lines = render(dataclasses.replace(plan, plays=(left,)), PLAIN)
    assert lines[2:8] == [
        "  left out, by tags or --start-at-step: stop: tarantool, Fill the shards (copy)",
        "  1 configure: skipped: no host of the play is in extraction or facenapi",
        "  2 debug: skipped: no host of the play matches `hosts: db9`",
        "  3 configure: skipped: no host of the play matches `hosts: db1` and is in extraction or facenapi",
        "  4 debug: skipped: the play has no host",
        "  5 commit: ok",
    ]


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
        planned(made, host, Change(host, Command(f"tool --limit {number}"), ALWAYS, RAN, "run it"))
        for host, number in (("db1", 5), ("db2", 6))
    ]
    text = "\n".join(render(plan_of(group(made, *plans)), PLAIN))
    assert "$ tool --limit 5" in text
    assert "$ tool --limit 6" in text


def test_a_host_name_within_another_word_stays() -> None:
    made = step("command")
    plans = [
        planned(made, host, Change(host, Command("true"), ALWAYS, RAN, f"true: {host} and db10 on {host}"))
        for host in ("db1", "db2")
    ]
    assert "    > db1, db2: true: <host> and db10 on <host>" in render(plan_of(group(made, *plans)), PLAIN)


def test_a_single_change_is_shown_under_its_real_names() -> None:
    made = step("stop")
    lines = render(plan_of(group(made, planned(made, "db1", stop("db1", 1)))), PLAIN)
    assert "    - db1 FindFace_shard_1: stop tarantool@FindFace_shard_1" in lines


def test_how_much_of_a_diff_is_shown() -> None:
    made = step("file")
    after = FileState("file", "".join(f"line {n}\n" for n in range(100)).encode(), "0600")
    change = Change("db1", File("/etc/long"), FileState("file", b"", "0644"), after, "write /etc/long", "s1")
    plan = plan_of(group(made, planned(made, "db1", change)))
    line, mode, last = "    ~ db1 s1: write /etc/long", "        mode: 0644 -> 0600", "        +line 99"
    folded = render(plan, PLAIN)
    assert [line, mode, "        +++ /etc/long (db1 s1)", "        @@ -0,0 +1,100 @@"] == folded[3:7]
    assert f"        ... {101 - FOLD_LINES} more lines; --diff=full shows them" in folded
    assert last not in folded
    for style in (Style(verbose=1), Style(diff="full")):
        assert last in render(plan, style)
    for style in (Style(diff="short"), Style(diff="short", verbose=1)):
        assert last not in render(plan, style)
    assert render(plan, Style(diff="summary"))[3:5] == [f"{line} (+100 -0)", mode]
    assert render(plan, Style(diff="none"))[3:6] == [line, mode, ""]


def test_files_that_differ_in_what_stays_are_shown_once() -> None:
    made = step("template")
    one, two = template("db1", 1), template("db1", 2)

    def with_more(state: FileState) -> FileState:
        return FileState("file", (state.content or b"").replace(b"_size=", b"_size = "), "0644", "root", "root")

    odd = Change(two.host, two.resource, with_more(two.before), with_more(two.after), two.summary, two.shard)
    lines = render(plan_of(group(made, planned(made, "db1", one, odd))), PLAIN)
    path = "/etc/tarantool/instances.enabled"
    assert f"    ~ db1: FindFace_shard_1, FindFace_shard_2 (2 shards): write {path}/<shard>.lua" in lines
    place = "db1 FindFace_shard_1; the others alike"
    assert f"        --- {path}/FindFace_shard_1.lua ({place})" in lines


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


def test_what_no_rollback_undoes_is_told_once_for_all_hosts() -> None:
    made = step("command")
    plans = [planned(made, host, Change(host, Command("x"), ALWAYS, RAN, "run x")) for host in ("db1", "db2", "db3")]
    lines = render(plan_of(group(made, *plans)), PLAIN)
    assert "  db1..3: nothing is known that undoes the command `x`" in lines


def test_what_a_deferred_step_waits_for_is_told() -> None:
    lines = render(migration(), PLAIN)
    assert "    ? app1: known after apply, once `faces` is registered by step 9" in lines


def test_an_empty_step_is_one_line() -> None:
    made = step("start", service="tarantool")
    assert "  1 start: tarantool: ok" in render(plan_of(group(made, planned(made, "db1"))), PLAIN)


def test_colours_only_where_asked() -> None:
    assert "\x1b" not in "\n".join(render(migration(), PLAIN))
    assert "\x1b[32m+    facen_size=\x1b[7m480\x1b[27m,\x1b[0m" in "\n".join(render(migration(), Style(colour=True)))


def test_what_a_host_says_cannot_steer_the_terminal() -> None:
    made = step("command")
    change = Change("db1", Command("true"), ALWAYS, RAN, "true \x1b]0;owned\x07\x1b[2J")
    assert "\x1b" not in "\n".join(render(plan_of(group(made, planned(made, "db1", change))), PLAIN))
