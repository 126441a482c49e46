"""The job for pyinfra, as a careful engineer writes it: two facts a host tell what is due, operations a shard do it."""

from pathlib import Path

from pyinfra import host
from pyinfra.facts.files import File
from pyinfra.facts.server import Command
from pyinfra.operations import files, server

FACEN_SIZE = 480
ROOT = host.data.root
INSTANCES = f"{ROOT}/etc/tarantool/instances.enabled"
DATA = f"{ROOT}/opt/ntech/var/lib/tarantool"
BACKUPS = f"{ROOT}/var/backups/switch"
TEMPLATE = Path(__file__).parent / "templates/FindFace_shard.lua.j2"

if "facenapi" in host.groups and not host.get_fact(File, path=f"{ROOT}/var/lib/findface/regenerated"):
    server.shell(name="Regenerate", commands=[f"findface-regenerate --config={ROOT}/etc/findface-facenapi.ini"])

_look = (
    f"for n in $(seq {host.data.shards}); do "
    f"grep -q 'facen_size = {FACEN_SIZE}' {INSTANCES}/FindFace_shard_$n.lua && "
    "systemctl is-active tarantool@FindFace_shard_$n >/dev/null || echo $n; done"
)
due = [int(word) for word in (host.get_fact(Command, command=_look) or "").split()]

for number in range(1, host.data.shards + 1):
    if number not in due:
        continue
    name = f"FindFace_shard_{number}"
    data, lua, kept = f"{DATA}/shard_{number}", f"{INSTANCES}/{name}.lua", f"{BACKUPS}/{name}"
    server.shell(name=f"Stop {name}", commands=[f"systemctl stop tarantool@{name}"])
    server.shell(
        name=f"Back up {name} and verify",
        commands=[
            f"if [ ! -d {kept} ]; then set -e; rm -rf {kept}.part; mkdir -p {kept}.part; "
            f"cp -a {data}/snapshots {data}/xlogs {data}/index {lua} {kept}.part; "
            f"for part in snapshots xlogs index; do diff -r {data}/$part {kept}.part/$part; done; "
            f"cmp {lua} {kept}.part/{name}.lua; mv {kept}.part {kept}; fi"
        ],
    )
    server.shell(
        name=f"Delete the data of {name}",
        commands=[f"rm -f {data}/snapshots/*.snap {data}/xlogs/*.xlog {data}/index/*.idx"],
    )
    files.template(
        name=f"Write the Lua file of {name}",
        src=str(TEMPLATE),
        dest=lua,
        item=number,
        inventory_hostname=host.name,
        shard_address=host.data.shard_address,
        ntls_address=host.data.ntls_address,
        data=DATA,
        facen_size=FACEN_SIZE,
    )
    server.shell(
        name=f"Start {name}",
        commands=[f"systemctl start tarantool@{name}", f"systemctl is-active tarantool@{name}"],
    )

if "facenapi" in host.groups and not host.get_fact(File, path=f"{ROOT}/var/lib/findface/copied"):
    server.shell(name="Copy", commands=[f"mongo2searchapi --config={ROOT}/etc/findface-facenapi.ini"])
