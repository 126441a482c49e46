"""Plans in files: what is applied is what they say, and where the site or the files changed they refuse in words."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ffplay.lab.layout import LabSite
from tests.e2e.judge import judge
from tests.e2e.labs import directories, lab
from tests.e2e.trees import differences, trees
from tests.stateful.hands import enrol, shards_of

TOP = Path(__file__).parent.parent.parent
CONF = "etc/tarantool/instances.enabled/FindFace_shard_2.lua"
RUN = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{4}")

pytestmark = [pytest.mark.lab, directories]

# Every shipped playbook in an order in which each finds something to do, and the model that the site is at then.
IN_TURN = (
    ("switch-model.yml", (), "cherry_480"),
    ("rolling-restart.yml", (), "cherry_480"),
    ("switch-detector.yml", ("model=cherry_480", "detector=legacy"), "cherry_480"),
    ("switch-both.yml", ("model=apricot_320", "detector=nnd"), "apricot_320"),
    ("documented-order.yml", ("model=banana_800f",), "banana_800f"),
)


class Desk:
    """A directory to work from, with playbooks, templates and an inventory of its own, and a home for journals."""

    def __init__(self, site: LabSite, folder: Path) -> None:
        self.folder = folder
        for name in ("playbooks", "templates"):
            shutil.copytree(TOP / name, folder / name)
        shutil.copy(site.inventory, folder / "site.yml")
        self.home = folder / "home"

    def ffplay(self, *words: str, code: int = 0) -> str:
        """Run ff-play there and return what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", "ffplay", *words],
            capture_output=True,
            text=True,
            timeout=300,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            check=False,
            env={**os.environ, "PYTHONPATH": str(TOP), "XDG_STATE_HOME": str(self.home)},
        )
        assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def plan(self, playbook: str, *more: str, out: str = "it.ffplan") -> str:
        """Save a plan."""
        words = [word for each in more for word in ("-e", each)]
        return self.ffplay("plan", f"playbooks/{playbook}", "-i", "site.yml", *words, "-o", out)


def test_shipped_playbooks_do_what_they_plan_and_nothing_else(tmp_path: Path) -> None:
    assert {name for name, _, _ in IN_TURN} == {path.name for path in (TOP / "playbooks").glob("*.yml")}
    with lab(tmp_path / "lab", hosts=2, shards=1, faces=60) as site:
        desk = Desk(site, tmp_path / "desk")
        for playbook, variables, model in IN_TURN:
            shown = desk.plan(playbook, *variables).rpartition("Saved: ")[0]
            assert desk.ffplay("show", "it.ffplan").partition("\n")[2] == shown
            planned = list(changes(json.loads((desk.folder / "it.ffplan").read_text())))
            events = [json.loads(line) for line in desk.ffplay("apply", "it.ffplan", "--yes", "--json").splitlines()]
            made = [event for event in events if event["event"] == "changed"]
            assert planned, playbook
            assert_same(planned, [(event["host"], event["change"]) for event in made], playbook)
            assert_same(planned, list(journalled(desk.home)), playbook)
            assert judge(site, model) == [], playbook


def changes(plan: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (host, change) of a saved plan in order."""
    for play in plan["plays"]:
        hosts = (host for step in play["steps"] for host in step["hosts"])
        found = (outcome["change"] for host in hosts for outcome in host["outcomes"] if "change" in outcome)
        yield from ((change["host"], change) for change in found)


def journalled(home: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (host, change) of the last run's journal on this machine, of those that it has as done."""
    path = max((home / "ffplay" / "runs").glob("*.jsonl"))
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    done = {line["done"] for line in lines if "done" in line}
    yield from ((line["host"], line) for line in lines if "n" in line and line["n"] in done)


def assert_same(planned: list[Any], made: list[Any], what: str) -> None:
    """Hold that both have the same changes, each host's in the same order."""
    one, other = ([(host, *told(change)) for host, change in side] for side in (planned, made))
    assert Counter(other) == Counter(one), what
    for host in {host for host, *_ in one}:
        assert [each for each in other if each[0] == host] == [each for each in one if each[0] == host], what


def told(change: dict[str, Any]) -> tuple[str | None, str]:
    """Return what a change is known by; the run that makes it has another name than the one that planned it."""
    return change["shard"], RUN.sub("RUN", change["summary"])


def test_a_saved_plan_is_true_as_long_as_what_it_rests_on(tmp_path: Path) -> None:
    with lab(tmp_path / "lab", hosts=2, shards=2, faces=60) as site:
        desk = Desk(site, tmp_path / "desk")
        before = trees(site)
        desk.plan("switch-model.yml")
        assert "Nothing" not in desk.ffplay("apply", "it.ffplan", "--check", "--detailed-exitcode", code=2)
        assert differences(before, trees(site)) == []

        # Who serves goes on serving: faces come, and a shard that crashed was started anew.
        enrol(site, 5)
        shard = shards_of(site)[0]
        shard.systemctl("restart")
        desk.ffplay("apply", "it.ffplan", "--check")

        for spoil, mend, told in hands(site, desk):
            spoil()
            said = desk.ffplay("apply", "it.ffplan", "--yes", code=7)
            assert told in said
            mend()
        before = trees(site)
        desk.ffplay("apply", "it.ffplan", "--check")
        assert differences(before, trees(site)) == []

        # Another machine, where the same files lie elsewhere.
        other = desk.folder.rename(tmp_path / "elsewhere")
        desk.folder = other
        assert "plan of playbooks/switch-model.yml, made 20" in desk.ffplay("show", "it.ffplan")
        desk.home = other / "home"
        desk.ffplay("apply", "it.ffplan", "--yes")
        assert judge(site, "cherry_480") == []
        said = desk.ffplay("apply", "it.ffplan", "--yes", code=7)
        assert "db1 FindFace_shard_1: facen_size was 320, is now 480" in said


def hands(site: LabSite, desk: Desk) -> Iterator[tuple[Any, Any, str]]:
    """Yield ways in which somebody spoils a plan, how it is mended, and what is said of it."""
    root = next(host.root for host in site.hosts if host.name == "db1")
    app = next(host.root for host in site.hosts if host.name == "app1")
    yield (
        *edited(root / CONF, "facen_size = 320", "facen_size = 480"),
        ("db1 FindFace_shard_2: facen_size was 320, is now 480"),
    )
    yield *edited(root / CONF, "checkpoint_count", "checkpoint_count  "), "db1 FindFace_shard_2: line "
    yield *edited(app / "etc/findface-extraction-api.ini", "apricot_320", "apricot_32"), "(facen) changed"
    yield (
        *edited(desk.folder / "playbooks/switch-model.yml", "cherry_480", "banana_800f"),
        ("it.ffplan is stale: playbooks/switch-model.yml: its content is not what the plan was made from"),
    )
    yield *edited(desk.folder / "templates/FindFace_shard.lua.j2", "{", "{# #}{"), "templates/FindFace_shard.lua.j2: "
    yield *edited(desk.folder / "site.yml", "all:", "# more\nall:"), "site.yml: its content is not what"
    more = desk.folder / "group_vars" / "tntapi.yml"
    yield (
        lambda: (more.parent.mkdir(), more.write_text("x: 1\n")),
        lambda: shutil.rmtree(more.parent),
        "group_vars/tntapi.yml: was not there when the plan was made",
    )
    shard = shards_of(site)[0]
    yield lambda: shard.systemctl("stop"), lambda: shard.systemctl("start"), "state was active, is now inactive"


def edited(path: Path, old: str, new: str) -> tuple[Any, Any]:
    """Return what edits a file, and what brings it back."""
    content = path.read_bytes()
    assert old.encode() in content, path
    return lambda: path.write_bytes(content.replace(old.encode(), new.encode())), lambda: path.write_bytes(content)
