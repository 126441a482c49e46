"""What the configuration files of facenapi and extraction-api say of where the site's parts are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from ffplay.edit import EditError, Opaque, pyini, yamlfile
from ffplay.findface import DEFAULTS

Address = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Facenapi:
    """findface-facenapi.ini. `values` has what it sets; a value that only Python can tell is left out, and in `opaque`.

    `problem` says why it cannot be read; empty where it can. What is not set is the vendor's default.
    """

    path: str
    values: Mapping[str, Any]
    opaque: tuple[str, ...] = ()
    problem: str = ""

    @property
    def mongo(self) -> Address:
        """Return where MongoDB is, as seen from facenapi's host."""
        return self._text("mongo_host", "127.0.0.1"), self._number("mongo_port", int(DEFAULTS["mongo_port"]))

    @property
    def mongo_db(self) -> str:
        """Return the database."""
        return self._text("mongo_db", str(DEFAULTS["mongo_db"]))

    @property
    def extraction(self) -> Address:
        """Return where extraction-api is, as seen from facenapi's host."""
        return _url(self._text("extraction_api_url", "")) or ("127.0.0.1", int(DEFAULTS["extraction_port"]))

    @property
    def upload(self) -> Address | None:
        """Return where Uploads is, None where the file does not say."""
        return _url(self._text("ffupload_url", ""))

    @property
    def servers_file(self) -> str:
        """Return the path of the table of shards, empty where the file does not say."""
        return self._text("tntapi_servers_file", "")

    @property
    def listen(self) -> Address:
        """Return where it listens."""
        return self._text("listen", ""), self._number("port", int(DEFAULTS["facenapi_port"]))

    @property
    def needs_login(self) -> bool:
        """Tell whether it logs in to MongoDB."""
        return bool(self.values.get("mongo_user") or self.values.get("mongo_password"))

    def _text(self, name: str, default: str) -> str:
        value = self.values.get(name)
        return value if isinstance(value, str) and value else default

    def _number(self, name: str, default: int) -> int:
        value = self.values.get(name)
        return value if isinstance(value, int) and not isinstance(value, bool) else default


@dataclass(frozen=True, slots=True)
class Extraction:
    """findface-extraction-api.ini.

    `model` makes facens, empty where the file names none; `instances` are how many of it work at a time, None where the
    file does not say; `problem` as above.
    """

    path: str
    model: str = ""
    listen: Address | None = None
    licence: Address | None = None
    instances: int | None = None
    problem: str = ""


def facenapi_of(path: str, text: str) -> Facenapi:
    """Read facenapi's file."""
    try:
        found = pyini.get(text)
    except EditError as error:
        return Facenapi(path, {}, (), str(error))
    opaque = tuple(name for name, value in found.items() if isinstance(value, Opaque))
    return Facenapi(path, {name: value for name, value in found.items() if name not in opaque}, opaque)


def extraction_of(path: str, text: str) -> Extraction:
    """Read extraction-api's file."""
    found: dict[str, Any] = {}
    for name, keys in (
        ("model", ("models", "facen")), ("listen", ("listen",)), ("licence", ("license_ntls_server",)),
        ("instances", ("model_instances",)),
    ):  # fmt: skip
        try:
            found[name] = yamlfile.get(text, keys)
        except KeyError:
            continue
        except EditError as error:
            return Extraction(path, problem=str(error))
    model, instances = found.get("model"), found.get("instances")
    return Extraction(
        path,
        str(model) if model else "",
        address_of(found.get("listen")),
        address_of(found.get("licence")),
        instances if isinstance(instances, int) and instances > 0 else None,
    )


def address_of(said: object) -> Address | None:
    """Return the address and the port of `host:port` or a port alone, None for anything else."""
    if isinstance(said, int) and not isinstance(said, bool):
        return "", said
    if not isinstance(said, str):
        return None
    host, _, port = said.strip().rpartition(":")
    return (host.strip("[]"), int(port)) if port.isdigit() else None


def _url(text: str) -> Address | None:
    try:
        parts = urlsplit(text if "//" in text else f"//{text}")
        port = parts.port or {"https": 443}.get(parts.scheme, 80)
    except ValueError:
        return None
    return (parts.hostname, port) if parts.hostname else None
