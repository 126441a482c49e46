"""pyinfra's inventory, from the one that ffplay and Ansible read; BENCH_SITE names its directory."""

import json
import os
from pathlib import Path

_SITE = json.loads((Path(os.environ["BENCH_SITE"]) / "inventory.json").read_text())["all"]
_COMMON = _SITE["vars"]


def _host(name, of):
    return (
        name,
        {
            "ssh_hostname": of["ansible_host"],
            "ssh_port": _COMMON["ansible_port"],
            "ssh_user": _COMMON["ansible_user"],
            "ssh_key": _COMMON["ansible_ssh_private_key_file"],
            "ssh_known_hosts_file": f"{os.environ['BENCH_SITE']}/known_hosts",
            "ssh_strict_host_key_checking": "yes",
            "root": of["root"],
            "shards": of["shards"],
            "shard_address": of["shard_address"],
            "ntls_address": _COMMON["ntls_address"],
        },
    )


tntapi = [_host(name, of) for name, of in _SITE["children"]["tntapi"]["hosts"].items()]
facenapi = list(_SITE["children"]["facenapi"]["hosts"])
