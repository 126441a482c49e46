from __future__ import annotations

import dataclasses
import io
import json

from ffplay.engine.events import Event, Kind
from ffplay.errors import ChangeFailed, Interrupted
from ffplay.model import Check, Status
from ffplay.report.json_lines import JsonLines
from ffplay.report.live import Terminal
from ffplay.report.output import Output
from ffplay.report.style import Style
from tests.unit.report import samples

PLAN = samples.migration()
PLAY = PLAN.plays[0]
STOP = PLAY.groups[4].step
CHANGE = PLAY.groups[4].plans[0].changes[0]


def told(*events: Event, style: Style | None = None, terminal: bool = False) -> str:
    stream = io.StringIO()
    report = Terminal(Output(stream, terminal), style or Style())
    report.expect(PLAN)
    report.event(Event(Kind.PLAY, play=PLAY.play, data={"hosts": PLAY.hosts}))
    for event in events:
        report.event(event)
    return stream.getvalue()


def test_steps_have_the_numbers_of_the_plan() -> None:
    text = told(Event(Kind.STEP, step=PLAY.groups[0].step), Event(Kind.STEP, step=STOP, data={"hosts": ["db1"]}))
    assert "PLAY Switch to cherry_480 on app1, db1..4\nSTEP 1/11 preflight\nSTEP 5/11 stop: tarantool\n" in text


def test_a_change_is_told_when_it_is_verified() -> None:
    text = told(
        Event(Kind.STEP, step=STOP),
        Event(Kind.CHANGE, "db1", change=CHANGE),
        Event(Kind.CHANGED, "db1", change=CHANGE, data={"seconds": 0.81}),
        Event(Kind.RESULT, "db1", step=STOP, status=Status.CHANGED),
        Event(Kind.RESULT, "app1", step=STOP, status=Status.OK),
    )
    assert text.endswith("  db1  FindFace_shard_1: stop tarantool@FindFace_shard_1 ... changed (0.8 s)\n  app1  ok\n")


def test_a_step_without_hosts_says_why() -> None:
    nowhere = dataclasses.replace(STOP, hosts="db9")
    text = told(Event(Kind.STEP, step=nowhere, data={"hosts": []}))
    assert text.endswith("stop: tarantool\n  skipped: no host of the play matches `hosts: db9`\n")
    assert "skipped" not in told(Event(Kind.STEP, step=samples.step("commit"), data={"hosts": []}))


def test_what_the_plan_could_not_show_is_shown_before_it_is_made() -> None:
    late = PLAY.groups[9].plans[0]
    change = samples.template(late.host, 1)
    events = (Event(Kind.STEP, step=late.step), Event(Kind.CHANGE, late.host, change=change))
    path = "/etc/tarantool/instances.enabled/FindFace_shard_1.lua"
    text = told(*events)
    assert f"  app1  ~ FindFace_shard_1: write {path}\n      --- {path} (app1 FindFace_shard_1)\n" in text
    assert "      +    facen_size=480,\n" in text
    assert "facen_size" not in told(*events, style=Style(diff="none"))
    planned = (Event(Kind.STEP, step=STOP), Event(Kind.CHANGE, late.host, change=change))
    assert "facen_size" not in told(*planned)


def test_output_of_tools_passes_on_a_terminal_and_streams_when_verbose() -> None:
    event = Event(Kind.OUTPUT, "app1", text="10 %\r20 %\n30 %\n")
    assert "30 %" not in told(event)
    assert told(event, terminal=True).endswith("\r\x1b[K  app1  | 30 %")
    assert told(event, style=Style(verbose=1)).endswith("  app1  | 20 %\n  app1  | 30 %\n")


def test_a_failure_shows_message_output_and_advice() -> None:
    error = ChangeFailed("db1", "stop failed", "look at the unit", "".join(f"line {n}\n" for n in range(30)))
    text = told(Event(Kind.RESULT, "db1", step=STOP, status=Status.FAILED, error=error))
    assert "  db1  failed\n      error: db1: stop failed\n" in text
    assert "... 15 earlier lines (-v shows them)" in text
    assert "| line 29\n" in text
    assert "look at the unit" in text


def test_checks_retries_and_messages() -> None:
    check = Check("db1", object(), "compare faces")
    text = told(
        Event(Kind.CHECKED, "db1", check=check, data={"problems": (), "info": "1000 faces are equal"}),
        Event(Kind.CHECKED, "db1", check=check, data={"problems": ("face 7 differs",)}),
        Event(Kind.RETRY, "db1", text="it does not answer", data={"attempt": 2, "retries": 5}),
        Event(Kind.RESULT, "db1", status=Status.OK, data={"msg": "hello"}),
        Event(Kind.RESULT, "db2", status=Status.FAILED, text="no", data={"ignored": True}),
    )
    assert "compare faces ... ok\n      1000 faces are equal\n" in text
    assert "compare faces ... 1 wrong\n      face 7 differs\n" in text
    assert "retry 2 of 5: it does not answer" in text
    assert "  db1  ok: hello\n  db2  failed (ignored): no\n" in text


def test_recap_counts_and_ways_on() -> None:
    hosts = {"app1": {"ok": 3}, "db1": {"ok": 2, "changed": 4, "failed": 1}}
    data = {"hosts": hosts, "seconds": 65, "standing": ["db1 FindFace_shard_1: emptied, for cherry_480 (480)"]}
    text = told(Event(Kind.RECAP, error=ChangeFailed("db1", "no"), data=data))
    assert "RECAP after 1 min 5 s" in text
    assert "  db1    2        4       1            0        0\n" in text
    assert "What everything is at now:\n  db1 FindFace_shard_1: emptied" in text
    assert "The way on: mend the cause" in text
    began = told(Event(Kind.RECAP, error=ChangeFailed("db1", "no"), data={**data, "run": "run1", "verb": "apply"}))
    assert "Two ways on:" in began
    assert "2. go back: ff-play rollback run1 -i FILE" in began
    stopped = told(Event(Kind.RECAP, error=Interrupted("stopped"), data={**data, "run": "run1", "verb": "apply"}))
    assert "what still runs is waited for" in stopped
    assert "ff-play rollback run1 -i FILE" in stopped
    commit = told(Event(Kind.RECAP, error=ChangeFailed("db1", "no"), data={**data, "run": "run1", "verb": "commit"}))
    assert "rollback" not in commit
    ignored = told(Event(Kind.RECAP, data={"hosts": {"h": {"failed": 1}}, "seconds": 1}))
    assert "  h      0        0       1            0        0\n" in ignored
    assert "way on" not in ignored
    assert "ways on" not in ignored


def test_json_lines_are_one_object_each() -> None:
    stream = io.StringIO()
    report = JsonLines(Output(stream), clock=lambda: 12.0)
    report.expect(PLAN)
    report.event(Event(Kind.CHANGED, "db1", change=CHANGE, data={"seconds": 0.8}))
    report.event(Event(Kind.RESULT, "db1", step=STOP, status=Status.FAILED, error=ChangeFailed("db1", "no")))
    plan, changed, result = map(json.loads, stream.getvalue().splitlines())
    assert plan["plan"]["counts"]["changes"] == 82
    assert changed == {
        "event": "changed",
        "host": "db1",
        "change": {
            "host": "db1",
            "shard": "FindFace_shard_1",
            "resource": {"kind": "Unit", "label": "tarantool@FindFace_shard_1"},
            "summary": "stop tarantool@FindFace_shard_1",
        },
        "data": {"seconds": 0.8},
        "time": 12.0,
    }
    assert (result["status"], result["error"]["exit_code"]) == ("failed", 2)


class _ClosedPipe(io.StringIO):
    def write(self, text: str) -> int:
        raise BrokenPipeError


def test_a_closed_pipe_stops_nothing() -> None:
    output = Output(_ClosedPipe())
    output.line("one")
    output.line("two")


def test_a_note_is_told_once_and_an_error_is_known_to_be_told() -> None:
    stream = io.StringIO()
    report = Terminal(Output(stream), Style())
    error = ChangeFailed("db1", "stop failed")
    report.event(Event(Kind.STEP, step=STOP))
    report.event(Event(Kind.OUTPUT, "db1", text="27 min left", data={"note": True}))
    report.event(Event(Kind.RESULT, "db1", step=STOP, status=Status.OK, data={"msg": "27 min left"}))
    assert stream.getvalue() == "STEP 1 stop: tarantool\n  db1  i 27 min left\n"
    assert not report.told(error)
    report.event(Event(Kind.RESULT, "db1", step=STOP, status=Status.FAILED, error=error))
    assert report.told(error)
