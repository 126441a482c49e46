"""Run a command on the host, guarded by what makes it needless.

`creates` and `removes` name paths (globs work), `unless` and `onlyif` are commands that only read and that decide by
their exit code. A command without a guard always runs; the plan says so. The registered result has `rc`, `stdout`,
`stdout_lines` and `stderr`.
"""

from __future__ import annotations

from collections.abc import Iterator

from ffplay.model import Change, Note, Unknown
from ffplay.resources.base import quote
from ffplay.resources.command import Command
from ffplay.steps.base import Context, Outcome, StepKind, parameters

_GUARD = {"type": "string", "default": ""}


def plan(ctx: Context) -> Iterator[Outcome]:
    """Plan the command unless a guard says that it is needless."""
    args = ctx.args
    line = quote(map(str, args["argv"])) if args["argv"] else str(args["cmd"])
    names = ("chdir", "creates", "removes", "unless", "onlyif")
    command = Command(line, **{name: str(args[name]) for name in names})
    verdict = ctx.one(command) if command.guarded else "needed"
    if isinstance(verdict, Unknown) or verdict == "needed":
        how = (
            ", ".join(f"{name}: {args[name]}" for name in names[1:] if args[name]) or "it has no guard: it always runs"
        )
        yield Change(ctx.host.name, command, verdict, "ran", f"run {line} ({how})")
    else:
        yield Note(ctx.host.name, f"{line} need not run ({verdict})")


STEP = StepKind(
    name="command",
    summary="Run a command, guarded by what makes it needless.",
    example="- command: {cmd: findface-warm-cache --all, creates: /var/cache/findface/warm}",
    schema=parameters(
        cmd={"type": "string", "default": "", "description": "The command, as sh reads it."},
        argv={"type": "array", "default": [], "description": "The command as a list of words, in place of `cmd`."},
        chdir={**_GUARD, "description": "Directory to run in; guards are evaluated there too."},
        creates={**_GUARD, "description": "Path whose presence makes the command needless."},
        removes={**_GUARD, "description": "Path whose absence makes the command needless."},
        unless={**_GUARD, "description": "A command that only reads: its exit code 0 makes this one needless."},
        onlyif={
            **_GUARD,
            "description": "A command that only reads: another exit code than 0 makes this one needless.",
        },
    ),
    plan=plan,
    main="cmd",
)
