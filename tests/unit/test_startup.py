"""No command imports what it does not use: start-up is most of what a short one takes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]

_RUN = """
import json, sys
before = set(sys.modules)
from ffplay.cli import main
code = 0
try:
    code = main(sys.argv[1:])
except SystemExit as end:
    code = end.code
sys.stderr.write("\\n" + json.dumps([code, sorted(set(sys.modules) - before)]))
"""

_LOCAL = """\
all:
  vars: {ansible_connection: local, state_dir: STATE}
  hosts: {here: null}
"""
_DEBUG = """\
- name: Say something
  hosts: all
  steps:
    - debug: {msg: "{{ inventory_hostname }}"}
"""

# What reaches hosts and services, and what they are spoken to with.
_NETWORK = {"paramiko", "cryptography", "pymongo", "bson", "tarantool", "msgpack", "http.client", "ssl", "asyncio"}


def _imported(*words: str) -> set[str]:
    """Return the modules that a command imports, beside what Python itself has imported before."""
    command = [sys.executable, "-c", _RUN, *words]
    done = subprocess.run(command, cwd=TOP, capture_output=True, text=True, timeout=120, check=True)
    code, found = json.loads(done.stderr.splitlines()[-1])
    assert code == 0, done.stdout + done.stderr
    return set(found)


def _others(modules: set[str]) -> set[str]:
    """Return the packages that are neither Python's nor ours, without what their compiled parts bring along."""
    tops = {name.partition(".")[0] for name in modules} - {"ffplay", "cython_runtime"}
    return {name for name in tops if name not in sys.stdlib_module_names and not name.startswith("_")}


def _within(modules: set[str], names: set[str]) -> set[str]:
    return {module for module in modules if any(module == name or module.startswith(f"{name}.") for name in names)}


def test_the_version_needs_the_command_line_alone() -> None:
    modules = _imported("--version")
    ours = {name.removeprefix("ffplay.") for name in modules if name.startswith("ffplay.")}
    assert ours == {"arguments", "cli", "errors", "report", "report.output", "secret", "verbs"}
    assert _others(modules) == set()
    assert _within(modules, {"difflib", "subprocess", "socket", "json", "logging", "concurrent"}) == set()


@pytest.mark.parametrize("playbook", ["switch-model", "switch-detector", "switch-both"])
def test_what_checks_a_playbook_reaches_nobody(playbook: str) -> None:
    modules = _imported("validate", f"playbooks/{playbook}.yml", "-i", "inventories/cluster.yml")
    assert _others(modules) == {"jinja2", "markupsafe", "yaml"}
    unused = _NETWORK | {"jsonschema", "subprocess", "concurrent", "socket", "secrets", "tempfile", "random"}
    assert _within(modules, unused) == {"random", "tempfile"}
    assert _within(modules, {"ffplay.engine", "ffplay.lab", "ffplay.lint", "ffplay.remote"}) == {
        "ffplay.remote",
        "ffplay.remote.base",
    }


def test_a_plan_imports_what_its_hosts_are_reached_by(tmp_path: Path) -> None:
    (tmp_path / "site.yml").write_text(_LOCAL.replace("STATE", str(tmp_path / "state")))
    (tmp_path / "play.yml").write_text(_DEBUG)
    modules = _imported("plan", str(tmp_path / "play.yml"), "-i", str(tmp_path / "site.yml"))
    assert "ffplay.remote.local" in modules
    assert _within(modules, _NETWORK | {"jsonschema", "mongomock"}) == set()
    ways_not_gone = {"ffplay.lab", "ffplay.lint", "ffplay.remote.ssh", "ffplay.engine.discover", "ffplay.engine.undo"}
    assert _within(modules, ways_not_gone | {"ffplay.engine.player", "ffplay.engine.forecaster"}) == set()
