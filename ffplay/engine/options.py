"""What the command line chose beside its sources, and which steps that leaves."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from dataclasses import dataclass

from ffplay.errors import Finding, InputError
from ffplay.model import Playbook, Step


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line chose beside its sources.

    `tags` and `skip_tags` as Ansible's (`always`, `never`, `tagged`, `untagged`, `all`); `start_at` is the title of the
    step to begin with (a glob works); `forks` is how many hosts are worked on at once; with `measure` the forecast
    rests on a measurement of extraction-api.
    """

    limit: str | None = None
    tags: tuple[str, ...] = ()
    skip_tags: tuple[str, ...] = ()
    start_at: str | None = None
    forks: int = 50
    measure: bool = False


def chosen(steps: Sequence[Step], options: Options) -> list[Step]:
    """Return the steps that tags and `--start-at-step` leave, in order.

    A play that has no step of the name is left out whole: the step is in a later one.
    """
    found = list(steps)
    if options.start_at is not None:
        at = next((n for n, step in enumerate(found) if fnmatch.fnmatchcase(step.title, options.start_at)), len(found))
        found = found[at:]
    return [step for step in found if _tagged(step, options)]


def check_start(playbook: Playbook, options: Options) -> None:
    """Refuse a `--start-at-step` that no step of the playbook has. Raise `InputError`."""
    titles = [step.title for play in playbook.plays for step in play.steps]
    if options.start_at is not None and not any(fnmatch.fnmatchcase(title, options.start_at) for title in titles):
        said = f"no step is called `{options.start_at}`"
        raise InputError([Finding(None, said, f"the steps are: {', '.join(titles)}")])


def _tagged(step: Step, options: Options) -> bool:
    """Tell whether a step's tags are wanted, by Ansible's rules."""
    tags = set(step.tags)
    skipped = set(options.skip_tags)
    if tags & skipped or ("all" in skipped and "always" not in tags) or ("tagged" in skipped and tags):
        return False
    if "untagged" in skipped and not tags:
        return False
    wanted = set(options.tags)
    if "always" in tags:
        return True
    if tags & wanted:
        return True
    if "never" in tags:
        return False
    return not wanted or "all" in wanted or ("tagged" in wanted and bool(tags)) or ("untagged" in wanted and not tags)
