"""Who only looks writes nothing: not a byte on a host, and no request that could.

A verb is added to `VERBS`. Each is run on a site that nobody has migrated and on one that was, all that it sends to
hosts is looked at, and the whole site is compared before and after.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ffplay import cli
from ffplay.lab.layout import LabSite
from tests.e2e import labs
from tests.e2e.trees import differences, trees
from tests.looking.recorder import recording

TOP = Path(__file__).parent.parent.parent
SWITCH = str(TOP / "playbooks/switch-model.yml")

# What is run, and whether it reaches hosts. `{name}` is filled in from the site; where the words do not say the site,
# -i is put behind them.
VERBS = {
    "plan": (["plan", SWITCH], True),
    "plan of a detector": (["plan", str(TOP / "playbooks/switch-both.yml"), "-e", "from_model=apricot_320"], True),
    "plan of a restart": (["plan", str(TOP / "playbooks/rolling-restart.yml")], True),
    "apply --check": (["apply", SWITCH, "--check"], True),
    "verify": (["verify", SWITCH], True),
    "status": (["status"], True),
    "runs": (["runs"], True),
    "rollback --check": (["rollback", "--check"], True),
    "commit --check": (["commit", "--check", "--keep-backups", "1"], True),
    "discover": (["discover", "{hosts}", "{connection}"], True),
    "diff": (["diff", "{inventory}"], True),
    "lint": (["lint", SWITCH], False),
    "validate": (["validate", SWITCH], False),
    "inventory": (["inventory", "--list"], False),
}

pytestmark = [pytest.mark.lab, labs.directories]


@pytest.fixture(scope="module", params=["as it came", "migrated"])
def lab(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabSite]:
    """A small site; the migrated one has backups, records, journals, and data that were set aside."""
    with labs.lab(tmp_path_factory.mktemp("lab") / "lab", hosts=1, shards=2, faces=60) as found:
        if request.param == "migrated":
            assert cli.main(["apply", SWITCH, "-i", str(found.inventory), "--yes"]) == 0
        yield found


def words_of(verb: str, lab: LabSite) -> list[str]:
    """Return the words of a verb for a site."""
    known = f"-o UserKnownHostsFile={lab.known_hosts}"
    roots = f"root={lab.directory}/hosts/{{{{inventory_hostname}}}}"
    filled = {
        "{inventory}": [str(lab.inventory)],
        "{hosts}": [f"{host.name}={host.address}" for host in lab.hosts],
        "{connection}": [f"--key-file={lab.key}", f"--ssh-common-args={known}", "-e", "ansible_port=2222", "-e", roots],
    }
    words = [part for word in VERBS[verb][0] for part in filled.get(word, [word])]
    return words if "{" in str(VERBS[verb][0]) else [*words, "-i", str(lab.inventory)]


@pytest.mark.parametrize("verb", VERBS)
def test_it_writes_nothing(lab: LabSite, verb: str) -> None:
    before = trees(lab)
    with recording() as record:
        code = cli.main(words_of(verb, lab))
    assert code not in {1, 3, 4, 70}, code
    assert record.wrong == []
    assert differences(before, trees(lab)) == []
    assert bool(record.scripts) is VERBS[verb][1]


def test_a_discovery_asks_each_host_by_one_script_a_stage(lab: LabSite) -> None:
    with recording() as record:
        assert cli.main(words_of("discover", lab)) == 0
    # Both hosts are looked at; the one with shards is asked for their data, too.
    assert len(record.scripts) == 3


def test_the_recorder_sees_what_writes(lab: LabSite) -> None:
    """What an apply sends: the net has no hole there."""
    playbook = lab.directory / "writes.yml"
    playbook.write_text("- hosts: app1\n  steps:\n    - file: {path: '{{ root }}/tmp/made', state: directory}\n")
    with recording() as record:
        assert cli.main(["apply", str(playbook), "-i", str(lab.inventory), "--yes"]) == 0
    assert any("mkdir" in said for said in record.wrong)
