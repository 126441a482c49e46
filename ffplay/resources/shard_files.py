"""What lies in the data directories of shards, read for all of a host at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ffplay.model import Shard
from ffplay.resources.base import at_once, quote

# The ending of the files of each directory, in the order of their names in `Shard`.
ENDINGS = {"snap": ".snap", "wal": ".xlog", "index": ".idx"}

# The text header of a snapshot or xlog names its instance within so many bytes. Whatever else a file begins with (a
# crash leaves some that are nothing but zeros), no more of it is read.
_HEAD_BYTES = 512

# A record has a few hundred bytes. What has more is none, and is told to be damaged.
_RECORD_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class ShardFiles:
    """One shard's files as they were read.

    `files` are (name, bytes) with the name as `snap/00...0.snap`, `missing` the kinds of directories that are not
    there, `aside` (path, KiB) of set-aside directories, `newest` when the last snapshot or xlog was written, in seconds
    since 1970, `instances` those that the last snapshot and the last xlog name, `record` the text of its record.
    """

    files: tuple[tuple[str, int], ...]
    missing: tuple[str, ...]
    aside: tuple[tuple[str, int], ...]
    newest: int
    instances: tuple[str, ...]
    record: str


def directories_of(shard: Shard) -> dict[str, str]:
    """Return the directory of each kind of file."""
    return {"snap": shard.snap_dir, "wal": shard.wal_dir, "index": shard.index_dir}


def files_script(shards: Sequence[Shard]) -> str:
    """Return sh that prints a line a file, a head, a missing or a set-aside directory, and last the records.

    Each program is started once for all shards.
    """
    every = [(number, kind, path) for number, one in enumerate(shards) for kind, path in directories_of(one).items()]
    lines = ["nl='\n'", "heads= missing=; set --"]
    for number, kind, directory in every:
        path, word = quote([directory]), f"{number} {kind}"
        head = "" if kind == "index" else '; [ ! -f "$f" ] || heads="$heads$f$nl"'
        lines.append(
            f'if [ -d {path} ]; then for f in {path}/*{ENDINGS[kind]}; do [ -f "$f" ] && set -- "$@" "$f"; done{head}\n'
            f'else missing="${{missing}}missing {word}$nl"; fi'
        )
    asides = " ".join(f"{quote([directory])}.aside-*" for directory in dict.fromkeys(path for *_, path in every))
    stamps = quote(one.stamp for one in shards)
    listing = (
        "\n".join(lines)
        + f"""
printf %s "$missing"
[ $# -eq 0 ] || stat -c "file %s %Y %n" "$@"
IFS=$nl; set -f; set -- $heads; set +f; unset IFS
[ $# -eq 0 ] || head -v -c {_HEAD_BYTES} "$@" | tr -cd '\\11\\12\\40-\\176' | while IFS= read -r l; do
  case $l in "==> "*" <=="|"Instance: "*|"Server: "*) echo "head $l";; esac
done
set --; for d in {asides}; do [ -d "$d" ] && set -- "$@" "$d"; done
[ $# -eq 0 ] || du -sk "$@" | while IFS= read -r l; do echo "aside $l"; done"""
    )
    # The records as they are: a shell drops NULs, and a power cut may leave a record of nothing else.
    return f"""{at_once(listing)}
set --; for f in {stamps}; do [ ! -f "$f" ] || set -- "$@" "$f"; done
[ $# -eq 0 ] || head -v -c {_RECORD_BYTES} "$@" """


def files_of(shards: Sequence[Shard], text: str) -> list[ShardFiles]:
    """Return what `files_script` printed, shard by shard."""
    listing, *records = _parts(text, [one.stamp for one in shards])
    sizes: dict[str, tuple[int, int]] = {}
    owners: dict[str, str] = {}
    missing: list[tuple[int, str]] = []
    aside: list[tuple[str, int]] = []
    headed = ""
    for line in listing.splitlines():
        word, _, rest = line.partition(" ")
        if word == "file":
            size, written, path = rest.split(" ", 2)
            sizes[path] = int(size), int(written)
        elif word == "missing":
            at, kind = rest.split(" ")
            missing.append((int(at), kind))
        elif word == "aside":
            kib, _, path = rest.partition("\t")
            aside.append((path, int(kib)))
        elif rest.startswith("==> "):
            headed = rest.removeprefix("==> ").removesuffix(" <==")
        elif word == "head":
            # The header's word is Instance since format 0.13 (Tarantool 1.7.2), and Server before that.
            owners.setdefault(headed, rest.partition(": ")[2])
    return [
        _one(shard, sizes, owners, tuple(kind for whose, kind in missing if whose == number), aside, record)
        for number, (shard, record) in enumerate(zip(shards, records, strict=True))
    ]


def _parts(text: str, stamps: Sequence[str]) -> list[str]:
    """Return the listing, and each shard's record, empty where there is none."""
    pieces, whose = [text], []
    for number, stamp in enumerate(stamps):
        # A damaged record may hold anything; what is before the first of these is the listing.
        before, head, record = pieces[-1].partition(f"\n==> {stamp} <==\n")
        if head:
            pieces[-1:] = [before, record]
            whose.append(number)
    found = dict(zip(whose, pieces[1:], strict=True))
    return [pieces[0], *(found.get(number, "") for number in range(len(stamps)))]


def _one(
    shard: Shard,
    sizes: Mapping[str, tuple[int, int]],
    owners: Mapping[str, str],
    missing: tuple[str, ...],
    aside: Sequence[tuple[str, int]],
    record: str,
) -> ShardFiles:
    """Return a shard's part of what was read."""
    kinds = {(directory, ENDINGS[kind]): kind for kind, directory in directories_of(shard).items()}
    files: list[tuple[str, int]] = []
    newest = 0
    instances: set[str] = set()
    for path, (size, written) in sizes.items():
        directory, _, name = path.rpartition("/")
        kind = kinds.get((directory, "." + name.rpartition(".")[2]))
        if kind is None:
            continue
        files.append((f"{kind}/{name}", size))
        if kind != "index":
            newest = max(newest, written)
            instances.update(filter(None, [owners.get(path, "")]))
    own = {f"{directory}.aside-" for directory in directories_of(shard).values()}
    mine = tuple((path, kib) for path, kib in aside if path[: path.rindex(".aside-") + 7] in own)
    return ShardFiles(tuple(sorted(files)), missing, mine, newest, tuple(sorted(instances)), record)
