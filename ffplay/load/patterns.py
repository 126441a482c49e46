"""Which hosts a pattern names: Ansible's patterns, and `host/shard` for one shard in a limit."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from ffplay.load.findings import Mistake, did_you_mean, hints, listed
from ffplay.load.hostnames import expand
from ffplay.load.seen import read_text
from ffplay.model import Host, Site

_SUBSCRIPT = re.compile(r"^(?P<name>.+)\[(?P<first>-?\d+)?(?P<colon>[:-])?(?P<last>-?\d+)?\]$")
# What parts a pattern: not within brackets and braces, and not the colon of a regular expression's `(?:`.
_COMMA = re.compile(r",(?![^\[\]]*\])(?![^{}]*\})")
_COLON = re.compile(r"(?<!\(\?):(?![^\[\]]*\])")


@dataclass(frozen=True, slots=True)
class Part:
    """One element of a pattern: `mark` is "", "&" or "!"."""

    mark: str
    text: str


def parts(pattern: str) -> list[Part]:
    """Return a pattern's elements in Ansible's order of evaluation: plain ones, intersections, exclusions."""
    found = [Part(text[0], text[1:]) if text[0] in "&!" else Part("", text) for text in _pieces(pattern)]
    return sorted(found, key=lambda part: ("", "&", "!").index(part.mark))


def select(site: Site, pattern: str, limit: str | None = None) -> tuple[Host, ...]:
    """Return the hosts that a pattern names, in the inventory's order, of those that `limit` leaves.

    A limit that names one shard (`db1/2`, `db1/FindFace_shard_2`) leaves the host with that shard alone. Raise
    InputError for a limit that names no host or shard.
    """
    names = _matching(site, pattern)
    hosts = [host for host in site.hosts if host.name in names]
    if limit is None:
        return tuple(hosts)
    allowed = limited(site, limit)
    kept = (_with_shards(host, allowed[host.name]) for host in hosts if host.name in allowed)
    return tuple(kept)


def limited(site: Site, limit: str) -> dict[str, frozenset[str] | None]:
    """Return the hosts that a limit leaves, each with the names of its shards that it leaves (None: all of them)."""
    plain: list[str] = []
    shards: list[str] = []
    for piece in _limit_pieces(limit):
        (shards if "/" in piece and not piece.startswith("~") else plain).append(piece)
    pattern = ",".join(plain)
    missing = unmatched(site, pattern)
    if missing:
        raise Mistake(None, f"the limit `{missing[0]}` names no host or group", known(site, missing[0]))
    if plain and all(part.mark for part in parts(pattern)):
        pattern = f"all,{pattern}"  # a limit of exclusions alone leaves the rest
    found: dict[str, frozenset[str] | None] = dict.fromkeys(_matching(site, pattern))
    for piece in shards:
        host, shard = _shard(site, piece)
        before = found.get(host, frozenset())
        if before is not None:
            found[host] = before | {shard}
    return found


def unmatched(site: Site, pattern: str) -> list[str]:
    """Return the plain elements of a pattern that name no group and no host of the site."""
    return [part.text for part in parts(pattern) if part.mark != "!" and _expand(site, part.text) is None]


def known(site: Site, word: str = "") -> str:
    """Return a hint that lists the groups and hosts there are."""
    groups = [name for name in site.groups if name not in {"all", "ungrouped"}]
    names = [host.name for host in site.hosts]
    return hints(
        did_you_mean(word, [*groups, *names]) if word else "",
        f"groups: {listed(groups) or 'none'}",
        f"hosts: {listed(names) or 'none'}",
    )


def _pieces(pattern: str) -> list[str]:
    """Return a pattern's elements as they stand there; the colons of an IPv6 address part nothing."""
    found: list[str] = []
    for piece in map(str.strip, _COMMA.split(pattern)):
        found += [piece] if _is_ipv6(piece.lstrip("&!")) else map(str.strip, _COLON.split(piece))
    return [piece for piece in found if piece.lstrip("&!")]


def _is_ipv6(text: str) -> bool:
    if text.count(":") < 2:
        return False
    import ipaddress

    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def _limit_pieces(limit: str) -> Iterator[str]:
    for piece in _pieces(limit):
        if not piece.startswith("@"):
            yield piece
            continue
        try:
            lines = read_text(Path(piece[1:])).splitlines()
        except OSError as error:
            raise Mistake(None, f"the limit's file {piece[1:]} cannot be read: {error.strerror}") from None
        yield from (line.strip() for line in lines if line.strip() and not line.startswith("#"))


def _matching(site: Site, pattern: str) -> set[str]:
    hosts = {host.name for host in site.hosts}
    names: set[str] = set()
    elements = parts(pattern)
    if elements and elements[0].mark:
        names = set(hosts)
    for part in elements:
        # A host that has a group's name is the host where it stands alone, as in Ansible.
        found = {part.text} if not part.mark and part.text in hosts else set(_expand(site, part.text) or ())
        if part.mark == "&":
            names &= found
        elif part.mark == "!":
            names -= found
        else:
            names |= found
    return names


def _expand(site: Site, text: str) -> list[str] | None:
    """Return the names that one element stands for, None where it is a plain name that there is not."""
    hosts = [host.name for host in site.hosts]
    if text in site.groups or text == "*":
        return list(site.groups.get(text, hosts))
    if text in hosts:
        return [text]
    if text.startswith("~"):
        return _where(site, _regex(text[1:]).match)
    subscript = _SUBSCRIPT.match(text)
    if subscript and (subscript["first"] or subscript["last"]):
        whole = _expand(site, subscript["name"])
        return _in_range(hosts, text) if whole is None else _slice(whole, subscript)
    if any(char in text for char in "*?["):
        return _where(site, re.compile(fnmatch.translate(text)).match)
    return None


def _regex(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise Mistake(None, f"`~{text}` is no regular expression: {error}") from None


def _in_range(hosts: list[str], text: str) -> list[str] | None:
    """Return the hosts of a range as inventories write it, `db[1:3]`; None where it names none."""
    try:
        wanted = set(expand(text))
    except ValueError:
        return None
    return [name for name in hosts if name in wanted] or None


def _where(site: Site, match: Callable[[str], object]) -> list[str]:
    found = [name for group, members in site.groups.items() if match(group) for name in members]
    return found + [host.name for host in site.hosts if match(host.name)]


def _slice(names: list[str], subscript: re.Match[str]) -> list[str]:
    first = int(subscript["first"] or 0)
    if not subscript["colon"]:
        return [names[first]] if -len(names) <= first < len(names) else []
    last = int(subscript["last"]) if subscript["last"] else -1
    # Ansible's slices include their end.
    return names[first : last + 1 if last != -1 else None]


def _shard(site: Site, piece: str) -> tuple[str, str]:
    name, _, wanted = piece.partition("/")
    host = next((host for host in site.hosts if host.name == name), None)
    if host is None:
        hint = did_you_mean(name, [host.name for host in site.hosts])
        raise Mistake(None, f"the limit `{piece}` names no host: there is no `{name}`", hint)
    for shard in host.shards:
        if wanted in {shard.name, str(shard.id)}:
            return name, shard.name
    shards = listed(shard.name for shard in host.shards) or "none"
    raise Mistake(None, f"the limit `{piece}` names no shard of {name}", f"its shards: {shards}")


def _with_shards(host: Host, names: frozenset[str] | None) -> Host:
    if names is None:
        return host
    return replace(host, shards=tuple(shard for shard in host.shards if shard.name in names))
