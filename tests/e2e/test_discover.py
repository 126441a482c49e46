"""A lab as if nobody had described it: hosts and oddities are found, and its inventory is as good as the own one."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from ffplay.lab.layout import LabSite
from ffplay.load import load_inventory
from tests.e2e import labs

TOP = Path(__file__).parent.parent.parent
PLAYBOOKS = sorted(path.name for path in (TOP / "playbooks").glob("*.yml"))

# What makes each playbook want something of a lab that is at apricot_320 and nnd.
_EXTRA = {"switch-model.yml": ("-e", "model=cherry_480"), "switch-detector.yml": ("-e", "detector=legacy")}

pytestmark = [pytest.mark.lab, labs.directories]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabSite]:
    with labs.lab(tmp_path_factory.mktemp("lab") / "lab", hosts=2, shards=2, faces=60) as found:
        yield found


def ffplay(*words: str, code: int = 0) -> str:
    """Run ff-play and return what it printed."""
    command = [sys.executable, "-m", "ffplay", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=TOP, check=False)
    assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def connection(lab: LabSite, directory: Path) -> list[str]:
    """Return the options that lead to the hosts; each host's tree is found by its name or its address."""
    trees = {name: str(host.root) for host in lab.hosts for name in (host.name, host.address)}
    variables = directory / "lab-variables.yml"
    variables.write_text(json.dumps({"root": "{{ trees[inventory_hostname] }}", "trees": trees, "ansible_port": 2222}))
    known = f"-o UserKnownHostsFile={shlex.quote(str(lab.known_hosts))}"
    return [f"--key-file={lab.key}", f"--ssh-common-args={known}", "-e", f"@{variables}"]


def named(lab: LabSite) -> list[str]:
    return [f"{host.name}={host.address}" for host in lab.hosts]


@pytest.fixture(scope="module")
def found(lab: LabSite, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The inventory of the lab, found from the host with facenapi alone."""
    directory = tmp_path_factory.mktemp("found")
    told = ffplay("discover", named(lab)[0], "-o", str(directory / "site.yml"), *connection(lab, directory))
    assert "site.yml is written: 3 hosts, 4 shards." in told
    return directory / "site.yml"


def test_all_hosts_and_shards_are_found_from_one_host(lab: LabSite, found: Path) -> None:
    ours, theirs = load_inventory([lab.inventory]), load_inventory([found])
    assert [host.login.address for host in theirs.hosts] == [host.login.address for host in ours.hosts]
    assert [host.shards for host in theirs.hosts] == [host.shards for host in ours.hosts]
    assert [len(hosts) for hosts in theirs.groups.values()] == [len(theirs.groups[name]) for name in theirs.groups]
    for group in ("facenapi", "extraction", "mongo", "upload", "ntls", "tntapi"):
        assert len(theirs.groups[group]) == len(ours.groups[group]), group


@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_a_plan_by_the_found_inventory_is_that_by_the_labs_own(lab: LabSite, tmp_path: Path, playbook: str) -> None:
    site = tmp_path / "site.yml"
    ffplay("discover", *named(lab), "-o", str(site), *connection(lab, tmp_path))
    extra = ["-e", "from_model=apricot_320", *_EXTRA.get(playbook, ())]
    plans = [plan(playbook, inventory, extra) for inventory in (lab.inventory, site)]
    assert plans[0] == plans[1]
    assert plans[0]["counts"]["changes"] > 0
    assert plans[0]["counts"]["problems"] == 0


def plan(playbook: str, inventory: Path, extra: Sequence[str]) -> dict[str, Any]:
    """Return a plan without the name of its run, and without its forecast: no host tells how fast it makes facens.

    What files take and what is free on the disk goes on changing between two plans.
    """
    text = ffplay("plan", f"playbooks/{playbook}", "-i", str(inventory), "--json", *extra)
    text = re.sub(r"[\d.]+ ([KMGT]i)?B\b", "SIZE", text)
    body: dict[str, Any] = json.loads(re.sub(r"\d{8}T\d{6}Z-[0-9a-f]{4}", "RUN", text))
    del body["forecast"]
    return body


def test_what_was_bent_by_hand_is_found(lab: LabSite, tmp_path: Path) -> None:
    app, one, two = lab.hosts
    conf = "etc/tarantool/instances.enabled"
    files = [
        app.root / "etc/tntapi.json",
        one.root / conf / "FindFace_shard_1.lua",
        two.root / conf / "FindFace_shard_2.lua",
    ]
    before = [file.read_text() for file in files]
    stray, wants = two.root / conf / "FindFace_shard_7.lua", one.root / "etc/systemd/system/multi-user.target.wants"
    link = wants / "tarantool@FindFace_shard_9.service"
    try:
        files[0].write_text(json.dumps([[*json.loads(before[0])[0], f"{one.address}:8044"]]))
        files[1].write_text(before[1].replace("force_recovery = false", "force_recovery = true"))
        files[2].write_text(before[2].replace("facen_size = 320", "facen_size = 480"))
        stray.write_text(
            before[2].replace(":33002", ":33007").replace('", 8002', '", 8007').replace("shard_2", "shard_7")
        )
        link.symlink_to(wants.parent / "tarantool@.service")
        text = ffplay("discover", *named(lab), *connection(lab, tmp_path), "--json")
    finally:
        for file, content in zip(files, before, strict=True):
            file.write_text(content)
        stray.unlink()
        link.unlink()
    odd = {(each["kind"], each["host"], each["shard"]) for each in json.loads(text)["oddities"]}
    assert odd - {("too-many-shards", "db1", ""), ("too-many-shards", "db2", "")} == {
        ("cell-without-shard", "app1", ""),
        ("uneven-cells", "app1", ""),
        ("shard-without-cell", "db2", "FindFace_shard_7"),
        ("force-recovery", "db1", "FindFace_shard_1"),
        ("other-facen-size", "db2", "FindFace_shard_2"),
        ("file-and-data-differ", "db2", "FindFace_shard_2"),
        ("file-without-unit", "db2", "FindFace_shard_7"),
        ("unit-without-file", "db1", ""),
    }


def test_a_host_that_does_not_answer_stands_in_the_inventory(lab: LabSite, tmp_path: Path) -> None:
    port = json.dumps({"ansible_port": "{{ 1 if inventory_hostname == 'db2' else 2222 }}"})
    told = ffplay("discover", *named(lab), *connection(lab, tmp_path), "-e", port, code=4)
    assert "[unreachable]" in told
    site = tmp_path / "site.yml"
    site.write_text(told[: told.index("error:")])
    assert [len(host.shards) for host in load_inventory([site]).hosts] == [0, 2, 2]


def test_a_file_is_not_written_over_and_a_secret_not_written_down(lab: LabSite, tmp_path: Path) -> None:
    site = tmp_path / "site.yml"
    site.write_text("mine")
    words = ["discover", named(lab)[0], "-o", str(site), *connection(lab, tmp_path), "-e", "ansible_password=hunter2"]
    assert "is there already" in ffplay(*words, code=3)
    assert site.read_text() == "mine"
    ffplay(*words, "--force")
    assert "ansible_password" in site.read_text()
    assert "hunter2" not in site.read_text()


def test_an_inventory_and_its_site_agree_until_somebody_changes_one_of_them(lab: LabSite, tmp_path: Path) -> None:
    agree = "the inventory and the site agree: 3 hosts, 4 shards"
    assert agree in ffplay("diff", str(lab.inventory), "--detailed-exitcode")
    conf = lab.databases[0].root / "etc/tarantool/instances.enabled/FindFace_shard_2.lua"
    before = conf.read_text()
    site = tmp_path / "site.yml"
    site.write_text(lab.inventory.read_text().replace("shards: 2", "shards: [{id: 1}, {id: 2, memtx_gb: 1}]", 1))
    line = site.read_text().splitlines().index("          shards: [{id: 1}, {id: 2, memtx_gb: 1}]") + 1
    try:
        conf.write_text(before.replace("', 8002" if "', 8002" in before else '", 8002', '", 8102'))
        told = ffplay("diff", str(site), "--detailed-exitcode", code=2)
        document = json.loads(ffplay("diff", "-i", str(site), "--json"))
    finally:
        conf.write_text(before)
    assert f"{site}:{line}:47: db1 FindFace_shard_2: memtx_gb is 1 in the inventory, and 0.0625 in {conf}" in told
    assert "db1 FindFace_shard_2: http_port is 8002 in the inventory, and 8102 in" in told
    assert told.endswith("2 differences (3 hosts, 4 shards)\n")
    assert [(one["kind"], one["shard"], one["line"]) for one in document["differences"]] == [
        ("value", "FindFace_shard_2", line)
    ] * 2
    assert "is given" not in ffplay("diff", str(lab.inventory))
    assert "none is given" in ffplay("diff", code=3)
