"""A playbook's step entries: exactly one kind and its arguments, and the words that every step takes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ffplay import steps
from ffplay.load.arguments import check, check_args, shown
from ffplay.load.findings import Findings, did_you_mean
from ffplay.load.inventory import merge
from ffplay.load.marked import Dict, List, Place, Text, key_place, place_of, read, value_place
from ffplay.load.quick import is_template
from ffplay.load.schema import COMMON, INCLUDE_WORDS
from ffplay.model import Mark, Step

_COMMON_SCHEMA = {"type": "object", "properties": COMMON, "additionalProperties": True}
_TAG = re.compile(r"^[\w.-]+$")
# Words of Ansible's tasks, and what there is instead.
_INSTEAD = {
    "with_items": "write `loop`",
    "with_list": "write `loop`",
    "block": "put the steps in a file and `include` it, with a `when` of its own",
    "failed_when": "use the step `assert` after it",
    "changed_when": "leave it out: what changed is read from the site",
    "check_mode": "leave it out: a plan never writes",
    "shell": "write `command`",
    "copy": "a file is copied by `copy_file`",
    "lineinfile": "write `line_in_file`",
    "systemd": "write `service`",
    "uri": "write `http`",
    "include_tasks": "write `include`",
    "import_tasks": "write `include`",
    "set_fact": "write the variable under `vars` of the play or the step",
    "delegate_to": "choose the hosts with `hosts`",
}


class StepReader:
    """Reads lists of steps, files of steps included in them too."""

    def __init__(
        self, path: Path, findings: Findings, tags: tuple[Text, ...] = (), within: tuple[Path, ...] = ()
    ) -> None:
        self._path, self._findings, self._tags, self._within = path, findings, tags, (*within, path.resolve())
        # What entries that are broken would have registered or been called: using it is no second mistake.
        self.lost: set[str] = set()

    def steps(self, entries: Any) -> Iterator[Step]:
        """Yield the steps of a list; entries that are none go to the findings."""
        if entries is None:
            return
        if not isinstance(entries, List):
            if self._within[1:]:
                self._findings.add(place_of(entries), "a file of steps is a list of steps")
            return
        for index, entry in enumerate(entries):
            if isinstance(entry, str) and _TAG.match(entry):
                bare = Dict({str(entry): None})
                bare.place = value_place(entries, index)
                yield from self._entry(bare)
            elif isinstance(entry, Dict):
                yield from self._entry(entry)
            else:
                self._findings.add(
                    value_place(entries, index), f"a step is a mapping such as `stop: tarantool`, not {shown(entry)}"
                )

    def _entry(self, entry: Dict) -> Iterator[Step]:
        kind = self._kind(entry)
        self._common(entry)
        if kind == "include":
            yield from self._included(entry)
        elif kind is not None:
            yield self._step(entry, kind)
        else:
            self.lost.update(str(entry[word]) for word in ("register", "name") if word in entry)

    def _kind(self, entry: Dict) -> str | None:
        """Return the entry's kind; None, and a finding, where it is not exactly one."""
        known = {*steps.kinds(), "include"}
        kinds = [word for word in entry if word in known]
        strange = [word for word in entry if word not in known and word not in COMMON]
        if len(kinds) > 1:
            message = f"a step does one thing, and this one has {len(kinds)} kinds: {', '.join(kinds)}"
            self._findings.add(key_place(entry, kinds[1]), message, "make them steps of their own")
            return None
        for word in strange:
            self._strange(entry, word, kinds)
        if not kinds and not strange:
            self._findings.add(
                place_of(entry), "the step does not say what to do", f"the kinds: {', '.join(sorted(known))}"
            )
        return kinds[0] if kinds else None

    def _strange(self, entry: Dict, word: Any, kinds: list[str]) -> None:
        where, known = key_place(entry, word), sorted({*steps.kinds(), "include"})
        instead = _INSTEAD.get(str(word).rpartition(".")[2], "")
        if kinds:
            parameters = steps.kind(kinds[0]).schema.get("properties", {}) if kinds[0] != "include" else {}
            guess = did_you_mean(str(word), COMMON)
            if word in parameters:
                guess = f"it is a parameter of {kinds[0]}: indent it below `{kinds[0]}:`"
            self._findings.add(
                where,
                f"a step has no use for `{word}`",
                instead or guess or f"beside its kind it takes {', '.join(COMMON)}",
            )
        else:
            guess = instead or did_you_mean(str(word), [*known, *COMMON])
            self._findings.add(where, f"there is no step `{word}`", guess or f"the kinds: {', '.join(known)}")

    def _common(self, entry: Dict) -> None:
        given = Dict({word: value for word, value in entry.items() if word in COMMON})
        self._findings.extend(check(_COMMON_SCHEMA, given, entry, "the step", place_of(entry)))
        for tag in words_of(entry.get("tags")):
            if not _TAG.match(tag):
                message = f"`{tag}` cannot be a tag: letters, digits, `_`, `-` and `.` only"
                self._findings.add(value_place(entry, "tags"), message)

    def _included(self, entry: Dict) -> Iterator[Step]:
        where, name = value_place(entry, "include"), entry["include"]
        for word in (word for word in entry if word in COMMON and word not in INCLUDE_WORDS):
            self._findings.add(
                key_place(entry, word), f"`include` has no use for `{word}`", "it takes vars, when, tags, hosts"
            )
        if not isinstance(name, str) or is_template(name):
            self._findings.add(where, "`include` takes the name of a file of steps, without templates")
            return
        path = self._path.parent / name
        if path.resolve() in self._within:
            self._findings.add(where, f"{name} includes itself")
            return
        if not path.is_file():
            present = [other.name for other in path.parent.glob("*.y*ml")] if path.parent.is_dir() else []
            self._findings.add(where, f"there is no file {path}", did_you_mean(path.name, present))
            return
        outer = self._step(entry, "")
        reader = StepReader(path, self._findings, (), self._within)
        for step in reader.steps(read(path, self._findings)):
            variables = Dict()
            merge(variables, outer.vars)
            merge(variables, step.vars)
            tags = tuple(dict.fromkeys((*outer.tags, *step.tags)))
            yield replace(
                step, vars=variables, when=(*outer.when, *step.when), tags=tags, hosts=step.hosts or outer.hosts
            )
        self.lost |= reader.lost

    def _step(self, entry: Dict, kind: str) -> Step:
        place = place_of(entry)
        control = entry.get("loop_control")
        tags = (*self._tags, *words_of(entry.get("tags")))
        step = Step(
            kind=kind,
            args=self._args(entry, kind),
            mark=place.mark if place else Mark(str(self._path), 1, 1),
            name=_text(entry.get("name")),
            when=_conditions(entry, "when"),
            tags=tuple(dict.fromkeys(tags)),
            hosts=_text(entry.get("hosts")),
            vars=entry["vars"] if isinstance(entry.get("vars"), Dict) else Dict(),
            register=_text(entry.get("register")),
            retries=_number(entry, "retries", 3 if "until" in entry else 0),
            delay=_number(entry, "delay", 5.0),
            until=_conditions(entry, "until"),
            timeout=_number(entry, "timeout", None),
            ignore_errors=entry.get("ignore_errors") is True,
            become=entry["become"] if isinstance(entry.get("become"), bool) else None,
            become_user=_text(entry.get("become_user")),
            run_once=entry.get("run_once") is True,
            loop=entry.get("loop"),
            loop_var=str(control.get("loop_var", "item")) if isinstance(control, dict) else "item",
            notify=words_of(entry.get("notify")),
            no_log=entry.get("no_log") is True,
        )
        if kind:
            self._findings.extend(check_args(step, step.args))
        return step

    def _args(self, entry: Dict, kind: str) -> Mapping[str, Any]:
        """Return the arguments as a mapping: a plain value stands under the kind's main parameter."""
        value = entry.get(kind)
        if isinstance(value, Dict):
            return value
        args = Dict()
        args.place = key_place(entry, kind)
        if value is None or not kind:
            return args
        main, where = steps.kind(kind).main, value_place(entry, kind)
        if main is None:
            self._findings.add(
                where, f"step {kind} takes a mapping of parameters, not {shown(value)}", f"write `{kind}: {{}}`"
            )
            return args
        args[main] = value
        if where:
            args.key_places[main] = args.value_places[main] = where
        return args


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _number(entry: Dict, word: str, default: Any) -> Any:
    value = entry.get(word)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else default


def _conditions(entry: Dict, word: str) -> tuple[str, ...]:
    given, place = entry.get(word), value_place(entry, word)
    every = given if isinstance(given, list) else [given] if given is not None else []
    return tuple(value if isinstance(value, Text) else Text(str(value), place) for value in every)


def words_of(given: Any) -> tuple[Text, ...]:
    """Return a list of words that may also be written as one word, or as several with commas."""
    place: Place | None = place_of(given)
    if isinstance(given, str):
        return tuple(Text(word.strip(), place) for word in given.split(",") if word.strip())
    if isinstance(given, list):
        return tuple(word if isinstance(word, Text) else Text(str(word), place) for word in given)
    return ()
