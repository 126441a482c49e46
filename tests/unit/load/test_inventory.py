import pytest

from ffplay.errors import InputError
from ffplay.load import load_inventory
from ffplay.load.hostnames import expand, hosts_of

NESTED = """
all:
  vars: {x: inventory all}
  children:
    tntapi:
      vars: {x: tntapi, shards: 1}
      children:
        east: {hosts: {db1: }, vars: {x: east}}
        west: {hosts: {db2: , db3: {x: own}}, vars: {x: west}}
"""


def value(loaded, files: dict[str, str], host: str, *extra: str):  # type: ignore[no-untyped-def]
    found = loaded({"inventory.yml": NESTED, **files}, *extra)
    return found.variables.scope(found.site.host(host)).mapping()["x"]


@pytest.mark.parametrize(
    ("files", "host", "expected"),
    [
        ({}, "db1", "east"),
        ({}, "db3", "own"),
        ({"group_vars/all.yml": "x: file all"}, "db1", "file all"),
        ({"group_vars/tntapi.yml": "x: file tntapi"}, "db1", "file tntapi"),
        ({"group_vars/tntapi.yml": "x: file tntapi", "group_vars/east": "x: file east"}, "db1", "file east"),
        ({"group_vars/east/a.yml": "x: a", "group_vars/east/b.yaml": "x: b"}, "db1", "b"),
        ({"group_vars/east.json": '{"x": "json"}'}, "db1", "json"),
        ({"host_vars/db1.yml": "x: file host"}, "db1", "file host"),
        ({"host_vars/db3.yml": "x: file host"}, "db3", "file host"),
    ],
)
def test_what_is_nearer_to_the_host_wins(loaded, files, host, expected) -> None:  # type: ignore[no-untyped-def]
    assert value(loaded, files, host) == expected


def test_the_command_line_wins_over_all_and_its_last_word_over_the_others(loaded) -> None:  # type: ignore[no-untyped-def]
    files = {"host_vars/db1.yml": "x: file host", "more.yml": "x: from a file"}
    assert value(loaded, files, "db1", "x=1 y=2") == "1"
    assert value(loaded, files, "db1", "x=1", "@more.yml") == "from a file"
    assert value(loaded, files, "db1", "@more.yml", '{"x": [3]}') == [3]
    assert value(loaded, files, "db1", "x='a b'") == "a b"


def test_groups_of_one_depth_go_by_priority_then_by_name(loaded) -> None:  # type: ignore[no-untyped-def]
    text = "a: {hosts: {h: }, vars: {x: a}}\nb: {hosts: {h: }, vars: {x: b}}\n"
    assert value(loaded, {"inventory.yml": text}, "h") == "b"
    text = text.replace("x: a}", "x: a, ansible_group_priority: 5}")
    assert value(loaded, {"inventory.yml": text}, "h") == "a"


def test_files_beside_the_playbook_win_over_those_beside_the_inventory(loaded) -> None:  # type: ignore[no-untyped-def]
    files = {
        "site/inventory.yml": NESTED,
        "site/group_vars/east.yml": "x: inventory\ny: inventory",
        "group_vars/east.yml": "x: playbook",
        "playbook.yml": "- {hosts: all, steps: []}",
    }
    found = loaded(files, inventories=("site/inventory.yml",))
    names = found.variables.scope(found.site.host("db1")).mapping()
    assert (names["x"], names["y"]) == ("playbook", "inventory")
    assert names["inventory_dir"].endswith("/site")


def test_inventories_are_merged_and_a_directory_is_all_its_files(loaded) -> None:  # type: ignore[no-untyped-def]
    files = {
        "inv/1.yml": "mongo: {hosts: {m1: }}",
        "inv/2.yml": "mongo: {hosts: {m2: }, vars: {x: 2}}",
        "inv/notes.txt": "not an inventory",
        "inv/group_vars/mongo.yml": "y: 3",
        "other.yml": "mongo: {vars: {x: 4}}",
    }
    found = loaded(files, inventories=("inv", "other.yml"))
    assert found.site.groups["mongo"] == ("m1", "m2")
    names = found.variables.scope(found.site.host("m1")).mapping()
    assert (names["x"], names["y"]) == (4, 3)


def test_hosts_without_a_group_are_ungrouped(loaded) -> None:  # type: ignore[no-untyped-def]
    site = loaded({"inventory.yml": "all: {hosts: {a: , b: }}\ng: {hosts: {b: }}"}).site
    assert site.groups == {"all": ("a", "b"), "ungrouped": ("a",), "g": ("b",)}
    assert site.host("b").groups == ("all", "g")


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("db", "db"),
        ("db[1:3]", "db1 db2 db3"),
        ("db[01:10:4]", "db01 db05 db09"),
        ("[a:c].x", "a.x b.x c.x"),
        ("r[1:2]h[1:2]", "r1h1 r1h2 r2h1 r2h2"),
        ("db[8:10]", "db8 db9 db10"),
    ],
)
def test_ranges_are_ansibles(pattern: str, expected: str) -> None:
    assert " ".join(expand(pattern)) == expected


@pytest.mark.parametrize(
    ("entry", "names", "port"),
    [
        ("db1", "db1", None),
        ("db1:2222", "db1", 2222),
        ("db[1:2]:2222", "db1 db2", 2222),
        ("[1:2].x:22", "1.x 2.x", 22),
        ("[1:2]:22", "1 2", 22),
        ("[:2]x", "0x 1x 2x", None),
        ("[y:B]", "y z A B", None),
        ("2001:db8::1", "2001:db8::1", None),
        ("[2001:db8::1]:2222", "2001:db8::1", 2222),
    ],
)
def test_an_entry_may_be_a_range_and_have_a_port(entry: str, names: str, port: int | None) -> None:
    assert hosts_of(entry) == (names.split(), port)


@pytest.mark.parametrize("pattern", ["db[1]", "db[3:1]", "db[a:3]", "db[01:100]", "db[1:5:0]"])
def test_a_range_that_means_nothing_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="range"):
        list(expand(pattern))


def test_connection_variables_make_the_login(loaded) -> None:  # type: ignore[no-untyped-def]
    text = """
all:
  vars: {ansible_user: "{{ who }}", who: deploy, ansible_become: yes, ansible_ssh_timeout: 3}
  hosts:
    a: {ansible_host: 10.0.0.1, ansible_port: "22{{ 0 }}", ansible_ssh_pass: s3cret, ansible_become_password: s4cret}
    b:2022: {ansible_ssh_private_key_file: /k, ansible_ssh_common_args: -J x, ansible_ssh_extra_args: -v}
    c: {ansible_connection: local}
"""
    site = loaded({"inventory.yml": text}).site
    a, b, c = (host.login for host in site.hosts)
    assert (a.address, a.port, a.user, a.become, a.connect_timeout) == ("10.0.0.1", 220, "deploy", True, 3.0)
    assert (a.password, a.become_password) == ("s3cret", "s4cret")
    assert "s3cret" not in repr(site)
    assert (b.address, b.port, b.key_file, b.common_args) == ("b", 2022, "/k", "-J x -v")
    assert c.local


def test_the_command_line_may_change_the_login(loaded) -> None:  # type: ignore[no-untyped-def]
    found = loaded({"inventory.yml": "all: {hosts: {a: {ansible_user: x}}}"}, "ansible_user=root")
    assert found.site.host("a").login.user == "root"


def shards_of(loaded, given: str, host_variables: str = ""):  # type: ignore[no-untyped-def]
    text = f"tntapi: {{hosts: {{db1: {{shards: {given}{host_variables}}}}}}}"
    return loaded({"inventory.yml": text}).site.host("db1").shards


@pytest.mark.parametrize("given", ["2", "[1, 2]", "[{id: 1}, 2]", '"{{ 1 + 1 }}"', '"2"'])
def test_shards_have_the_documented_layout(loaded, given: str) -> None:  # type: ignore[no-untyped-def]
    first, second = shards_of(loaded, given)
    assert (first.name, first.unit) == ("FindFace_shard_1", "tarantool@FindFace_shard_1")
    assert (second.port, second.http_port, second.address) == (33002, 8002, "127.0.0.1")
    assert second.conf == "/etc/tarantool/instances.enabled/FindFace_shard_2.lua"
    assert second.snap_dir == "/opt/ntech/var/lib/tarantool/shard_2/snapshots"


@pytest.mark.parametrize("given", ["standalone", "{name: FindFace}", "[{name: FindFace}]"])
def test_a_standalone_site_has_one_shard(loaded, given: str) -> None:  # type: ignore[no-untyped-def]
    (shard,) = shards_of(loaded, given)
    assert (shard.name, shard.id, shard.port, shard.http_port) == ("FindFace", None, 33001, 8001)
    assert shard.data_dir == "/opt/ntech/var/lib/tarantool/default"


def test_a_shard_may_differ_in_everything(loaded) -> None:  # type: ignore[no-untyped-def]
    given = '[{id: 7, name: big, port: 1, http_port: "{{ base + 7 }}", data_dir: /d, wal_dir: /w, memtx_gb: 12}]'
    (shard,) = shards_of(loaded, given, ", base: 9000, root: /lab")
    assert (shard.name, shard.unit, shard.port, shard.http_port) == ("big", "tarantool@big", 1, 9007)
    assert (shard.conf, shard.snap_dir, shard.wal_dir) == (
        "/lab/etc/tarantool/instances.enabled/big.lua",
        "/d/snapshots",
        "/w",
    )
    assert shard.vars == {"memtx_gb": 12}


def test_an_inventory_is_read_without_a_playbook(tmp_path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "i.yml").write_text("all: {hosts: {a: }}")
    assert [host.name for host in load_inventory([tmp_path / "i.yml"]).hosts] == ["a"]
    with pytest.raises(InputError):
        load_inventory([tmp_path / "none.yml"])
