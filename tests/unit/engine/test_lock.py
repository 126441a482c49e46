from __future__ import annotations

import dataclasses
import json
import os
import re
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ffplay.engine.lock import Lock, Locks, locks_of, this_process
from ffplay.engine.options import Options
from ffplay.engine.plan import StepPlan
from ffplay.engine.planner import Planner
from ffplay.engine.processes import Identity, dead, identity
from ffplay.engine.runner import Session
from ffplay.errors import Error, HostError, Interrupted, Locked, Refused, SiteError
from ffplay.load import Sources, load
from ffplay.model import Change, Mark, Step
from ffplay.remote.base import Become
from ffplay.resources.command import ALWAYS, RAN, Command
from ffplay.resources.job import Job
from ffplay.resources.lock import Holder
from tests.unit.engine.bench import Bench, Recorder, Single
from tests.waiting import wait_for

Make = Callable[..., Bench]
DEAD = 2**22 + 1  # more than any pid


def session(bench: Bench, run: str) -> Session:
    loaded = load(Sources(bench.folder / "play.yml", (bench.folder / "site.yml",)))
    return Session(loaded, Planner(loaded, Options(), run), Options(), Recorder())


def lock_of(bench: Bench, run: str = "run1", **more: Any) -> tuple[Lock, Holder]:
    holder = dataclasses.replace(this_process(run, "play.yml"), **more)
    return Lock(bench.access, bench.loaded.site.hosts, locks_of(bench.loaded), holder), holder


def leftovers(bench: Bench) -> list[str]:
    return sorted(str(path.relative_to(bench.folder)) for path in bench.folder.glob("*/state/lock*"))


def break_locks(bench: Bench) -> list[str]:
    locks = Locks(bench.access, bench.loaded.site.hosts, locks_of(bench.loaded))
    held, errors = locks.read("abc")
    assert errors == []
    return locks.release({name: each.holder for name, each in held.items()})[0]


def fail(error: HostError) -> None:
    raise error


def outcome(one: Session) -> str:
    try:
        one.apply(one.plan())
    except Error as error:
        return type(error).__name__
    return "done"


@pytest.mark.parametrize("attempt", range(3))
def test_of_two_who_apply_at_once_one_does(bench: Make, attempt: int) -> None:
    one = bench(
        "- command: n=0; until [ -e {{ here }}/../go ] || [ $n -gt 600 ]; do sleep 0.1; n=$((n+1)); done;"
        " echo x >> {{ here }}/made"
    )
    both = threading.Barrier(2)
    found: list[str] = []

    def apply(run: str) -> None:
        with session(one, run) as mine:
            plan = mine.plan()
            both.wait()
            try:
                mine.apply(plan)
            except Locked:
                found.append("locked")
                (one.folder / "go").touch()
            else:
                found.append("done")

    threads = [threading.Thread(target=apply, args=(run,)) for run in ("run1", "run2")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == ["done", "locked"]
    assert [one.text(f"{host}/made") for host in "abc"] == ["x\n"] * 3
    assert leftovers(one) == []


def test_many_who_take_the_lock_exclude_one_another(bench: Make) -> None:
    one = bench("- debug: {msg: x}")
    inside: list[int] = []
    most: list[int] = []
    refused: list[str] = []

    def work(number: int) -> None:
        mine = Bench.__new__(Bench)
        mine.__dict__.update(one.__dict__)
        lock, _ = lock_of(mine, f"run{number}")
        for _ in range(5):
            try:
                with lock.over("abc", fail):
                    inside.append(number)
                    most.append(len(inside))
                    time.sleep(0.01)
                    inside.remove(number)
            except Locked:
                time.sleep(0.005)
            except SiteError as error:  # Each time it looked, it had just been given back.
                refused.append(error.message.partition(": ")[2])

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(most) == {1}
    assert set(refused) <= {"others take it and give it back all the time"}
    assert leftovers(one) == []


def test_who_holds_it_is_told(bench: Make) -> None:
    one = bench("- debug: {msg: x}")
    lock, _ = lock_of(
        one, "20260101T000000Z-abcd", user="anna", machine="laptop", pid=4711, since="2026-01-01 00:00:00"
    )
    with lock.over("b", fail), pytest.raises(Locked) as caught, lock_of(one)[0].over("abc", fail):
        pass
    text = caught.value.message
    assert "run 20260101T000000Z-abcd: anna on laptop (pid 4711) applies play.yml since 2026-01-01 00:00:00" in text
    assert re.search(r"last sign of life \d s ago", text)
    assert "gone" not in text
    assert "ff-play unlock PLAYBOOK -i FILE" in caught.value.advice
    assert caught.value.exit_code == 9
    assert caught.value.host == "b"
    assert leftovers(one) == []


def left_by(bench: Bench, run: str, **more: Any) -> None:
    """Leave a lock as a run does that does not come to give it back."""
    lock, _ = lock_of(bench, run, **more)
    with pytest.raises(KeyboardInterrupt), lock.over("abc", fail):
        raise KeyboardInterrupt


def ended_process() -> str:
    """Return the identity of a process that was, on this machine."""
    with subprocess.Popen(["sleep", "60"]) as child:
        found = str(identity(child.pid))
        child.kill()
    return found


def test_the_lock_of_a_run_whose_process_is_gone_from_this_machine_is_taken_over(bench: Make) -> None:
    one = bench("- debug: {msg: x}")
    left_by(one, "run0", process=ended_process())
    with lock_of(one)[0].over("abc", fail):
        assert Holder(**json.loads(one.text("b/state/lock/holder"))).run == "run1"
    told = [event.text for event in one.recorder.events]
    assert told == ["took over the lock of run run0, whose process is gone"] * 3
    assert leftovers(one) == []


@pytest.mark.parametrize(
    ("seen", "there"),
    [
        (lambda here: here, False),
        (lambda here: dataclasses.replace(here, machine="another"), False),
        (lambda here: dataclasses.replace(here, space="another", pid=DEAD), False),
        (lambda here: dataclasses.replace(here, started="1"), True),
        (lambda here: dataclasses.replace(here, pid=DEAD), True),
        (lambda here: dataclasses.replace(here, boot="earlier"), True),
        (lambda here: "what", False),
    ],
)
def test_only_who_is_surely_dead_is_taken_for_dead(seen: Callable[[Identity], Any], there: bool) -> None:
    here = identity(os.getpid())
    assert here is not None
    here = dataclasses.replace(here, machine=here.machine or "m")
    holder = dataclasses.replace(this_process("r", "p"), process=str(seen(here)))
    assert dead(holder) is (there and bool(Path("/etc/machine-id").exists() or "earlier" not in str(seen(here))))
    assert not dead(dataclasses.replace(holder, machine="elsewhere"))


def test_a_change_waits_for_the_script_of_a_run_before_it(bench: Make) -> None:
    one = bench("- debug: {msg: x}")
    lock, _ = lock_of(one)
    slow, quick = (Bench(one.folder, Path(one.folder / "play.yml").read_text()) for _ in range(2))
    with lock.over("a", fail):
        fence = lock.fence("a")
        script = f"{fence}touch {one.folder}/begun; sleep 2; echo first >> {one.folder}/order"
        thread = threading.Thread(target=lambda: slow.pool.connection("a").run(script))
        thread.start()
        wait_for((one.folder / "begun").exists)
        reply = quick.pool.connection("a").run(f"{fence}echo second >> {one.folder}/order")
        thread.join()
    assert (reply.code, one.text("order")) == (0, "first\nsecond\n")
    slow.pool.close()
    quick.pool.close()


def test_a_change_gives_up_beside_a_script_that_does_not_end(bench: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ffplay.resources.lock._BUSY_SECONDS", 1)
    one = bench("- debug: {msg: x}")
    lock, _ = lock_of(one)
    other = Bench(one.folder, Path(one.folder / "play.yml").read_text())
    with lock.over("a", fail):
        fence = lock.fence("a")
        script = f"{fence}echo $$ > {one.folder}/pid; until [ -e {one.folder}/go ]; do sleep 0.05; done"
        thread = threading.Thread(target=lambda: one.pool.connection("a").run(script))
        thread.start()
        wait_for(lambda: bool(one.text("pid")))
        with pytest.raises(Locked, match=rf"still at work there \(pid {one.text('pid').strip()}\)"):
            lock.judge("a", other.pool.connection("a").run(f"{fence}touch {one.folder}/made"))
        (one.folder / "go").touch()
        thread.join()
    assert not (one.folder / "made").exists()
    other.pool.close()


def test_the_newest_sign_of_life_of_all_hosts_counts(bench: Make) -> None:
    one = bench("- debug: {msg: x}")
    lock, _ = lock_of(one)
    with lock.over("abc", fail):
        for host in "ab":
            locked = one.folder / host / "state/lock/holder"
            os.utime(locked, (time.time() - 500, time.time() - 500))
        with pytest.raises(Locked, match=r"last sign of life \d s ago"), lock_of(one)[0].over("abc", fail):
            pass


def test_what_is_asked_with_the_lock_is_read_behind_it(bench: Make) -> None:
    one = bench("- debug: {msg: x}")
    lock, holder = lock_of(one)
    asked = locks_of(one.loaded)["a"]
    one.access.connection("a").run(":")
    before = one.pool.connection("a").round_trips
    with lock.over("a", fail, {"a": [asked]}) as values:
        assert one.pool.connection("a").round_trips == before + 1
        assert {key: value.holder for key, value in values.items()} == {("a", asked): holder}


def test_a_run_that_lost_its_lock_changes_nothing_more(bench: Make) -> None:
    one = bench(
        """
- command: echo x > {{ here }}/first; until [ -e {{ top }}/go ]; do sleep 0.05; done
- command: echo x > {{ here }}/second
  ignore_errors: true
  retries: 3
"""
    )
    ended: list[str] = []
    with session(one, "run1") as first, session(one, "run2") as second:
        thread = threading.Thread(target=lambda: ended.append(outcome(first)))
        thread.start()
        wait_for(lambda: all(one.text(f"{host}/first") for host in "abc"))
        assert outcome(second) == "Locked"
        assert break_locks(one) == ["a", "b", "c"]
        other, _ = lock_of(one, "run3")
        with other.over("abc", fail):
            (one.folder / "go").touch()
            thread.join()
            # The other's lock is not given back by who lost his.
            assert leftovers(one) == ["a/state/lock", "b/state/lock", "c/state/lock"]
    assert ended == ["Locked"]
    assert not any(one.text(f"{host}/second") for host in "abc")
    assert leftovers(one) == []


def test_nothing_is_sent_where_the_lock_cannot_be_looked_at(bench: Make) -> None:
    one = bench("- command: x")
    lock, _ = lock_of(one)
    with lock.over("abc", fail):
        # What the look leaves behind cannot be written.
        (one.folder / "a/state/writer").unlink(missing_ok=True)
        (one.folder / "a/state/writer").mkdir()
        with pytest.raises(SiteError, match="cannot look whether the lock is still this run's"):
            lock.access().connection("a").put(str(one.folder / "sent"), [b"x"])
        (one.folder / "a/state/writer").rmdir()
    assert not (one.folder / "sent").exists()


def test_the_fence_is_before_each_change_of_a_batch(bench: Make) -> None:
    one = bench("- command: x")
    lock, holder = lock_of(one)
    one.player._lock = lock
    (one.folder / "play.yml").write_text("")
    with lock.over("abc", fail):
        fence = lock.fence("a")
        assert one.pool.connection("a").run(f"{fence}echo made").text == "made\n"
        break_locks(one)
        reply = one.pool.connection("a").run(f"{fence}echo made")
        assert reply.text == ""
        with pytest.raises(Locked, match="was broken, and is free now"):
            lock.judge("a", reply)
        assert lock.judge("a", dataclasses.replace(reply, stderr=b"my own 97")).code == 97
        for use in (
            lambda to: to.run("touch made"),
            lambda to: to.put(str(one.folder / "put"), [b"x"]),
            lambda to: to.forward("127.0.0.1", 1),
        ):
            with pytest.raises(Locked):
                use(lock.access().connection("a"))
    assert not (one.folder / "put").exists()
    assert holder.token in fence


def test_a_run_that_loses_its_lock_in_the_middle_of_a_batch_makes_no_more_of_it(bench: Make) -> None:
    one = bench("- command: x")
    lock, _ = lock_of(one)
    step = Step("command", {}, Mark("p.yml", 1, 1))
    lines = (f"rm -r {one.folder}/a/state/lock", f"touch {one.folder}/made")
    changes = tuple(Change("a", Command(line), ALWAYS, RAN, line) for line in lines)
    applier = Single(one, lock)
    with lock.over("a", fail), pytest.raises(Locked, match="was broken, and is free now"):
        applier.apply(StepPlan(step, "a", "planned", changes))
    assert not (one.folder / "made").exists()


def test_what_another_user_does_is_fenced_too(bench: Make) -> None:
    one = bench("- command: x")
    lock, _ = lock_of(one)
    with lock.over("a", fail):
        connection = lock.access().connection("a")
        assert connection.run("echo made", become=Become(None)).text == "made\n"
        break_locks(one)
        with pytest.raises(Locked):
            connection.run(f"touch {one.folder}/made", become=Become(None))
    assert not (one.folder / "made").exists()


def test_an_empty_plan_and_reading_need_no_lock(bench: Make) -> None:
    one = bench("- command: {cmd: 'touch {{ here }}/made', creates: '{{ here }}/made'}")
    for host in "abc":
        (one.folder / host / "made").touch()
    with lock_of(one)[0].over("abc", fail), session(one, "run2") as second:
        assert outcome(second) == "done"
    (one.folder / "a/made").unlink()
    with lock_of(one)[0].over("abc", fail), session(one, "run2") as second:
        assert outcome(second) == "Locked"


def test_a_plan_that_is_true_no_more_is_refused(bench: Make) -> None:
    one = bench("- command: {cmd: 'echo x >> {{ here }}/made', creates: '{{ here }}/made'}")
    with session(one, "run1") as first, session(one, "run2") as second:
        plan = first.plan()
        assert outcome(second) == "done"
        with pytest.raises(Refused, match="the site changed since the plan was made"):
            first.apply(plan)
    assert one.text("a/made") == "x\n"
    assert leftovers(one) == []


def test_a_plan_that_has_a_problem_by_now_is_refused(bench: Make) -> None:
    """What it would do is the same as before."""
    one = bench(
        "- command: touch {{ here }}/made\n- line_in_file: {path: '{{ here }}/file', line: one, regexp: '^one'}\n"
    )
    for host in "abc":
        (one.folder / host / "file").write_text("one\n")
    with session(one, "run1") as first:
        plan = first.plan()
        assert len(plan.changes) == 3
        (one.folder / "b/file").unlink()
        with pytest.raises(Refused, match="the site changed since the plan was made"):
            first.apply(plan)
    assert not list(one.folder.glob("*/made"))


def test_a_run_that_fails_gives_its_lock_back(bench: Make) -> None:
    one = bench("- command: exit 3")
    with session(one, "run1") as first:
        assert outcome(first) == "ChangeFailed"
    assert leftovers(one) == []


def test_a_lock_that_is_not_ours_is_told(bench: Make) -> None:
    one = bench("- command: echo x")
    strange = one.folder / "b/state/lock/holder"
    strange.parent.mkdir(parents=True)
    strange.write_text("?\n")
    with session(one, "run1") as first, pytest.raises(HostError, match=r"cannot read .*/b/state/lock: it is no lock"):
        first.apply(first.plan())
    assert leftovers(one) == ["b/state/lock"]


def test_one_machine_under_two_names_is_locked_once(bench: Make) -> None:
    one = bench("- command: echo x")
    for host in "abc":
        (one.folder / host / "state").symlink_to(one.folder, target_is_directory=True)
    lock, _ = lock_of(one)
    with lock.over("abc", fail):
        assert (one.folder / "lock/holder").is_file()
    assert not (one.folder / "lock").exists()


def test_the_holder_on_the_host_is_json(bench: Make) -> None:
    one = bench("- command: echo x")
    lock, holder = lock_of(one, user='o"brien\n$(reboot)')
    with lock.over("a", fail):
        assert Holder(**json.loads(one.text("a/state/lock/holder"))) == holder
        assert one.text("a/state/lock/token").strip() == holder.token


def test_the_first_signal_starts_nothing_new(bench: Make) -> None:
    one = bench(
        "- command: echo x > {{ here }}/first; sleep 1; echo y >> {{ here }}/first\n- command: touch {{ here }}/second"
    )
    with session(one, "run1") as first:
        plan = first.plan()
        threading.Thread(target=lambda: (wait_for(lambda: bool(one.text("c/first"))), first.stop())).start()
        with pytest.raises(Interrupted) as caught:
            first.apply(plan)
    assert [one.text(f"{host}/first") for host in "abc"] == ["x\ny\n"] * 3
    assert not (one.folder / "a/second").exists()
    assert "run the same command again" in caught.value.advice
    assert leftovers(one) == []


@pytest.mark.parametrize("steps", ["- pause: 600", "- command: exit 1\n  retries: 5\n  delay: 600"])
def test_a_wait_ends_at_the_first_signal(bench: Make, steps: str) -> None:
    one = bench(f"- command: touch {{{{ here }}}}/made\n{steps}")
    began = time.monotonic()
    with session(one, "run1") as first:
        plan = first.plan()
        threading.Timer(1, first.stop).start()
        with pytest.raises(Interrupted):
            first.apply(plan)
    assert time.monotonic() - began < 300


def test_a_job_is_left_running(bench: Make) -> None:
    one = bench("- debug: {msg: x}")
    host = one.loaded.site.host("a")
    line = f"until [ -e {one.folder}/go ]; do sleep 0.1; done; echo x >> {one.folder}/done"
    job = Job("a long job", str(one.folder / "jobs/long-1"), (line,), began="run1")
    one.access.stop()
    with pytest.raises(Interrupted, match="a long job runs on by itself on a"):
        job.bring(one.access, host, "none", "done")
    assert job.read(one.access, host).state == "running"
    (one.folder / "go").touch()
    again = Bench(one.folder, Path(one.folder / "play.yml").read_text())
    job.bring(again.access, host, "none", "done")
    again.pool.close()
    assert one.text("done") == "x\n"
