"""sh that writes a run's journal on a host; `runs` reads it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ffplay.model import Change
from ffplay.resources.base import quote, sync_script
from ffplay.resources.codec import encode, masked
from ffplay.resources.run_times import RunTimes
from ffplay.resources.runs import RunEnd, RunHead
from ffplay.secret import Secrets

# What a script ends with that cannot note in the journal what it is about to do.
NOT_NOTED = 96

# So much of each of a command's outputs is kept for the steps behind it, in bytes.
_OUTPUT_BYTES = 65536


def intent_line(number: int, kind: str, step: str, change: Change, now: float, secrets: Secrets) -> str:
    """Return the journal's line about a change that is about to be made.

    Secrets are masked in it but in what was there before: a rollback has to put that back, byte for byte. Of a change
    whose values hold some the line says so, and nobody shows them.
    """
    kept = change.resource.kept
    body = {
        "n": number,
        "time": round(now, 3),
        "kind": kind,
        "step": step,
        "host": change.host,
        "shard": change.shard,
        "summary": encode(change.summary),
        "resource": encode(change.resource),
        "after": encode(kept(change.after)),
    }
    return json.dumps(
        {**masked(body, secrets), "before": encode(kept(change.before)), **({"hidden": True} if change.hidden else {})}
    )


def append_script(state_dir: str, head: RunHead, lines: Sequence[str]) -> str:
    """Return sh that adds lines to the run's journal and has them on disk, or ends with `NOT_NOTED`.

    A line that a full disk left half written is ended first: an empty one says nothing.
    """
    directory = quote([f"{state_dir}/runs/{head.run}"])
    text = quote(["\n".join(lines)])
    # By the shell itself, which needs no program for it; none of it is an argument that others could read.
    return f"""ffplay_j={directory}; (umask 077
[ -f "$ffplay_j/head.json" ] || {{
  mkdir -p "$ffplay_j" && printf '%s\\n' {quote([json.dumps(asdict(head))])} > "$ffplay_j/head.new" &&
  mv "$ffplay_j/head.new" "$ffplay_j/head.json"
}} || exit
printf '\\n%s\\n' {text} >> "$ffplay_j/journal" || exit
{sync_script('"$ffplay_j/journal"')}) || {{
  echo "the journal $ffplay_j cannot be written" >&2; exit {NOT_NOTED}
}}
"""


def done_script(state_dir: str, head: RunHead, numbers: Sequence[int], synced: bool) -> str:
    """Return sh that notes that changes are made. `synced`: and has it on disk.

    What was done to a file, a unit or data shows on the site, also where a power cut took such a note; that a command
    was done shows nowhere else.
    """
    path = quote([f"{state_dir}/runs/{head.run}/journal"])
    lines = "".join(f'\\n{{"done": {number}}}\\n' for number in numbers)
    return f"""printf '{lines}' >> {path} || {{ {_cannot_be_written(path)}; }}
{sync_script(path) if synced else ""}
"""


def noted_script(change: str, done: str) -> str:
    """Return sh that makes a change, and notes that it is made where that went well."""
    return f"(\n{change}\n)\nffplay_rc=$?; [ $ffplay_rc -eq 0 ] || exit $ffplay_rc\n{done}"


def kept_script(change: str, state_dir: str, head: RunHead, number: int) -> str:
    """Return `noted_script` of a command whose outputs a later step may ask for: their beginning is noted too."""
    directory = f"{state_dir}/runs/{head.run}"
    path, out = quote([f"{directory}/journal"]), quote([f"{directory}/{number}"])
    part = f'$(head -c {_OUTPUT_BYTES} {out}.%s | base64 | tr -d "\\n")'
    return f"""(umask 077; : > {out}.out && : > {out}.err) || exit {NOT_NOTED}
(
{change}
) > {out}.out 2> {out}.err
ffplay_rc=$?; cat {out}.out; cat {out}.err >&2
[ $ffplay_rc -eq 0 ] || exit $ffplay_rc
ffplay_l=$(cat <<FFPLAY_LINE
{{"done": {number}, "out": "{part % "out"}", "err": "{part % "err"}"}}
FFPLAY_LINE
)
printf '\n%s\n' "$ffplay_l" >> {path} || {{ {_cannot_be_written(path)}; }}
{sync_script(path)}
rm -f {out}.out {out}.err
"""


def _cannot_be_written(path: str) -> str:
    """Return sh that ends a script because a quoted path could not be written."""
    return f'echo "the journal "{path}" cannot be written" >&2; exit {NOT_NOTED}'


@dataclass(frozen=True, slots=True)
class RunFile:
    """What a host that knows the run `run` is to keep of it in `NAME.json`."""

    run: str
    name: str
    body: Mapping[str, Any]


def end_file(run: str, end: RunEnd) -> RunFile:
    """Return how the run ended."""
    return RunFile(run, "end", asdict(end))


def closed_file(run: str, closed: str, by: str) -> RunFile:
    """Return that nothing of a run is open any more."""
    return RunFile(run, "closed", {"closed": closed, "by": by})


def times_file(run: str, times: RunTimes) -> RunFile:
    """Return what the run's steps took."""
    return RunFile(run, "times", asdict(times))


def keep_script(state_dir: str, files: Sequence[RunFile]) -> str:
    """Return sh that writes files of runs whole and has them on disk, of those runs that the host knows."""
    written = "".join(
        f"""p={quote([f"{state_dir}/runs/{one.run}"])}
if [ -d "$p" ]; then
  f=$p/{one.name}
  printf '%s\\n' {quote([json.dumps(one.body)])} > "$f.new" && mv "$f.new" "$f.json" || exit
  set -- "$@" "$f.json"
fi
"""
        for one in files
    )
    return f"""(umask 077; set --
{written}[ $# -eq 0 ] || {sync_script('"$@"')}) || exit
"""
