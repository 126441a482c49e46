from __future__ import annotations

from collections.abc import Callable

from ffplay.engine.events import Kind
from ffplay.engine.options import Options
from ffplay.errors import ChangeFailed, CheckFailed, NotConverged, Unreachable
from tests.unit.engine.bench import Bench, short

Make = Callable[..., Bench]
ONLY_A = Options(limit="a")


def test_a_second_run_has_nothing_to_do(bench: Make) -> None:
    made = bench(
        "- copy_file: {dest: '{{ here }}/x', content: new}\n"
        "- command: {cmd: 'touch {{ here }}/y', creates: '{{ here }}/y'}"
    )
    assert made.play() is None
    assert [made.text(f"{host}/x") for host in "abc"] == ["new"] * 3
    assert made.plan().empty
    assert made.player.counts["b"] == {"changed": 2}


def test_a_failure_stops_all_hosts_at_the_end_of_its_step(bench: Make) -> None:
    made = bench(
        "- command: \"[ {{ inventory_hostname }} != b ] || { echo no >&2; exit 9; }; touch '{{ here }}/one'\"\n"
        "- command: touch '{{ here }}/two'"
    )
    error = made.play()
    assert isinstance(error, ChangeFailed)
    assert (error.host, error.exit_code, error.output) == ("b", 2, "no")
    assert [(made.folder / host / "one").exists() for host in "abc"] == [True, False, True]
    assert not any((made.folder / host / "two").exists() for host in "abc")
    assert sorted(made.recorder.results()) == [
        ("a", "command", "changed"),
        ("b", "command", "failed"),
        ("c", "command", "changed"),
    ]


def test_a_lost_host_counts_as_unreachable_and_is_not_tried_again(bench: Make) -> None:
    made = bench("- command: 'true'\n  retries: 3\n  delay: 0")
    plan = made.plan()
    made.pool.lost.add("c")
    assert isinstance(made.player.play(plan), Unreachable)
    assert made.player.counts["c"] == {"unreachable": 1}
    assert not [event for event in made.recorder.events if event.kind is Kind.RETRY]


def test_ignored_errors_do_not_stop_and_are_registered(bench: Make) -> None:
    made = bench(
        "- command: 'echo out; exit 4'\n  ignore_errors: true\n  register: r\n"
        "- copy_file: {dest: '{{ here }}/x', content: '{{ r.failed }} {{ r.rc }} {{ r.stdout }}'}",
        ONLY_A,
    )
    assert made.play() is None
    assert made.text("a/x") == "True 4 out"
    assert made.player.counts["a"] == {"failed": 1, "changed": 1}


def test_retries_until_it_holds(bench: Make) -> None:
    made = bench(
        "- command: 'echo x >> {{ here }}/tries; wc -l < {{ here }}/tries'\n"
        "  register: r\n  until: r.stdout | int >= 3\n  retries: 5\n  delay: 0\n"
        "- debug: '{{ r.stdout }}'",
        ONLY_A,
    )
    assert made.play() is None
    assert made.text("a/tries") == "x\n" * 3
    retries = [event.data for event in made.recorder.events if event.kind is Kind.RETRY]
    assert retries == [{"attempt": 1, "retries": 5}, {"attempt": 2, "retries": 5}]
    assert made.player.counts["a"] == {"changed": 1, "ok": 1}


def test_until_that_never_holds_fails(bench: Make) -> None:
    text = "- command: echo x >> {{ here }}/tries\n  register: r\n  until: r.rc == 1\n  retries: 2\n  delay: 0"
    made = bench(text, ONLY_A)
    error = made.play()
    assert isinstance(error, CheckFailed)
    assert "until: r.rc == 1" in error.message
    assert made.text("a/tries") == "x\n" * 3


def test_a_failure_is_tried_again(bench: Make) -> None:
    made = bench(
        "- command: 'echo x >> {{ here }}/tries; [ $(wc -l < {{ here }}/tries) -ge 2 ]'\n  retries: 3\n  delay: 0",
        ONLY_A,
    )
    assert made.play() is None
    assert made.text("a/tries") == "x\n" * 2


def test_a_check_that_fails_ends_the_run_with_its_own_code(bench: Make) -> None:
    error = bench("- assert: {that: \"inventory_hostname == 'a'\"}").play()
    assert isinstance(error, CheckFailed)
    assert error.exit_code == 6


def test_a_command_that_does_not_make_what_it_should_has_not_converged(bench: Make) -> None:
    made = bench("- command: {cmd: 'true', creates: '{{ here }}/never'}", ONLY_A)
    assert isinstance(made.play(), NotConverged)


def test_a_probe_is_asked_again_after_the_command(bench: Make) -> None:
    def made(name: str, command: str) -> Bench:
        probe = f"[ ! -e '{{{{ here }}}}/broken' ] || exit 5; [ -e '{{{{ here }}}}/{name}' ]"
        return bench(f'- command: {{cmd: "{command}", probe: "{probe}"}}', ONLY_A)

    well = made("y", "touch '{{ here }}/y'")
    assert well.play() is None
    assert well.plan().empty
    idle = made("z", "true").play()
    assert isinstance(idle, NotConverged)
    assert idle.message.endswith("exited 1")
    probe = "[ -e '{{ here }}/x' ]"
    half = bench(
        f'- command: {{cmd: "touch \'{{{{ here }}}}/w\'", probe: "{probe}", creates: "{{{{ here }}}}/w"}}', ONLY_A
    )
    assert isinstance(half.play(), NotConverged)
    broken = made("z", "touch '{{ here }}/broken'")
    assert isinstance(broken.play(), NotConverged)
    assert [problem.host for problem in broken.plan().problems] == ["a"]


def test_what_was_known_after_apply_is_planned_when_its_turn_comes(bench: Make) -> None:
    made = bench(
        "- command: 'echo {{ inventory_hostname }}1; echo {{ inventory_hostname }}2'\n  register: r\n"
        "- copy_file: {dest: '{{ here }}/{{ item }}', content: '{{ item }}'}\n  loop: '{{ r.stdout_lines }}'\n"
        "  register: s\n"
        "- copy_file: {dest: '{{ here }}/all', content: '{{ s.changed }}'}\n  when: r.rc == 0\n"
        "- debug: never\n  when: r.rc != 0",
    )
    assert made.play() is None
    assert [made.text(f"b/{name}") for name in ("b1", "b2", "all")] == ["b1", "b2", "True"]
    assert made.player.counts["b"] == {"changed": 3, "skipped": 1}


def test_a_loop_over_nothing_leaves_a_result(bench: Make) -> None:
    made = bench(
        "- command: 'true'\n  register: r\n- command: 'true'\n  loop: []\n  register: s\n"
        "- copy_file: {dest: '{{ here }}/x', content: '{{ s.results | length }} {{ s.failed }} {{ r.rc }}'}",
        ONLY_A,
    )
    assert made.play() is None
    assert made.text("a/x") == "0 False 0"


def test_run_once_gives_its_result_to_every_host(bench: Make) -> None:
    made = bench(
        "- command: hostname >/dev/null; echo once >> {{ top }}/once; echo said\n  run_once: true\n  register: r\n"
        "- copy_file: {dest: '{{ here }}/x', content: '{{ r.stdout }}'}",
    )
    assert made.play() is None
    assert made.text("once") == "once\n"
    assert [made.text(f"{host}/x") for host in "abc"] == ["said"] * 3


HANDLER = """
- hosts: a
  steps:
    - copy_file: {dest: '{{ here }}/x', content: '{{ content | default("new") }}'}
      notify: tell
    - command: test -e {{ here }}/mended
  handlers:
    - {name: tell, command: 'echo told >> {{ here }}/told'}
"""


def test_a_handler_that_a_failed_run_owes_comes_in_the_next_one(bench: Make) -> None:
    made = bench(HANDLER)
    assert isinstance(made.play(), ChangeFailed)
    assert made.text("a/told") == ""
    (made.folder / "a" / "mended").touch()
    again = bench(HANDLER)
    assert [title for _, title, _ in short(again.plan())] == ["copy_file", "command", "tell"]
    assert again.play() is None
    assert again.text("a/told") == "told\n"
    assert [title for _, title, _ in short(bench(HANDLER).plan())] == ["copy_file", "command"]


def test_a_handler_is_left_out_where_nothing_changed_after_all(bench: Make) -> None:
    made = bench(
        "- hosts: a\n  steps:\n    - command: cat {{ here }}/x\n      register: r\n"
        "    - copy_file: {dest: '{{ here }}/x', content: '{{ r.stdout }}'}\n      notify: tell\n"
        "  handlers:\n    - {name: tell, command: 'echo told >> {{ here }}/told'}"
    )
    (made.folder / "a" / "x").write_text("same")
    assert made.play() is None
    assert made.text("a/told") == ""


def test_events_come_in_order(bench: Make) -> None:
    made = bench("- command: 'true'", ONLY_A)
    made.play()
    kinds = [event.kind for event in made.recorder.events]
    assert kinds == [Kind.PLAY, Kind.STEP, Kind.CHANGE, Kind.CHANGED, Kind.RESULT]
