"""The real Ansible, as test.sh installs it: what ffplay reads as Ansible does is compared with what Ansible says."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

import pytest

_BIN = Path(__file__).parent.parent / ".venv-ansible/bin"


def need_ansible() -> None:
    """Skip the test where Ansible is not installed; fail it in test.sh, which installs it."""
    if (_BIN / "ansible-inventory").exists():
        return
    reason = f"the real Ansible is not in {_BIN}: ./test.sh installs it"
    if os.environ.get("FFPLAY_TEST_ANSIBLE") == "required":
        pytest.fail(reason)
    pytest.skip(reason)


def ansible(
    program: str, *arguments: str, cwd: Path | None = None, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a program of Ansible's, such as `ansible-inventory`, with no configuration of this machine's."""
    need_ansible()
    with tempfile.TemporaryDirectory() as home:
        configuration = Path(home, "ansible.cfg")
        configuration.write_text("[defaults]\n", encoding="utf-8")
        environment = {
            "PATH": f"{_BIN}:{os.environ['PATH']}",
            "HOME": home,
            "ANSIBLE_HOME": home,
            "ANSIBLE_CONFIG": str(configuration),
            "ANSIBLE_NOCOLOR": "1",
            "LC_ALL": "C.UTF-8",
        }
        return subprocess.run(
            [str(_BIN / program), *arguments],
            capture_output=True,
            text=True,
            timeout=120,
            cwd=cwd or home,
            env=environment,
            input=stdin,
            check=False,
        )
