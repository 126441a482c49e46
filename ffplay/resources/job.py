"""Long-running tools: started detached on their host, so that no lost connection kills or doubles them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ffplay.errors import ChangeFailed, Interrupted
from ffplay.model import Host
from ffplay.remote.base import Access
from ffplay.resources.base import DirectResource, quote

# How long one poll waits on the host for the job's end, in seconds; each poll is one round trip.
_POLL_SECONDS = 5

# Of a failed job's log so many bytes are shown.
_TAIL_BYTES = 4000

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
        probe = "\n".join(f"d={quote([folder])}\n{_ALIVE} && echo running && exit" for folder in self._folders())
        return "running" if "running" in connection.run(probe + "\n:").text else "none"

    def bring(self, access: Access, host: Host, before: Any, after: Any) -> None:
        """Start what does not run yet, and wait for all of it. Raise `ChangeFailed` with the end of the log.

        An operator who stops the run leaves the processes running: the next run finds them.
        """
        connection = access.connection(host.name)
        reply = connection.run(self._start_script())
        if reply.code:
            advice = _BUSY_ADVICE if reply.code == _BUSY else ""
            raise ChangeFailed(host.name, f"{self.name} could not be started", advice, reply.error_text)
        for folder, line in zip(self._folders(), self.lines, strict=True):
            code, tail = self._wait(access, host, folder)
            if code != 0:
                raise ChangeFailed(
                    host.name,
                    f"{self.name} ended with exit code {code}: {line}",
                    f"its whole log is {folder}/log on {host.name}; mend the cause and apply again",
                    tail,
                )
        connection.run(f"rm -rf {quote([self.directory])}")

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
        return f"""job={quote([self.directory])}; mkdir -p "$job" || exit
is() {{ [ "$(cat "$d/run" 2>/dev/null)" = "$1" ]; }}
has() {{ is "$1" && {{ {_ALIVE} || [ "$(cat "$d/rc" 2>/dev/null)" = 0 ]; }}; }}
busy=
for d in "${{job%-*}}"-*/*; do
  {_ALIVE} || continue
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

    def _wait(self, access: Access, host: Host, folder: str) -> tuple[int, str]:
        """Return exit code and end of the log once the process is over; stream the log on the way."""
        connection = access.connection(host.name)
        offset = 0
        waited = 0.0
        tail = b""
        while True:
            reply = connection.run(_poll_script(folder, offset), timeout=_POLL_SECONDS + 60)
            status, _, log = reply.stdout.partition(b"\n")
            if reply.code or not status:
                raise ChangeFailed(host.name, f"cannot follow {folder}", "", reply.error_text)
            offset += len(log)
            tail = (tail + log)[-_TAIL_BYTES:]
            if log:
                access.tell(host.name, log.decode("utf-8", "replace"))
            if status != b"running":
                return _exit_code(status), tail.decode("utf-8", "replace")
            if access.stopping:
                raise Interrupted(f"stopped by the operator; {self.name} runs on by itself on {host.name}")
            waited += _POLL_SECONDS
            if self.timeout is not None and waited > self.timeout:
                connection.run(f'kill -TERM -"$(cat {quote([folder])}/pid)" 2>/dev/null; :')
                return 124, f"stopped after {self.timeout:.0f} s\n" + tail.decode("utf-8", "replace")


def _exit_code(status: bytes) -> int:
    """Return the number in a poll's first line; a process that vanished without one counts as killed."""
    try:
        return int(status)
    except ValueError:
        return 137


# Sh that succeeds while the process of folder $d lives: the pid may have been given to another program meanwhile, so
# the command line must name the folder. Where the process itself is gone, its children (the tool) may live on in its
# group. `--` before a group would be no number to dash.
_ALIVE = (
    '{ [ ! -f "$d/rc" ] && p=$(cat "$d/pid" 2>/dev/null) && '
    'case "$(tr "\\0" " " 2>/dev/null < "/proc/$p/cmdline")" in '
    '*"$d"*) true;; "") kill -0 "-$p" 2>/dev/null;; *) false;; esac; }'
)


def _start_one(folder: str, run: str) -> str:
    """Return sh that starts one process in a session of its own unless it already runs."""
    return f"""d={quote([folder])}
{_ALIVE} || {{
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


def _poll_script(folder: str, offset: int) -> str:
    """Return sh that waits a while for the end, prints `running` or the exit code, then the log from `offset` on."""
    return f"""d={quote([folder])}
n=0; while [ ! -f "$d/rc" ] && [ $n -lt {_POLL_SECONDS * 10} ]; do
  {_ALIVE} || {{ sleep 0.2; break; }}
  n=$((n+1)); sleep 0.1
done
if [ -f "$d/rc" ]; then cat "$d/rc"; elif {_ALIVE}; then echo running; else echo vanished; fi
tail -c +{offset + 1} "$d/log" 2>/dev/null; :"""
