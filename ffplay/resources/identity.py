"""Who a host is: its own name and addresses, what listens on it, versions, and the models that lie there; read only."""

from __future__ import annotations

import ipaddress
import itertools
from collections.abc import Iterable
from dataclasses import dataclass

from ffplay.remote.base import Reply
from ffplay.resources.base import ShellResource, quote

# Any of these in a name makes it a package of the site.
_PACKAGES = ("findface-*", "python3-facenapi", "tarantool*", "mongodb*", "ntls", "ffupload", "openssh-server")


@dataclass(frozen=True, slots=True)
class HostIdentity:
    """What a host says of itself.

    `node` is its own name, `system` its distribution, `addresses` those of its network cards, `listening` the
    (address, port) of its TCP servers, a wildcard as `0.0.0.0`. `versions` are (package or program, version), `models`
    the (directory, file name) of what lies in the asked directories and those right below them.
    """

    node: str = ""
    system: str = ""
    addresses: tuple[str, ...] = ()
    listening: frozenset[tuple[str, int]] = frozenset()
    versions: tuple[tuple[str, str], ...] = ()
    models: tuple[tuple[str, str], ...] = ()

    def listens(self, address: str, port: int) -> bool:
        """Tell whether a server takes connections at an address of this host."""
        return bool({(address, port), ("0.0.0.0", port)} & self.listening)  # noqa: S104 - compared, not bound

    def version(self, name: str) -> str:
        """Return the version of a package or program, empty where it is not installed."""
        return dict(self.versions).get(name, "")


@dataclass(frozen=True, slots=True)
class Identity(ShellResource):
    """Who the host is. Value: `HostIdentity`. `model_dirs` are looked through; `tarantool` is asked for its version."""

    model_dirs: tuple[str, ...] = ()
    tarantool: str = "tarantool"

    @property
    def label(self) -> str:
        """Return a word for all of it."""
        return "the host's identity"

    def read_script(self) -> str:
        """Print a line a fact; what the kernel knows of addresses and sockets needs no programs."""
        models = " ".join(f"{word}/* {word}/*/*" for word in (quote([one]) for one in self.model_dirs))
        return _SCRIPT.format(packages=quote(_PACKAGES), tarantool=quote([self.tarantool]), models=models)

    def parse(self, reply: Reply) -> HostIdentity:
        """Return it. Raise ValueError where the host gave no name."""
        told: dict[str, list[str]] = {}
        for line in reply.text.splitlines():
            word, _, rest = line.partition(" ")
            told.setdefault(word, []).append(rest)
        if not told.get("node"):
            raise ValueError(f"the host told nothing of itself: {reply.error_text.strip()}")
        # dpkg knows packages that are not installed, too, without a version.
        versions = [line.split(" ", 1) for line in told.get("version", ()) if " " in line.strip()]
        system = told.get("system", [""])[0].strip("\"'")
        return HostIdentity(
            told["node"][0],
            system,
            _addresses(told.get("trie", ()), told.get("six", ())),
            frozenset(map(_socket, told.get("listen", ()))),
            tuple((name, version) for name, version in versions),
            tuple((line.rpartition("/")[0], line.rpartition("/")[2]) for line in told.get("model", ())),
        )


_SCRIPT = r"""echo "node $(uname -n)"
[ ! -r /etc/os-release ] || while IFS='=' read -r k v; do
  [ "$k" != PRETTY_NAME ] || echo "system $v"
done < /etc/os-release
[ ! -r /proc/net/fib_trie ] || while read -r a b c; do
  case "$a $b $c" in '|-- '*) echo "trie $b";; */32*LOCAL) echo "trie local";; esac
done < /proc/net/fib_trie
[ ! -r /proc/net/if_inet6 ] || while read -r a rest; do echo "six $a"; done < /proc/net/if_inet6
for f in /proc/net/tcp /proc/net/tcp6; do
  [ ! -r "$f" ] || while read -r n at to state rest; do
    [ "$state" != 0A ] || echo "listen $at"
  done < "$f"
done
dpkg-query -W -f 'version ${{Package}} ${{Version}}\n' {packages} 2>/dev/null
command -v {tarantool} >/dev/null 2>&1 && {tarantool} --version 2>/dev/null | {{
  read -r word version && echo "version Tarantool ${{version##* }}"; }}
for f in {models}; do [ -f "$f" ] && echo "model $f"; done; :"""


def _addresses(trie: Iterable[str], six: Iterable[str]) -> tuple[str, ...]:
    """Return the addresses that others may know the host by.

    Of the lines of /proc/net/fib_trie each local address is on the line before the one that says so.
    """
    found = [before for before, line in itertools.pairwise(trie) if line == "local" and before != "local"]
    every = [ipaddress.ip_address(one) for one in found]
    every += [ipaddress.ip_address(bytes.fromhex(digits)) for digits in six]
    return tuple(dict.fromkeys(str(one) for one in every if not (one.is_loopback or one.is_link_local)))


def _socket(told: str) -> tuple[str, int]:
    """Return address and port of a line of /proc/net/tcp: hexadecimal, each four bytes in the host's order."""
    digits, _, port = told.partition(":")
    raw = b"".join(bytes.fromhex(digits[at : at + 8])[::-1] for at in range(0, len(digits), 8))
    address = ipaddress.ip_address(raw)
    if isinstance(address, ipaddress.IPv6Address):
        if address.is_unspecified:
            return "0.0.0.0", int(port, 16)  # noqa: S104 - what a server bound, told as one word
        address = address.ipv4_mapped or address
    return str(address), int(port, 16)
