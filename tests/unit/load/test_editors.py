"""The schemas that editors get, by a real validator: what is right passes, and most of what is wrong does not."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from ffplay import cli, steps
from ffplay.load import editors

ROOT = Path(__file__).resolve().parents[3]
BAD = Path(__file__).parent / "bad"
SHIPPED = sorted([*(ROOT / "playbooks").glob("*.yml"), *(ROOT / "inventories").glob("*.yml")])
SCHEMAS = {"playbook": editors.playbook_schema(), "inventory": editors.inventory_schema()}

# Mistakes that nobody can see in one file alone: they are between files, in values that templates give, or in which
# names there are. An editor itself tells of a key that stands twice.
UNSEEN = {
    "broken_jinja",
    "broken_template_file",
    "limit_names_no_shard",
    "limit_names_nothing",
    "missing_template",
    "no_inventory",
    "no_such_host",
    "no_target",
    "registered_result_before_its_step",
    "unclosed_block_in_template",
    "undefined_in_last_step",
    "undefined_in_template",
    "undefined_in_variable_of_a_variable",
    "undefined_on_some_hosts",
    "unknown_handler",
    "variable_defined_by_itself",
    "yaml_key_twice",
}


def problems(of: str, text: str) -> list[str]:
    """Return what the schema, or YAML itself, has against a text."""
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        return [str(error)]
    judge = jsonschema.validators.validator_for(SCHEMAS[of])(SCHEMAS[of])
    return [f"{error.json_path}: {error.message}" for error in judge.iter_errors(value)]


def playbook_of(*entries: Any) -> str:
    return yaml.safe_dump([{"hosts": "all", "target": "cherry_480", "steps": list(entries)}])


@pytest.mark.parametrize("of", SCHEMAS)
def test_each_schema_is_one_of_the_dialect_that_it_names(of: str) -> None:
    judge = jsonschema.validators.validator_for(SCHEMAS[of])
    assert judge is jsonschema.Draft7Validator
    judge.check_schema(SCHEMAS[of])
    later = {"$defs", "dependentSchemas", "dependentRequired", "prefixItems", "unevaluatedProperties", "minContains"}
    assert later & set(keys(SCHEMAS[of])) == set()


def keys(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [*value, *(key for inner in value.values() for key in keys(inner))]
    return [key for inner in value for key in keys(inner)] if isinstance(value, list) else []


@pytest.mark.parametrize("of", SCHEMAS)
def test_every_reference_of_a_schema_leads_somewhere(of: str) -> None:
    named = set(re.findall(r'"#/definitions/(\w+)"', str(SCHEMAS[of]).replace("'", '"')))
    assert named <= set(SCHEMAS[of]["definitions"])


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_a_shipped_file_names_its_schema_and_is_right_by_it(path: Path) -> None:
    found = re.match(r"# yaml-language-server: \$schema=(\S+)\n", path.read_text())
    assert found is not None
    schema = (path.parent / found[1]).resolve()
    of = "playbook" if path.parent.name == "playbooks" else "inventory"
    assert schema == ROOT / "docs" / "schema" / f"{of}.json"
    assert problems(of, path.read_text()) == []


@pytest.mark.parametrize("kind", steps.kinds())
def test_the_example_of_every_step_is_right(kind: str) -> None:
    assert problems("playbook", playbook_of(*yaml.safe_load(steps.kind(kind).example))) == []


@pytest.mark.parametrize("kind", steps.kinds())
def test_a_bare_step_is_right_where_nothing_is_required(kind: str) -> None:
    bare = not steps.kind(kind).schema.get("required")
    for entry in (kind, {kind: None}, {kind: {}}):
        if not (kind == "wait_for" and entry == {kind: {}}):
            assert (problems("playbook", playbook_of(entry)) == []) == bare, entry


@pytest.mark.parametrize(
    "entry",
    [
        {"stop": "tarantool", "wipe": "tarantool"},
        {"name": "nothing to do"},
        {"stop": "tarantol"},
        {"regenerate": {"proceses": 2}},
        {"regenerate": {"processes": 0}},
        {"stop": "tarantool", "retrys": 2},
        {"copy_file": {"dest": "/etc/x"}},
        {"line_in_file": {"path": "/etc/x", "line": "a", "insertafter": "b", "insertbefore": "c"}},
        {"shell": "true"},
        "wype",
        5,
    ],
    ids=str,
)
def test_a_wrong_step_is_refused(entry: Any) -> None:
    assert problems("playbook", playbook_of(entry))


@pytest.mark.parametrize(
    "entry",
    [
        {"regenerate": {"processes": "{{ processes }}"}},
        {"stop": "{{ part }}"},
        {"debug": "text", "loop": "{{ shards }}", "retries": "{{ tries }}"},
        {"include": "more.yml", "when": "x is defined"},
    ],
    ids=str,
)
def test_a_template_may_stand_for_any_value(entry: Any) -> None:
    assert problems("playbook", playbook_of(entry)) == []


@pytest.mark.parametrize("folder", sorted(path for path in BAD.iterdir() if path.is_dir()), ids=lambda path: path.name)
def test_a_mistake_that_one_file_shows_is_refused(folder: Path) -> None:
    found = [problems(of, path.read_text()) for of in SCHEMAS if (path := folder / f"{of}.yml").exists()]
    assert any(found) != (folder.name in UNSEEN), found


@pytest.mark.parametrize("of", SCHEMAS)
def test_the_verb_prints_what_the_file_has(of: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["schema", of]) == 0
    printed = yaml.safe_load(capsys.readouterr().out)
    assert printed == SCHEMAS[of] == yaml.safe_load((ROOT / "docs" / "schema" / f"{of}.json").read_text())
