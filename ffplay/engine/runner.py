"""The verbs as functions: make a plan, apply it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line chose beside its sources.

    `tags` and `skip_tags` as Ansible's (`always`, `never`, `tagged`, `untagged`, `all`); `start_at` is the title of the
    step to begin with; `forks` is how many hosts are worked on at once.
    """

    limit: str | None = None
    tags: tuple[str, ...] = ()
    skip_tags: tuple[str, ...] = ()
    start_at: str | None = None
    forks: int = 50
