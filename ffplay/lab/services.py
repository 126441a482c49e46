"""The units of a lab's hosts and the configuration that the vendor's programs read."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from pathlib import Path

from ffplay import findface
from ffplay.lab import shards
from ffplay.lab.layout import NTLS_WEB_PORT, UPLOAD_PORT, LabHost, LabSite

ASSETS = Path(__file__).parent / "assets"

# Where the parts of app1 keep what they have, under the host's root.
UPLOADS = "var/lib/ffupload/uploads"
_MODELS = "usr/share/findface-data/models"
_DATABASE = "var/lib/mongodb"

# The units of app1 and their descriptions.
_APP_UNITS = {
    "findface-facenapi": "findface-facenapi daemon",
    "findface-extraction-api": "findface-extraction-api",
    "mongod": "High-performance, schema-free document-oriented database",
    "ntls": "NTechLab licence server",
    "nginx": "findface-upload",
}

# The documentation speaks of about 1024 cells, over which the shards are spread evenly.
CELLS = 1024


def port(name: str) -> int:
    """Return a documented port by its inventory variable."""
    return int(findface.DEFAULTS[name])


@dataclass(frozen=True, slots=True)
class Runtime:
    """How a host runs this package's programs: its interpreter, and where that finds the package; the host's paths."""

    python: str
    package: str

    def command(self, module: str, *arguments: object) -> str:
        """Return the command line of a program of the lab."""
        return shlex.join([self.python, "-m", f"ffplay.lab.{module}", *map(str, arguments)])


def install(site: LabSite, host: LabHost, runtime: Runtime) -> None:
    """Write the vendor's parts of a host: their units, their configuration and their tools."""
    for directory in ("usr/bin", "etc/systemd/system"):
        (host.root / directory).mkdir(parents=True, exist_ok=True)
    if host == site.app:
        _install_app(site, host, runtime)
    else:
        _install_database(site, host, runtime)


def unit(host: LabHost, name: str, description: str, command: str, *service: str) -> None:
    """Write the unit file of a service ; `service` are more lines of its section of that name."""
    lines = ["[Unit]", f"Description={description}", "After=network.target", "", "[Service]", f"ExecStart={command}"]
    lines += [*service, "", "[Install]", "WantedBy=multi-user.target", ""]
    (host.root / "etc/systemd/system" / f"{name}.service").write_text("\n".join(lines))


def units(site: LabSite, host: LabHost) -> list[str]:
    """Return the full names of the units that make a host of the lab, sorted."""
    if host == site.app:
        return sorted(f"{name}.service" for name in ("ssh", *_APP_UNITS))
    return ["ssh.service", *(f"tarantool@{name}.service" for _number, name, _directory in shards.names(site, host))]


def executable(path: Path, text: str) -> None:
    """Write a program."""
    path.write_text(text)
    path.chmod(0o755)


def _install_database(site: LabSite, host: LabHost, runtime: Runtime) -> None:
    module = host.root / "usr/share/tarantool/FindFace.lua"
    module.parent.mkdir(parents=True, exist_ok=True)
    module.write_text((ASSETS / "FindFace.lua").read_text())
    shards.write(site, host)
    executable(
        host.root / "usr/bin/findface-build-index",
        f'#!/bin/sh\nPYTHONPATH={shlex.quote(runtime.package)} exec {runtime.command("build_index")} "$@"\n',
    )


def package_path() -> str:
    """Return the directory that Python finds this package in."""
    return str(Path(__file__).parents[2])


def _install_app(site: LabSite, host: LabHost, runtime: Runtime) -> None:
    from ffplay.lab import vendor

    root, seen, address = host.root, host.prefix, host.address
    for directory in (_MODELS, UPLOADS, _DATABASE):
        (root / directory).mkdir(parents=True, exist_ok=True)
    (root / "etc/tntapi.json").write_text(json.dumps([cells(site)]) + "\n")
    (root / "etc/findface-facenapi.ini").write_text(_facenapi_ini(site, host))
    (root / "etc/findface-extraction-api.ini").write_text(_extraction_ini(site, host))
    vendor.install(root, seen, runtime.python, runtime.package)
    config = ("--config", seen / "etc/findface-facenapi.ini")
    facenapi = runtime.command("facenapi", *config, "--bind", address, "--port", port("facenapi_port"))
    config = ("--config", seen / "etc/findface-extraction-api.ini")
    extraction = (*config, "--bind", address, "--port", port("extraction_port"), "--models-dir", seen / _MODELS)
    wire = ("--wire-version", site.options.wire_version)
    mongod = ("--bind", address, "--port", port("mongo_port"), "--dbpath", seen / _DATABASE, *wire)
    licence = ("--bind", address, "--ports", port("ntls_port"), NTLS_WEB_PORT)
    upload = ("--bind", address, "--port", UPLOAD_PORT, "--directory", seen / UPLOADS)
    commands = {
        "findface-facenapi": facenapi,
        "findface-extraction-api": runtime.command("extraction_api", *extraction),
        "mongod": runtime.command("mongod", *mongod),
        "ntls": runtime.command("ntls", *licence),
        "nginx": runtime.command("uploads", *upload),
    }
    for name, description in _APP_UNITS.items():
        # MongoDB's own unit does not start it again.
        restart = () if name == "mongod" else ("Restart=on-failure",)
        unit(host, name, description, commands[name], *restart)


def cells(site: LabSite) -> list[str]:
    """Return the cells of tntapi.json: the shards spread evenly, in turn."""
    where = [f"{address}:{number}" for address, number in site.shards()]
    return [where[cell % len(where)] for cell in range(CELLS)]


def _facenapi_ini(site: LabSite, host: LabHost) -> str:
    values = {
        "@ADDRESS@": host.address,
        "@ROOT@": str(host.prefix).rstrip("/"),
        "@DETECTOR@": site.options.detector,
        "@MONGO_PORT@": str(port("mongo_port")),
        "@EXTRACTION_PORT@": str(port("extraction_port")),
        "@UPLOAD_PORT@": str(UPLOAD_PORT),
    }
    return _filled("findface-facenapi.ini", values)


def _extraction_ini(site: LabSite, host: LabHost) -> str:
    values = {
        "@ADDRESS@": host.address,
        "@PORT@": str(port("extraction_port")),
        "@NTLS_PORT@": str(port("ntls_port")),
        "@MODEL@": site.options.model,
    }
    return _filled("findface-extraction-api.ini", values)


def _filled(asset: str, values: dict[str, str]) -> str:
    text = (ASSETS / asset).read_text()
    for name, value in values.items():
        text = text.replace(name, value)
    return text
