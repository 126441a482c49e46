"""The script that sets the data of shards aside, once it is proved that they are dead and that a backup has all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ffplay.model import Shard
from ffplay.resources.backup_token import check_script
from ffplay.resources.base import blame_script, quote, sync_script
from ffplay.resources.record import Record, prepare_script


@dataclass(frozen=True, slots=True)
class Wipe:
    """One shard whose data go aside under the name of `run`: `number` is that of its change.

    `record` is written right before, None where it is there already. `token` is the manifest of the backup that must
    cover the data, and the directory of its files (as for `check_script`); with `sure` nothing need cover them.
    """

    number: int
    shard: Shard
    directories: tuple[str, ...]
    run: str
    record: Record | None
    token: tuple[str, str]
    sure: bool


def wipe_script(wipes: Sequence[Wipe]) -> str:
    """Return sh that sets the data aside behind the proofs, for a record says that nothing there is the only copy."""
    return _proofs(wipes) + _set_aside(wipes)


def _proofs(wipes: Sequence[Wipe]) -> str:
    """Return sh that exits unless verified backups have what is there."""
    unsure = [one for one in wipes if not one.sure]
    for one in unsure:
        if not one.token[0]:
            said = f"no verified backup of {one.shard.name} is known: it is not wiped"
            return f"echo {quote([said])} >&2; {blame_script(one.number)}; exit 1\n"
    return check_script([(one.number, one.shard, *one.token) for one in unsure]) if unsure else ""


def _set_aside(wipes: Sequence[Wipe]) -> str:
    """Return sh that writes each shard's record (it says what is about to happen), then renames its directories.

    An empty one is renamed too, and an empty twin comes in its place: so all of them come back together, whatever a
    later run sets aside before that. Renaming is instant and so is its reverse. What this very run has set aside
    already stays so. A twin has its mode and its owner before it has its name: a run that is broken off leaves none
    that its shard could not write to.
    """
    prepared, models, renames = "", "", ""
    stamps: list[str] = []
    twins: list[str] = []
    for one in wipes:
        blamed = f"{{ {blame_script(one.number)}; exit 1; }}"
        if one.record is not None:
            stamp = one.shard.stamp
            prepared += prepare_script(stamp, one.record)
            stamps.append(f"{stamp}.part")
            renames += f"mv -f {quote([f'{stamp}.part', stamp])} || {blamed}\n"
        for directory in one.directories:
            path, twin = quote([directory]), f"{directory}.new-{one.run}"
            twins.append(twin)
            models += f'[ -d {path} ] && set -- "$@" {path} || set -- "$@" {quote([one.shard.data_dir])}\n'
            renames += f"aside {quote([directory, twin, f'{directory}.aside-{one.run}'])} || {blamed}\n"
    synced = f"{sync_script(quote(stamps))}\n" if stamps else ""
    return f"""aside() {{ # DIRECTORY TWIN ASIDE
  if [ -e "$3" ] && [ -d "$1" ] && [ -z "$(ls -A "$1")" ]; then rmdir "$2"; return; fi
  {{ [ ! -d "$1" ] || mv -T "$1" "$3"; }} && mv -T "$2" "$1"
}}
set -- {quote(twins)}
for d; do [ ! -e "$d" ] || rm -rf "$d" || exit; done
mkdir -p "$@" || exit
set --
{models}like=; odd=
while read -r mode owner; do
  [ "${{like:=$mode $owner}}" = "$mode $owner" ] || odd=1
done <<FFPLAY_LIKE
$(stat -c '%a %u:%g' "$@")
FFPLAY_LIKE
if [ -z "$odd" ]; then
  chmod "${{like% *}}" {quote(twins)} && chown "${{like#* }}" {quote(twins)} || exit
else
  for d in {quote(twins)}; do chmod --reference="$1" "$d" && chown --reference="$1" "$d" || exit; shift; done
fi
{prepared}{synced}{renames}sync"""
