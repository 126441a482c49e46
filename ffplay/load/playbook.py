"""From a playbook file to its plays and steps; everything is judged as written, nothing is rendered."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ffplay.load.arguments import check
from ffplay.load.entries import StepReader, words_of
from ffplay.load.findings import Findings, did_you_mean, hints
from ffplay.load.hostvars import variables_file
from ffplay.load.inventory import merge
from ffplay.load.marked import Dict, List, Text, key_place, place_of, read, value_place
from ffplay.load.schema import PLAY, TARGET
from ffplay.model import Mark, Play, Playbook

_PLAY_SCHEMA = {"type": "object", "properties": PLAY, "required": ["hosts"], "additionalProperties": True}
# Words of Ansible's plays, and what there is instead.
_INSTEAD = {
    "tasks": "a play's list is called `steps`",
    "pre_tasks": "write them first in `steps`",
    "post_tasks": "write them last in `steps`",
    "roles": "put their steps in a file and `include` it",
    "gather_facts": "leave it out: no facts are gathered",
    "become": "set ansible_become in the inventory, or `become` in a step",
    "become_user": "set ansible_become_user in the inventory, or `become_user` in a step",
    "remote_user": "set ansible_user in the inventory",
    "connection": "set ansible_connection in the inventory",
    "any_errors_fatal": "leave it out: a failure on one host always stops the play on all",
}


@dataclass(frozen=True)
class Written:
    """A playbook as read: the model, and the names that its broken steps would have given."""

    playbook: Playbook
    lost: frozenset[str] = frozenset()


def read_playbook(path: Path, findings: Findings) -> Written:
    """Return a playbook file; mistakes go to `findings`."""
    tree = read(path, findings)
    entries, inventory = _parts(tree, path, findings)
    plays: list[Play] = []
    lost: set[str] = set()
    for entry in entries:
        if not isinstance(entry, Dict):
            findings.add(place_of(entries), "a play is a mapping with `hosts` and `steps`")
            continue
        plays.append(_play(entry, path, findings, lost))
    return Written(Playbook(str(path), tuple(plays), inventory), frozenset(lost))


def _parts(tree: Any, path: Path, findings: Findings) -> tuple[list[Any], Any]:
    """Return a playbook's plays and its own inventory, from either form of a playbook."""
    hint = "for example: - {hosts: all, target: cherry_480, steps: [preflight: {}]}"
    if isinstance(tree, List):
        first = tree[0] if tree else None
        return tree, first.get("inventory") if isinstance(first, Dict) else None
    if isinstance(tree, Dict) and ("plays" in tree or "inventory" in tree):
        for word in (word for word in tree if word not in {"plays", "inventory"}):
            findings.add(key_place(tree, word), f"a playbook has no use for `{word}`", "its keys: inventory, plays")
        if isinstance(tree.get("plays"), List):
            return tree["plays"], tree.get("inventory")
        findings.add(value_place(tree, "plays"), "`plays` must be a list of plays", hint)
        return [], tree.get("inventory")
    if isinstance(tree, Dict) and "hosts" in tree:
        findings.add(place_of(tree), "a playbook is a list of plays; this is one play", "put `- ` before its first key")
    elif tree is not None:
        findings.add(place_of(tree), "a playbook is a list of plays", hint)
    elif not findings:
        findings.add(None, f"{path}: the playbook is empty", hint)
    return [], None


def _play(entry: Dict, path: Path, findings: Findings, lost: set[str]) -> Play:
    _play_words_of(entry, findings)
    place = place_of(entry)
    hosts = _hosts(entry)
    reader = StepReader(path, findings, words_of(entry.get("tags")))
    steps, handlers = tuple(reader.steps(entry.get("steps"))), tuple(reader.steps(entry.get("handlers")))
    lost |= reader.lost
    return Play(
        name=str(entry.get("name") or hosts),
        hosts=hosts,
        mark=place.mark if place else Mark(str(path), 1, 1),
        steps=steps,
        handlers=handlers,
        vars=_vars(entry, path, findings),
        target=_target(entry, findings),
        serial=tuple(_serial(entry, findings)),
        strategy=_strategy(entry, findings),
    )


def _play_words_of(entry: Dict, findings: Findings) -> None:
    for word in (word for word in entry if word not in PLAY):
        hint = _INSTEAD.get(word) or hints(did_you_mean(str(word), PLAY), f"a play has {', '.join(PLAY)}")
        findings.add(key_place(entry, word), f"a play has no use for `{word}`", hint)
    filled = Dict({key: value for key, value in entry.items() if value is not None or key == "hosts"})
    findings.extend(check(_PLAY_SCHEMA, filled, entry, "the play", place_of(entry)))


def _hosts(entry: Dict) -> Any:
    hosts = entry.get("hosts")
    if isinstance(hosts, list):
        return Text(",".join(map(str, hosts)), value_place(entry, "hosts"))
    return hosts if isinstance(hosts, Text) else Text(str(hosts or ""), value_place(entry, "hosts"))


def _vars(entry: Dict, path: Path, findings: Findings) -> Dict:
    found = Dict()
    if isinstance(entry.get("vars"), Dict):
        merge(found, entry["vars"])
    for name in words_of(entry.get("vars_files")):
        file = path.parent / name
        if file.is_file():
            merge(found, variables_file(file, findings))
        else:
            findings.add(value_place(entry, "vars_files"), f"there is no file {file}", needle=str(name))
    return found


def _target(entry: Dict, findings: Findings) -> Mapping[str, Any] | None:
    given = entry.get("target")
    if isinstance(given, str):
        target, place = Dict({"model": given}), value_place(entry, "target")
        target.place = place
        if place:
            target.value_places["model"] = place
        return target
    if not isinstance(given, Dict):
        return None
    findings.extend(check(TARGET, given, given, "the target", place_of(given)))
    return given


def _strategy(entry: Dict, findings: Findings) -> str:
    given = entry.get("strategy", "stages")
    known: list[str] = PLAY["strategy"]["enum"]
    if given not in known:
        findings.add(value_place(entry, "strategy"), f"`strategy` cannot be {given!r}", f"one of: {', '.join(known)}")
    return str(given)


def _serial(entry: Dict, findings: Findings) -> Iterator[int | str]:
    given = entry.get("serial")
    for size in given if isinstance(given, list) else [given] if given is not None else []:
        if (isinstance(size, int) and size > 0) or (isinstance(size, str) and re.fullmatch(r"[1-9]\d{0,2}%?", size)):
            yield size if isinstance(size, int) or size.endswith("%") else int(size)
        else:
            findings.add(
                value_place(entry, "serial"),
                f"`serial` cannot be {size!r}",
                "write a number of hosts or a share: 2, 50%",
            )
