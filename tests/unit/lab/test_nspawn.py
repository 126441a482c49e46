"""What the driver of whole machines takes from this machine, and what it says where that does not do."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ffplay.errors import Error, InputError
from ffplay.lab import driver
from ffplay.lab.layout import LabOptions, LabSite
from ffplay.lab.nspawn import apt, base, cgroups, wires
from ffplay.lab.nspawn import driver as machines


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that sets what a program of this machine answers, by its last argument."""
    given: dict[str, str] = {}

    def run(*argv: object, **_: object) -> str:
        return given.get(str(argv[-1]), "")

    monkeypatch.setattr(apt, "run", run)
    monkeypatch.setattr(wires, "run", run)
    for name in ("http_proxy", "https_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    return given.update


def target(release: str, uri: str = "http://mirror.example/debian/", origin: str = "Debian", entry: str = "") -> str:
    return f"{uri}|{release}|main|{origin}|amd64|{entry}\n"


def targets(*lines: str) -> dict[str, str]:
    return {"Created-By: Packages": "".join(lines)}


@pytest.fixture
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "debian-archive-keyring.gpg"
    path.touch()
    monkeypatch.setattr(apt, "_KEYRING", path)
    return path


def test_the_mirror_is_apt_s_own(answers: Callable[..., None], keys: Path) -> None:
    others = (target("bookworm-updates", "http://updates.example/"), target("bookworm", "http://x.example", "Docker"))
    answers(targets(*others, target("trixie", "http://a.example/"), target("bookworm")))
    assert apt.mirror("bookworm") == apt.Mirror("http://mirror.example/debian", keys, {})


def test_a_mirror_of_another_release_will_do(answers: Callable[..., None], keys: Path) -> None:
    answers(targets(target("trixie")))
    assert apt.mirror("bookworm").uri == "http://mirror.example/debian"


def test_without_a_mirror_of_debian_it_says_what_to_add(answers: Callable[..., None]) -> None:
    answers(targets(target("noble", origin="Ubuntu")))
    with pytest.raises(Error, match="no mirror of Debian") as caught:
        apt.mirror("bookworm")
    assert "sources.list.d" in caught.value.advice


@pytest.mark.parametrize(
    "form", ["Types: deb\nSigned-By: {}\n", "deb [arch=amd64 signed-by={}] http://m/ bookworm main"]
)
def test_the_keys_are_those_that_apt_names(answers: Callable[..., None], tmp_path: Path, form: str) -> None:
    named, entry = tmp_path / "own.gpg", tmp_path / "own.sources"
    named.touch()
    entry.write_text(form.format(named))
    answers(targets(target("bookworm", entry=f"{entry}:1")))
    assert apt.mirror("bookworm").keyring == named


@pytest.mark.parametrize(
    ("settings", "variables"),
    [
        ({"Acquire::http::Proxy": "VALUE='http://proxy.example:3128'\n"}, {"http_proxy": "http://proxy.example:3128"}),
        (
            {
                "Acquire::http::Proxy": "VALUE='http://proxy.example:3128'\n",
                "Acquire::http::Proxy::mirror.example": "VALUE='DIRECT'\n",
            },
            {"no_proxy": "mirror.example"},
        ),
    ],
)
def test_the_proxy_is_apt_s(
    answers: Callable[..., None], keys: Path, settings: dict[str, str], variables: dict[str, str]
) -> None:
    answers({**targets(target("bookworm")), **settings})
    assert apt.mirror("bookworm").proxy == variables


def test_addresses_that_are_routed_already_are_left_alone(answers: Callable[..., None]) -> None:
    answers({"all": "default via 192.0.2.1 dev eth0\n10.99.0.0/16 dev tun0\nlocal 10.98.1.5 dev lo table local\n"})
    for subnet in ("10.99.7", "10.98.1"):
        with pytest.raises(Error, match="are in use"), wires.claimed(subnet):
            pass
    with wires.claimed("10.97.250") as subnet:
        assert subnet == "10.97.250"
        with pytest.raises(Error, match="are in use"), wires.claimed(subnet):
            pass


def test_names_of_devices_are_short_enough(tmp_path: Path) -> None:
    site = LabSite(tmp_path, "0" * 32, "10.254.255", LabOptions(hosts=200, driver="nspawn"))
    assert len(wires.bridge(site)) <= 15
    assert max(len(wires._veth(host)) for host in site.hosts) <= 15


def test_who_is_not_root_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(Error, match="needs root") as caught:
        driver.named("nspawn").check(LabOptions())
    assert "sudo" in caught.value.advice


def test_a_container_without_the_capability_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(machines, "_capable", lambda _number: False)
    with pytest.raises(Error, match="CAP_SYS_ADMIN") as caught:
        driver.named("nspawn").check(LabOptions())
    assert "--driver loopback" in caught.value.advice


def test_more_hosts_than_this_machine_can_boot_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    allowed = tmp_path / "max_user_instances"
    allowed.write_text("128\n")
    monkeypatch.setattr(machines, "_INOTIFY", allowed)
    monkeypatch.setattr(machines, "_inotify_used", lambda: 20)
    machines.check_inotify(10)
    with pytest.raises(Error, match=r"11 hosts .* 110 inotify instances; of 128 there are 20 in use") as caught:
        machines.check_inotify(11)
    assert caught.value.advice == "sysctl fs.inotify.max_user_instances=4096"


def test_a_machine_without_cgroup_2_is_told_how_to_mount_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text("30 23 0:26 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n")
    monkeypatch.setattr(cgroups, "_MOUNTS", mounts)
    with pytest.raises(Error, match="has not mounted cgroup v2") as caught:
        cgroups.hierarchy()
    assert "mount -t cgroup2" in caught.value.advice
    mounts.write_text("31 30 0:27 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n")
    assert cgroups.hierarchy() == Path("/sys/fs/cgroup/unified")


def test_another_base_has_another_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/srv/cache")
    before = base.directory()
    assert before.parent == Path("/srv/cache/ffplay")
    monkeypatch.setattr(base, "_PACKAGES", (*base._PACKAGES, "nano"))
    assert base.directory() != before


def test_a_driver_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such lab driver: docker"):
        driver.named("docker")
