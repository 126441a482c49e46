"""The units of a lab's hosts and the configuration that the vendor's programs read."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

from ffplay import findface
from ffplay.lab import access, shards, unit_files
from ffplay.lab.layout import NTLS_WEB_PORT, UPLOAD_PORT, LabHost, LabSite

_ASSETS = Path(__file__).parent / "assets"

# The documentation speaks of about 1024 cells, over which the shards are spread evenly.
CELLS = 1024


def port(name: str) -> int:
    """Return a documented port by its inventory variable."""
    return int(findface.DEFAULTS[name])


def install(site: LabSite, host: LabHost) -> None:
    """Write everything under the host's root that its units and its tools need."""
    for directory in ("run", "var/log", "var/lib", "usr/bin", "usr/share/tarantool", "etc/systemd/system", "tmp"):
        (host.root / directory).mkdir(parents=True, exist_ok=True)
    _systemctl(host)
    _unit(host, "ssh", "OpenBSD Secure Shell server", access.write_sshd(site, host), "Restart=on-failure")
    if host == site.app:
        _install_app(site, host)
    else:
        _install_database(site, host)
    for name in unit_files.names(host.root):
        unit = unit_files.load(host.root, name)
        if unit is not None:
            unit_files.enable(host.root, unit)


def _unit(host: LabHost, name: str, description: str, command: str, *service: str) -> None:
    lines = ["[Unit]", f"Description={description}", "After=network.target", "", "[Service]", f"ExecStart={command}"]
    lines += [*service, "", "[Install]", "WantedBy=multi-user.target", ""]
    (host.root / "etc/systemd/system" / f"{name}.service").write_text("\n".join(lines))


def _python(module: str, *arguments: object) -> str:
    return shlex.join([sys.executable, "-m", f"ffplay.lab.{module}", *map(str, arguments)])


def _executable(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


def _systemctl(host: LabHost) -> None:
    text = (_ASSETS / "systemctl").read_text()
    text = text.replace("@PYTHON@", sys.executable).replace("@RUN@", repr(str(host.root / "run")))
    _executable(host.root / "usr/bin/systemctl", text)


def _install_database(site: LabSite, host: LabHost) -> None:
    (host.root / "usr/share/tarantool/FindFace.lua").write_text((_ASSETS / "FindFace.lua").read_text())
    tarantool = access.program("tarantool", "tarantool")
    _unit(
        host,
        "tarantool@",
        "Tarantool Database Server",
        f"{tarantool} {shlex.quote(f'{host.root}/etc/tarantool/instances.enabled/%i.lua')}",
        "Type=notify",
        f"Environment={shlex.quote(f'LUA_PATH={host.root}/usr/share/tarantool/?.lua;;')}",
        "TimeoutStopSec=10s",
        "Restart=on-failure",
        "RestartSec=100ms",
    )
    shards.write(site, host)
    _executable(
        host.root / "usr/bin/findface-build-index",
        f'#!/bin/sh\nPYTHONPATH={shlex.quote(package_path())} exec {_python("build_index")} "$@"\n',
    )


def package_path() -> str:
    """Return the directory that Python finds this package in."""
    return str(Path(__file__).parents[2])


def _install_app(site: LabSite, host: LabHost) -> None:
    from ffplay.lab import vendor

    root, address = host.root, host.address
    models = root / "usr/share/findface-data/models"
    uploads = root / "var/lib/ffupload/uploads"
    database = root / "var/lib/mongodb"
    for directory in (models, uploads, database):
        directory.mkdir(parents=True, exist_ok=True)
    (root / "etc/tntapi.json").write_text(json.dumps([cells(site)]) + "\n")
    (root / "etc/findface-facenapi.ini").write_text(_facenapi_ini(site, host))
    (root / "etc/findface-extraction-api.ini").write_text(_extraction_ini(site, host))
    vendor.install(root, sys.executable)
    facenapi = _python(
        "facenapi", "--config", root / "etc/findface-facenapi.ini", "--bind", address, "--port", port("facenapi_port")
    )
    config = root / "etc/findface-extraction-api.ini"
    extraction = ["--config", config, "--bind", address, "--port", port("extraction_port"), "--models-dir", models]
    mongod = ["--bind", address, "--port", port("mongo_port"), "--dbpath", database]
    restart = "Restart=on-failure"
    _unit(host, "findface-facenapi", "findface-facenapi daemon", facenapi, restart)
    _unit(host, "findface-extraction-api", "findface-extraction-api", _python("extraction_api", *extraction), restart)
    wire = ["--wire-version", site.options.wire_version]
    _unit(host, "mongod", "High-performance, schema-free document-oriented database", _python("mongod", *mongod, *wire))
    licence = ["--bind", address, "--ports", port("ntls_port"), NTLS_WEB_PORT]
    _unit(host, "ntls", "NTechLab licence server", _python("ntls", *licence), restart)
    upload = ["--bind", address, "--port", UPLOAD_PORT, "--directory", uploads]
    _unit(host, "nginx", "findface-upload", _python("uploads", *upload), restart)


def cells(site: LabSite) -> list[str]:
    """Return the cells of tntapi.json: the shards spread evenly, in turn."""
    where = [f"{address}:{number}" for address, number in site.shards()]
    return [where[cell % len(where)] for cell in range(CELLS)]


def _facenapi_ini(site: LabSite, host: LabHost) -> str:
    values = {
        "@ADDRESS@": host.address,
        "@ROOT@": str(host.root),
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
    text = (_ASSETS / asset).read_text()
    for name, value in values.items():
        text = text.replace(name, value)
    return text
