"""A lab comes up, keeps its data, and leaves nothing behind, however it ends."""

import http.client
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
import yaml

from ffplay.errors import Error, InputError
from ffplay.lab import init, network, processes
from ffplay.lab import site as lab
from ffplay.lab.layout import SSH_PORT, LabHost, LabOptions, LabSite, load
from tests.waiting import wait_for

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(shutil.which("tarantool") is None, reason="needs Tarantool"),
]


def small(directory: Path, **more: object) -> LabOptions:
    return LabOptions(hosts=1, shards=1, faces=10, directory=directory, **more)  # type: ignore[arg-type]


def add(site: LabSite, number: int) -> int:
    shard = http.client.HTTPConnection(*site.shards()[0], timeout=10)
    shard.request("POST", f"/v1/kept/add/{number}", bytes(1280))
    return shard.getresponse().status


def running(site: LabSite) -> set[int]:
    return processes.marked(site.identity, site.subnet)


def session(site: LabSite, host: str, command: str) -> "subprocess.Popen[bytes]":
    """Start a session, and return once it has said `up`."""
    found = subprocess.Popen(["ssh", "-F", str(site.ssh_config), host, command], stdout=subprocess.PIPE)
    assert found.stdout is not None
    assert found.stdout.readline() == b"up\n"
    return found


def test_up_down_and_up_again_keeps_the_data(tmp_path: Path) -> None:
    stages: list[str] = []
    site = lab.up(small(tmp_path / "lab"), stages.append)
    try:
        assert stages
        assert lab.status(site.directory).running
        assert add(site, 10**9) == 200
        with pytest.raises(InputError, match="is running"):
            lab.up(small(tmp_path / "lab"))
        assert lab.down(site.directory) > 0
        assert not running(site)
        again = lab.up(small(tmp_path / "lab"))
        assert (again.subnet, again.identity) == (site.subnet, site.identity)
        assert lab.status(site.directory).running
        assert add(site, 10**9) == 409
    finally:
        lab.down(site.directory)
    assert not running(site)


def test_down_ends_what_killed_hosts_and_open_sessions_have_left(tmp_path: Path) -> None:
    site = lab.up(small(tmp_path))
    sessions = [session(site, host.name, "setsid sleep 60 & echo up; sleep 60") for host in site.hosts]
    os.kill(int((site.host("db1").root / "run/init.pid").read_text()), signal.SIGKILL)
    lab.down(site.directory)
    for one in sessions:
        one.wait(timeout=10)
    assert not running(site)
    assert lab.status(site.directory).processes == 0


def started_at(host: LabHost, unit: str) -> str:
    return host.systemctl("show", "-p", "InvocationID", "--value", unit).stdout


def test_a_power_cut_ends_one_host_at_once_and_its_enabled_units_come_back(tmp_path: Path) -> None:
    site = lab.up(small(tmp_path))
    try:
        db1, app1 = site.host("db1"), site.app
        kept, lost = db1.root / "var/lib/kept", [db1.root / name / "lost" for name in ("run", "tmp")]
        for file in (kept, *lost):
            file.touch()
        assert add(site, 10**9) == 200
        before = [started_at(app1, "mongod"), started_at(db1, "tarantool@FindFace_shard_1")]
        db1.systemctl("disable", "tarantool@FindFace_shard_1")
        with session(site, "db1", "setsid sleep 60 & echo up; sleep 60") as ssh:
            lab.cut(tmp_path, "db1")
            assert not processes.marked(site.identity, db1.address, db1.root)
            assert ssh.wait(timeout=10) == 255
        assert not network.await_port(db1.address, SSH_PORT, 0)
        assert not lab.status(tmp_path).hosts[1].running
        lab.cut(tmp_path, "db1")
        lab.boot(tmp_path, "db1")
        assert kept.exists()
        assert not any(file.exists() for file in lost)
        assert db1.systemctl("is-active", "tarantool@FindFace_shard_1").stdout == "inactive\n"
        db1.systemctl("enable", "tarantool@FindFace_shard_1")
        lab.reboot(tmp_path, "db1")
        lab.reboot(tmp_path, "app1")
        assert network.claim(site.subnet) is None
        wait_for(lambda: lab.status(tmp_path).running)
        after = [started_at(app1, "mongod"), started_at(db1, "tarantool@FindFace_shard_1")]
        assert len({*before, *after}) == 4
        assert add(site, 10**9) == 409
    finally:
        lab.down(tmp_path)
    assert not running(site)


def test_a_failed_up_leaves_nothing_and_can_be_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = init.start

    def start(root: Path, *rest: object) -> object:
        for path in root.glob("etc/tarantool/instances.enabled/*.lua"):
            path.write_text("error('broken')")
        return real(root, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(init, "start", start)
    with pytest.raises(Error, match=r"FindFace_shard_1.service of the lab host db1 does not start:\n(.|\n)*broken"):
        lab.up(small(tmp_path))
    site = load(tmp_path)
    assert site is not None
    assert not site.complete
    assert not running(site)
    monkeypatch.undo()
    assert lab.up(small(tmp_path)).complete
    lab.down(tmp_path)


def test_a_directory_that_is_not_a_lab_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(InputError, match="not empty and not a lab"):
        lab.up(small(tmp_path))
    with pytest.raises(InputError, match="is not a lab"):
        lab.down(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_wrong_options_are_all_reported_at_once(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        lab.up(LabOptions(hosts=0, shards=0, faces=-1, model="pear_1", detector="eye", directory=tmp_path))
    assert len(caught.value.findings) == 5


def test_a_standalone_lab_is_laid_out_as_the_documentation_has_it(tmp_path: Path) -> None:
    site = lab.up(small(tmp_path, standalone=True))
    try:
        host = site.host("db1")
        assert host.systemctl("is-active", "tarantool@FindFace").stdout == "active\n"
        assert any((host.root / "opt/ntech/var/lib/tarantool/default/xlogs").iterdir())
        inventory = yaml.safe_load(site.inventory.read_text())
        assert inventory["all"]["children"]["tntapi"]["hosts"]["db1"]["shards"] == "standalone"
    finally:
        lab.down(tmp_path)


def test_two_labs_run_side_by_side_and_one_goes_alone(tmp_path: Path) -> None:
    one, two = (lab.up(small(tmp_path / name)) for name in ("one", "two"))
    try:
        assert one.subnet != two.subnet
        assert network.claim(one.subnet) is None
        lab.down(one.directory)
        assert lab.status(two.directory).running
    finally:
        lab.down(one.directory)
        lab.down(two.directory)


def test_up_and_down_are_quick(tmp_path: Path) -> None:
    began = time.monotonic()
    lab.up(LabOptions(directory=tmp_path))
    taken = time.monotonic() - began
    lab.down(tmp_path)
    assert taken < 30, f"{taken:.1f} s"
