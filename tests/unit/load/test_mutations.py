"""A playbook or inventory with any one value replaced by anything is read, or its mistakes are told; never a crash."""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ffplay.errors import Finding, InputError
from ffplay.load import Sources, format_finding, load

INVENTORY: Any = {
    "all": {
        "vars": {"ansible_user": "x", "ansible_group_priority": 1},
        "children": {"tntapi": {"hosts": {"db[1:2]": {"shards": [{"id": 1, "port": 1, "name": "a", "conf": "c"}]}}}},
    }
}
PLAYBOOK: Any = [
    {
        "name": "p",
        "hosts": "all",
        "vars": {"a": "{{ b }}", "b": 1},
        "vars_files": [],
        "serial": [1],
        "tags": ["t"],
        "target": {"model": "cherry_480", "facen_size": 480, "detector": "nnd", "detector_settings": {"a": 1}},
        "steps": [
            {"stop": {"part": "tarantool"}, "when": ["a"], "notify": ["h"], "vars": {"v": "{{ a }}"}, "hosts": "all"},
            {
                "debug": {"msg": "{{ item }}"},
                "loop": ["{{ a }}"],
                "loop_control": {"loop_var": "item"},
                "until": "true",
            },
            {"command": "date", "register": "r", "retries": 1, "delay": 1, "timeout": 1, "become_user": "u"},
            {"assert": {"that": ["a", "r"]}},
        ],
        "handlers": [{"name": "h", "debug": {"var": "a"}}],
    }
]
STRANGE: tuple[Any, ...] = (None, True, 5, -1.5, "", "x", "{{ nope }}", "{{", [], ["x", None, {}], {}, {"x": 1}, {1: 2})


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from paths(inner, (*path, key))


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    made = copy.copy(value)
    made[path[0]] = replaced(value[path[0]], path[1:], new)
    return made


def findings(sources: Sources) -> tuple[Finding, ...]:
    try:
        load(sources)
    except InputError as error:
        return error.findings
    return ()


@pytest.mark.parametrize("which", ["playbook", "inventory"])
def test_anything_in_any_place_is_read_or_told(which: str, tmp_path: Path) -> None:
    original = PLAYBOOK if which == "playbook" else INVENTORY
    texts = {"playbook": yaml.safe_dump(PLAYBOOK), "inventory": yaml.safe_dump(INVENTORY)}
    playbook, inventory = tmp_path / "playbook.yml", tmp_path / "inventory.yml"
    for path in paths(original):
        for strange in STRANGE:
            texts[which] = yaml.safe_dump(replaced(original, path, strange))
            playbook.write_text(texts["playbook"])
            inventory.write_text(texts["inventory"])
            told = findings(Sources(playbook, (inventory,)))
            assert all(format_finding(finding) for finding in told), (path, strange)
