"""Long-running tools: started detached on their host, so that no lost connection kills or doubles them."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ffplay.errors import ChangeFailed
from ffplay.model import Host
from ffplay.remote.base import Access, Reply
from ffplay.resources.base import DirectResource, Scripted, ShellResource, quote, told
from ffplay.resources.differences import otherwise
from ffplay.resources.job_follow import Follower
from ffplay.resources.job_script import Part, jobs_script, note_script, status_script
from ffplay.resources.job_start import BUSY, Start, start_script

# A start waits for other starts on its host, and for what an earlier process left behind, in seconds.
_START_TIMEOUT = 300

BUSY_ADVICE = (
    "wait until it is over, or end it with `kill -TERM -PID` on that host; then apply again (to wait for it with "
    "ffplay, apply what it was started for: the same target and the same options)"
)


@dataclass(frozen=True, slots=True)
class JobState:
    """What is there of a job.

    `state` is `none`, `running`, `ended` (every process with 0), `failed` (`code` is the first other exit code),
    `late` (ended at its deadline), `vanished` (a process is gone without an exit code: killed, or its host went down),
    `busy` (`what` of the same kind runs, for another target or another work), or in a plan `done`. `run` started it at
    `since`, its first process is `pid`. `noted` is the run that took note of its end; `output` is what it
    printed until a good end that was noted.
    """

    state: str = "none"
    code: int = 0
    run: str = ""
    since: str = ""
    pid: str = ""
    noted: str = ""
    what: str = ""
    output: str = ""

    @property
    def started(self) -> str:
        """Return who started it and when, in words."""
        return f"run {self.run} started {self.since} (pid {self.pid})"

    @property
    def facts(self) -> Mapping[str, str]:
        """Return how far it is; who started it and what it printed make no difference to what is to be done."""
        return {"state": self.state, "exit code": str(self.code)}


@dataclass(frozen=True, slots=True)
class JobPart:
    """One process of any job: its folder, the content of `run`, its state, and what else is noted in the folder.

    `log` is in base64, of a good end that was noted.
    """

    folder: str
    text: str
    state: str
    pid: str
    by: str
    noted: str
    log: str


@dataclass(frozen=True, slots=True)
class Jobs(ShellResource):
    """Every process of every job below a directory, in one reading. Value: tuple of `JobPart`."""

    directory: str

    @property
    def label(self) -> str:
        """Return the directory."""
        return self.directory

    def facts(self, value: Any) -> Mapping[str, str]:
        """Return nothing: each job that a plan rests on tells of itself."""
        return {}

    def read_script(self) -> str:
        """Look at each of them."""
        return jobs_script(self.directory)

    def parse(self, reply: Reply) -> tuple[JobPart, ...]:
        """Return them."""
        rows = (line.split("\t") for line in told(reply).splitlines())
        return tuple(
            JobPart(folder, base64.b64decode(text).decode("utf-8", "surrogateescape").rstrip("\n"), *rest)
            for folder, text, *rest in rows
        )


@dataclass(frozen=True, slots=True)
class JobStatus(ShellResource):
    """What is there of a job, read in the same script as all else. Value: `JobState`."""

    directory: str
    parts: tuple[Part, ...]

    @property
    def label(self) -> str:
        """Return the job's directory."""
        return self.directory

    def read_script(self) -> str:
        """Look at every process of the kind."""
        return status_script(self.directory, self.parts)

    @property
    def source(self) -> Jobs:
        """Return the reading of all jobs that tells of this one too."""
        return Jobs(self.directory.rpartition("/")[0])

    def derived(self, found: tuple[JobPart, ...]) -> JobState:
        """Return the state by what was read of all jobs."""
        texts = {part.folder: part.text.rstrip("\n") for part in self.parts}
        kind = self.directory.rpartition("-")[0] + "-"
        lines = []
        for one in found:
            mine = texts.get(one.folder) == one.text
            if one.folder.startswith(kind) and (mine or one.state == "running"):
                where = one.folder.rpartition("/")[2] if mine else "busy"
                lines.append([where, one.state, one.pid, one.by, one.noted, one.text.partition("\n")[0], one.log])
        return self._judged(lines)

    def parse(self, reply: Reply) -> JobState:
        """Sum the processes up."""
        return self._judged([line.split("\t") for line in told(reply).splitlines()])

    def _judged(self, lines: list[list[str]]) -> JobState:
        for where, _, pid, by, noted, what, _ in lines:
            if where == "busy":
                run, _, since = by.partition(" ")
                return JobState("busy", 0, run, since, pid, noted, what.removeprefix("# "))
        ends = [state for _, state, *_ in lines]
        state, code = _summed(ends, len(self.parts))
        for _, found, pid, by, noted, _, log in lines:
            if state != "running" or found == "running":
                run, _, since = by.partition(" ")
                output = base64.b64decode(log).decode("utf-8", "replace")
                return JobState(state, code, run, since, pid, noted, "", output)
        return JobState()


def _summed(ends: Sequence[str], parts: int) -> tuple[str, int]:
    """Return the state of a job whose processes are at these states, and its exit code."""
    for word in ("running", "late", "vanished"):
        if word in ends:
            return word, 0
    failed = [int(end) for end in ends if end != "0"]
    if failed:
        return "failed", failed[0]
    # A start that was broken off may have come to some of them only.
    return ("ended" if ends and len(ends) == parts else "none"), 0


@dataclass(frozen=True, slots=True)
class Job(Scripted, DirectResource):
    """One tool run, in one or more processes at once. Value: `JobState`; a change goes from `none` to `done`.

    `directory` on the host holds a folder a process with its script, pid, log and exit code; it is called KIND-DIGEST
    after what the job is for. `began` is the name of the run that began the work which the job is a part of: a later
    run that goes on with that work waits for the processes that still run, and takes the word of those that have
    ended well (without it nobody's word is taken: the same command may have become due again since). While any process
    of the kind runs for another target, for other work or with another command, none is started: it would be waited
    for in the place of what is asked for.

    With `once` an end is taken by a run once: what this run (`run`) took note of is run anew, and so is a failure that
    any run took note of; a failure that nobody has heard of is told and not run again. With `again` it has become due
    again since: only an end that no run took note of is taken, without `once` none.
    `timeout` in seconds is the job's deadline, kept on the host; None is none. `user` is as whom it runs: None leaves
    it to the connection, empty is who logged in.
    """

    name: str
    directory: str
    lines: tuple[str, ...]
    timeout: float | None = None
    began: str = ""
    run: str = ""
    once: bool = False
    again: bool = False
    user: str | None = None

    @property
    def label(self) -> str:
        """Return the job's name."""
        return self.name

    @property
    def status(self) -> JobStatus:
        """Return what a step asks for to know what is there of it."""
        return JobStatus(self.directory, self._parts())

    @property
    def lasting(self) -> bool:
        """What the vendor's tools write comes back otherwise: the faces from their dump, shards' data by a rename."""
        return True

    def show(self, before: Any, after: Any) -> str:
        """Return the commands in full."""
        return "\n".join(f"$ {line}" for line in self.lines)

    def read_script(self) -> str:
        """Look at every process of the kind."""
        return self.status.read_script()

    def parse(self, reply: Reply) -> JobState:
        """Sum the processes up."""
        return self.status.parse(reply)

    def read(self, access: Access, host: Host) -> JobState:
        """Tell what is there of it."""
        found: JobState = self.asked(access, host)
        return found

    def bring(self, access: Access, host: Host, before: Any, after: Any) -> Reply:
        """Start what does not run yet, wait for all of it, and return what the first process left.

        Raise `ChangeFailed` with the end of the log. An operator who stops the run leaves the processes running: the
        next run finds them.
        """
        follower = Follower(access, host, self.name)
        reply = follower.surely(self.start_script(), _START_TIMEOUT)
        if reply.code:
            advice = BUSY_ADVICE if reply.code == BUSY else ""
            raise ChangeFailed(host.name, f"{self.name} could not be started", advice, reply.error_text)
        try:
            output = follower.follow({part.folder: line for part, line in zip(self._parts(), self.lines, strict=True)})
        except ChangeFailed as failure:
            if self.once and failure.code is not None:
                self._note(follower, host)
            raise
        if self.once:
            self._note(follower, host)
        if not self.began:
            access.connection(host.name).run(f"rm -rf {quote([self.directory])}")
        return Reply(0, output, b"")

    def missed(self, before: Any, after: Any, observed: Any) -> list[str]:
        """Return that a process of it is still there."""
        return otherwise({"state": "ended"}, {"state": observed.state})

    def reached(self, before: Any, after: Any, observed: Any) -> bool:
        """Nothing of it may run any more; its exit codes were judged when they came."""
        return bool(observed.state in {"none", "ended"})

    def takes(self, seen: JobState) -> bool:
        """Tell whether an end that is there already is taken, so that nothing is started."""
        if seen.state == "ended" and not self.once:
            return bool(self.began) and not self.again
        if seen.state == "ended":
            return bool(self.began) and (not seen.noted if self.again else seen.noted != self.run)
        return bool(self.began) and self.once and seen.state in {"failed", "late"} and not seen.noted

    def start_script(self) -> str:
        """Return sh that starts every process that neither runs nor has done its part, or says what is in the way."""
        kept = '[ "$s" = 0 ]' if self.began and not self.again else "false"
        if self.began and self.once:
            fresh = '[ -z "$r" ]'
            well = fresh if self.again else f'[ "$r" != {quote([self.run])} ]'
            kept = f"case $s in vanished) false;; 0) {well};; *) {fresh};; esac"
        limit = "" if self.timeout is None else f"{self.timeout:g}"
        start = Start(self.began, self.run, kept, limit, self.user, not self.once)
        return start_script(self.directory, self._parts(), start)

    def _parts(self) -> tuple[Part, ...]:
        head = f"# {self.name}, begun by {self.began}\n"
        return tuple(Part(f"{self.directory}/{number}", head + line) for number, line in enumerate(self.lines, 1))

    def _note(self, follower: Follower, host: Host) -> None:
        reply = follower.surely(note_script([part.folder for part in self._parts()], self.run))
        if reply.code:
            raise ChangeFailed(host.name, f"cannot take note in {self.directory}", "see its disk", reply.error_text)
