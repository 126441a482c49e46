"""What a discovery found that a person should look at before a migration."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Oddity:
    """One thing that is not as a sound site has it.

    `kind` names the rule, as `force-recovery`; `host` is empty for what concerns the site as a whole; `advice` says
    what can be done.
    """

    kind: str
    host: str
    shard: str
    message: str
    advice: str = ""
