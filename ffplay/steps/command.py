"""Run a command on the host, guarded by what makes it needless.

`creates` and `removes` name paths (globs work), `unless` and `onlyif` are commands that only read and that decide by
their exit code. `probe` is one as well, and says more: it exits with 0 where the work is done already and with 1 where
it has to be done; any other exit code is a problem, and nothing is applied. After the command has run the probe is
asked again, and must say 0. The plan shows how each guard judged, and of a probe the first line that it printed.
Guards are asked when the plan is made: a probe for what an earlier step installs has to say 1 while that is missing
(`test -x /usr/bin/tool || exit 1; tool --check`). A command without a guard always runs; the plan says so. The
registered result has `rc`, `stdout`, `stdout_lines` and `stderr`.

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
from ffplay.resources.command import ALWAYS, RAN, Command, DetachedCommand, Verdict
from ffplay.resources.job import Job, JobState
from ffplay.steps._jobs import in_the_way, told
from ffplay.steps.base import Context, Outcome, StepKind, parameters

# So many of the last lines of a probe that does not tell are shown.
_OUTPUT_LINES = 5

_GUARD = {"type": "string", "default": ""}


def plan(ctx: Context) -> Iterator[Outcome]:
    """Plan the command unless a guard says that it is needless."""
    args = ctx.args
    line = quote(map(str, args["argv"])) if args["argv"] else str(args["cmd"])
    names = ("chdir", "creates", "removes", "unless", "onlyif", "probe")
    command = Command(line, **{name: str(args[name]) for name in names})
    if args["detach"]:
        yield from _detached(ctx, command)
        return
    verdict = ctx.one(command) if command.guarded else ALWAYS
    if _due(verdict):
        yield Change(ctx.host.name, command, verdict, RAN, f"run {line} ({_how(verdict)})")
    else:
        yield from _not_run(ctx, command, verdict)


def _due(verdict: Verdict | Unknown) -> bool:
    """Tell whether the command is planned; where nobody knows yet, it is."""
    return isinstance(verdict, Unknown) or (verdict.needed and not verdict.broken)


def _how(verdict: Verdict | Unknown) -> str:
    return f"known after apply, once {verdict.why}" if isinstance(verdict, Unknown) else str(verdict)


def _not_run(ctx: Context, command: Command, verdict: Verdict) -> Iterator[Outcome]:
    """Say why a command is not run: its work is done, or its probe does not tell."""
    if not verdict.broken:
        yield Note(ctx.host.name, f"{command.line}: {verdict.said[-1]}, not run")
        return
    said = f"the probe of {command.line} exited {verdict.probe}, which is neither 0 (done) nor 1 (has to run)"
    advice = "mend the probe: a command that only reads and decides by these two exit codes"
    yield Problem(ctx.host.name, "\n".join([said, *verdict.output.splitlines()[-_OUTPUT_LINES:]]), advice)


def _detached(ctx: Context, command: Command) -> Iterator[Outcome]:
    """Plan the command as a job: what a broken-off run started is waited for, whatever the guards say by now."""
    began = ctx.began or ctx.run
    which = _digest(repr((command.line, command.chdir, ctx.user)))
    job = Job(
        f"command {shorten(command.line, 60, placeholder='...')}",
        f"{ctx.variables['state_dir']}/jobs/command-{which}-{_digest(began)}",
        (command.bring_script(ALWAYS, RAN),),
        ctx.timeout,
        began,
        ctx.run,
        once=True,
        again=ctx.renewed,
        user=ctx.user,
    )
    host, line = ctx.host.name, command.line
    seen, *verdicts = ctx.read(job.status, *([command] if command.guarded else []))
    verdict = verdicts[0] if verdicts else ALWAYS
    taken = job.takes(seen)
    if taken and seen.state == "ended" and seen.noted:
        said = seen.output.rstrip("\n")
        result = {"rc": 0, "stdout": said, "stdout_lines": said.splitlines(), "stderr": "", "changed": True}
        yield Note(host, f"`{line}` was done by run {seen.noted}", result)
        return
    if seen.state != "running" and not taken and not _due(verdict):
        yield from _not_run(ctx, command, verdict)
        return
    if seen.state == "done":
        advice = "make the two differ: a comment at the end of one does (`cmd: ... # the second time`)"
        yield Problem(host, f"{line} is to run detached twice, and nothing would tell one from the other", advice)
    yield from in_the_way(ctx, job)
    summary = told(ctx, job, f"`{line}`", f"run {line} detached ({_how(verdict)})")
    effects = ((host, job.status, JobState("done")), *(((host, command, RAN),) if command.guarded else ()))
    yield Change(host, DetachedCommand(command, job), verdict, RAN, summary, None, effects)


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
        probe={
            **_GUARD,
            "description": "A command that only reads: 0 means done already, 1 has to run, anything else is a problem; "
            "asked again afterwards.",
        },
    ),
    plan=plan,
    main="cmd",
)
