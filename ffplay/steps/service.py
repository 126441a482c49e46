"""Bring a systemd unit to a state: started, stopped or restarted; enabled at boot or not.

`restarted` always restarts, as in Ansible; notify it as a handler to restart only after a change.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from ffplay.model import Change, Problem, Unknown
from ffplay.resources.unit import Unit, UnitState, restarted
from ffplay.steps.base import Context, Outcome, StepKind, parameters


def plan(ctx: Context) -> Iterator[Outcome]:
    """Plan the unit's change of state."""
    name = str(ctx.args["name"])
    unit = Unit(name.removesuffix(".service"))
    before = ctx.one(unit)
    if not isinstance(before, Unknown) and before.load == "not-found":
        yield Problem(ctx.host.name, f"there is no unit {name}", "see `systemctl list-units --all` on the host")
        return
    wanted = _wanted(str(ctx.args["state"]), before)
    words = [] if wanted is None else [_VERBS[str(ctx.args["state"])]]
    after = wanted or (before if isinstance(before, UnitState) else UnitState("active"))
    enabled = ctx.args["enabled"]
    if enabled is not None:
        state = "enabled" if enabled else "disabled"
        if isinstance(before, Unknown) or before.enabled != state:
            after = dataclasses.replace(after, enabled=state, since=after.since if wanted else None)
            words.append("enable" if enabled else "disable")
    if words:
        yield Change(ctx.host.name, unit, before, after, f"{' and '.join(words)} {name}")


_VERBS = {"started": "start", "stopped": "stop", "restarted": "restart"}


def _wanted(state: str, before: UnitState | Unknown) -> UnitState | None:
    """Return the planned activity, None where the unit has it already."""
    active = None if isinstance(before, Unknown) else before.active
    if state == "restarted":
        return restarted()
    if state == "started" and active != "active":
        return UnitState("active")
    if state == "stopped" and active != "inactive":
        return UnitState("inactive")
    return None


STEP = StepKind(
    name="service",
    summary="Bring a systemd unit to a state.",
    example="- service: {name: nginx, state: started, enabled: true}",
    reads="The unit's state, and whether it starts at boot.",
    changes="Starts, stops or restarts the unit; enables or disables it.",
    schema=parameters(
        ["name"],
        name={"type": "string", "description": "The unit's full name; globs are not units."},
        state={"enum": ["", *_VERBS], "default": "", "description": "What it shall be; empty leaves it as it is."},
        enabled={"type": ["boolean", "null"], "default": None, "description": "Whether it starts at boot."},
    ),
    plan=plan,
)
