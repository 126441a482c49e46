"""What each verb does: one module a verb, with its options and what it runs; no decisions about a site are made here.

A verb's module is imported when the verb is given, so that no command pays for what another one needs. It has
`options(parser)`, which adds the verb's arguments, `EXAMPLES`, command lines and what each is for, which end its help,
and `run(args, output, style)`, which does it and returns the exit code. Modules whose names begin with `_` are what
several verbs have in common.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from types import MappingProxyType, ModuleType

VERBS: Mapping[str, str] = MappingProxyType(
    {
        "plan": "show every change that a playbook would make, and change nothing",
        "apply": "show the plan, ask, make the changes and verify each of them",
        "rollback": "show the way back to before a run, ask, and go it",
        "commit": "remove what verified runs set aside, and old backups if asked; no way back is left",
        "runs": "show the runs that the site's hosts know",
        "show": "show one run: what it changed, how it ended, and the ways on; or a saved plan",
        "status": "show what each host and shard is at, open runs, locks, and what is set aside",
        "unlock": "remove the lock that a dead run left on a site",
        "verify": "check that the site is at a playbook's target, and change nothing",
        "new": "write a commented playbook that switches a site, from three answers",
        "validate": "check a playbook and its inventory without reaching any host",
        "lint": "tell what in a playbook is allowed and likely to hurt, without reaching any host",
        "explain": "tell what a step, a word of a playbook or a variable means",
        "schema": "print the JSON Schema by which an editor completes a playbook or an inventory",
        "completion": "print the script by which bash, zsh or fish completes this command line",
        "vault": "encrypt files and values for playbooks and inventories, as ansible-vault does, and open them",
        "inventory": "show hosts, groups, shards and variables",
        "discover": "read a site that nobody has described, and write an inventory for it",
        "diff": "show where an inventory and its site disagree",
        "lab": "bring up a small real site on this machine to rehearse on",
    }
)


# How the verbs are put together where all are named.
CHAPTERS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "change a site": ("plan", "apply", "rollback", "commit", "unlock"),
        "look at a site": ("discover", "diff", "status", "runs", "show", "verify"),
        "write playbooks and inventories": (
            "new",
            "validate",
            "lint",
            "explain",
            "schema",
            "completion",
            "inventory",
            "vault",
        ),
        "rehearse": ("lab",),
    }
)


def chapters() -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield each chapter with its verbs, and the verbs of none at the end."""
    yield from CHAPTERS.items()
    left = tuple(name for name in VERBS if not any(name in names for names in CHAPTERS.values()))
    if left:
        yield "more", left


def module(verb: str) -> ModuleType:
    """Return the module of a verb."""
    return importlib.import_module(f"ffplay.verbs.{verb}")
