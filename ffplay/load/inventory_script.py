"""Inventories that a program prints: `--list` gives everything, `--host NAME` one host's variables where it must.

Such a program is run each time that its inventory is read.
"""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import Any

from ffplay.load.findings import Findings
from ffplay.load.inventory import Inventory, merge, one
from ffplay.load.marked import Dict, List, Source, Text, key_place, place_of, value_place
from ffplay.load.marked_json import parse_json
from ffplay.load.quick import is_template
from ffplay.load.seen import OUTPUT_OF, note
from ffplay.load.vaulted import vaulted

# How long a script may take for an answer, in seconds.
SCRIPT_SECONDS = 60.0
_KEYS = ("hosts", "children", "vars")
_LINES_OF_STDERR = 5


def add_script(path: Path, into: Inventory, findings: Findings) -> None:
    """Add what an inventory script prints to an inventory; what is wrong with it goes to `findings`."""
    tree = _ask(path, ("--list",), findings)
    if tree is None:
        return
    meta = _mapping(tree, "_meta", findings)
    hostvars = _mapping(meta, "hostvars", findings) if "hostvars" in meta else None
    hosts: dict[str, None] = {}
    for name in tree:
        if name != "_meta":
            _group(tree, name, into, hosts, findings)
    for name in hosts:
        given = _mapping(hostvars, name, findings) if hostvars is not None else _ask(path, ("--host", name), findings)
        if given is None:
            return  # one that fails for a host most likely fails for all
        into.hosts[name].written += [given] if given else []


def _group(tree: Dict, name: str, into: Inventory, hosts: dict[str, None], findings: Findings) -> None:
    group = into.group(name, key_place(tree, name), findings)
    body = _body(tree, name, findings)
    for index, host in enumerate(_names(body, "hosts", findings)):
        into.host(host, value_place(body["hosts"], index), group)
        hosts[host] = None
    given = _mapping(body, "vars", findings)
    group.written += [given] if given else []
    for index, child in enumerate(_names(body, "children", findings)):
        place = value_place(body["children"], index)
        into.group(child, place, findings)
        group.children.setdefault(child, place)


def _body(tree: Dict, name: str, findings: Findings) -> Dict:
    """Return a group as a mapping of hosts, children and vars; older scripts print a list of hosts, or variables."""
    value, place = tree[name], value_place(tree, name)
    if isinstance(value, List):
        return one("hosts", value, place)
    if not isinstance(value, Dict):
        findings.add(place, f"the group `{name}` must be a mapping, or a list of hosts")
        return Dict()
    if any(word in value for word in _KEYS):
        return value
    alone = List([name])
    alone.place, alone.item_places = place, [key_place(tree, name) or place] if place else []
    made = one("hosts", alone, place)
    merge(made, one("vars", value, place))
    return made


def _mapping(parent: Dict, name: str, findings: Findings) -> Dict:
    value = parent.get(name, Dict())
    if isinstance(value, Dict):
        return value
    findings.add(value_place(parent, name), f"`{name}` must be a mapping")
    return Dict()


def _names(body: Dict, word: str, findings: Findings) -> list[str]:
    value = body.get(word, [])
    if isinstance(value, list) and all(isinstance(name, str) and name for name in value):
        return [str(name) for name in value]
    findings.add(value_place(body, word), f"`{word}` must be a list of names")
    return []


def _ask(path: Path, words: tuple[str, ...], findings: Findings) -> Dict | None:
    """Return the mapping that a script prints, None where it fails; why goes to `findings`."""
    command = " ".join((str(path), *words))
    try:
        code, printed, said = _run([str(path.absolute()), *words])
    except OSError as error:
        findings.add(None, f"{command}: cannot be started: {error.strerror}")
        return None
    except subprocess.TimeoutExpired:
        hint = "run it by hand to see what it waits for"
        findings.add(None, f"{command}: no answer within {SCRIPT_SECONDS:g} seconds; it was killed", hint)
        return None
    note(f"{OUTPUT_OF}{command}", printed.encode())
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    hint = f"it said: {'; '.join(lines[-_LINES_OF_STDERR:])}" if lines else "it said nothing on standard error"
    if code != 0:
        why = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        findings.add(None, f"{command}: {why}", hint)
        return None
    return _parsed(command, printed, hint, findings) if printed.strip() or words[0] == "--list" else Dict()


def _parsed(command: str, printed: str, hint: str, findings: Findings) -> Dict | None:
    if not printed.strip():
        findings.add(None, f"{command}: it printed nothing; an inventory script prints JSON", hint)
        return None
    before = len(findings.all)
    tree: Any = parse_json(printed, Source(command, tuple(printed.split("\n"))), findings, hint)
    if isinstance(tree, Dict):
        _unwrap(tree, findings)
        return tree
    if len(findings.all) == before:
        findings.add(place_of(tree), "an inventory script prints a mapping, and this is none", hint)
    return None


def _unwrap(tree: Dict | List, findings: Findings) -> None:
    """Put the values of Ansible's wrappers in their place: what is encrypted, and what is no template."""
    for key, value in list(tree.items() if isinstance(tree, Dict) else enumerate(tree)):
        if not isinstance(value, Dict | List):
            continue
        wrapper, inner = next(iter(value.items()), ("", None)) if isinstance(value, Dict) else ("", None)
        if wrapper == "__ansible_vault" and isinstance(inner, Text) and inner.place:
            tree[key] = vaulted(inner, inner.place, str(key), findings)
        elif wrapper == "__ansible_unsafe" and isinstance(inner, Text):
            if is_template(inner):
                findings.add(inner.place, f"`{key}` must not be rendered, and looks like a template")
            tree[key] = inner
        else:
            _unwrap(value, findings)


def _run(command: list[str]) -> tuple[int, str, str]:
    """Return exit code, standard output and standard error. What the script started ends with it at the latest."""
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        try:
            printed, said = process.communicate(timeout=SCRIPT_SECONDS)
        except BaseException:  # also Ctrl-C, which does not reach a session of its own
            os.killpg(process.pid, signal.SIGKILL)
            raise
    return process.returncode, printed.decode("utf-8", "replace"), said.decode("utf-8", "replace")
