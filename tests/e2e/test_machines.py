"""Labs whose hosts are whole machines come up, are alone, lose their power, and leave nothing behind."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ffplay.errors import Error, InputError
from ffplay.lab import network
from ffplay.lab import site as lab_site
from ffplay.lab.layout import LabHost, LabOptions, LabSite, load
from ffplay.lab.nspawn import cgroups, wires
from tests.e2e import labs
from tests.waiting import wait_for

pytestmark = [pytest.mark.nspawn, labs.machines]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabSite]:
    with labs.lab(tmp_path_factory.mktemp("machines") / "lab", hosts=1, shards=1, faces=10) as found:
        yield found


def run(*argv: object) -> str:
    return subprocess.run(list(map(str, argv)), capture_output=True, text=True, check=True).stdout


def left(site: LabSite) -> list[str]:
    """Return everything that this machine still has of a lab beside its directory."""
    found = [line for line in run("ip", "-o", "link").splitlines() if site.subnet.removeprefix("10.") in line]
    found += [line for line in run("ip", "netns").splitlines() if site.subnet in line]
    found += [line for line in run("ip", "route", "show", "table", "all").splitlines() if site.subnet in line]
    found += [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if str(site.directory) in line]
    found += [str(group) for group in (cgroups.of_lab(site),) if group.exists()]
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes()
        except OSError:
            continue
        if os.fsencode(site.directory) in words and int(entry.parent.name) != os.getpid():
            found.append(words.decode(errors="replace"))
    return found


def said(site: LabSite, host: str, script: str) -> str:
    done = labs.at(site, host, script)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def add(site: LabSite, number: int) -> int:
    shard = http.client.HTTPConnection(*site.shards()[0], timeout=10)
    shard.request("POST", f"/v1/kept/add/{number}", bytes(1280))
    return shard.getresponse().status


def test_a_host_is_a_machine_as_a_site_has_them(lab: LabSite) -> None:
    for host in lab.hosts:
        assert said(lab, host.name, "cat /proc/1/comm; hostname; id -un") == f"systemd\n{host.name}\nroot"
        wait_for(lambda host=host: said(lab, host.name, "systemctl is-system-running || :") == "running")  # type: ignore[misc]
    assert said(lab, "db1", "ls /bin/python* /usr/bin/python* /usr/local/bin/python* 2>/dev/null || :") == ""
    assert "--out" in said(lab, "db1", "findface-build-index --help")
    owner = "stat -c %U:%G /opt/ntech/var/lib/tarantool/shard_1/snapshots"
    assert said(lab, "db1", owner) == "tarantool:tarantool"
    user = ["ssh", "-F", lab.ssh_config, "db1", "id -un; sudo -n id -un"]
    assert run(*user) == "deploy\nroot\n"


def test_nothing_leads_out_of_a_lab(lab: LabSite) -> None:
    routes = said(lab, "app1", "ip -4 route; ip -6 route show default")
    assert routes.split()[:3] == [f"{lab.subnet}.0/24", "dev", "eth0"]
    assert len(routes.splitlines()) == 1
    assert said(lab, "app1", "ip route get 192.0.2.1 2>&1 || :") == "RTNETLINK answers: Network is unreachable"
    route = run("ip", "route", "show", "type", "unreachable")
    assert f"{lab.subnet}.0/24" in route


def test_a_host_comes_back_from_a_power_cut(lab: LabSite) -> None:
    db1, app1 = lab.host("db1"), lab.app
    assert add(lab, 10**9) == 200
    said(lab, "db1", "touch /var/lib/kept /run/lost /tmp/lost; systemctl disable tarantool@FindFace_shard_1 2>&1")
    before = said(lab, "db1", "cat /proc/sys/kernel/random/boot_id")
    lab_site.cut(lab.directory, "db1")
    assert not cgroups.of_host(lab, db1).exists()
    assert not network.await_port(db1.address, db1.ssh_port, 0)
    assert [host.running for host in lab_site.status(lab.directory).hosts] == [True, False]
    lab_site.cut(lab.directory, "db1")
    lab_site.boot(lab.directory, "db1")
    assert said(lab, "db1", "ls /var/lib/kept; ls /run/lost /tmp/lost 2>/dev/null || :") == "/var/lib/kept"
    assert said(lab, "db1", "cat /proc/sys/kernel/random/boot_id") != before
    said(lab, "db1", "systemctl enable tarantool@FindFace_shard_1 2>&1")
    lab_site.reboot(lab.directory, "db1")
    lab_site.reboot(lab.directory, app1.name)
    wait_for(lambda: lab_site.status(lab.directory).running)
    wait_for(lambda: network.await_port(*lab.shards()[0], 0))
    assert add(lab, 10**9) == 409


def test_down_leaves_nothing_and_up_again_keeps_the_data(tmp_path: Path) -> None:
    with labs.lab(tmp_path / "lab", hosts=1, shards=1, faces=10) as site:
        assert left(site)
        with pytest.raises(InputError, match="is running"):
            lab_site.up(LabOptions(directory=site.directory))
        assert add(site, 10**9) == 200
        session = subprocess.Popen(["ssh", "-F", str(site.ssh_config), "db1", "setsid sleep 60 & echo; sleep 60"])
        assert lab_site.down(site.directory) > 0
        session.wait(timeout=30)
        assert left(site) == []
        assert not lab_site.status(site.directory).running
        again = lab_site.up(LabOptions(directory=site.directory))
        assert (again.options.driver, again.subnet) == ("nspawn", site.subnet)
        assert add(site, 10**9) == 409
    assert left(site) == []


@pytest.mark.parametrize("reached", ["starting sshd", "enrolling"])
def test_down_cleans_up_after_a_killed_up(tmp_path: Path, reached: str) -> None:
    with labs.lab(tmp_path / "other", hosts=1, shards=1, faces=10) as other:
        command = [sys.executable, "-m", "ffplay", "lab", "up", "--driver", "nspawn", "--dir", str(tmp_path / "lab")]
        up = subprocess.Popen([*command, "--hosts", "1"], stdout=subprocess.PIPE, text=True)
        assert up.stdout is not None
        while not (line := up.stdout.readline()).startswith(reached):
            assert line
        up.send_signal(signal.SIGKILL)
        up.communicate()
        site = load(tmp_path / "lab")
        assert site is not None
        assert left(site)
        lab_site.down(site.directory)
        assert left(site) == []
        assert lab_site.status(other.directory).running
        assert lab_site.up(LabOptions(directory=site.directory, driver="nspawn", hosts=1, faces=10)).complete
        lab_site.down(site.directory)
        assert left(site) == []


def test_the_addresses_of_a_lab_are_not_taken_twice(lab: LabSite) -> None:
    with pytest.raises(Error, match="are in use"), wires.claimed(lab.subnet):
        pass


def test_this_machine_sees_each_host_s_disk(lab: LabSite) -> None:
    host: LabHost = lab.host("db1")
    said(lab, "db1", "echo seen > /srv/file")
    assert (host.root / "srv/file").read_text() == "seen\n"
