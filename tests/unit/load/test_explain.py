"""Where a value comes from: the place that gives it, and those that lose, the strongest first."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ffplay import cli
from ffplay.errors import InputError
from ffplay.load import explain, find_host
from ffplay.report import inventory as report
from ffplay.report.style import Style

TOP = Path(__file__).parents[3]
FILES = {
    "inventory.yml": """
all:
  vars: {memtx_gb: 1, db_password: s3cret, base: 9000}
  children:
    tntapi:
      vars: {memtx_gb: 2, url: "http://{{ user }}:{{ db_password }}@{{ ansible_host }}/", user: me}
      children:
        east:
          vars: {memtx_gb: 3}
          hosts:
            db1:
              ansible_host: 10.0.0.1
              memtx_gb: 4
              shards: [{id: 1}, {id: 2, memtx_gb: "{{ base / 1000 }}", http_port: "{{ base + 2 }}"}]
""",
    "group_vars/all.yml": "memtx_gb: 5\n",
    "group_vars/east.yml": "{memtx_gb: 6, broken: '{{ nowhere }}', circle: '{{ circle }}'}\n",
    "host_vars/db1.yml": "\nmemtx_gb: 7\n",
}
PLAYS = """
- {name: One, hosts: all, vars: {memtx_gb: 8}, target: cherry_480, steps: []}
- {name: Two, hosts: all, vars: {memtx_gb: "{{ target.facen_size / 48 }}"}, target: cherry_480, steps: []}
- {name: Three, hosts: all, steps: []}
"""


def told(loaded, host: str, name: str, *extra: str, files: dict[str, str] | None = None) -> list[str]:  # type: ignore[no-untyped-def]
    found = loaded({**FILES, **(files or {})}, *extra)
    every = explain(found, *_at(found, host, name))
    return [line for one in every for line in report.explanation(one, Style())]


def _at(found, host: str, name: str):  # type: ignore[no-untyped-def]
    where, shard = find_host(found.site, host)
    return where, name, shard


def test_every_place_that_gives_a_value_is_told_in_the_order_of_strength(loaded) -> None:  # type: ignore[no-untyped-def]
    assert told(loaded, "db1", "memtx_gb", "memtx_gb=9", '{"memtx_gb": 10}') == [
        "memtx_gb = 10  (db1)",
        "  from the command line, -e:1:14: 10",
        '  over the command line, -e:1:1: "9"',
        "  over host db1, host_vars/db1.yml:2:11: 7",
        "  over host db1, inventory.yml:13:25: 4",
        "  over group east, group_vars/east.yml:1:12: 6",
        "  over group all, group_vars/all.yml:1:11: 5",
        "  over group east, inventory.yml:9:28: 3",
        "  over group tntapi, inventory.yml:6:24: 2",
        "  over group all, inventory.yml:3:20: 1",
        '  not for shard FindFace_shard_2, inventory.yml:14:51: "{{ base / 1000 }}"',
    ]


def test_the_value_that_is_told_is_the_one_that_templates_see(loaded) -> None:  # type: ignore[no-untyped-def]
    found = loaded(FILES)
    host = found.site.host("db1")
    names = found.variables.scope(host).mapping()
    for name in ("memtx_gb", "url", "user", "tarantool_data_dir", "inventory_hostname", "shard_http_base"):
        (one,) = explain(found, host, name)
        assert (one.value, one.failure) == (names[name], "")


def test_what_a_shard_says_of_itself_wins(loaded) -> None:  # type: ignore[no-untyped-def]
    lines = told(loaded, "db1/2", "memtx_gb", "memtx_gb=9")
    assert lines[:4] == [
        "memtx_gb = 9.0  (shard FindFace_shard_2 of db1)",
        '  from shard FindFace_shard_2, inventory.yml:14:51: "{{ base / 1000 }}"',
        '  over the command line, -e:1:1: "9"',
        "  over host db1, host_vars/db1.yml:2:11: 7",
    ]
    assert lines[-2:] == ["    base = 9000", "      from group all, inventory.yml:3:50: 9000"]
    assert told(loaded, "db1/1", "memtx_gb")[0] == "memtx_gb = 7  (shard FindFace_shard_1 of db1)"


def test_a_shards_own_fields_come_from_its_entry_or_from_the_layout(loaded) -> None:  # type: ignore[no-untyped-def]
    assert told(loaded, "db1/2", "http_port")[:2] == [
        "http_port = 9002  (shard FindFace_shard_2 of db1)",
        '  from shard FindFace_shard_2, inventory.yml:14:83: "{{ base + 2 }}"',
    ]
    assert told(loaded, "db1/FindFace_shard_1", "http_port") == [
        "http_port = 8001  (shard FindFace_shard_1 of db1)",
        "  from ffplay's layout of shards",
        "    shard_http_base = 8000",
        "      from ffplay's default: 8000",
    ]


def test_a_template_is_told_with_what_it_uses_and_no_secret(loaded) -> None:  # type: ignore[no-untyped-def]
    lines = told(loaded, "db1", "url")
    assert lines[0] == 'url = "http://me:<secret db_password>@10.0.0.1/"  (db1)'
    assert '    db_password = "<secret db_password>"' in lines
    assert '    user = "me"' in lines
    assert "s3cret" not in "\n".join([*lines, *told(loaded, "db1", "db_password")])


def test_a_value_that_cannot_be_told_is_told_why(loaded) -> None:  # type: ignore[no-untyped-def]
    assert told(loaded, "db1", "broken")[0] == "broken = the variable `nowhere` is not defined  (db1)"
    assert told(loaded, "db1", "circle")[0].startswith("circle = the variable `circle` is defined by itself")


def test_what_ffplay_itself_sets_is_told_as_that(loaded) -> None:  # type: ignore[no-untyped-def]
    assert told(loaded, "db1", "inventory_hostname") == ['inventory_hostname = "db1"  (db1)', "  from ffplay itself"]
    assert told(loaded, "db1", "hostvars")[0] == 'hostvars = ["db1"]  (db1)'
    files = {"host_vars/db1.yml": "all_of_it: \"{{ hostvars['db1'].memtx_gb }}\"\n"}
    assert told(loaded, "db1", "all_of_it", files=files) == [
        "all_of_it = 4  (db1)",
        "  from host db1, host_vars/db1.yml:1:12: \"{{ hostvars['db1'].memtx_gb }}\"",
    ]
    assert told(loaded, "db1", "shards")[0] == 'shards = ["FindFace_shard_1", "FindFace_shard_2"]  (db1)'


def test_a_playbooks_plays_count_each_by_itself(loaded) -> None:  # type: ignore[no-untyped-def]
    lines = told(loaded, "db1", "memtx_gb", files={"playbook.yml": PLAYS})
    assert [line for line in lines if line.startswith("memtx_gb")] == [
        "memtx_gb = 8  (db1, play One)",
        "memtx_gb = 10.0  (db1, play Two)",
    ]
    assert lines[1] == "  from play One, playbook.yml:2:44: 8"


def test_the_page_shows_what_the_command_says(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(TOP)
    _, _, shown = (TOP / "docs/inventory.md").read_text().partition("    $ ff-play inventory ")
    command, *lines = shown.partition("\n\n")[0].splitlines()
    assert cli.main(["inventory", *command.split()]) == 0
    assert capsys.readouterr().out.splitlines() == [line.removeprefix("    ") for line in lines]
    assert cli.main(["inventory", *command.split(), "--json"]) == 0
    (one,) = json.loads(capsys.readouterr().out)
    assert (one["value"], one["definitions"][0]["line"]) == ("/etc/tntapi_cluster.json", 8)
    assert one["definitions"][1] == {
        "title": "ffplay's default",
        "file": None,
        "line": None,
        "column": None,
        "written": "{{ root }}/etc/tntapi.json",
        "template": True,
    }


@pytest.mark.parametrize(
    ("host", "name", "message", "hint"),
    [
        ("db11", "x", "no host `db11`", "did you mean `db1`?"),
        ("db1/FindFace_shard_3", "x", "no shard `FindFace_shard_3`", "did you mean `FindFace_shard_"),
        ("db1/9", "x", "no shard `9`", "its shards: FindFace_shard_1, FindFace_shard_2"),
        ("db1", "memtx_bg", "nothing gives db1 a variable `memtx_bg`", "did you mean `memtx_gb`?"),
        ("db1/1", "htp_port", "nothing gives FindFace_shard_1 of db1", "did you mean `http_port`?"),
        ("db1", "qqqqqqqqqqq", "nothing gives db1", "ff-play inventory --host db1 shows what there is"),
    ],
)
def test_a_name_that_there_is_not_is_answered_with_the_closest(  # type: ignore[no-untyped-def]
    loaded, host: str, name: str, message: str, hint: str
) -> None:
    with pytest.raises(InputError) as caught:
        told(loaded, host, name)
    (finding,) = caught.value.findings
    assert message in finding.message
    assert hint in finding.hint
