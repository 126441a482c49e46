"""Wait until a port is open or closed, or a path is there or gone, as seen from the host."""

from __future__ import annotations

from collections.abc import Iterator

from ffplay.model import Check
from ffplay.resources.checks import PathState, PortState
from ffplay.steps.base import Context, Outcome, StepKind, parameters


def plan(ctx: Context) -> Iterator[Outcome]:
    """Plan the wait."""
    args = ctx.args
    timeout, delay, sleep = (float(args[name]) for name in ("timeout", "delay", "sleep"))
    state = str(args["state"])
    if args["path"]:
        wanted = "absent" if state in ("absent", "stopped") else "present"
        path = PathState(str(args["path"]), wanted, timeout, delay, sleep)
        yield Check(ctx.host.name, path, f"{path.path} is {wanted} within {timeout:g} s")
    if args["port"] is not None:
        wanted = "stopped" if state in ("absent", "stopped") else "started"
        port = PortState(str(args["host"]), int(args["port"]), wanted, timeout, delay, sleep)
        said = "open" if wanted == "started" else "closed"
        yield Check(ctx.host.name, port, f"port {port.label} is {said} within {timeout:g} s")


STEP = StepKind(
    name="wait_for",
    summary="Wait for a port or a path.",
    example="- wait_for: {port: 8001, timeout: 60}",
    reads="The port or the path, again and again.",
    changes="Nothing.",
    schema={
        **parameters(
            host={"type": "string", "default": "127.0.0.1", "description": "Address of the port, seen from the host."},
            port={"type": ["integer", "null"], "default": None, "description": "TCP port to wait for."},
            path={"type": "string", "default": "", "description": "Path to wait for."},
            state={
                "enum": ["started", "stopped", "present", "absent"],
                "default": "started",
                "description": "`started` or `present`: there; `stopped` or `absent`: gone.",
            },
            timeout={"type": "number", "minimum": 0, "default": 300, "description": "Seconds to wait at most."},
            delay={"type": "number", "minimum": 0, "default": 0, "description": "Seconds before the first look."},
            sleep={"type": "number", "minimum": 0, "default": 1, "description": "Seconds between looks."},
        ),
        "anyOf": [{"required": ["port"]}, {"required": ["path"]}],
    },
    plan=plan,
)
