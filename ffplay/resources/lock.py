"""The lock of a site: one directory a host, which one run at a time can put in place, and who holds it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from ffplay.remote.base import Reply
from ffplay.resources.base import ShellResource, quote

# What the scripts below end with where somebody else has the lock, where this run is to stop, where its own lock is
# there no more, and where a script of an earlier run is still at work.
HELD = 75
STOPPED = 95
FENCED = 97
BUSY = 98

# So long a change waits for an earlier run's script to end, in seconds.
_BUSY_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lock.

    `machine` and `pid` are the controller's, `since` is UTC as people write it, `run` names the run in records and
    backups. `token` is random: it tells this holder from one who took the lock over, whatever their names. `process`
    tells the controller's process from any other that ever was, empty where its system has no way to.
    """

    user: str
    machine: str
    pid: int
    since: str
    run: str
    playbook: str
    token: str
    process: str = ""


@dataclass(frozen=True, slots=True)
class Held:
    """A lock as it was read. `silent` counts the seconds since the holder's last sign of life, by the host's clock."""

    holder: Holder
    silent: int


@dataclass(frozen=True, slots=True)
class SiteLock(ShellResource):
    """The lock on one host. Value: `Held`, or None where it is free; it is brought from None to a `Holder` and back.

    `rename` is what decides: a directory cannot be renamed over one that holds files, so of all who try one gets it,
    whole. The same call takes it away, so that nobody ever sees half a lock.
    """

    state_dir: str

    @property
    def label(self) -> str:
        """Return the directory."""
        return f"{self.state_dir}/lock"

    def read_script(self) -> str:
        """Print the age of the last sign of life, then the holder."""
        return f"""d={quote([self.label])}
[ -n "$(ls -A "$d" 2>/dev/null)" ] || exit 0
echo "$(($(date +%s) - $(stat -c %Y "$d/holder")))" && cat "$d/holder"
[ -d "$d" ]"""

    def parse(self, reply: Reply) -> Held | None:
        """Return who holds it. Raise ValueError where that cannot be told."""
        if reply.code or not reply.text:
            # It was there and went while it was read.
            return None
        age, _, text = reply.text.partition("\n")
        try:
            return Held(Holder(**json.loads(text)), max(0, int(age)))
        except (ValueError, TypeError) as error:
            raise ValueError(f"it is no lock of ours ({error}); find out who made it, then remove it") from error

    def bring_script(self, before: Any, after: Any) -> str:
        """Take the lock for `after`, ending with `HELD` where it is not free, or give that of `before` back."""
        return self._release(before) if after is None else self._take(after)

    def _take(self, holder: Holder) -> str:
        # A name of its own for each shell: a machine may be asked twice at once, under two names.
        new = f"{quote([f'{self.label}.{holder.token}'])}.$$.new"
        return f"""umask 022
mkdir -p {quote([self.state_dir])} && mkdir {new} || exit 1
printf '%s\\n' {quote([json.dumps(asdict(holder))])} > {new}/holder && echo {holder.token} > {new}/token || {{
  rm -rf {new}; exit 1
}}
mv -T {new} {quote([self.label])} 2>/dev/null && exit 0
rm -rf {new}
exit {HELD}"""

    def _release(self, holder: Holder) -> str:
        """Return sh that removes the lock if it is the holder's, and says `released` if it was.

        Between the look and the rename somebody else may remove it too, which is as good, and another run may take its
        place: then what was renamed is put back.
        """
        token = holder.token
        return f"""d={quote([self.label])}
mine() {{ t=; {{ read -r t < "$1/token"; }} 2>/dev/null; [ "$t" = {token} ]; }}
mine "$d" || exit 0
why=$(mv -T "$d" "$d.{token}.gone" 2>&1) || {{ mine "$d" || exit 0; echo "$why" >&2; exit 1; }}
mine "$d.{token}.gone" || {{ mv -T "$d.{token}.gone" "$d"; exit; }}
rm -rf "$d.{token}.gone" && echo released"""

    def fence(self, holder: Holder) -> str:
        """Return sh that ends a script with `FENCED` unless the lock is the holder's, else shows the holder's life.

        A script outlives a connection that is lost, and a controller that is killed. So each that changes something
        leaves its process id, and the next one waits until that process is gone; with `BUSY` it gives up. An earlier
        run's script that makes several changes is ended before its next one, for it looks at the lock too.
        """
        path, writer = quote([self.label]), quote([f"{self.state_dir}/writer"])
        mine = f'{{ read -r ffplay_token < {path}/token; }} 2>/dev/null; [ "$ffplay_token" = {holder.token} ]'
        fenced = f"{{ echo fenced {holder.token} >&2; exit {FENCED}; }}"
        return f"""ffplay_token=; {mine} || {fenced}
touch -c {path}/holder 2>/dev/null; ffplay_w=; {{ read -r ffplay_w < {writer}; }} 2>/dev/null; ffplay_n=0
while [ -n "$ffplay_w" ] && [ "$ffplay_w" != $$ ] && kill -0 "$ffplay_w" 2>/dev/null; do
  case "$(tr '\\0' ' ' 2>/dev/null < "/proc/$ffplay_w/cmdline")" in *'head -c'*) ;; *) break;; esac
  [ $ffplay_n -lt {_BUSY_SECONDS} ] || {{ echo "busy {holder.token} $ffplay_w" >&2; exit {BUSY}; }}
  ffplay_n=$((ffplay_n+1)); sleep 1; {mine} || {fenced}
done
[ "$ffplay_w" = $$ ] || echo $$ > {writer} || exit
"""

    def fence_again(self, holder: Holder) -> str:
        """Return sh that ends a script before another of its changes, where the lock went or the run is to stop."""
        path = quote([self.label])
        return f"""ffplay_token=; {{ read -r ffplay_token < {path}/token; }} 2>/dev/null
[ "$ffplay_token" = {holder.token} ] || {{ echo fenced {holder.token} >&2; exit {FENCED}; }}
[ ! -e {path}/stop ] || {{ echo stopped {holder.token} >&2; exit {STOPPED}; }}
"""

    def stop_script(self, holder: Holder) -> str:
        """Return sh that has the holder's script that is at work end before its next change."""
        path = quote([self.label])
        return f"""[ "$(cat {path}/token 2>/dev/null)" != {holder.token} ] || : > {path}/stop"""

    def stopped(self, holder: Holder, reply: Reply) -> bool:
        """Tell whether a script ended because its run is to stop."""
        return reply.code == STOPPED and f"stopped {holder.token}" in reply.error_text

    def fenced(self, holder: Holder, reply: Reply) -> bool:
        """Tell whether the fence ended a script; a script's own exit code may be the same."""
        return reply.code == FENCED and f"fenced {holder.token}" in reply.error_text

    def busy(self, holder: Holder, reply: Reply) -> str:
        """Return the process id of the earlier run's script that kept this one from its work, empty where none did."""
        _, found, rest = reply.error_text.partition(f"busy {holder.token} ")
        return rest.split()[0] if reply.code == BUSY and found else ""
