"""What OpenSSH's own configuration says of a host: `~/.ssh/config`, `/etc/ssh/ssh_config` and command-line options.

As in OpenSSH the first value of an option wins, and identity files add up. What only tunes OpenSSH itself
(ControlMaster, Compression, ...) is read and ignored.
"""

from __future__ import annotations

import getpass
import os
import re
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from ffplay.model import Login

SYSTEM_CONFIG = "/etc/ssh/ssh_config"
_USER_KNOWN_HOSTS = ("~/.ssh/known_hosts", "~/.ssh/known_hosts2")
_GLOBAL_KNOWN_HOSTS = ("/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2")
_DEFAULT_KEYS = ("~/.ssh/id_ed25519", "~/.ssh/id_ecdsa", "~/.ssh/id_rsa")
_INCLUDE_DEPTH = 16

Options = dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class Settings:
    """How to reach and authenticate one SSH server, every choice made.

    `name` is what known_hosts knows the server by. `keys_named` says that somebody chose `key_files`: then no other
    keys are offered. `jumps` are the hops before it, nearest to us first. `host_keys` is `yes`, `accept-new` or `no`.
    """

    address: str
    name: str
    port: int
    user: str
    key_files: tuple[str, ...]
    keys_named: bool
    jumps: tuple[str, ...]
    proxy_command: str | None
    known_hosts: tuple[str, ...]
    more_known_hosts: tuple[str, ...]
    host_keys: str
    config: str | None


def resolve(login: Login) -> Settings:
    """Return how to reach a host of the inventory: its own variables, then `common_args`, then the files."""
    first: Options = {}
    for option, value in (("port", login.port), ("user", login.user), ("identityfile", login.key_file)):
        if value is not None:
            first[option] = [str(value)]
    arguments = parse_arguments(login.common_args)
    config = arguments.pop("config", [None])[0]
    _merge(first, arguments.items())
    return _settle(login.address, first, config)


def resolve_hop(hop: str, config: str | None) -> Settings:
    """Return how to reach a jump host, by its own configuration: `[user@]host[:port]`, or the same after `ssh://`."""
    user, _, place = hop.removeprefix("ssh://").rstrip("/").rpartition("@")
    match = re.fullmatch(r"(?:\[(?P<six>[^]]+)\]|(?P<host>[^:]+))(?::(?P<port>\d+))?", place)
    first: Options = {}
    if user:
        first["user"] = [user]
    if match and match["port"]:
        first["port"] = [match["port"]]
    return _settle((match["six"] or match["host"]) if match else place, first, config)


def parse_arguments(text: str) -> Options:
    """Return the options that OpenSSH command-line arguments stand for; `-F` is the option `config`."""
    flags = {"-J": "proxyjump", "-F": "config", "-i": "identityfile", "-p": "port", "-l": "user"}
    options: Options = {}
    words = iter(shlex.split(text))
    for word in words:
        flag, value = word[:2], word[2:]
        if flag not in flags and flag != "-o":
            continue
        value = value or next(words, "")
        if flag == "-o":
            _merge(options, [_split(value)])
        else:
            _merge(options, [(flags[flag], [value])])
    return options


def read_config(path: str, host: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the options that a configuration file has for a host, in order. A file that is not there has none."""
    yield from _read(Path(path).expanduser(), host, True, 0)


def _read(path: Path, host: str, applies: bool, depth: int) -> Iterator[tuple[str, list[str]]]:
    if not path.is_file() or depth > _INCLUDE_DEPTH:
        return
    inherited = applies
    for line in path.read_text("utf-8", "replace").splitlines():
        option, values = _split(line)
        if option == "host":
            applies = inherited and _matches(host, values)
        elif option == "match":
            applies = inherited and _match_block(host, values)
        elif option == "include" and applies:
            for included in _included(values, path):
                yield from _read(included, host, applies, depth + 1)
        elif option and applies:
            yield option, values


def _included(values: Iterable[str], path: Path) -> Iterator[Path]:
    # Relative names are relative to ~/.ssh, those of the system's file to /etc/ssh.
    base = path.parent if str(path).startswith("/etc/") else Path("~/.ssh").expanduser()
    for value in values:
        pattern = base / Path(value).expanduser()
        yield from sorted(Path(pattern.anchor).glob(str(pattern.relative_to(pattern.anchor))))


def _split(line: str) -> tuple[str, list[str]]:
    """Return a line's option in lower case and its values; both are empty for a blank line or a comment."""
    text = line.strip()
    if not text or text.startswith("#"):
        return "", []
    option, _, rest = re.sub(r"^(\w+)\s*(?:=|\s)\s*", r"\1 ", text).partition(" ")
    option = option.lower()
    if option == "proxycommand":
        return option, [rest.strip()]
    try:
        return option, shlex.split(rest, comments=True)
    except ValueError:
        return option, rest.split()


def _matches(host: str, patterns: Iterable[str]) -> bool:
    """Return whether one of OpenSSH's patterns fits and none that begins with `!` does."""
    fits = False
    for pattern in patterns:
        if fnmatchcase(host.lower(), pattern.removeprefix("!").lower()):
            if pattern.startswith("!"):
                return False
            fits = True
    return fits


def _match_block(host: str, words: list[str]) -> bool:
    """Return whether a `Match` line applies: `all`, `host` and `originalhost` are known, and others never hold."""
    if [word.lower() for word in words] == ["all"]:
        return True
    pairs = list(zip(words[::2], words[1::2], strict=False))
    return len(words) == 2 * len(pairs) > 0 and all(
        name.lower() in {"host", "originalhost"} and _matches(host, value.split(",")) for name, value in pairs
    )


def _merge(options: Options, more: Iterable[tuple[str, list[str]]]) -> None:
    for option, values in more:
        if option == "identityfile":
            options.setdefault(option, []).extend(values)
        else:
            options.setdefault(option, values)


def _settle(host: str, first: Options, config: str | None) -> Settings:
    options = {option: list(values) for option, values in first.items()}
    for path in [config] if config else ["~/.ssh/config", SYSTEM_CONFIG]:
        _merge(options, read_config(path, host))

    def one(option: str, default: str) -> str:
        return options.get(option, [default])[0] or default

    user = one("user", getpass.getuser())
    tokens = {"%%": "%", "%h": host, "%n": host, "%r": user, "%u": getpass.getuser(), "%d": str(Path.home())}
    address = _expand(one("hostname", host), tokens)
    tokens |= {"%h": address, "%p": one("port", "22")}
    # An inventory's key, or one of -i, excludes those of the files, as with IdentitiesOnly.
    keys = first.get("identityfile") or options.get("identityfile")
    proxy = one("proxycommand", "none")
    jump = one("proxyjump", "none")
    if jump != "none" and "proxyjump" not in first and "proxycommand" in first:
        jump = "none"
    return Settings(
        address=address,
        name=one("hostkeyalias", address).lower(),
        port=int(one("port", "22")),
        user=user,
        key_files=tuple(_path(name, tokens) for name in keys or _DEFAULT_KEYS),
        keys_named=keys is not None,
        jumps=() if jump == "none" else tuple(hop.strip() for hop in jump.split(",")),
        proxy_command=None if proxy == "none" or jump != "none" else _expand(proxy, tokens),
        known_hosts=tuple(_path(name, tokens) for name in options.get("userknownhostsfile", _USER_KNOWN_HOSTS)),
        more_known_hosts=tuple(_path(n, tokens) for n in options.get("globalknownhostsfile", _GLOBAL_KNOWN_HOSTS)),
        host_keys=_policy(one("stricthostkeychecking", "yes").lower()),
        config=config,
    )


def _policy(word: str) -> str:
    """Return `no`, `accept-new` or `yes`; nobody can be asked here, so that `ask` is `yes`."""
    return {"no": "no", "off": "no", "accept-new": "accept-new"}.get(word, "yes")


def _expand(text: str, tokens: dict[str, str]) -> str:
    return re.sub(r"%.", lambda match: tokens.get(match[0], match[0]), text)


def _path(name: str, tokens: dict[str, str]) -> str:
    return os.path.expandvars(str(Path(_expand(name, tokens)).expanduser()))
