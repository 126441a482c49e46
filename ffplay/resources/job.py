"""Long-running tools: started detached on their host, so that no lost connection kills or doubles them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from ffplay.errors import ChangeFailed, Interrupted, Unreachable
from ffplay.model import Host
from ffplay.remote.base import Access
from ffplay.resources.base import DirectResource, quote

# How long one poll waits on the host for the job's end, in seconds; each poll is one round trip.
_POLL_SECONDS = 5

# So long a host that cannot be reached is tried again while its job runs.
_RECONNECT_SECONDS = 300

# Of a failed job's log so many bytes are shown.
_TAIL_BYTES = 4000

# The exit code that stands for a job that was stopped because it took too long.
_TIMED_OUT = 124

# The exit code of the start where something else of the kind still runs.
_BUSY = 75
_BUSY_ADVICE = (
    "wait until it is over, or end it with `kill -TERM -PID` on that host; then apply again (to wait for it with "
    "ffplay, apply what it was started for: the same target and the same options)"
)


@dataclass(frozen=True, slots=True)
class Job(DirectResource):
    """One tool run, in one or more processes at once. Value: `none`, `running` or `done`.

    `directory` on the host holds a folder a process with its script, pid, log and exit code; it is called KIND-DIGEST
    after what the job is for. `began` is the name of the run that began the work which the job is a part of: a later
    run that goes on with that work waits for the processes that still run, and takes the word of those that have
    ended well (without it nobody's word is taken: the same command may have become due again since). While any process
    of the kind runs for another target, for other work or with another command, none is started: it would be waited
    for in the place of what is asked for.
    `timeout` in seconds bounds the waiting, None does not.
    """

    name: str
    directory: str
    lines: tuple[str, ...]
    timeout: float | None = None
    began: str = ""

    @property
    def label(self) -> str:
        """Return the job's name."""
        return self.name

    def show(self, before: Any, after: Any) -> str:
        """Return the commands in full."""
        return "\n".join(f"$ {line}" for line in self.lines)

    def read(self, access: Access, host: Host) -> str:
        """Tell whether any of the processes runs."""
        connection = access.connection(host.name)
        probe = "\n".join(f"d={quote([folder])}; alive && echo running && exit" for folder in self._folders())
        return "running" if "running" in connection.run(f"{_ALIVE}{probe}\n:").text else "none"

    def bring(self, access: Access, host: Host, before: Any, after: Any) -> None:
        """Start what does not run yet, and wait for all of it. Raise `ChangeFailed` with the end of the log.

        An operator who stops the run leaves the processes running: the next run finds them.
        """
        reply = access.connection(host.name).run(self._start_script())
        if reply.code:
            advice = _BUSY_ADVICE if reply.code == _BUSY else ""
            raise ChangeFailed(host.name, f"{self.name} could not be started", advice, reply.error_text)
        self._follow(access, host)
        access.connection(host.name).run(f"rm -rf {quote([self.directory])}")

    def reached(self, before: Any, after: Any, observed: Any) -> bool:
        """Nothing of it may run any more; its exit codes were judged when they came."""
        return bool(observed == "none")

    def _folders(self) -> list[str]:
        return [f"{self.directory}/{number}" for number in range(1, len(self.lines) + 1)]

    def _start_script(self) -> str:
        """Return sh that starts every process that neither runs nor has done its part, or says what is in the way."""
        runs = [f"# {self.name}, begun by {self.began}\n{line}" for line in self.lines]
        places = list(zip(self._folders(), runs, strict=True))
        mine = "\n".join(f"  {quote([folder])}) is {quote([run])} && continue;;" for folder, run in places)
        kept = "\n".join(f"d={quote([folder])}; has {quote([run])} || whole=" for folder, run in places if self.began)
        start = "\n".join(_start_one(folder, run) for folder, run in places)
        return f"""{_ALIVE}job={quote([self.directory])}; mkdir -p "$job" || exit
is() {{ [ "$(cat "$d/run" 2>/dev/null)" = "$1" ]; }}
has() {{ is "$1" && {{ alive || [ "$(cat "$d/rc" 2>/dev/null)" = 0 ]; }}; }}
busy=
for d in "${{job%-*}}"-*/*; do
  alive || continue
  case $d in
{mine}
  esac
  busy=1; printf '%s still runs (pid %s):\n%s\n' "$d" "$(cat "$d/pid")" "$(cat "$d/run")" >&2
done
[ -z "$busy" ] || exit {_BUSY}
whole={1 if self.began else ""}
{kept}
[ -z "$whole" ] || exit 0
{start}"""

    def _follow(self, access: Access, host: Host) -> None:
        """Stream the logs until all processes have ended well. Raise `ChangeFailed` as soon as one has not."""
        left = {folder: _Progress(line) for folder, line in zip(self._folders(), self.lines, strict=True)}
        begun = time.monotonic()
        while left:
            for folder, progress in list(left.items()):
                status = self._poll(access, host, folder, progress, _POLL_SECONDS / len(left))
                if status == b"0":
                    del left[folder]
                elif status != b"running":
                    raise self._failed(host, folder, progress, _exit_code(status))
            if left and access.stopping:
                raise Interrupted(f"stopped by the operator; {self.name} runs on by itself on {host.name}")
            if left and self.timeout is not None and time.monotonic() - begun > self.timeout:
                kill = "\n".join(f'kill -TERM -"$(cat {quote([folder])}/pid)" 2>/dev/null' for folder in left)
                access.connection(host.name).run(f"{kill}\n:")
                folder, progress = next(iter(left.items()))
                progress.tail = f"stopped after {self.timeout:.0f} s\n".encode() + progress.tail
                raise self._failed(host, folder, progress, _TIMED_OUT)

    def _poll(self, access: Access, host: Host, folder: str, progress: _Progress, seconds: float) -> bytes:
        """Wait a while for a process's end, and pass on what it printed; return `running` or its exit code.

        A connection that is lost is made again, for some time: the process runs on without it.
        """
        until = time.monotonic() + _RECONNECT_SECONDS
        while True:
            script = _poll_script(folder, progress.offset, seconds)
            try:
                reply = access.connection(host.name).run(script, timeout=_POLL_SECONDS + 60)
                break
            except Unreachable as error:
                if time.monotonic() > until:
                    raise
                access.tell(host.name, f"{error.message}; {self.name} runs on by itself there: connecting again")
                access.pause(_POLL_SECONDS)
        status, _, log = reply.stdout.partition(b"\n")
        if reply.code or not status:
            raise ChangeFailed(host.name, f"cannot follow {folder}", "", reply.error_text)
        progress.offset += len(log)
        progress.tail = (progress.tail + log)[-_TAIL_BYTES:]
        if log:
            access.tell(host.name, log.decode("utf-8", "replace"))
        return status

    def _failed(self, host: Host, folder: str, progress: _Progress, code: int) -> ChangeFailed:
        return ChangeFailed(
            host.name,
            f"{self.name} ended with exit code {code}: {progress.line}",
            f"its whole log is {folder}/log on {host.name}; mend the cause and apply again",
            progress.tail.decode("utf-8", "replace"),
        )


@dataclass(slots=True)
class _Progress:
    """How far a process's log was read, and the end of it."""

    line: str
    offset: int = 0
    tail: bytes = b""


def _exit_code(status: bytes) -> int:
    """Return the number in a poll's first line; a process that vanished without one counts as killed."""
    try:
        return int(status)
    except ValueError:
        return 137


# The function `alive` succeeds while the process of folder $d lives: the pid may have been given to another program
# meanwhile, so the command line must name the folder. Where the process itself is gone, its children (the tool) may
# live on in its group; what nobody has reaped yet is no life.
_ALIVE = r"""alive() {
  [ ! -f "$d/rc" ] && p=$(cat "$d/pid" 2>/dev/null) && [ -n "$p" ] || return 1
  case "$(tr "\\0" " " 2>/dev/null < "/proc/$p/cmdline")" in *"$d"*) return 0;; ?*) return 1;; esac
  kill -0 "-$p" 2>/dev/null || return 1
  for f in /proc/[0-9]*/stat; do
    read -r s 2>/dev/null < "$f" || continue
    set -- ${s##*) }
    [ "$3" != "$p" ] || [ "$1" = Z ] || return 0
  done
  return 1
}
"""


def _start_one(folder: str, run: str) -> str:
    """Return sh that starts one process in a session of its own unless it already runs."""
    return f"""d={quote([folder])}
alive || {{
rm -rf "$d"; mkdir "$d" || exit
cat > "$d/run" <<'FFPLAY_JOB'
{run}
FFPLAY_JOB
setsid sh -c 'd=$1; echo $$ > "$d/pid.new"; mv "$d/pid.new" "$d/pid"
sh "$d/run" > "$d/log" 2>&1 </dev/null; echo $? > "$d/rc.new"; mv "$d/rc.new" "$d/rc"' ffplay-job "$d" \\
  </dev/null >/dev/null 2>&1 &
n=0; while [ ! -f "$d/pid" ]; do
  n=$((n+1)); [ $n -lt 100 ] || {{ echo "no process after 10 s" >&2; exit 1; }}; sleep 0.1
done
}}"""


def _poll_script(folder: str, offset: int, seconds: float = _POLL_SECONDS) -> str:
    """Return sh that waits a while for the end, prints `running` or the exit code, then the log from `offset` on."""
    return f"""{_ALIVE}d={quote([folder])}
n=0; while [ ! -f "$d/rc" ] && [ $n -lt {seconds * 10:.0f} ]; do
  alive || {{ sleep 0.2; break; }}
  n=$((n+1)); sleep 0.1
done
if [ -f "$d/rc" ]; then cat "$d/rc"; elif alive; then echo running; else echo vanished; fi
tail -c +{offset + 1} "$d/log" 2>/dev/null; :"""
