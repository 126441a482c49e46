"""The lab's systemctl behaves where it matters as systemd does on real hosts."""

import os
import signal
import subprocess
import time
import urllib.request

import pytest

from ffplay.lab.layout import LabHost, LabSite

pytestmark = pytest.mark.lab

SHARD = "tarantool@FindFace_shard_1"
OTHER = "tarantool@FindFace_shard_2"


def show(host: LabHost, unit: str, key: str) -> str:
    return host.systemctl("show", "-p", key, "--value", unit).stdout.strip()


def eventually(host: LabHost, unit: str, state: str, seconds: float = 8.0) -> None:
    deadline = time.monotonic() + seconds
    while (seen := show(host, unit, "ActiveState")) != state:
        assert time.monotonic() < deadline, f"{unit} is {seen}, not {state}"
        time.sleep(0.02)


def break_shard(host: LabHost) -> None:
    path = host.root / "etc/tarantool/instances.enabled/FindFace_shard_1.lua"
    path.write_text(path.read_text().replace("facen_size = 320", "facen_size = 480"))


def test_a_glob_stops_but_does_not_start_again(database: LabHost) -> None:
    assert database.systemctl("stop", "tarantool@FindFace*").returncode == 0
    assert database.systemctl("is-active", SHARD, OTHER).stdout == "inactive\ninactive\n"
    started = database.systemctl("start", "tarantool@FindFace*")
    assert (started.returncode, started.stdout, started.stderr) == (0, "", "")
    assert database.systemctl("is-active", SHARD, OTHER).returncode == 3
    assert database.systemctl("start", SHARD, OTHER).returncode == 0
    assert database.systemctl("is-active", SHARD, OTHER).stdout == "active\nactive\n"


def test_a_shard_that_refuses_its_data_flaps_fails_and_needs_reset_failed(database: LabHost) -> None:
    with urllib.request.urlopen(f"http://{database.address}:8001/v1/flap/add/{time.time_ns()}", bytes(1280)) as reply:
        assert reply.status == 200
    database.systemctl("stop", SHARD)
    break_shard(database)
    first = database.systemctl("start", SHARD)
    assert first.returncode == 1
    assert f"Job for {SHARD}.service failed because the control process exited with error code." in first.stderr
    assert database.systemctl("is-active", SHARD).stdout == "activating\n"
    eventually(database, SHARD, "failed")
    assert show(database, SHARD, "Result") == "exit-code"
    assert show(database, SHARD, "ExecMainStatus") == "1"
    assert "Start request repeated too quickly" in database.systemctl("status", SHARD).stdout
    assert database.systemctl("start", SHARD).returncode == 1
    assert show(database, SHARD, "ActiveState") == "failed"
    path = database.root / "etc/tarantool/instances.enabled/FindFace_shard_1.lua"
    path.write_text(path.read_text().replace("facen_size = 480", "facen_size = 320"))
    assert database.systemctl("start", SHARD).returncode == 1, "the start limit holds though the cause is gone"
    assert database.systemctl("reset-failed", SHARD).returncode == 0
    assert database.systemctl("start", SHARD).returncode == 0


def test_a_killed_shard_comes_back_by_itself(database: LabHost) -> None:
    before = int(show(database, SHARD, "MainPID"))
    os.kill(before, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while show(database, SHARD, "MainPID") in ("0", str(before)) or show(database, SHARD, "ActiveState") != "active":
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert show(database, SHARD, "NRestarts") == "1"


def test_a_frozen_shard_stays_active_and_can_be_stopped(database: LabHost) -> None:
    os.kill(int(show(database, SHARD, "MainPID")), signal.SIGSTOP)
    time.sleep(0.2)
    assert database.systemctl("is-active", SHARD).stdout == "active\n"
    assert database.systemctl("stop", SHARD).returncode == 0
    assert show(database, SHARD, "MainPID") == "0"


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (("start", "nope"), 5, "Failed to start nope.service: Unit nope.service not found.\n"),
        (("stop", "nope"), 5, "Failed to stop nope.service: Unit nope.service not loaded.\n"),
        (("status", "nope"), 4, "Unit nope.service could not be found.\n"),
        (("is-active", "nope"), 4, "inactive\n"),
        (("is-enabled", SHARD), 0, "enabled\n"),
        (("cat", "nope"), 1, "No files found for nope.service.\n"),
        (("show", "-p", "LoadState,ActiveState", "nope"), 0, "LoadState=not-found\nActiveState=inactive\n"),
        (("frobnicate",), 1, "Unknown command verb frobnicate.\n"),
        (("daemon-reload",), 0, ""),
    ],
)
def test_words_and_exit_codes(database: LabHost, arguments: tuple[str, ...], code: int, text: str) -> None:
    reply = database.systemctl(*arguments)
    assert (reply.returncode, reply.stdout + reply.stderr) == (code, text)


def test_show_prints_in_its_own_order_and_dates_that_date_understands(database: LabHost) -> None:
    out = database.systemctl("show", "-p", "ActiveState,MainPID", SHARD).stdout
    assert [line.partition("=")[0] for line in out.splitlines()] == ["MainPID", "ActiveState"]
    stamp = show(database, SHARD, "ExecMainStartTimestamp")
    seconds = int(subprocess.run(["date", "-d", stamp, "+%s"], capture_output=True, check=True).stdout)
    assert abs(time.time() - seconds) < 600
    assert int(show(database, SHARD, "ActiveEnterTimestampMonotonic")) > 0


def test_enable_and_disable(database: LabHost) -> None:
    assert database.systemctl("disable", SHARD).returncode == 0
    disabled = database.systemctl("is-enabled", SHARD)
    assert (disabled.returncode, disabled.stdout) == (1, "disabled\n")
    assert "Created symlink" in database.systemctl("enable", SHARD).stderr
    assert "tarantool@FindFace_shard_1.service" in database.systemctl("list-unit-files").stdout
    assert f"{SHARD}.service" in database.systemctl("list-units", "--no-pager", "tarantool@*").stdout


def test_a_session_has_the_hosts_own_programs(site: LabSite) -> None:
    command = 'systemctl is-active ssh && command -v findface-build-index && echo "$FFPLAY_LAB_ROOT"'
    done = subprocess.run(
        ["ssh", "-F", str(site.ssh_config), "db1", command], capture_output=True, text=True, check=True
    )
    root = site.host("db1").root
    assert done.stdout == f"active\n{root}/usr/bin/findface-build-index\n{root}\n"
