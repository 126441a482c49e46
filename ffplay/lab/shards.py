"""The shards of a lab host: their Lua files, as a site's own engineers would have left them, and their directories."""

from __future__ import annotations

from pathlib import Path

from ffplay import findface
from ffplay.lab.layout import LabHost, LabSite

# Where the shards' data are, under the host's root.
DATA = "opt/ntech/var/lib/tarantool"

# Tarantool's smallest useful arena, in MiB; a lab runs many shards.
_MIN_MEMTX_MIB = 64

# Faces are in several galleries, tuples have overhead, and a rehearsal goes to a larger model: room for all of that.
_MEMTX_HEADROOM = 8

_FILE = """\
-- tntapi shard {name} of {host}
box.cfg{{
    -- Nobody but this host talks to the shard.
    listen = '{address}:{port}',
    work_dir = '{data}',
    memtx_dir = '{data}/snapshots',
    wal_dir = '{data}/xlogs',
    vinyl_dir = '{data}/xlogs',
{memory}
    checkpoint_interval = 3600 * 4,
    checkpoint_count = 3,
    --uncomment only if you know what you are doing!!! and don't forget box.snapshot()
    --wal_mode = 'none',

    --if true, tarantool tries to continue where a snapshot or xlog has an error
    force_recovery = false
}}
{note}
FindFace = require("FindFace")
FindFace.start("{address}", {http_port}, {{
    license_ntls_server="{ntls}:{ntls_port}", facen_size = {size}{options}
}})
"""

# One more thing that an engineer has added by hand and that must survive.
_NOTE = """
-- So that the log tells who asked for more memory and why.
require("log").info("memtx_memory raised by the operators, see ticket 4711")
"""


def names(site: LabSite, host: LabHost) -> list[tuple[int, str, str]]:
    """Return (number, name, directory under the data directory) of each shard of a host."""
    if site.options.standalone:
        return [(1, "FindFace", "default")]
    return [(n, f"FindFace_shard_{n}", f"shard_{n}") for n in range(1, host.shards + 1)]


def write(site: LabSite, host: LabHost) -> None:
    """Write the Lua file and make the directories of each shard of the host."""
    conf = host.root / "etc/tarantool/instances.enabled"
    conf.mkdir(parents=True, exist_ok=True)
    for number, name, directory in names(site, host):
        for part in ("snapshots", "xlogs", "index"):
            (host.root / DATA / directory / part).mkdir(parents=True, exist_ok=True)
        (conf / f"{name}.lua").write_text(_text(site, host, number, name, host.prefix / DATA / directory))


def _text(site: LabSite, host: LabHost, number: int, name: str, data: Path) -> str:
    first = site.databases[0] == host and number == 1
    last = site.databases[-1] == host and number == host.shards
    return _FILE.format(
        name=name,
        host=host.name,
        address=host.address,
        port=findface.DEFAULTS["shard_port_base"] + number,
        http_port=findface.DEFAULTS["shard_http_base"] + number,
        data=data,
        memory=_memory(site, first),
        note=_NOTE if first else "",
        ntls=site.app.address,
        ntls_port=findface.DEFAULTS["ntls_port"],
        size=site.options.size,
        options=", log_requests = false" + (", soft_delete_mode = true" if last and not first else ""),
    )


def _memory(site: LabSite, edited: bool) -> str:
    options = site.options
    needed = options.faces * options.size * findface.FLOAT_BYTES * _MEMTX_HEADROOM // options.shard_count
    mebibytes = max(_MIN_MEMTX_MIB, needed // 1024**2)
    if edited:
        # As an engineer writes it: raised by hand, the old line kept.
        return (
            "    --memtx_memory = 32 * 1024 * 1024,\n"
            f"    memtx_memory = {mebibytes / 64:g} * 64 * 1024 * 1024, -- raised for the new cameras, ask first"
        )
    return f"    memtx_memory = {mebibytes} * 1024 * 1024,"
