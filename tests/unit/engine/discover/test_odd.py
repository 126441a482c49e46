"""Sites bent in many ways, one file a bend: what is odd, and an inventory that can be read all the same."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ffplay.engine.discover import odd_site
from ffplay.engine.discover.describe import describe
from ffplay.engine.discover.odd_site import oddities
from ffplay.load import Sources, load
from ffplay.model import Host
from ffplay.report.discovered import inventory
from tests.unit.engine.discover.site import site

CASES = sorted((Path(__file__).parent / "odd").glob("*.yml"))


def discovered(case: dict[str, Any]) -> tuple[list[dict[str, str]], str]:
    """Return what is odd about a case's site, and the text of its inventory."""
    found = site(case["bend"])
    description = describe(found)
    odd = oddities(found, description)
    lines = inventory(found, description, odd, {"ansible_user": "deploy"}, when="today")
    told = [
        {"kind": one.kind, "host": one.host, "shard": one.shard, "says": one.message, "do": one.advice} for one in odd
    ]
    return told, "\n".join(lines) + "\n"


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_what_is_odd_is_found_and_nothing_else(path: Path) -> None:
    case = yaml.safe_load(path.read_text())
    told, _ = discovered(case)
    assert [(one["kind"], one["host"], one["shard"]) for one in told] == [
        (one["kind"], str(one["host"]), one.get("shard", "")) for one in case["odd"]
    ]
    for one, wanted in zip(told, case["odd"], strict=True):
        assert wanted["says"] in " ".join(f"{one['says']}; {one['do']}".split())


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_its_inventory_can_be_read_and_has_what_was_found(path: Path) -> None:
    case = yaml.safe_load(path.read_text())
    told, text = discovered(case)
    loaded = load(Sources(None, text=text)).site
    assert {host.login.user for host in loaded.hosts} == {"deploy"}
    for group, members in case.get("groups", {}).items():
        assert list(loaded.groups[group]) == members
    written = yaml.safe_load(text)["all"]
    for name, shards in case.get("shards", {}).items():
        assert (
            loaded.host(str(name)).shards == expected(str(name), shards, case.get("variables", {}).get(name, {})).shards
        )
        assert type(written["children"]["tntapi"]["hosts"][str(name)]["shards"]) is type(shards)
    for name, variables in case.get("variables", {}).items():
        found = {key: value for key, value in loaded.host(name).vars.items() if key in variables}
        assert found == variables
    # The words of the oddities are in the comments; no secret is anywhere.
    assert text.count(" [") >= len(told)
    assert "hunter2" not in text
    assert "secret" not in text


def expected(name: str, shards: Any, variables: dict[str, Any]) -> Host:
    """Return the host that an inventory with these shards has; what looks like a template is text."""
    text = yaml.safe_dump({**variables, "shards": shards})
    own = yaml.safe_load(text.replace("{{ lookup }}", "{% raw %}{{ lookup }}{% endraw %}"))
    tree = {"all": {"children": {"tntapi": {"hosts": {name: own}}}}}
    return load(Sources(None, text=yaml.safe_dump(tree))).site.host(name)


def kinds_of(path: Path) -> Iterator[str]:
    """Yield the rules that a module names: what its generators yield first, and what its oddities are made of."""
    for node in ast.walk(ast.parse(path.read_text())):
        first = node.value.elts[0] if isinstance(node, ast.Yield) and isinstance(node.value, ast.Tuple) else None
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Oddity":
            first = node.args[0]
        if isinstance(first, ast.Constant):
            yield str(first.value)


def test_every_rule_is_documented_and_has_a_case() -> None:
    cases = {one["kind"] for path in CASES for one in yaml.safe_load(path.read_text())["odd"]}
    kinds = {kind for path in Path(odd_site.__file__).parent.glob("odd_*.py") for kind in kinds_of(path)} | cases
    page = (Path(__file__).parents[4] / "docs/discover.md").read_text()
    rows = [line for line in page.partition("## What is odd")[2].splitlines() if line.startswith("| `")]
    assert {kind for row in rows for kind in re.findall(r"`([a-z-]+)`", row.split("|")[1])} == kinds
    assert kinds - cases == {"unreadable"}
