"""What this machine's own apt says of where packages come from: the mirror, its keys and the proxy to it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from ffplay.errors import Error
from ffplay.lab.nspawn.commands import run

_FIELDS = ("REPO_URI", "RELEASE", "COMPONENT", "ORIGIN", "ARCHITECTURE", "SOURCESENTRY")
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_SIGNED_BY = re.compile(r"signed-by\s*[:=]\s*(/[^\s\]]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Mirror:
    """A Debian mirror: its `uri`, the file with the keys that sign it, and the variables that lead to its proxy."""

    uri: str
    keyring: Path
    proxy: dict[str, str]


def mirror(suite: str) -> Mirror:
    """Return where this machine gets that suite of Debian from. Raise `Error` where it knows no Debian mirror."""
    form = "|".join(f"$({field})" for field in _FIELDS)
    lines = run("apt-get", "indextargets", "--format", form, "Created-By: Packages").splitlines()
    found = []
    for line in lines:
        uri, release, component, origin, _architecture, entry = line.split("|")
        # A mirror that has another release of Debian has this one as well, except where it is for updates alone.
        if component == "main" and origin == "Debian" and re.fullmatch(r"[a-z]+", release):
            found.append((release != suite, uri.rstrip("/"), entry))
    if not found:
        raise Error(
            f"apt on this machine knows no mirror of Debian to take {suite} from",
            "add one to /etc/apt/sources.list.d, run apt-get update, and try again",
        )
    _other, uri, entry = min(found)
    return Mirror(uri, _keyring(entry), _proxy(uri))


def _keyring(entry: str) -> Path:
    """Return the keys that apt's configuration names for the entry `FILE:NUMBER`, else Debian's own."""
    text = Path(entry.rpartition(":")[0]).read_text() if entry else ""
    named = [Path(path) for path in _SIGNED_BY.findall(text) if path.endswith(".gpg")]
    keyring = next((path for path in named if path.exists()), _KEYRING)
    if not keyring.exists():
        raise Error(f"there is no {keyring} to verify Debian's packages by", "apt-get install debian-archive-keyring")
    return keyring


def _proxy(uri: str) -> dict[str, str]:
    """Return apt's proxy for a mirror as the variable that debootstrap's downloads look at."""
    where = urlsplit(uri)
    if where.scheme not in ("http", "https"):
        return {}
    of_scheme = f"Acquire::{where.scheme}::Proxy"
    for key in (f"{of_scheme}::{where.hostname}", of_scheme, "Acquire::http::Proxy"):
        value = run("apt-config", "shell", "VALUE", key).partition("=")[2].strip().strip("'")
        if value == "DIRECT":
            return {"no_proxy": str(where.hostname)}
        if value:
            return {f"{where.scheme}_proxy": value}
    return {name: os.environ[name] for name in ("http_proxy", "https_proxy", "no_proxy") if name in os.environ}
