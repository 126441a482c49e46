from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ffplay.engine.options import Options
from ffplay.engine.planner import batches_of
from ffplay.errors import InputError
from ffplay.model import Generation, Host, Login
from ffplay.resources.backup_manifest import ShardBackup
from ffplay.resources.command import Verdict
from ffplay.resources.file import File, FileState
from ffplay.resources.mongo import Faces, FacesState
from ffplay.resources.notifications import Notifications
from ffplay.resources.record import Record
from ffplay.resources.shard_backup import ShardBackups
from ffplay.resources.shard_data import DataState, ShardData
from ffplay.resources.shard_http import ShardFaces
from ffplay.resources.unit import Unit, UnitState
from tests.unit.engine.bench import USUAL, Bench, short

Make = Callable[..., Bench]
WRITE = "copy_file: {dest: /x, content: new}"
THERE = FileState("file", b"new", "0644")


def test_each_step_is_planned_on_each_host_in_order(bench: Make) -> None:
    plan = bench("- debug: 1\n- debug: '{{ inventory_hostname }}'").imagine()
    assert short(plan) == [(host, "debug", "1") for host in "abc"] + [(host, "debug", host) for host in "abc"]
    assert plan.hosts == ("a", "b", "c")
    assert plan.empty


def test_a_when_that_does_not_hold_skips(bench: Make) -> None:
    plan = bench("- debug: hi\n  when: [inventory_hostname != 'b', inventory_hostname != 'c']").imagine()
    said = [what for _, _, what in short(plan)]
    assert said == ["hi", "skipped: when: inventory_hostname != 'b'", "skipped: when: inventory_hostname != 'c'"]


def test_a_loop_plans_once_an_item(bench: Make) -> None:
    plan = bench(
        "- debug: '{{ n }} of {{ item is defined }}'\n  loop: [1, 2]\n  loop_control: {loop_var: n}\n  hosts: a"
    ).imagine()
    assert short(plan) == [("a", "debug", "1 of False"), ("a", "debug", "2 of False")]
    assert [one.item for one in plan.step_plans()] == [1, 2]


def test_a_loop_over_no_list_is_a_mistake(bench: Make) -> None:
    made = bench("- debug: x\n  loop: '{{ word }}'", a={"word": [1]}, b={"word": [1]}, c={"word": [1]})
    made.loaded.site.hosts[0].vars["word"] = 5  # type: ignore[index] - as `-e` or a registered result could
    with pytest.raises(InputError, match="`loop` must be a list, and is int"):
        made.imagine()


def test_later_steps_see_what_earlier_ones_change(bench: Make) -> None:
    plan = bench(
        f"- {WRITE}\n- line_in_file: {{path: /x, line: more}}\n- {WRITE}\n- service: {{name: u, state: stopped}}\n"
        "- service: {name: u, state: started}",
        Options(limit="a"),
    ).imagine()
    summaries = [what for _, _, what in short(plan)]
    assert summaries == ["write /x", "edit /x", "write /x", "stop u", "start u"]
    assert plan.changes[1].after.content == b"new\nmore\n"


def test_a_step_on_one_host_is_not_seen_on_another(bench: Make) -> None:
    plan = bench(f"- {WRITE}\n  hosts: a\n- line_in_file: {{path: /x, line: more}}").imagine({("b", File("/x")): THERE})
    assert [what for _, _, what in short(plan)][1:3] == ["edit /x", "edit /x"]
    assert {problem.host for problem in plan.problems} == {"c"}


REGISTER = "- command: {cmd: make, creates: /made}\n  register: r\n  hosts: a\n"


def test_what_a_command_says_is_known_after_apply(bench: Make) -> None:
    plan = bench(
        REGISTER + "- debug: '{{ r.stdout }}'\n  hosts: a\n- debug: x\n  when: r.rc == 0\n  hosts: a"
    ).imagine()
    assert [one.state for one in plan.step_plans()] == ["planned", "deferred", "deferred"]
    assert "`command` has run" in plan.deferred[0].reason


def test_that_a_command_will_run_is_known_before(bench: Make) -> None:
    plan = bench(REGISTER + "- debug: ran\n  when: r.changed\n  hosts: a").imagine()
    assert short(plan)[-1] == ("a", "debug", "ran")


def test_what_a_deferred_step_does_is_deferred_for_those_behind_it(bench: Make) -> None:
    text = REGISTER + "- copy_file: {dest: /x, content: '{{ r.stdout }}'}\n  register: s\n  hosts: a\n"
    plan = bench(
        text + "- debug: x\n  when: s.changed\n  hosts: a\n- debug: y\n  loop: '{{ r.stdout_lines }}'\n  hosts: a"
    )
    assert [one.state for one in plan.imagine().step_plans()] == ["planned", "deferred", "deferred", "deferred"]


def test_a_needless_command_leaves_an_empty_result(bench: Make) -> None:
    made = bench(
        REGISTER + "- debug: '<{{ r.stdout }}> {{ r.rc }} {{ r.failed }} {{ r.stdout_lines | length }}'\n  hosts: a"
    )
    (command,) = [change.resource for change in made.imagine().changes]
    assert short(made.imagine({("a", command): Verdict(False, ("creates /made: is there",))}))[-1] == (
        "a",
        "debug",
        "<> 0 False 0",
    )


@pytest.mark.parametrize("field", ["rc", "stdout", "stdout_lines", "stderr", "status", "content", "msg", "changed"])
def test_no_field_of_a_skipped_result_is_undefined(bench: Make, field: str) -> None:
    text = "- command: make\n  register: r\n  when: 1 > 2\n- debug: '<{{ r.FIELD }}> {{ r.skipped }} {{ r.failed }}'"
    plan = bench(text.replace("FIELD", field), Options(limit="a")).imagine()
    assert short(plan)[-1][2].endswith("> True False")


@pytest.mark.parametrize("loop", ["[]", "[1]"])
def test_a_loop_s_result_has_its_fields(bench: Make, loop: str) -> None:
    said = "{{ r.results | length }} {{ r.changed }} {{ r.failed }}"
    text = f"- debug: x\n  loop: {loop}\n  register: r\n- debug: '{said}'"
    assert short(bench(text, Options(limit="a")).imagine())[-1][2] == f"{len(loop) - 2} False False"


def test_a_message_is_known_before(bench: Make) -> None:
    plan = bench("- debug: hello\n  register: r\n- debug: '{{ r.msg }}'", Options(limit="a")).imagine()
    assert short(plan)[-1][2] == "hello"


def test_a_loop_of_commands_will_change_something(bench: Make) -> None:
    text = "- command: make\n  loop: [1, 2]\n  register: r\n- debug: x\n  when: r.changed"
    assert short(bench(text, Options(limit="a")).imagine())[-1][2] == "x"


HANDLERS = """
- hosts: all
  steps:
    - copy_file: {dest: /x, content: new}
      notify: second
    - copy_file: {dest: /y, content: new}
      notify: [first, second]
      hosts: a
    - debug: between
  handlers:
    - {name: first, debug: one}
    - {name: second, debug: two}
    - {name: third, debug: three}
"""


def test_handlers_come_last_once_in_their_own_order_where_something_changes(bench: Make) -> None:
    plan = bench(HANDLERS).imagine({("c", File("/x")): THERE})
    handlers = [(one.host, one.step.title) for one in plan.step_plans() if one.handler]
    assert handlers == [("a", "first"), ("a", "second"), ("b", "second")]
    assert [one.handler for one in plan.step_plans()] == [False] * 7 + [True] * 3


def test_a_handler_that_an_earlier_run_owes_is_planned(bench: Make) -> None:
    made = bench(HANDLERS)
    owed = Notifications(f"{made.folder}/b/state", "all")
    known = {(host, File(path)): THERE for host in "abc" for path in ("/x", "/y")}
    plan = made.imagine({**known, ("b", owed): ("a name of old", "third")})
    assert [(one.host, one.step.title) for one in plan.step_plans() if one.handler] == [("b", "third")]
    assert plan.plays[0].pending == {("b", "third")}


def test_a_deferred_step_may_notify(bench: Make) -> None:
    text = "- command: make\n  register: r\n- copy_file: {dest: /x, content: '{{ r.stdout }}'}\n  notify: h\n"
    plan = bench(
        f"- hosts: a\n  steps:\n    {text.replace(chr(10), chr(10) + '    ')}\n  handlers: [{{name: h, debug: x}}]"
    )
    assert [one.step.title for one in plan.imagine().step_plans() if one.handler] == ["h"]


def test_run_once_plans_on_the_first_host_and_tells_all(bench: Make) -> None:
    text = "- command: {cmd: make, creates: /m}\n  run_once: true\n  register: r\n- debug: '{{ r.changed }}'"
    plan = bench(text).imagine()
    assert [(host, what) for host, title, what in short(plan) if title == "debug"] == [(h, "True") for h in "abc"]
    assert len(plan.changes) == 1


def test_serial_plays_all_steps_batch_by_batch(bench: Make) -> None:
    plan = bench("- hosts: all\n  serial: 2\n  steps:\n    - debug: 1\n    - debug: 2").imagine()
    assert [(host, what) for host, _, what in short(plan)] == [
        *zip("abab", "1122", strict=True),
        ("c", "1"),
        ("c", "2"),
    ]
    assert plan.plays[0].batches == (("a", "b"), ("c",))


@pytest.mark.parametrize(
    ("serial", "sizes"),
    [((), [5]), ((2,), [2, 2, 1]), ((1, 3), [1, 3, 1]), (("50%",), [2, 2, 1]), (("10%",), [1] * 5), ((9,), [5])],
)
def test_batches_have_ansible_s_sizes(serial: tuple[int | str, ...], sizes: list[int]) -> None:
    hosts = tuple(Host(str(n), (), Login("")) for n in range(5))
    assert [len(batch) for batch in batches_of(hosts, serial)] == sizes


def test_limit_and_tags_leave_out_hosts_and_steps(bench: Make) -> None:
    plan = bench("- debug: 1\n  tags: x\n- debug: 2", Options(limit="b,c", tags=("x",))).imagine()
    assert short(plan) == [("b", "debug", "1"), ("c", "debug", "1")]


def test_a_problem_is_told_once_however_often_it_is_met(bench: Make) -> None:
    plan = bench("- service: {name: u, state: started}\n  loop: [1, 2]", Options(limit="a")).imagine(
        {("a", Unit("u")): UnitState("inactive", "not-found")}
    )
    assert [problem.summary for problem in plan.problems] == ["there is no unit u"]


def test_a_plan_with_a_step_that_is_known_after_apply_is_not_empty(bench: Make) -> None:
    plan = bench("- command: make\n  register: r\n- debug: x\n  when: r.rc == 0", Options(limit="a"))
    assert not plan.imagine().empty


def test_reading_anew_gives_the_same_plan(bench: Make) -> None:
    made = bench(f"- {WRITE}\n- service: {{name: u, state: restarted}}")
    first, second = made.imagine(), made.imagine()
    assert first.changes == second.changes


def test_variables_that_are_none_of_the_playbook_s_are_data(bench: Make) -> None:
    made = bench("- debug: '{{ word }}'", Options(limit="a"), a={"word": "x"}, b={"word": "y"}, c={"word": "z"})
    plan: Any = made.imagine()
    assert short(plan)[0][2] == "x"


# A site whose faces are at the target, and whose shards on b and c are stopped, backed up and still to be filled anew.
APP: dict[str, Any] = {"groups": ["facenapi", "extraction", "mongo"]}
SHARDS: dict[str, Any] = {"groups": ["tntapi"], "shards": 1}
FILLED = (("snap/1.snap", 100),)
TO_FILL: dict[type, Any] = {
    **USUAL,
    Faces: FacesState(10, ((480, 10),), Record(Generation("cherry_480", 480))),
    ShardData: DataState(FILLED, Record(Generation("apricot_320", 320))),
    ShardBackups: (ShardBackup("run0", tuple((*file, "digest") for file in FILLED)),),
    ShardFaces: None,
    Unit: UnitState("inactive"),
}
REFILL = """
- hosts: all
  target: {model: cherry_480}
  steps:
    - wipe: tarantool
      WHEN
    - copy: {}
      tags: fill
"""


def refill(bench: Make, options: Options | None = None, when: str = "") -> Bench:
    return bench(REFILL.replace("WHEN", when), options, a=dict(APP), b=dict(SHARDS), c=dict(SHARDS))


def test_a_play_that_fills_what_it_empties_is_no_problem(bench: Make) -> None:
    plan = refill(bench).imagine(usual=TO_FILL)
    assert [change.host for change in plan.changes if isinstance(change.resource, ShardData)] == ["b", "c", "b", "c"]
    assert plan.problems == ()


def test_a_play_that_would_leave_shards_empty_is_refused_by_their_names(bench: Make) -> None:
    plan = refill(bench, Options(skip_tags=("fill",))).imagine(usual=TO_FILL)
    said = "FindFace_shard_1 would be emptied and not filled"
    assert [(problem.host, problem.summary) for problem in plan.problems] == [("b", said), ("c", said)]
    assert plan.problems[0].advice == "let `copy` come after wipe, and leave it in"


def test_a_play_is_reviewed_where_the_last_host_skips_the_step(bench: Make) -> None:
    plan = refill(bench, Options(skip_tags=("fill",)), "when: inventory_hostname == 'b'").imagine(usual=TO_FILL)
    assert [problem.host for problem in plan.problems] == ["b"]


def test_a_play_that_empties_nothing_is_not_reviewed_to_its_harm(bench: Make) -> None:
    emptied = DataState((), Record(Generation("cherry_480", 480), "complete"))
    there = FileState("file", b'FindFace.start("127.0.0.1", 8001, {facen_size = 480})', "0644")
    usual = {**TO_FILL, ShardData: emptied, File: there}
    plan = refill(bench, Options(skip_tags=("fill",))).imagine(usual=usual)
    assert (plan.changes, plan.problems) == ((), ())


def test_what_is_done_once_for_the_site_is_done_where_limit_does_not_reach(bench: Make) -> None:
    plan = refill(bench, Options(limit="b")).imagine(usual=TO_FILL)
    assert plan.hosts == ("b",)
    assert [(one.host, one.step.kind) for one in plan.step_plans()] == [("b", "wipe"), ("a", "copy")]
    filled = [change.host for change in plan.changes if isinstance(change.resource, ShardData)]
    assert filled == ["b", "b"]
    assert plan.problems == ()


@pytest.mark.parametrize(("pattern", "hosts"), [("a", ["a"]), ("facenapi", ["a"]), ("b", []), ("tntapi", [])])
def test_a_step_s_own_pattern_holds_for_what_is_done_once(bench: Make, pattern: str, hosts: list[str]) -> None:
    text = f"- hosts: all\n  target: {{model: cherry_480}}\n  steps:\n    - copy: {{}}\n      hosts: {pattern}\n"
    made = bench(text, Options(limit="b"), a=dict(APP), b=dict(SHARDS), c=dict(SHARDS))
    assert [one.host for one in made.imagine(usual=TO_FILL).step_plans()] == hosts


def test_a_step_for_every_host_stays_within_the_limit(bench: Make) -> None:
    made = bench("- debug: x", Options(limit="b,c"), a=dict(APP))
    assert [one.host for one in made.imagine().step_plans()] == ["b", "c"]
