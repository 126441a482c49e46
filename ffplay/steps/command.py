"""Run a command on the host, guarded by what makes it needless.

`creates` and `removes` name paths (globs work), `unless` and `onlyif` are commands that only read and that decide by
their exit code. A command without a guard always runs; the plan says so. The registered result has `rc`, `stdout`,
`stdout_lines` and `stderr`.

A plain command is for what takes seconds: it ends with the connection that it runs over. With `detach` it runs by
itself on the host (a transient unit of systemd where there is one), up to the step's `timeout`, and neither a dropped
connection nor a killed ffplay ends it or makes it run twice: the next run of the same playbook waits for it, and takes
the exit code of one that ended meanwhile. Then `stdout` is the end of its log, with both outputs in it. What it leaves
in the background ends with it where it is a unit.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from textwrap import shorten

from ffplay.model import Change, Note, Problem, Unknown
from ffplay.resources.base import quote
from ffplay.resources.command import Command, DetachedCommand
from ffplay.resources.job import Job, JobState
from ffplay.steps._jobs import in_the_way, told
from ffplay.steps.base import Context, Outcome, StepKind, parameters

_GUARD = {"type": "string", "default": ""}


def plan(ctx: Context) -> Iterator[Outcome]:
    """Plan the command unless a guard says that it is needless."""
    args = ctx.args
    line = quote(map(str, args["argv"])) if args["argv"] else str(args["cmd"])
    names = ("chdir", "creates", "removes", "unless", "onlyif")
    command = Command(line, **{name: str(args[name]) for name in names})
    if args["detach"]:
        yield from _detached(ctx, command)
        return
    verdict = ctx.one(command) if command.guarded else "needed"
    if isinstance(verdict, Unknown) or verdict == "needed":
        yield Change(ctx.host.name, command, verdict, "ran", f"run {line} ({_how(ctx)})")
    else:
        yield Note(ctx.host.name, f"{line} need not run ({verdict})")


def _how(ctx: Context) -> str:
    names = ("creates", "removes", "unless", "onlyif")
    said = ", ".join(f"{name}: {ctx.args[name]}" for name in names if ctx.args[name])
    return said or "it has no guard: it always runs"


def _detached(ctx: Context, command: Command) -> Iterator[Outcome]:
    """Plan the command as a job: what a broken-off run started is waited for, whatever the guards say by now."""
    began = ctx.began or ctx.run
    which = _digest(repr((command.line, command.chdir, ctx.user)))
    job = Job(
        f"command {shorten(command.line, 60, placeholder='...')}",
        f"{ctx.variables['state_dir']}/jobs/command-{which}-{_digest(began)}",
        (command.bring_script("needed", "ran"),),
        ctx.timeout,
        began,
        ctx.run,
        once=True,
        again=ctx.renewed,
        user=ctx.user,
    )
    host, line = ctx.host.name, command.line
    seen, *verdicts = ctx.read(job.status, *([command] if command.guarded else []))
    verdict = verdicts[0] if verdicts else "needed"
    taken = job.takes(seen)
    if taken and seen.state == "ended" and seen.noted:
        said = seen.output.rstrip("\n")
        result = {"rc": 0, "stdout": said, "stdout_lines": said.splitlines(), "stderr": "", "changed": True}
        yield Note(host, f"`{line}` was done by run {seen.noted}", result)
        return
    if seen.state != "running" and not taken and verdict != "needed" and not isinstance(verdict, Unknown):
        yield Note(host, f"{line} need not run ({verdict})")
        return
    if seen.state == "done":
        advice = "make the two differ: a comment at the end of one does (`cmd: ... # the second time`)"
        yield Problem(host, f"{line} is to run detached twice, and nothing would tell one from the other", advice)
    yield from in_the_way(ctx, job)
    summary = told(ctx, job, f"`{line}`", f"run {line} detached ({_how(ctx)})")
    effects = ((host, job.status, JobState("done")), *(((host, command, "ran"),) if command.guarded else ()))
    yield Change(host, DetachedCommand(command, job), verdict, "ran", summary, None, effects)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


STEP = StepKind(
    name="command",
    summary="Run a command, guarded by what makes it needless.",
    example="- command: {cmd: findface-warm-cache --all, creates: /var/cache/findface/warm}",
    reads="The paths and commands of its guards; with `detach`, whether an earlier run started it.",
    changes="Whatever the command changes; a rollback cannot undo it.",
    schema=parameters(
        cmd={"type": "string", "default": "", "description": "The command, as sh reads it."},
        argv={"type": "array", "default": [], "description": "The command as a list of words, in place of `cmd`."},
        detach={
            "type": "boolean",
            "default": False,
            "description": "Let it run by itself on the host, whatever becomes of the connection; for what takes long.",
        },
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
