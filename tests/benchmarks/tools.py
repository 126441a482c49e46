"""The tools that do the job: how each is called for a plan, for the job, and for the job once more."""

from __future__ import annotations

import os
import pwd
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.benchmarks import peers
from tests.benchmarks.judge import Mode
from tests.benchmarks.layout import SSH_PORT, TO_SIZE, Layout, Size

HERE = Path(__file__).parent
TOP = HERE.parents[1]


@dataclass(frozen=True, slots=True)
class Tool:
    """One competitor. `label` is its name in the document, `command` what is run; `peer` names the environment
    that it is installed into, empty for what comes with this repository. `most` caps the rounds of what takes long:
    up to so many shards in all, so many rounds.
    """

    name: str
    label: str
    command: Callable[[Layout, Mode], Sequence[str]]
    environment: Callable[[Layout], Mapping[str, str]] = field(default=lambda _: {})
    peer: str = ""
    most: Mapping[int, int] = field(default_factory=dict)

    def rounds(self, size: Size, wanted: int) -> int:
        """Return how often it does the job at a size, where `wanted` rounds are asked for."""
        shards = size.hosts * size.shards
        return next((min(wanted, most) for limit, most in self.most.items() if shards <= limit), wanted)


def environment(tool: Tool, layout: Layout) -> dict[str, str]:
    """Return the variables of a tool's run: nothing of the caller's that could change what it does."""
    kept = {name: os.environ[name] for name in ("HOME", "PATH", "LANG", "USER", "LOGNAME") if name in os.environ}
    return {**kept, "XDG_STATE_HOME": str(layout.directory / "state"), **tool.environment(layout)}


def _user() -> str:
    return pwd.getpwuid(os.getuid()).pw_name


def _ffplay(layout: Layout, mode: Mode) -> Sequence[str]:
    verb = ["plan"] if mode is Mode.PLAN else ["apply", "--yes"]
    playbook = HERE / "playbooks/ffplay.yml"
    return [
        str(Path(sys.executable).parent / "ff-play"),
        *verb,
        str(playbook),
        "-i",
        f"{layout.client}/inventory.yml",
        # All hosts at once, as all others do it.
        "--forks",
        "256",
    ]


def _ssh(options: str) -> Callable[[Layout, Mode], Sequence[str]]:
    def command(layout: Layout, mode: Mode) -> Sequence[str]:
        verb = "plan" if mode is Mode.PLAN else "apply"
        hosts = [host.name for host in layout.hosts]
        out = str(layout.directory / "state/floor")
        return ["sh", str(HERE / "floor/ssh.sh"), str(layout.ssh_config), out, verb, str(TO_SIZE), options, *hosts]

    return command


def _threads(layout: Layout, mode: Mode) -> Sequence[str]:
    verb = "plan" if mode is Mode.PLAN else "apply"
    hosts = [f"{host.name}={host.reach}" for host in layout.hosts]
    words = [str(layout.key), str(layout.known_hosts), _user(), verb, str(TO_SIZE), str(SSH_PORT)]
    return [sys.executable, str(HERE / "floor/threads.py"), *words, *hosts]


def _ansible(layout: Layout, mode: Mode) -> Sequence[str]:
    check = ["--check", "--diff"] if mode is Mode.PLAN else []
    program = str(peers.environment(TOP, "ansible") / "bin/ansible-playbook")
    return [program, "-i", f"{layout.client}/inventory.yml", *check, str(HERE / "playbooks/ansible.yml")]


def _ansible_settings(layout: Layout) -> Mapping[str, str]:
    return {"ANSIBLE_CONFIG": f"{layout.client}/ansible.cfg"}


def _mitogen_settings(layout: Layout) -> Mapping[str, str]:
    (plugins,) = peers.environment(TOP, "ansible").glob("lib/python*/site-packages/ansible_mitogen/plugins/strategy")
    more = {"ANSIBLE_STRATEGY_PLUGINS": str(plugins), "ANSIBLE_STRATEGY": "mitogen_linear"}
    return {**_ansible_settings(layout), **more}


def _pyinfra(_: Layout, mode: Mode) -> Sequence[str]:
    verb = ["--dry", "--diff"] if mode is Mode.PLAN else ["-y"]
    program = str(peers.environment(TOP, "pyinfra") / "bin/pyinfra")
    config, inventory, deploy = (
        str(HERE / f"playbooks/pyinfra_{name}.py") for name in ("config", "inventory", "deploy")
    )
    return [program, "--config", config, *verb, inventory, deploy]


# What is quick does the job at the largest sites once.
_QUICK = {256: 1000, 10**6: 1}

TOOLS = {
    tool.name: tool
    for tool in (
        Tool("ff-play", "ff-play", _ffplay, most=_QUICK),
        Tool("floor-a", "floor A", _ssh(""), most=_QUICK),
        Tool(
            "floor-a-fast",
            "floor A, cheap",
            _ssh("-o KexAlgorithms=curve25519-sha256 -o Ciphers=aes128-gcm@openssh.com"),
            most=_QUICK,
        ),
        Tool("floor-b", "floor B", _threads, most=_QUICK),
        Tool(
            "pyinfra",
            "pyinfra",
            _pyinfra,
            lambda layout: {"BENCH_SITE": str(layout.client)},
            peer="pyinfra",
            most={64: 5, 256: 2, 10**6: 0},
        ),
        Tool(
            "mitogen",
            "ansible-core with mitogen",
            _ansible,
            _mitogen_settings,
            peer="ansible",
            most={4: 5, 16: 3, 64: 2, 256: 1, 10**6: 0},
        ),
        Tool(
            "ansible",
            "ansible-core, tuned",
            _ansible,
            _ansible_settings,
            peer="ansible",
            most={4: 3, 64: 1, 10**6: 0},
        ),
    )
}
