import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ffplay.errors import InputError
from ffplay.load import NotKnown, Scope, target_of
from ffplay.load.marked import Text
from ffplay.load.values import Kind, Layer, Lazy
from ffplay.load.variables import Names
from ffplay.load.vaultkeys import Vault
from ffplay.model import Unknown
from ffplay.secret import Secrets

FILES = {
    "inventory.yml": """
all: {vars: {greeting: "hi {{ name }}", name: all, port: 80, ports: ["{{ port }}", 81]}}
tntapi: {hosts: {db1: {shards: 2, name: one}, db2: {shards: 1}}}
""",
    "playbook.yml": """
- hosts: all
  vars: {both: "{{ greeting }} / {{ extra | default('none') }}"}
  target: {model: mine, facen_size: 99, detector: nnd, detector_settings: {nnd_min_face_size: 30}, from: fr_1}
  steps: []
""",
}


@pytest.fixture
def scope(loaded) -> Scope:  # type: ignore[no-untyped-def]
    found = loaded(FILES)
    play = found.playbook.plays[0]
    host = found.site.host("db1")
    target = target_of(play, found.variables.scope(host, play))
    return found.variables.scope(host, play, target, ["db1", "db2"])  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ port }}", 80),
        ("{{ port + 1 }}", 81),
        ("{{ ports }}", [80, 81]),
        ("{{ port }}{{ port }}", "8080"),
        (" {{ port }}x", " 80x"),
        ("{{ '}}' }}", "}}"),
        ("{{ greeting }}", "hi one"),
        ("{{ both }}", "hi one / none"),
        ("{% if port %}yes{% endif %}", "yes"),
        ("plain", "plain"),
        ({"a": ["{{ port }}", {"b": "{{ name }}"}]}, {"a": [80, {"b": "one"}]}),
        ({"a": "{{ omit }}", "b": "{{ nothing | default(omit) }}", "c": 1}, {"c": 1}),
        (["{{ omit }}", 1], [1]),
        ("{{ hostvars.db2.greeting }}", "hi all"),
        ("{{ groups.tntapi }}", ["db1", "db2"]),
        ("{{ group_names }}", ["tntapi"]),
        ("{{ play_hosts | join(' ') }}", "db1 db2"),
        ("{{ shards | map(attribute='port') | list }}", [33001, 33002]),
        ("{{ target.model }} {{ target.facen_size }} {{ target.from }}", "mine 99 fr_1"),
        ("{{ target.detector_settings.nnd_min_face_size }}", "30"),
        ("{{ nothing.at.all | default('x') }}", "x"),
        ("{{ inventory_hostname }}", "db1"),
        ("{{ range(3) | list }}", [0, 1, 2]),
        ("{{ [1, 2] | to_json }}", "[1, 2]"),
        ("{{ {'a': 1} | combine({'b': 2}) }}", {"a": 1, "b": 2}),
        ("{{ '/a/b.c' | basename }}{{ '/a/b.c' | dirname }}", "b.c/a"),
        ("{{ 'a' | b64encode | b64decode }}", "a"),
        ("{{ 'ab' | regex_replace('a(.)', 'x\\\\1') }}", "xb"),
        ("{{ 'ab12' | regex_search('[0-9]+') }}", "12"),
        ("{{ 'yes' | bool }}", True),
        ("{{ false | ternary(1, 2) }}", 2),
        ('{{ "it\'s" | quote }}', "'it'\"'\"'s'"),
        ("{{ {'a': [1, true, none, 'x\\ny'], 'b c': 1.5} | lua }}", "{a = {1, true, nil, 'x\\ny'}, ['b c'] = 1.5}"),
        ("{{ 'x' | hash('sha256') }}", "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"),
        ("{{ 'abc' is match('a') }} {{ 'abc' is search('c$') }}", "True True"),
    ],
)
def test_a_text_is_rendered(scope: Scope, text: object, expected: object) -> None:
    assert scope.render(text) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("port == 80", True),
        ("nothing is defined", False),
        ("name", True),
        ("'false'", False),
        ("False", False),
        ("result is changed and result is not failed", True),
        ("result is succeeded", True),
    ],
)
def test_a_condition_holds_or_not(scope: Scope, expression: str, expected: bool) -> None:
    assert scope.child({"result": {"changed": True}}).test(expression) is expected


@pytest.mark.parametrize(
    "text",
    ["{{ nothing }}", "{{ [nothing] }}", "{{ target.modle }}", "{{ port | nofilter }}", "{{ port", "{{ 1 / 0 }}"],
)
def test_what_cannot_be_rendered_is_a_mistake(scope: Scope, text: str) -> None:
    with pytest.raises(InputError):
        scope.render(text)


def test_what_was_computed_is_data_and_no_template(scope: Scope) -> None:
    child = scope.child({"item": "{{ port }}", "own": Text("{{ port }}"), "nested": {"a": Text("{{ item }}")}})
    assert child.render("{{ item }}") == "{{ port }}"
    assert child.render("{{ own }}") == 80
    assert child.render("{{ nested.a }}") == "{{ port }}"


def test_magic_variables_and_the_command_line_are_stronger_than_a_step(loaded) -> None:  # type: ignore[no-untyped-def]
    found = loaded(FILES, "port=1")
    scope = found.variables.scope(found.site.host("db1")).child({"port": 2, "inventory_hostname": "x", "name": "y"})
    assert scope.render("{{ port }} {{ inventory_hostname }} {{ greeting }}") == "1 db1 hi y"


@pytest.mark.parametrize(
    "text", ["{{ result }}", "{{ result.rc }}", "a {{ result }}", "{{ whole.part }}", "{{ whole }}"]
)
def test_what_nobody_knows_yet_is_not_known(scope: Scope, text: str) -> None:
    child = scope.child({"result": Unknown("the result"), "whole": {"part": Unknown("the result")}})
    if text == "{{ whole }}":
        assert isinstance(child.render("{{ whole.keys() | list }}"), list)
        return
    with pytest.raises(NotKnown) as caught:
        child.render(text)
    assert caught.value.why == "the result"


def test_what_one_thread_renders_another_may_ask_for() -> None:
    both = threading.Barrier(2)
    slow = Lazy(lambda: both.wait(30) >= 0)
    names = Names((Layer({"slow": slow}, Kind.DATA),), lambda: pytest.fail("there is no template"), Secrets())
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(names.__getitem__, ["slow", "slow"])) == [True, True]


def test_what_many_threads_look_up_is_looked_up_once(tmp_path: Path) -> None:
    from ffplay.load.lookups import Lookups

    lookup = Lookups(Vault(Secrets()), ())
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: lookup("pipe", f"echo x >> {tmp_path}/times; sleep 0.1; echo 1"), range(8)))
    assert (found, (tmp_path / "times").read_text()) == ({"1"}, "x\n")


def test_a_template_keeps_its_last_newline_and_drops_those_after_blocks(scope: Scope) -> None:
    text = "{% for shard in shards %}\n{{ shard.name }} {{ mine }}\n{% endfor %}\nend\n"
    assert scope.template(text, "t.j2", {"mine": 1}) == "FindFace_shard_1 1\nFindFace_shard_2 1\nend\n"


def test_a_templates_mistake_is_told_at_its_line(scope: Scope) -> None:
    with pytest.raises(InputError) as caught:
        scope.template("a\nb\n  {{ porrt }}\n", "t.j2")
    (finding,) = caught.value.findings
    assert str(finding.mark) == "t.j2:3:6"
    assert "`port`" in finding.hint
