"""What may be written in a play, a target and beside a step's kind, as JSON Schemas: every check goes by these.

What the documentation, `ff-play explain` and editors say of them is made of the same; `editors` has the latter.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ffplay.findface import DETECTORS, MODELS

IDENTIFIER = r"^[A-Za-z_]\w*$"
_WORDS: dict[str, Any] = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
_CONDITION: dict[str, Any] = {
    "anyOf": [{"type": ["string", "boolean"]}, {"type": "array", "items": {"type": ["string", "boolean"]}}]
}

# What every step takes beside its kind.
COMMON: Mapping[str, Mapping[str, Any]] = {
    "name": {"type": "string", "description": "what output calls the step"},
    "when": {**_CONDITION, "description": "conditions, all of which must hold (Jinja2 without braces)"},
    "tags": {**_WORDS, "description": "words that --tags and --skip-tags choose by"},
    "hosts": {"type": "string", "description": "a pattern: only those of the play's hosts"},
    "vars": {"type": "object", "description": "variables for this step alone"},
    "register": {"type": "string", "pattern": IDENTIFIER, "description": "the variable that gets the result"},
    "retries": {"type": "integer", "minimum": 0, "description": "how often a failed step is tried again"},
    "delay": {"type": "number", "minimum": 0, "description": "seconds between two tries"},
    "until": {**_CONDITION, "description": "conditions to try again until they hold"},
    "timeout": {"type": "number", "exclusiveMinimum": 0, "description": "seconds after which the step has failed"},
    "ignore_errors": {"type": "boolean", "description": "go on where the step fails"},
    "become": {"type": "boolean", "description": "act as another user"},
    "become_user": {"type": "string", "description": "that user"},
    "run_once": {"type": "boolean", "description": "on the first host alone"},
    "loop": {"type": ["array", "string"], "description": "do the step for each item of a list"},
    "loop_control": {
        "type": "object",
        "properties": {"loop_var": {"type": "string", "pattern": IDENTIFIER}},
        "additionalProperties": False,
        "description": "how the loop's variable is called",
    },
    "no_log": {"type": "boolean", "description": "show neither the step's values nor what it gives"},
    "notify": {**_WORDS, "description": "handlers to run at the end of the play if this step changed something"},
}
PLAY: Mapping[str, Mapping[str, Any]] = {
    "name": {"type": "string", "description": "what output calls the play"},
    "hosts": {"anyOf": _WORDS["anyOf"], "description": "a pattern: names, groups, a:b, a:&b, a:!b, globs, ~regex"},
    "vars": {"type": "object", "description": "variables of the play"},
    "vars_files": {**_WORDS, "description": "files of variables, beside the playbook"},
    "target": {
        "anyOf": [{"type": "string"}, {"type": "object"}],
        "description": "what the site shall be at: model, facen_size, detector, detector_settings, from",
    },
    "steps": {"type": "array", "description": "what to do, in order"},
    "handlers": {"type": "array", "description": "steps that others notify"},
    "serial": {
        "anyOf": [
            {"type": ["integer", "string"]},
            {"type": "array", "items": {"type": ["integer", "string"]}},
        ],
        "description": "how many hosts at a time: 2, 50%, [1, 50%]",
    },
    "strategy": {
        "enum": ["stages", "linear"],
        "description": "whether hosts wait for each other where the migration needs it (stages), or behind every step",
    },
    "tags": {**_WORDS, "description": "tags of every step of the play"},
    "inventory": {"type": "object", "description": "an inventory of the playbook's own (first play only)"},
}
TARGET: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "model": {
            "type": "string",
            "examples": list(MODELS),
            "description": f"one of {', '.join(MODELS)}, or another with its facen_size",
        },
        "facen_size": {"type": "integer", "minimum": 1, "description": "float32 values of a facen"},
        "detector": {
            "type": "string",
            "examples": list(DETECTORS),
            "description": f"{', '.join(DETECTORS)}; left out, the site's stays",
        },
        "detector_settings": {"type": "object", "description": "such as nnd_min_face_size: 30"},
        "from": {"type": "string", "description": "the model that the site is at, where its records cannot tell"},
    },
    "required": ["model"],
    "additionalProperties": False,
}
INCLUDE: Mapping[str, Any] = {"type": "string", "description": "a file of steps, put in this place"}
# The words of COMMON that may stand beside it.
INCLUDE_WORDS = ("vars", "when", "tags", "name", "hosts")
