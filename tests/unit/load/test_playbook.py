from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from ffplay import steps
from ffplay.errors import InputError
from ffplay.load import check_args, convert_args, find_file, load, target_of
from ffplay.load.load import Sources
from ffplay.load.quick import plainly_right
from ffplay.model import Mark, Step

ROOT = Path(__file__).parents[3]
INVENTORY = "all: {hosts: {a: , b: }}"


def test_a_step_has_its_words(loaded) -> None:  # type: ignore[no-untyped-def]
    playbook = """
- name: one
  hosts: [a, b]
  serial: [1, 50%]
  tags: all-of-it
  steps:
    - name: look
      command: date
      when: [true, inventory_hostname == 'a']
      tags: x, y
      register: found
      until: found.rc == 0
      delay: 2
      become: no
      run_once: true
      ignore_errors: true
      timeout: 60
      loop: [1, 2]
      loop_control: {loop_var: number}
      notify: told
  handlers:
    - {name: told, debug: {msg: "{{ found.rc }}"}}
"""
    (play,) = loaded({"inventory.yml": INVENTORY, "playbook.yml": playbook}).playbook.plays
    (step,) = play.steps
    assert (play.name, play.hosts, play.serial) == ("one", "a,b", (1, "50%"))
    assert (step.kind, step.args, step.title) == ("command", {"cmd": "date"}, "look")
    assert (step.when, step.tags) == (("True", "inventory_hostname == 'a'"), ("all-of-it", "x", "y"))
    assert (step.register, step.until, step.retries, step.delay) == ("found", ("found.rc == 0",), 3, 2)
    assert (step.become, step.run_once, step.ignore_errors, step.timeout) == (False, True, True, 60)
    assert (step.loop, step.loop_var, step.notify) == ([1, 2], "number", ("told",))
    assert step.mark == Mark("playbook.yml", 7, 7)
    assert play.handlers[0].title == "told"


def test_a_file_of_steps_is_put_in_its_place(loaded) -> None:  # type: ignore[no-untyped-def]
    files = {
        "inventory.yml": INVENTORY,
        "playbook.yml": """
- hosts: all
  steps:
    - include: parts/more.yml
      vars: {who: outer, why: outer}
      when: who is defined
      tags: t
""",
        "parts/more.yml": """
- debug: {msg: "{{ who }} {{ why }}"}
  vars: {who: inner}
  when: why
- include: last.yml
""",
        "parts/last.yml": '- debug: {msg: "{{ why }}"}\n',
    }
    first, last = loaded(files).playbook.plays[0].steps
    assert first.vars == {"who": "inner", "why": "outer"}
    assert (first.when, first.tags) == (("who is defined", "why"), ("t",))
    assert (last.vars["why"], last.mark.file) == ("outer", "parts/last.yml")


@pytest.mark.parametrize(
    "playbook",
    [
        "inventory: {all: {hosts: {h: }}}\nplays:\n  - {hosts: h, steps: [debug: x]}\n",
        "- {inventory: {all: {hosts: {h: }}}, hosts: h, steps: [debug: x]}\n",
    ],
)
def test_a_playbook_may_bring_its_inventory(loaded, playbook: str) -> None:  # type: ignore[no-untyped-def]
    assert [host.name for host in loaded({"playbook.yml": playbook}).site.hosts] == ["h"]
    given = {"playbook.yml": playbook, "inventory.yml": "all: {hosts: {h: , i: }}"}
    assert len(loaded(given).site.hosts) == 2


def test_a_pattern_may_be_a_variable(loaded) -> None:  # type: ignore[no-untyped-def]
    playbook = "- {hosts: \"{{ who | default('all') }}\", steps: []}"
    files = {"inventory.yml": INVENTORY, "playbook.yml": playbook}
    assert loaded(files).playbook.plays[0].hosts == "all"
    assert loaded(files, "who=b").playbook.plays[0].hosts == "b"


def test_a_step_that_is_skipped_may_use_what_is_not_there(loaded) -> None:  # type: ignore[no-untyped-def]
    playbook = """
- hosts: all
  steps:
    - debug: {msg: "{{ rack }}"}
      when: rack is defined
    - command: date
      register: found
    - debug: {msg: "{{ found.stdout }} {{ rack | default('none') }}"}
      when: found.rc == 0
    - debug: {msg: "{{ item }}"}
      loop: "{{ found.stdout_lines }}"
"""
    assert loaded({"inventory.yml": INVENTORY, "playbook.yml": playbook})


def test_vars_files_are_read_and_win_over_vars(loaded) -> None:  # type: ignore[no-untyped-def]
    playbook = "- {hosts: all, vars: {x: 1, y: 1}, vars_files: [v.yml], steps: [debug: '{{ x }}{{ y }}']}"
    found = loaded({"inventory.yml": INVENTORY, "playbook.yml": playbook, "v.yml": "x: 2"})
    assert found.playbook.plays[0].vars == {"x": 2, "y": 1}


@pytest.mark.parametrize(
    ("target", "model", "size"),
    [("cherry_480", "cherry_480", 480), ("{model: '{{ m }}', facen_size: '{{ 8 * 8 }}'}", "new", 64)],
)
def test_a_target_takes_its_size_from_the_table_or_as_given(loaded, target, model, size) -> None:  # type: ignore[no-untyped-def]
    playbook = f"- {{hosts: all, vars: {{m: new}}, target: {target}, steps: []}}"
    found = loaded({"inventory.yml": INVENTORY, "playbook.yml": playbook})
    play = found.playbook.plays[0]
    made = target_of(play, found.variables.scope(found.site.hosts[0], play))
    assert made is not None
    assert (made.model, made.facen_size) == (model, size)


def step(kind: str, **args: object) -> Step:
    return Step(kind, args, Mark("p.yml", 1, 1))


def test_a_templates_text_becomes_what_the_parameter_is() -> None:
    given = step("wait_for", port="{{ p }}", timeout="{{ t }}")
    rendered = convert_args(given, {"port": "33001", "timeout": "2.5"})
    assert (rendered["port"], rendered["timeout"]) == (33001, 2.5)
    assert check_args(given, {"port": "33001", "timeout": "2.5"}) == []
    assert check_args(given, {"port": "many"})
    assert convert_args(step("backup"), {"tarantool": "no"})["tarantool"] is False
    assert convert_args(step("command", cmd="{{ x }}"), {"cmd": 5})["cmd"] == "5"


def test_parameters_that_are_left_out_have_their_defaults() -> None:
    assert convert_args(step("command"), {"cmd": "date"})["creates"] == ""


@pytest.mark.parametrize("name", steps.kinds())
def test_the_quick_look_never_takes_wrong_for_right(name: str) -> None:
    schema = dict(steps.kind(name).schema)
    judge = Draft202012Validator(schema)
    values = [None, True, 0, -1, 1.5, "", "x", "all", [], ["x"], {}, {"a": 1}]
    names = [*schema.get("properties", {}), "strange"]
    mappings = [{}, *({one: value} for one in names for value in values)]
    mappings += [{one: value, two: value} for one in names for two in names for value in values]
    wrong = [mapping for mapping in mappings if plainly_right(schema, mapping) and not judge.is_valid(mapping)]
    assert wrong == []


def test_a_file_is_searched_beside_the_playbook_and_one_level_above(tmp_path: Path) -> None:
    for name in ("books/templates/a.j2", "templates/b.j2", "books/c.conf", "books/files/d.conf"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    playbook = tmp_path / "books/p.yml"
    assert find_file(playbook, "templates", "a.j2") == tmp_path / "books/templates/a.j2"
    assert find_file(playbook, "templates", "b.j2") == tmp_path / "templates/b.j2"
    assert find_file(playbook, "files", "c.conf") == tmp_path / "books/c.conf"
    assert find_file(playbook, "files", "d.conf") == tmp_path / "books/files/d.conf"
    assert find_file(playbook, "files", str(tmp_path / "books/c.conf")).name == "c.conf"
    with pytest.raises(InputError, match=r"b\.j"):
        find_file(playbook, "templates", "b.j")


@pytest.mark.parametrize("playbook", ["p.yml", "../books/p.yml", "../books/../books/p.yml"])
def test_a_file_is_found_from_beside_the_playbook_too(
    playbook: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("books/p.yml", "templates/a.j2"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    monkeypatch.chdir(tmp_path / "books")
    assert find_file(Path(playbook), "templates", "a.j2").samefile(tmp_path / "templates/a.j2")


def test_nothing_to_load_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        load(Sources(tmp_path / "none.yml"))
