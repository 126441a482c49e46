"""What a step says of a job that may be there already: a plan is exact about what is started and what is waited for."""

from __future__ import annotations

from collections.abc import Iterator

from ffplay.model import Problem
from ffplay.resources.job import BUSY_ADVICE, Job, Jobs, JobState
from ffplay.steps.base import Context


def jobs_of(ctx: Context, host: str) -> Jobs:
    """Return the reading of all jobs on a host."""
    return Jobs(f"{ctx.variables_of(host)['state_dir']}/jobs")


def in_the_way(ctx: Context, job: Job) -> Iterator[Problem]:
    """Refuse a job while another one of its kind runs."""
    seen: JobState = ctx.one(job.status)
    if seen.state == "busy":
        yield Problem(ctx.host.name, f"{seen.what} still runs there: {seen.started}", BUSY_ADVICE)


def told(ctx: Context, job: Job, what: str, summary: str) -> str:
    """Return what a change of a job says: `summary` where it is started, else what is waited for or taken."""
    seen: JobState = ctx.one(job.status)
    said = {
        "running": f"wait for {what}, which {seen.started}",
        "failed": f"{summary} (again: {what}, which {seen.started}, ended with exit code {seen.code})",
        "late": f"{summary} (again: {what}, which {seen.started}, met its deadline)",
        "vanished": f"{summary} (again: {what}, which {seen.started}, is gone without an exit code)",
    }
    if job.takes(seen):
        said |= dict.fromkeys(("failed", "late"), f"tell how {what} failed, which {seen.started}; it is not run again")
        said["ended"] = f"take the good end of {what}, which {seen.started}; it is not run again"
    return said.get(seen.state, summary)
